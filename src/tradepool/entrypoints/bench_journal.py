"""Durable appends to the journal: what a group of accounts decides in a few turns of the loop is one transaction, synced to the disk.

Wall time, because a sync waits; and an event's CPU time beside it. The events are those of round trips, as accounts write them: a candle with the entry's
intent, its fill with a ledger entry and the stop's intent, the stop's acceptance, a candle that leaves, the stop's
cancellation with the sale's intent, the sale's fill with an entry and the trade. Nothing is left out of a record but
snapshots, which are written with every 256th event of an account. `prepare` takes any store's connection; beside ours stands
what SQLite's own driver needs for the same rows, ready made, in the same tables.
"""

from __future__ import annotations

import atexit
import os
import statistics
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from sqlalchemy import Connection
from sqlalchemy.event import listen

from tradepool.adapters.database.deployment import DatabaseDeployment, FencedJournal
from tradepool.adapters.database.engine import dispose, open_store, transaction
from tradepool.adapters.database.place import Server
from tradepool.core.ledger.posting import fill_entry
from tradepool.domain.deployment import Deployment, Kind
from tradepool.domain.event import CandlesClosed, Event, OrderAccepted, OrderCancelled, OrderFilled
from tradepool.domain.fill import Fill, Liquidity
from tradepool.domain.ids import AccountId, ClientOrderId, FillId, MandateId, StrategyId, VenueOrderId, client_order_id
from tradepool.domain.ledger import LedgerEntry
from tradepool.domain.market import FeeSchedule, Market
from tradepool.domain.order import OrderRequest, OrderType, Purpose, Side
from tradepool.domain.signal import Signal
from tradepool.domain.trade import Origin, Trade
from tradepool.entrypoints.bench import Figure, Measure
from tradepool.ports.journal import Record
from tradepool.services.trading.desk import GROUP_MAX

# As many accounts as the desk tells at once, and as many as come together where fewer trade; how often each makes a round trip
# in a round, and its events.
GROUPS, EVENTS = {GROUP_MAX: 5, 64: 40}, 6
# An URL such as postgresql://role@host/name, its password in PGPASSFILE.
SERVER_VARIABLE = "BENCH_POSTGRESQL"
REACH = {"SQLite": 20_000.0, "PostgreSQL": 10_000.0}
START_MS, MINUTE_MS = 1_640_995_200_000, 60_000
STRATEGY = StrategyId("0123456789abcdef")
MARKET = Market(
    venue="binance",
    base="BTC",
    quote="USDT",
    price_tick=Decimal("0.01"),
    quantity_step=Decimal("0.00001"),
    quantity_min=Decimal("0.00001"),
    notional_min=Decimal(5),
    fees=FeeSchedule(maker_rate=Decimal("0.001"), taker_rate=Decimal("0.001")),
)
PRICE, QUANTITY, FEE = Decimal("60123.45"), Decimal("0.01234"), Decimal("0.00001234")


def rounds() -> Measure:
    """SQLite's figures, synced as live trading syncs it (FULL); and a server's where the environment names one."""
    folder, measures = TemporaryDirectory(), list[Measure]()
    for group, trips in GROUPS.items():
        ours, bare = (open_store(Path(folder.name) / f"{name}-{group}.sqlite") for name in ("journal", "bare"))
        measures.append(prepare(ours, "SQLite", group, trips, Bare(ours, bare)))
    if url := os.environ.get(SERVER_VARIABLE):
        measures += [prepare(_on_server(Server(url), n), "PostgreSQL", n, trips) for n, trips in GROUPS.items()]

    def once() -> list[Figure]:
        assert folder
        return [figure for measure in measures for figure in measure()]

    return once


def _on_server(server: Server, group: int) -> Connection:
    """An empty store in a schema of its own, which is gone when the process ends."""
    schema = f"tradepool_bench_{os.getpid()}_{group}"
    connection = open_store(server.with_schema(schema))

    def drop() -> None:
        with transaction(connection):
            connection.exec_driver_sql(f"drop schema {schema} cascade")
        dispose(connection)

    atexit.register(drop)
    return connection


class Bare:
    """Takes down what is inserted into one store, and inserts it into another as the driver itself does."""

    def __init__(self, ours: Connection, bare: Connection) -> None:
        """Both of SQLite, open and empty."""
        self._driver, self._inserts = cast("Any", bare.connection.driver_connection), list[tuple[str, Any]]()
        listen(ours.engine, "before_cursor_execute", self._take_down)

    def _take_down(self, _c: object, _cursor: object, statement: str, rows: Any, _context: object, many: bool) -> None:
        if statement.startswith("INSERT") and many:
            self._inserts.append((statement, rows))

    def taken_s(self) -> float:
        """Insert what was taken down, one transaction for each time that events were inserted."""
        inserts, self._inserts = self._inserts, []
        groups = list[list[tuple[str, Any]]]()
        for insert in inserts:
            if ' "event" ' in insert[0]:
                groups.append([])
            groups[-1].append(insert)
        began = time.perf_counter()
        for group in groups:
            for statement, rows in group:
                self._driver.executemany(statement, rows)
            self._driver.commit()
        return time.perf_counter() - began


