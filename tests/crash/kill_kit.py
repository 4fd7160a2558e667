"""A venue in one process, a platform in another, killed and started again until the candles are over."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import select

from tests.leader import with_leader
from tests.windows import around_largest_move
from tradepool.adapters.candle_files.read import open_candles
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.place import Place, Server
from tradepool.adapters.database.tables import METADATA
from tradepool.core.strategies import catalog
from tradepool.core.strategies.exits import break_even_atrs, stop_atrs, targets_atrs, time_exit, trail_atrs
from tradepool.entrypoints.other_markets import other_listings
from tradepool.entrypoints.replay import Plan, Player, on_our_venue
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.process import write_config

ROOT = Path(__file__).resolve().parents[2]
CASH = Decimal(10_000)
LIFE_TIMEOUT_S = 240
TABLES = ("event", "order_intent", "ledger_entry", "trade", "refusal")


def plan_of(config: Mapping[str, Any]) -> Plan:
    """Two strategies as users of one market, over a window around its largest move.

    A third one is there where a second series is: it trades the first and reads the second. With `ladder` each has every
    exit there is.
    """
    market, bars = open_candles(Path(config["series"]))
    listings = [Listing(market, around_largest_move(bars, config["bars"]))]
    strategies = [catalog.named(name) for name in ("moving_average_cross", "bollinger_breakout")]
    if config["other"]:
        other = open_candles(Path(config["other"]))[0].symbol
        strategies.append(with_leader(other))
        listings += other_listings(strategies[-1], listings[0], Path(config["series"]), [Path(config["other"])])
    if config["ladder"]:
        exits = stop_atrs(2.0) + trail_atrs(2.0) + targets_atrs(1.0, 3.0, 0.5) + break_even_atrs(1.5) + time_exit(40)
        strategies = [replace(each, name=f"{each.name}_ladder", exits=exits) for each in strategies]
    listings = [on_our_venue(listing) for listing in listings]
    players = [
        Player(
            name=strategy.name,
            strategy=strategy,
            markets=(listings[0].market.id,),
            capital=CASH,
            weight=Decimal("0.95"),
        )
        for strategy in strategies
    ]
    return Plan(listings=listings, players=players)


def place_named(text: str) -> Place:
    """Where a platform's database is, by its configuration."""
    return Server(text) if "://" in text else Path(text)


class _UnixConnection(http.client.HTTPConnection):
    """Plain HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("control")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


@dataclass
class World:
    """One venue that outlives its platforms. `state` and `bars` talk over the control port."""

    folder: Path
    config: dict[str, Any]
    lives: int = 0
    venue: subprocess.Popen[str] = field(init=False)

    def live(self, point: str = "never", count: int = 0) -> int:
        """Run a platform until it dies or the candles are over; its exit code."""
        self.lives += 1
        file = self.folder / f"life-{self.lives}.json"
        file.write_text(json.dumps({**self.config, "point": point, "count": count}))
        command = [sys.executable, "-m", "tests.crash.platform_process", str(file)]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIFE_TIMEOUT_S, check=False
        )
        if ended.returncode not in (0, -9):
            raise AssertionError(f"the platform ended with {ended.returncode}:\n{ended.stdout}{ended.stderr[-4000:]}")
        return ended.returncode

    def bars(self, count: int) -> None:
        """Let the venue go on by so many bars while nobody is there."""
        self._ask("POST", f"/bars?count={count}")

    def state(self) -> dict[str, Any]:
        """What the venue knows: balances, orders and trades of every account."""
        answer: dict[str, Any] = self._ask("GET", "/state")
        return answer

    def _ask(self, method: str, path: str) -> Any:
        connection = _UnixConnection(self.config["control"])
        try:
            connection.request(method, path)
            return orjson.loads(connection.getresponse().read())
        finally:
            connection.close()

    def rows(self, table: str, but: Collection[str] = ()) -> list[tuple[Any, ...]]:
        """A table of the platform's database, ids of autoincrement and the columns named in `but` left out."""
        connection = open_store(place_named(self.config["database"]), "NORMAL")
        try:
            columns = [
                c
                for c in METADATA.tables[table].c
                if (table, c.name) not in {("trade", "id"), ("refusal", "id")} and c.name not in but
            ]
            return sorted((tuple(row) for row in connection.execute(select(*columns))), key=repr)
        finally:
            dispose(connection)

    def books(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that must not depend on having been killed: of an event all but the candles it was heard after."""
        return {table: self.rows(table, {"as_of_ms", "digest"} if table == "event" else ()) for table in TABLES}


@contextmanager
def world(
    folder: Path,
    series: Path,
    bars: int,
    other: Path | None = None,
    *,
    ladder: bool = False,
    database: Place | None = None,
) -> Iterator[World]:
    """A venue process on its first bar, and a place for the platform's database."""
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {
        "series": str(series),
        "bars": bars,
        "other": str(other or ""),
        "ladder": ladder,
        "database": str(database or folder / "tradepool.sqlite"),
        "venue": str(folder / "v"),
        "control": str(folder / "c"),
        "ca_file": str(folder / "ca.pem"),
    }
    plan = plan_of(config)
    quote = plan.listings[0].market.quote
    accounts = {s.credentials.key: (s.credentials.secret, {quote: CASH}) for s in plan.seats()}
    places = (UnixSocket(config["venue"]), UnixSocket(config["control"]))
    file = write_config(folder / "venue.json", plan.listings, accounts, places, tls_folder=folder)
    here = World(folder, config)
    command = [sys.executable, "-m", "tradepool.simexchange.process", str(file)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as here.venue:
        try:
            assert here.venue.stdout is not None
            assert here.venue.stdout.readline().startswith("ready")
            yield here
        finally:
            here.venue.terminate()
