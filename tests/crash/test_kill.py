"""kill -9 of the platform at counted moments: nothing lost, nothing doubled.

Frozen: the venue waits until the platform is back, and the books end as if nothing had happened, byte for byte.
Running: the venue goes on meanwhile; then every venue order has one intent, every fill is booked once, every open
position has its stop before the venue's next bar, stale entries have aged out, and the ledger is the venue's.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Series
from tests.crash.kill_kit import World, plan_of, world
from tests.postgres_kit import Postgres
from tradepool.adapters.database.chain import transfers_in

POINTS = ("intent", "answer", "booked", "asked", "cancelled", "sent", "heard")
KILLED = -9


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a path short enough for a socket."""
    return tmp_path_factory.mktemp("k")


def fates(seed: int, lives: int) -> list[tuple[str, int, int]]:
    """Points, counts and bars the venue goes on; every point comes, the first one at a fresh start."""
    dice = random.Random(seed)
    drawn = [POINTS[n % len(POINTS)] for n in range(lives)]
    dice.shuffle(drawn)
    return [(point, dice.randint(1, 2 if point == "asked" else 12), dice.randint(0, 50)) for point in drawn]


@pytest.mark.parametrize(
    ("seed", "names"),
    [(11, ["BINANCE-BTC-USDT-5m"]), (13, ["BITFINEX-ETH-USD-1m", "BITFINEX-BTC-USD-1m"])],
)
def test_frozen_time_leaves_no_trace_of_the_kills(
    place: Path, series: Series, long: bool, seed: int, names: list[str], request: pytest.FixtureRequest
) -> None:
    """The books equal those of the uninterrupted run, byte for byte; so do the market steps, of two holed series too.

    But for one mark: a candle on which nothing was done leaves no event, so that a fill which is heard of at a start may be
    booked as of an older one. In the long form the books of the killed run are on a server, and forty times more the sixth
    event of a life is applied and forgotten.
    """
    bars, lives = 3_000 if long else 900, 20 if long else 5
    file, *other = (series(name) for name in names)
    with world(place / "a", file, bars, *other) as calm:
        assert calm.live() == 0
        expected, truth, steps, acted = calm.books(), calm.state(), calm.rows("checkpoint"), as_of(calm)
    server: Postgres | None = request.getfixturevalue("postgres") if long else None
    with world(place / "b", file, bars, *other, database=server.new() if server else None) as rough:
        drawn = [*fates(seed, lives), *[("heard", 6, 0)] * (40 if long else 0)]
        assert all(rough.live(point, count) == KILLED for point, count, _ in drawn)
        assert rough.live() == 0
        for table, rows in rough.books().items():
            assert rows == expected[table], table
        for event, (kind, time_ms) in as_of(rough).items():
            assert (kind, time_ms) == acted[event] or (kind == "OrderFilled" and time_ms < acted[event][1]), event
        assert rough.state() == truth
        assert rough.rows("checkpoint") == steps
    assert len(expected["trade"]) > 10


def as_of(here: World) -> dict[tuple[str, int], tuple[str, int]]:
    """By account and number of an event: its kind, and the T of the last candles that were acted on before it."""
    return {(account, sequence): (kind, time_ms) for account, sequence, _, kind, time_ms, *_ in here.rows("event")}


@pytest.mark.parametrize("seed", [12])
def test_running_time_loses_and_doubles_nothing(place: Path, series: Series, long: bool, seed: int) -> None:
    """The venue goes on 0 to 50 bars while the platform is away."""
    file, bars, lives = series("BINANCE-BTC-USDT-5m"), 5_000 if long else 1_500, 20 if long else 5
    with world(place / "w", file, bars) as running:
        deaths = 0
        # The first life ends with an entry unsent, and ten bars pass: that entry must age out.
        for point, count, missed in [("intent", 1, 10), *fates(seed, lives - 1)]:
            if running.live(point, count) == KILLED:
                deaths += 1
                running.bars(missed)
        assert deaths == lives
        assert running.live() == 0
        assert "aged_out" in check_books(running)


def check_books(here: World) -> set[str]:
    """What must hold however often the platform was away; the reasons orders were not placed for."""
    state = here.state()["accounts"]
    orders = [order for account in state.values() for order in account["orders"]]
    fills = [(key, str(trade["id"])) for key, account in state.items() for trade in account["trades"]]
    intents = {name: json.loads(body) for name, _, _, body in here.rows("order_intent")}
    doubled = [name for name, times in Counter(order["client_id"] for order in orders).items() if times > 1]
    assert doubled == []
    assert {order["client_id"] for order in orders} <= intents.keys()
    events = [(kind, json.loads(body)) for _, _, _, kind, _, body, _ in here.rows("event")]
    booked = [event["fill"]["fill_id"] for kind, event in events if kind == "OrderFilled"]
    assert sorted(booked) == sorted(number for _, number in fills)
    rejected = {event["client_order_id"]: event["reason"] for kind, event in events if kind == "OrderRejected"}
    for name in intents.keys() - {order["client_id"] for order in orders}:
        assert name in rejected, f"{name} was neither taken nor refused"
        assert rejected[name] != "aged_out" or intents[name]["purpose"] == "entry"
    assert ledger_minus_venue(here, state) == {}
    assert unprotected(here, state) == []
    return set(rejected.values())


def unprotected(here: World, state: dict[str, Any]) -> list[str]:
    """Accounts that hold what could be sold, without a stop for all of it in the venue's book."""
    market = plan_of(here.config).listings[0].market
    naked = []
    for key, account in state.items():
        balance = account["balances"].get(market.base, {"free": "0", "locked": "0"})
        sellable = (Decimal(balance["free"]) + Decimal(balance["locked"])) // market.quantity_step
        stops = [o for o in account["orders"] if o["type"] == "STOP_LOSS" and o["status"] == "NEW"]
        if sellable != sum(Decimal(stop["quantity"]) // market.quantity_step for stop in stops):
            naked.append(key)
    return naked


def ledger_minus_venue(here: World, state: dict[str, Any]) -> dict[tuple[str, str], Decimal]:
    """Accounts and assets on which books and venue differ."""
    keys = {str(seat.account.id): seat.credentials.key for seat in plan_of(here.config).seats()}
    total: dict[tuple[str, str], Decimal] = {}
    for _, account, *_, transfers in here.rows("ledger_entry"):
        for debit, credit, asset, amount, _ in transfers_in(transfers):
            place = (keys[account], asset)
            sign = (debit == "venue") - (credit == "venue")
            total[place] = total.get(place, Decimal(0)) + sign * Decimal(amount)
    for key, account_state in state.items():
        for asset, balance in account_state["balances"].items():
            held = Decimal(balance["free"]) + Decimal(balance["locked"])
            total[key, asset] = total.get((key, asset), Decimal(0)) - held
    return {place: amount for place, amount in total.items() if amount}
