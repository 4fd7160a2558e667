"""The venue as a process of its own: `python -m tradepool.simexchange.process CONFIG.json`.

It prints one line, `ready {"venue": ..., "control": ..., "ca_file": ...}`, and serves until it is told to end. Time
stands still there until somebody steps it over the control door (simexchange.control).
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np

from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.market import Market
from tradepool.simexchange.bodies import read_body
from tradepool.simexchange.control import Control, NewAccount
from tradepool.simexchange.door import Place, TcpPort, UnixSocket
from tradepool.simexchange.errors import BrokenConfig
from tradepool.simexchange.limits import Limiter, Limits
from tradepool.simexchange.liquidity import Depth
from tradepool.simexchange.listing import NO_BARS, Listing
from tradepool.simexchange.rules import DEFAULT_RULES, Rules
from tradepool.simexchange.scenario import CALM, Scenario, find_scenario
from tradepool.simexchange.server import Server
from tradepool.simexchange.shocks import shocked
from tradepool.simexchange.tls import TlsFiles, make_tls_files
from tradepool.simexchange.venue import Venue


class ListedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A market, what it asks of orders, and the .npz file of its candles; without it its prices are pushed in."""

    bars: str | None
    timeframe_ms: int
    market: Market
    rules: Rules = DEFAULT_RULES


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a venue process needs. Places are `unix:PATH` or `tcp:PORT`; with `tls_folder` the venue serves HTTPS.

    `scenario` names what goes wrong there: a shipped scenario, or a file. Without `depth` no book has an end.
    """

    listings: list[ListedFile]
    accounts: list[NewAccount]
    venue: str
    control: str
    slippage_bp: int = 1
    strict_ids: bool = False
    tls_folder: str | None = None
    limits: Limits | None = None
    scenario: str | None = None
    depth: Depth | None = None


def write_config(
    path: Path,
    listings: Sequence[Listing],
    accounts: Mapping[str, tuple[str, Mapping[str, Decimal]]],
    places: tuple[Place, Place],
    *,
    slippage_bp: int = 1,
    strict_ids: bool = False,
    tls_folder: Path | None = None,
    scenario: str | None = None,
    depth: Depth | None = None,
) -> Path:
    """Write a configuration, and the candles beside it as .npz.

    `accounts` maps a key to its secret and balances; `places` are the venue's and the control door's.
    """
    config = Config(
        listings=[_write_listing(path.parent, listing) for listing in listings],
        accounts=[NewAccount(key, secret, dict(balances)) for key, (secret, balances) in accounts.items()],
        venue=place_text(places[0]),
        control=place_text(places[1]),
        slippage_bp=slippage_bp,
        strict_ids=strict_ids,
        tls_folder=str(tls_folder) if tls_folder else None,
        scenario=scenario,
        depth=depth,
    )
    path.write_bytes(msgspec.json.encode(config))
    return path


def read_config(path: Path) -> Config:
    """Read a configuration; BrokenConfig says what is wrong with it."""
    try:
        config = read_body(path.read_bytes(), Config)
    except (OSError, ArithmeticError, InvalidInput, msgspec.MsgspecError) as error:
        raise BrokenConfig(path=path, why=error) from error
    for each in (listed.market for listed in config.listings):
        if min(each.price_tick, each.quantity_step, each.base_unit, each.quote_unit) <= 0:
            raise BrokenConfig(path=path, why=f"a tick, a step or a unit of {each.symbol} is not above zero")
    return config


def venue_of(config: Config, path: Path) -> Venue:
    """The venue a configuration describes, with its accounts open."""
    listings = [_read_listing(listed, path) for listed in config.listings]
    start_ms = min(int(listing.bars.open_time[0]) for listing in listings) if listings else 0
    listings = shocked(listings, scenario_in(config).shocks, start_ms)
    venue = Venue(listings, config.slippage_bp, strict_ids=config.strict_ids, depth=config.depth)
    venue.limiter = Limiter(config.limits) if config.limits else None
    for account in config.accounts:
        venue.open_account(account.key, account.secret, account.balances)
    return venue


def scenario_in(config: Config) -> Scenario:
    """What goes wrong there. BrokenScenario."""
    return find_scenario(config.scenario) if config.scenario else CALM


def place_text(place: Place) -> str:
    """A place as a configuration says it.

    >>> place_text(TcpPort(8443)), place_of("unix:/run/venue", Path("x"))
    ('tcp:8443', UnixSocket(path='/run/venue'))
    """
    return f"unix:{place.path}" if isinstance(place, UnixSocket) else f"tcp:{place.port}"


def place_of(text: str, path: Path) -> Place:
    """The place a configuration names; BrokenConfig when it names none."""
    kind, _, where = text.partition(":")
    if kind == "unix" and where:
        return UnixSocket(where)
    if kind == "tcp" and where.isascii() and where.isdigit() and int(where) < 65_536:
        return TcpPort(int(where))
    raise BrokenConfig(path=path, why=f"{text!r} is not unix:PATH or tcp:PORT")


async def serve(config: Config, path: Path) -> None:
    """Run the venue and its control door until SIGTERM or SIGINT."""
    files = _tls_files(config)
    venue = venue_of(config, path)
    tls = files.server_context() if files else None
    server = Server(venue, place_of(config.venue, path), tls, scenario_in(config))
    control = Control(venue, server, place_of(config.control, path))
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    places = {"venue": place_text(await server.start())}
    try:
        places["control"] = place_text(await control.start())
        ready = places | {"ca_file": str(files.ca_file) if files else None}
        sys.stdout.write(f"ready {json.dumps(ready)}\n")
        sys.stdout.flush()
        await over.wait()
    finally:
        await control.stop()
        await server.stop()


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 done, 1 a named error in one line, 2 wrong usage."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tradepool.simexchange.process CONFIG.json\n")
        return 2
    path = Path(arguments[0])
    try:
        asyncio.run(serve(read_config(path), path))
    except TradepoolError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _tls_files(config: Config) -> TlsFiles | None:
    return make_tls_files(Path(config.tls_folder)) if config.tls_folder else None


def _write_listing(folder: Path, listing: Listing) -> ListedFile:
    market, bars = listing.market, listing.bars
    file = folder / f"{market.base}{market.quote}.npz"
    if bars is not NO_BARS:
        np.savez(file, open_time=bars.open_time, **{name: getattr(bars, name) for name in COLUMNS})
    return ListedFile(str(file) if bars is not NO_BARS else None, bars.timeframe_ms, market, listing.rules)


def _read_listing(listed: ListedFile, path: Path) -> Listing:
    bars = _read_bars(listed.bars, listed.timeframe_ms, path) if listed.bars else NO_BARS
    return Listing(listed.market, bars, listed.rules)


def _read_bars(file: str, timeframe_ms: int, path: Path) -> Bars:
    try:
        with np.load(file) as columns:
            return Bars(timeframe_ms, columns["open_time"], *(columns[name] for name in COLUMNS))
    except (OSError, ValueError, KeyError) as error:
        raise BrokenConfig(path=path, why=f"the candles {file} can't be read: {error}") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
