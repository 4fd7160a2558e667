"""The commands `notify test` and `suspend`. Heavy imports inside, as in `cli`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from tradepool.entrypoints.inputs import Config

notify_app = App(name="notify", help="Alarms: whether they arrive.")


@notify_app.command(name="test")
def notify_test(
    user: Annotated[str | None, Parameter(help="Whose channels [default: the operator's].")] = None,
    *,
    config: Config = None,
) -> None:
    """Send a test over every channel of the operator, or of a user; exit code 1 if one fails."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.notifiers import try_channels

    for name in try_channels(deployed_from(config), user):
        print(f"{name}: sent")


def add_to(app: App) -> None:
    """Give the command line these commands."""
    app.command(notify_app)
