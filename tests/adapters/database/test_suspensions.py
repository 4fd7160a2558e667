"""Suspensions as rows: kept over restarts, seen by every process, lifted by a person; and what memory holds of queries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from tests.adapters.database.test_store import refuse_inserts
from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.engine import StoreUnusable, dispose, open_store
from tradepool.adapters.database.place import Place
from tradepool.adapters.database.suspensions import AutomaticSuspensions, DatabaseSuspensions
from tradepool.core.risk.suspension import LASTS_MS, Suspensions, Trouble
from tradepool.domain.deployment import Deployment, Halt, Kind, Scope, ScopeKind
from tradepool.domain.ids import MarketId
from tradepool.domain.suspended import FOR_EVER_MS, Suspended, SuspendedKind
from tradepool.runtime.clock import VirtualClock

MARKET, OTHER = MarketId("v:A/B"), MarketId("v:C/B")
NOW_MS, AHEAD_MS = 1_700_000_000_000, 5_000_000_000
DEED = Deed(time_ms=NOW_MS, by="ann", what="suspend", scope="market v:A/B", reason="depeg")


@pytest.fixture
def connections(place: Place) -> Iterator[list[Connection]]:
    """Two processes at one database."""
    opened = [open_store(place) for _ in range(2)]
    yield opened
    for connection in opened:
        dispose(connection)


def row(**changes: object) -> Suspended:
    plain = {"kind": SuspendedKind.MARKET, "name": MARKET, "since_ms": NOW_MS, "until_ms": NOW_MS + 1_000}
    return Suspended(**(plain | {"by": "ann", "reason": "depeg"} | changes))  # type: ignore[arg-type]


class Life:
    """A trading process: its list over rows, by the clocks of the venue and of the machine."""

    def __init__(self, connection: Connection, now_ms: int = NOW_MS) -> None:
        self.real, self.venue = VirtualClock(now_ms), VirtualClock(now_ms + AHEAD_MS)
        self.listed = Suspensions(AutomaticSuspensions(DatabaseSuspensions(connection), self.venue, self.real))

    def of(self, market: MarketId) -> Trouble | None:
        held = self.listed.of(market, self.venue.now_ms())
        return held.trouble if held is not None else None

    def passes(self, ms: int) -> None:
        for clock in (self.real, self.venue):
            clock.advance_to(clock.now_ms() + ms)


def test_what_one_process_writes_the_other_reads_at_once(connections: list[Connection]) -> None:
    ours, theirs = (DatabaseSuspensions(connection) for connection in connections)
    assert ours.all(NOW_MS) == []
    theirs.suspend(row(), DEED)
    theirs.suspend(row(kind=SuspendedKind.STRATEGY, name="churn", until_ms=FOR_EVER_MS))
    assert [each.name for each in ours.all(NOW_MS)] == [MARKET, "churn"]
    assert ours.why_not(MARKET, "x", NOW_MS) == row()
    assert ours.why_not(MARKET, "x", NOW_MS + 1_000) is None
    held = ours.why_not(OTHER, "churn", NOW_MS + 10**15)
    assert held is not None
    assert held.for_ever
    assert ours.why_not(OTHER, "x", NOW_MS) is None
    theirs.suspend(row(reason="worse", until_ms=NOW_MS + 2_000), DEED)
    assert ours.why_not(MARKET, "x", NOW_MS + 1_500) == row(reason="worse", until_ms=NOW_MS + 2_000)
    assert theirs.lift(SuspendedKind.MARKET, MARKET, DEED)
    assert not theirs.lift(SuspendedKind.MARKET, MARKET, DEED)
    assert [each.name for each in ours.all(NOW_MS)] == ["churn"]
    deployment = DatabaseDeployment(connections[0], Deployment(id="aaaaaaaa", kind=Kind.PRACTICE))
    assert [deed.by for deed in deployment.deeds()] == ["ann"] * 4


def test_what_the_platform_suspends_outlives_it_and_a_person_lifts_it(connections: list[Connection]) -> None:
    first = Life(connections[0])
    first.listed.suspend(MARKET, Trouble.STALE, first.venue.now_ms(), "no candle")
    first.listed.suspend(OTHER, Trouble.DELISTED, first.venue.now_ms())
    first.passes(60_000)
    second = Life(connections[1], first.real.now_ms())
    assert (second.of(MARKET), second.of(OTHER)) == (Trouble.STALE, Trouble.DELISTED)
    assert second.listed.of(MARKET, second.venue.now_ms()) == first.listed.of(MARKET, first.venue.now_ms())
    rows = DatabaseSuspensions(connections[1])
    assert [(each.by, each.trouble, each.for_ever) for each in rows.all(NOW_MS)] == [
        ("tradepool", "stale", False),
        ("tradepool", "delisted", True),
    ]
    second.passes(LASTS_MS[Trouble.STALE] - 60_000)
    assert second.of(MARKET) is None
    rows.lift(SuspendedKind.MARKET, OTHER, DEED)
    assert (first.of(OTHER), second.of(OTHER)) == (None, None)


def test_the_platform_neither_lifts_nor_shortens_a_persons_wish(connections: list[Connection]) -> None:
    rows, life = DatabaseSuspensions(connections[1]), Life(connections[0])
    rows.suspend(row(until_ms=FOR_EVER_MS), DEED)
    assert life.of(MARKET) is None
    life.listed.suspend(MARKET, Trouble.STALE, life.venue.now_ms())
    assert [each.trouble for each in rows.all(NOW_MS)] == ["", "stale"]
    life.listed.lift(MARKET)
    assert rows.all(NOW_MS) == [row(until_ms=FOR_EVER_MS)]


def test_a_full_disk_lets_no_entry_through(connections: list[Connection]) -> None:
    life = Life(connections[0])
    refuse_inserts(connections[0], "suspension")
    life.listed.suspend(MARKET, Trouble.HALTED, life.venue.now_ms())
    assert life.of(MARKET) is Trouble.HALTED
    with pytest.raises(StoreUnusable):
        DatabaseSuspensions(connections[1]).suspend(row())
    life.listed.lift(MARKET)
    assert life.of(MARKET) is None


def test_halts_and_the_instance_are_remembered_only_until_somebody_writes(connections: list[Connection]) -> None:
    ours, theirs = (DatabaseDeployment(c, Deployment(id="aaaaaaaa", kind=Kind.PRACTICE)) for c in connections)
    halt = Halt(scope=Scope(ScopeKind.USER, "ann"), since_ms=1, by="ann", reason="x")
    asked: list[str] = []
    counted = connections[0].dialect.name == "sqlite"
    if counted:
        connections[0].connection.driver_connection.set_trace_callback(asked.append)  # type: ignore[union-attr]
    for write, halts, epoch in (
        (lambda: None, [], 0),
        (lambda: theirs.halt(halt), [halt], 0),
        (lambda: ours.halt(halt), [halt], 0),
        (lambda: ours.lift(halt.scope, DEED), [], 0),
        (lambda: theirs.next_epoch(), [], 1),
        (lambda: ours.next_epoch(), [], 2),
    ):
        write()
        asked.clear()
        for _ in range(3):
            assert (ours.halts(), ours.epoch) == (halts, epoch)
        assert sum("FROM halt" in each for each in asked) <= 1
        assert sum("FROM deployment" in each for each in asked) <= 1
