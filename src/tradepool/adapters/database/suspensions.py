"""Suspensions as rows: what one process writes, every other one reads before the next entry leaves."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import suppress

from sqlalchemy import Connection, Executable, delete, insert, select

from tradepool.adapters.database import tables
from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.engine import StoreUnusable, transaction
from tradepool.adapters.database.remembered import Remembered, wrote
from tradepool.core.risk.suspension import Suspension, Trouble
from tradepool.domain.ids import MarketId
from tradepool.domain.suspended import AUTOMATIC, FOR_EVER_MS, Suspended, SuspendedKind
from tradepool.ports.clock import Clock
from tradepool.runtime import telemetry

log = telemetry.logger(__name__)


class DatabaseSuspensions:
    """The rows of markets and strategies; StoreUnusable when they can't be written."""

    def __init__(self, connection: Connection) -> None:
        """`connection` comes from `engine.open_store`."""
        self._connection = connection
        self._rows = Remembered(connection, self._load)

    def _load(self) -> Sequence[Suspended]:
        t = tables.suspension.c
        found = self._connection.execute(
            select(t.kind, t.name, t.since_ms, t.until_ms, t.by, t.reason, t.trouble).order_by(
                t.kind, t.name, t.trouble
            )
        ).all()
        self._connection.rollback()
        return [
            Suspended(
                kind=SuspendedKind(kind),
                name=name,
                since_ms=since,
                until_ms=until,
                by=by,
                reason=reason,
                trouble=trouble,
            )
            for kind, name, since, until, by, reason, trouble in found
        ]

    def all(self, now_ms: int) -> list[Suspended]:
        """What is suspended at a time of the machine, by kind and name."""
        return [row for row in self._rows() if now_ms < row.until_ms]

    def why_not(self, market: MarketId, strategy: str, now_ms: int) -> Suspended | None:
        """What keeps a strategy's entries off a market."""
        return next((row for row in self._rows() if now_ms < row.until_ms and row.covers(market, strategy)), None)

    def suspend(self, row: Suspended, deed: Deed | None = None) -> None:
        """Suspend; a person's wish replaces his earlier one, and is audited (`deed`); the platform's replaces its own."""
        values = {"kind": row.kind.value, "name": row.name, "since_ms": row.since_ms, "until_ms": row.until_ms}
        values |= {"by": row.by, "reason": row.reason, "trouble": row.trouble}
        own = self._gone(row.kind, row.name, automatic=bool(row.trouble))
        self._write(own, insert(tables.suspension).values(values), *self._audit(deed))

    def lift(self, kind: SuspendedKind, name: str, deed: Deed | None = None) -> bool:
        """Lift what the platform suspended, and with a deed what persons did too; whether there was any."""
        there = any((row.kind, row.name) == (kind, name) for row in self._rows())
        persons = [self._gone(kind, name, automatic=False)] if deed is not None else []
        self._write(self._gone(kind, name, automatic=True), *persons, *self._audit(deed))
        return there

    def _gone(self, kind: SuspendedKind, name: str, *, automatic: bool) -> Executable:
        t = tables.suspension.c
        whose = t.trouble != "" if automatic else t.trouble == ""
        return delete(tables.suspension).where(t.kind == kind.value, t.name == name, whose)

    def _audit(self, deed: Deed | None) -> list[Executable]:
        return [] if deed is None else [DatabaseDeployment.audited(deed)]

    def _write(self, *statements: Executable) -> None:
        try:
            with transaction(self._connection):
                for statement in statements:
                    self._connection.execute(statement)
        finally:
            wrote(self._connection)


class AutomaticSuspensions(MutableMapping[MarketId, Suspension]):
    """What `Suspensions` holds, kept in rows: a restart goes on with it, and a person can lift it.

    Rows are in the machine's time, suspensions in the venue's. What can't be written is held in memory: a full disk is no
    reason to let an entry through. While rows can't be read, those that were read last hold.
    """

    def __init__(self, rows: DatabaseSuspensions, clock: Clock, real: Clock) -> None:
        """`clock` is the venue's time, `real` the machine's."""
        self._rows, self._clock, self._real = rows, clock, real
        self._unwritten: dict[MarketId, Suspension] = {}
        self._last: Sequence[Suspended] = ()

    def _ahead_ms(self) -> int:
        return self._clock.now_ms() - self._real.now_ms()

    def _all(self) -> dict[MarketId, Suspension]:
        ahead_ms, found = self._ahead_ms(), dict[MarketId, Suspension]()
        with suppress(StoreUnusable):
            self._last = self._rows.all(self._real.now_ms())
        for row in self._last:
            if row.trouble and row.kind is SuspendedKind.MARKET:
                until_ms = row.until_ms if row.for_ever else row.until_ms + ahead_ms
                found[MarketId(row.name)] = Suspension(
                    market=MarketId(row.name),
                    trouble=Trouble(row.trouble),
                    since_ms=row.since_ms + ahead_ms,
                    until_ms=until_ms,
                    note=row.reason,
                )
        return found | self._unwritten

    def __getitem__(self, market: MarketId) -> Suspension:
        """KeyError where it is not suspended."""
        return self._all()[market]

    def __iter__(self) -> Iterator[MarketId]:
        """The markets."""
        return iter(self._all())

    def __len__(self) -> int:
        """How many."""
        return len(self._all())

    def __setitem__(self, market: MarketId, held: Suspension) -> None:
        """Write it down."""
        ahead_ms = self._ahead_ms()
        row = Suspended(
            kind=SuspendedKind.MARKET,
            name=market,
            since_ms=held.since_ms - ahead_ms,
            until_ms=min(held.until_ms if held.until_ms >= FOR_EVER_MS else held.until_ms - ahead_ms, FOR_EVER_MS),
            by=AUTOMATIC,
            reason=held.note,
            trouble=held.trouble.value,
        )
        try:
            self._rows.suspend(row)
            self._unwritten.pop(market, None)
        except StoreUnusable as error:
            log.error("a suspension is held in memory only", market=market, error=str(error))
            self._unwritten[market] = held

    def __delitem__(self, market: MarketId) -> None:
        """Lift it. A row that can't be taken away is over by its own time."""
        self._unwritten.pop(market, None)
        try:
            self._rows.lift(SuspendedKind.MARKET, market)
        except StoreUnusable as error:
            log.error("a suspension could not be lifted", market=market, error=str(error))
