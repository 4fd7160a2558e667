"""The commands `notify test` and `suspend`. Heavy imports inside, as in `cli`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from tradepool.entrypoints.inputs import Config

Json = Annotated[bool, Parameter(help="One JSON object on standard output, nothing else there.")]
What = Annotated[str, Parameter(help="A market (BTC/USDT) or a strategy's name.")]
Reason = Annotated[str, Parameter(help="Why; it is written down.")]

notify_app = App(name="notify", help="Alarms: whether they arrive.")
suspend_app = App(name="suspend", help="Enter nothing on a market, or by a strategy, for a while; exits go on.")


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


@suspend_app.default
def suspend(
    what: What,
    *,
    reason: Reason,
    for_: Annotated[str, Parameter(name="--for", help="30m, 12h, 7d, 2w, or ever.")] = "ever",
    config: Config = None,
) -> None:
    """Suspend a market or a strategy; it is in force before the next entry leaves."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.suspending import suspend as hold

    print(hold(deployed_from(config), what, for_, reason))


@suspend_app.command(name="list")
def suspend_list(*, json: Json = False, config: Config = None) -> None:
    """What is suspended now, until when, why and by whom; "tradepool" is the platform itself."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.saying import say, show
    from tradepool.entrypoints.suspending import SuspensionsJson, listed, suspension_table

    rows = listed(deployed_from(config))
    if json:
        say(SuspensionsJson(suspensions=rows))
    elif rows:
        show(suspension_table(rows))
    else:
        print("Nothing is suspended.")


@suspend_app.command(name="lift")
def suspend_lift(what: What, *, reason: Reason, config: Config = None) -> None:
    """Let it be entered again, whoever suspended it."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.suspending import lift

    print(lift(deployed_from(config), what, reason))


def add_to(app: App) -> None:
    """Give the command line these commands."""
    app.command(notify_app)
    app.command(suspend_app)
