"""The commands of a deployment: init, start, stop, status, halt, resume, flatten. Heavy imports inside, as in `cli`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tradepool.entrypoints.alarm_commands import add_to as add_alarm_commands
from tradepool.entrypoints.chaos.command import chaos
from tradepool.entrypoints.inputs import Config
from tradepool.entrypoints.mandate_commands import mandates_app
from tradepool.entrypoints.report_commands import report_app
from tradepool.entrypoints.risk_commands import risk_app
from tradepool.entrypoints.steering_commands import orders_app, positions_app, trades_app

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
    from tradepool.entrypoints.mistakes import Mistakes
    from tradepool.entrypoints.trading import start as trade

    trade(deployed_from(config, mistakes=Mistakes.UNLED), keys_of)


def stop(
    *,
    keep_protections: Annotated[bool, Parameter(help="They always rest at the venue; said for clarity.")] = True,
    exchange: Annotated[bool, Parameter(help="End the practice exchange too, and its play money.")] = False,
    config: Config = None,
) -> None:
    """End the trading process; open positions keep their protections at the venue."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.emergency import stop as end
    from tradepool.entrypoints.mistakes import Mistakes

    del keep_protections
    end(deployed_from(config, mistakes=Mistakes.SET_ASIDE), exchange=exchange)


def status(*, json: Json = False, config: Config = None) -> None:
    """Am I safe? Positions without a stop, orders without an answer, books against venue, age of data; exit code 1 if not."""
    from tradepool.entrypoints.emergency import deployed_anyhow, refuse_unless_safe
    from tradepool.entrypoints.emergency import status as look
    from tradepool.entrypoints.saying import show
    from tradepool.presentation.status_page import status_json, status_page

    found = look(deployed_anyhow(config))
    if json:
        print(status_json(found), flush=True)
    else:
        show(status_page(found))
    refuse_unless_safe(found)


OfUser = Annotated[str | None, Parameter(help="One user.")]
Reason = Annotated[str | None, Parameter(help="Why; it is written down.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What a person wants halted, resumed or flattened, and why."""

    everything: Annotated[bool, Parameter(name="--all", help="The whole platform.")] = False
    user: OfUser = None
    market: Annotated[str | None, Parameter(help="One market, such as BTC/USDT.")] = None
    reason: Reason = None


NOWHERE = Where()


def halt(*, where: Where = NOWHERE, config: Config = None) -> None:
    """Enter nothing more until `resume`; exits and protections go on. The name is typed back."""
    _do("halt", where, config)


def resume(*, where: Where = NOWHERE, config: Config = None) -> None:
    """Lift a halt. The name is typed back."""
    _do("resume", where, config)


def flatten(*, where: Where = NOWHERE, config: Config = None) -> None:
    """Halt, take back the stops and sell everything there, at market. The name is typed back."""
    _do("flatten", where, config)


def _do(what: str, where: Where, config: Path | None) -> None:
    from tradepool.entrypoints import emergency

    deployed = emergency.deployed_anyhow(config)
    scope = emergency.scope_of(deployed, everything=where.everything, user=where.user, market=where.market)
    wish = emergency.confirmed(what, scope, where.reason)
    act = {"halt": emergency.halt, "resume": emergency.resume, "flatten": emergency.flatten}[what]
    print(act(deployed, wish))


def explain(
    user: str,
    *,
    day: Annotated[str, Parameter(help="A day (UTC), such as 2026-10-31.")],
    json: Json = False,
    config: Config = None,
) -> None:
    """A past day beside its backtest: what differs, and why (slippage, refusal, outage, by hand)."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.explain import explain as told
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.explain_page import explain_page

    found = told(deployed_from(config), user, day)
    if json:
        say(found)
    else:
        show(explain_page(found))


def add_to(app: App) -> None:
    """Give the command line these commands."""
    app.command(risk_app)
    for command in (init, start, stop, status, halt, resume, flatten, explain, chaos):
        app.command(command)
    app.command(
        "tradepool.entrypoints.store:store_app",
        name="store",
        help="The database: backup, restore, drill, verify, move, migrate, recovery-key.",
    )
    add_alarm_commands(app)
    app.command(report_app)
    for group in (mandates_app, positions_app, orders_app, trades_app):
        app.command(group)