def prepare(connection: Connection, store: str, group: int, trips: int, bare: Bare | None = None) -> Measure:
    """The figures of a store that is open and empty: events a second, and how long a group waits for its append."""
    epoch = DatabaseDeployment(connection, Deployment(id="benchaaa", kind=Kind.PRACTICE)).epoch
    journal, done = FencedJournal(connection, epoch), [0]
    accounts = [AccountId(f"user-{number:04}-main") for number in range(group)]

    def once() -> list[Figure]:
        groups = [
            [turn[event] for turn in turns]
            for trip in range(done[0], done[0] + trips)
            for turns in [[_round_trip(account, n, trip) for n, account in enumerate(accounts)]]
            for event in range(EVENTS)
        ]
        done[0] += trips
        cpu_s = time.process_time()
        taken_s = [_taken_s(journal, records) for records in groups]
        cpu_s = time.process_time() - cpu_s
        work, events, peers = f"journal on {store}, synced, groups of {group}", group * len(groups), {}
        if bare is not None:
            peers["the same rows by the driver alone"] = events / bare.taken_s()
        peers["reach"] = REACH[store]
        return [
            Figure(f"{work}: events", "1/s wall", events / sum(taken_s), False, peers),
            Figure(f"{work}: an event", "us", 1e6 * cpu_s / events),
            Figure(f"{work}: an append, median", "ms wall", 1e3 * statistics.median(taken_s)),
            Figure(f"{work}: an append, p99", "ms wall", 1e3 * statistics.quantiles(taken_s, n=100)[98]),
        ]

    once()
    return once


def _taken_s(journal: FencedJournal, records: Sequence[Record]) -> float:
    began = time.perf_counter()
    journal.write_all(records)
    return time.perf_counter() - began


def _round_trip(account: AccountId, number: int, trip: int) -> list[Record]:
    """What one account writes from an entry to its trade."""
    now_ms = START_MS + trip * 2 * MINUTE_MS
    names = [client_order_id(number + 1, 3 * trip + n) for n in range(3)]
    entry, stop, sale = (_request(account, name, now_ms, n) for n, name in enumerate(names))
    bought = _fill(account, entry, FillId(str(2 * trip)), now_ms + 40)
    sold = _fill(account, sale, FillId(str(2 * trip + 1)), now_ms + MINUTE_MS + 90)
    happened: list[tuple[Event, Sequence[LedgerEntry], Sequence[OrderRequest], Sequence[Trade]]] = [
        (_candle(now_ms, 1.0), (), (entry,), ()),
        (OrderFilled(fill=bought), (fill_entry(bought, MARKET),), (stop,), ()),
        (_accepted(stop, now_ms + 60), (), (), ()),
        (_candle(now_ms + MINUTE_MS, 0.0), (), (), ()),
        (OrderCancelled(time_ms=now_ms + MINUTE_MS + 30, client_order_id=names[1]), (), (sale,), ()),
        (OrderFilled(fill=sold), (fill_entry(sold, MARKET),), (), (_trade(bought, sold),)),
    ]
    return [
        Record(
            account=account,
            sequence=EVENTS * trip + place,
            as_of_ms=now_ms,
            event=event,
            entries=entries,
            intents=intents,
            trades=trades,
        )
        for place, (event, entries, intents, trades) in enumerate(happened, 1)
    ]


def _request(account: AccountId, name: ClientOrderId, now_ms: int, place: int) -> OrderRequest:
    """The entry, its stop, or the sale."""
    return OrderRequest(
        client_order_id=name,
        account=account,
        mandate=MandateId(f"{account}-mandate"),
        strategy_id=STRATEGY,
        market=MARKET.id,
        side=Side.SELL if place else Side.BUY,
        type=OrderType.STOP_LOSS if place == 1 else OrderType.MARKET,
        quantity=QUANTITY,
        purpose=(Purpose.ENTRY, Purpose.STOP, Purpose.SIGNAL_EXIT)[place],
        time_ms=now_ms,
        stop_price=PRICE - 1_000 if place == 1 else None,
    )


def _fill(account: AccountId, request: OrderRequest, fill_id: FillId, time_ms: int) -> Fill:
    bought = request.side is Side.BUY
    return Fill(
        fill_id=fill_id,
        account=account,
        client_order_id=request.client_order_id,
        market=MARKET.id,
        side=request.side,
        price=PRICE,
        quantity=QUANTITY,
        fee=FEE if bought else Decimal("0.74192337"),
        fee_asset=MARKET.base if bought else MARKET.quote,
        liquidity=Liquidity.TAKER,
        time_ms=time_ms,
    )


def _candle(time_ms: int, exposure: float) -> Event:
    told = Signal(
        strategy_id=STRATEGY,
        market=MARKET.id,
        time_ms=time_ms,
        exposure=exposure,
        previous_exposure=1.0 - exposure,
        stop_distance=1_000.25,
        trail_distance=0.0,
        trail_step=0.0,
        close=60_123.45,
        high=60_200.01,
    )
    return CandlesClosed(time_ms=time_ms, signals=(told,))


def _accepted(request: OrderRequest, time_ms: int) -> Event:
    number = VenueOrderId("28457193")
    return OrderAccepted(time_ms=time_ms, client_order_id=request.client_order_id, venue_order_id=number)


def _trade(bought: Fill, sold: Fill) -> Trade:
    return Trade(
        account=bought.account,
        strategy_id=STRATEGY,
        market=MARKET.id,
        side=Side.BUY,
        entry_time_ms=bought.time_ms,
        entry_price=PRICE,
        exit_time_ms=sold.time_ms,
        exit_price=PRICE,
        quantity=QUANTITY,
        entry_fee=bought.fee,
        exit_fee=sold.fee,
        pnl=Decimal("-1.48384674"),
        exit_reason=Purpose.SIGNAL_EXIT,
        origin=Origin.PRACTICE,
    )
