"""The commands of a deployment: init, start, stop, status, halt, resume, flatten. Heavy imports inside, as in `cli`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tradepool.entrypoints.inputs import Config

Json = Annotated[bool, Parameter(help="One JSON object on standard output, nothing else there.")]


def init(
    *,
    file: Annotated[Path, Parameter(help="The configuration to write.")] = Path("tradepool.toml"),
    folder: Annotated[Path | None, Parameter(help="Where database, sockets and log go.")] = None,
    kind: Annotated[str | None, Parameter(help="practice (the default) or live.")] = None,
    prices: Annotated[str | None, Parameter(help="Of the practice exchange: model (the default) or mirror.")] = None,
    timeframe: Annotated[str | None, Parameter(help="Candles strategies act on [default: 1m].")] = None,
    users: Annotated[list[str] | None, Parameter(consume_multiple=True, help="Their names [default: ann ben].")] = None,
    overwrite: Annotated[bool, Parameter(help="Replace a configuration that is there.")] = False,
    yes: Annotated[bool, Parameter(help="Ask nothing: defaults where no flag says otherwise.")] = False,
) -> None:
    """Set up a deployment: a few questions, a commented configuration, a folder; practice unless told otherwise."""
    from tradepool.entrypoints.init import Wanted
    from tradepool.entrypoints.init import init as set_up

    wanted = Wanted(
        file=file,
        folder=folder,
        kind=kind,
        prices=prices,
        timeframe=timeframe,
        users=users,
        overwrite=overwrite,
        yes=yes,
    )
    written = set_up(wanted)
    print("\n".join(str(path) for path in written))
    print(f"Next: tradepool start --config {file}")


def start(*, config: Config = None) -> None:
    """Trade every active mandate until Ctrl-C, SIGTERM or `stop`; protections rest at the venue meanwhile and after."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.keys import keys_of
    from tradepool.entrypoints.trading import start as trade

    deployed = deployed_from(config)
    trade(deployed, keys_of(deployed))


def add_to(app: App) -> None:
    """Give the command line these commands."""
    for command in (init, start):
        app.command(command)
