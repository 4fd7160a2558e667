"""The journal in the relational store: one synchronous transaction an event, in the loop's own thread.

Synchronous on purpose: a commit takes tens of microseconds, a thread hop a millisecond, and what ran in a thread could
be half done while everything else looks finished.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from typing import TypeVar
from zlib import crc32

from msgspec import MsgspecError
from sqlalchemy import Connection, Executable, bindparam, delete, insert, select
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError

from tradepool.adapters.database import tables
from tradepool.adapters.database.chain import Chains
from tradepool.adapters.database.codec import decode, decode_event, encode
from tradepool.adapters.database.engine import StoreUnusable, end_broken, lost, place_of, reason_of
from tradepool.adapters.database.remembered import asked_again
from tradepool.adapters.database.sql import add_rows, json_text, upsert
from tradepool.core.account.snapshot import SCHEMA as STATE_SCHEMA
from tradepool.domain.errors import BrokenLaw, InvalidInput, TradepoolError
from tradepool.domain.event import SCHEMA, Event
from tradepool.domain.ids import AccountId, MarketId, StrategyId
from tradepool.domain.order import OrderRequest
from tradepool.ports.journal import Checkpoint, Record, Snapshot
from tradepool.runtime import telemetry

T = TypeVar("T")

log = telemetry.logger(__name__)

# By the end of its chain, which an index has: an account's entries are numbered in the order of their events.
_LAST_ENTRY = select(tables.ledger_entry.c.sequence).where(tables.ledger_entry.c.account == bindparam("account"))
_LAST_ENTRY = _LAST_ENTRY.order_by(tables.ledger_entry.c.number.desc()).limit(1)
_CHECKPOINT = upsert(tables.checkpoint)


class DamagedJournal(TradepoolError):
    """The journal of account {account} is damaged at event {sequence}: {why}; this account alone stands still, its protections rest at the venue: restore a backup (tradepool store restore), or sell there by hand."""


class DatabaseJournal:
    """Writes on the one connection that may write."""

    def __init__(self, connection: Connection) -> None:
        """`connection` comes from `engine.open_store`."""
        self._connection = connection
        self._chains = Chains(connection)
        # What may have been written, though nobody came to say so: a server's connection broke over it.
        self._unsure: set[tuple[AccountId, int]] = set()

    def write(self, record: Record) -> None:
        """Commit one record; StoreUnusable, or BrokenLaw when it was written before: then nothing is changed."""
        self.write_all([record])

    def write_all(self, records: Sequence[Record]) -> None:
        """Commit records of different accounts in one transaction; raises as `write` does, and then none is written, or,
        where a server's connection broke over it, all may be: offered again, they are found."""
        self._write(records)

    def write_with(self, record: Record, beside: Executable) -> None:
        """Commit one record and what has to be written beside it, both or neither; raises as `write` does."""
        self._write([record], beside)

    def _write(self, records: Sequence[Record], *beside: Executable) -> None:
        names = {(record.account, record.sequence) for record in records}
        try:
            self._insert_or_find(records, names, beside)
        except StoreUnusable as error:
            if not lost(error.__cause__):
                raise
            # Its server may be there all the same: a new connection tells.
            self._unsure |= names
            self._insert_or_find(records, names, beside)
        self._unsure -= names

    def _insert_or_find(
        self, records: Sequence[Record], names: set[tuple[AccountId, int]], beside: Sequence[Executable]
    ) -> None:
        try:
            self._insert(records, beside)
        except BrokenLaw:
            if not (names <= self._unsure and self._found(records)):
                raise

    def _found(self, records: Sequence[Record]) -> bool:
        """Whether each event is there as it is, and no newer instance wrote it. What `fence` raises, StoreUnusable."""
        t, there = tables.event.c, True
        with self._transaction():
            for row in map(_event_row, records):
                query = select(t.digest).where(t.account == row["account"], t.sequence == row["sequence"])
                there = there and self._connection.execute(query).scalar() == row["digest"]
            self.fence()
        return there

    def _insert(self, records: Sequence[Record], beside: Sequence[Executable]) -> None:
        with self._transaction():
            for statement in beside:
                self._connection.execute(statement)
            add = partial(add_rows, self._connection)
            add(tables.event, [_event_row(record) for record in records])
            if intents := [_intent_row(record, intent) for record in records for intent in record.intents]:
                add(tables.order_intent, intents)
            # Linked only now: the event's insert has taken the write lock, so nobody else's link comes in between.
            if entries := [self._chains.row(record.sequence, entry) for record in records for entry in record.entries]:
                add(tables.ledger_entry, entries)
            if trades := [_trade_row(record, n) for record in records for n in range(len(record.trades))]:
                add(tables.trade, trades)
            if refusals := [_refusal_row(record, n) for record in records for n in range(len(record.refusals))]:
                add(tables.refusal, refusals)
            for record in records:
                if record.snapshot is not None:
                    self._write_snapshot(record, encode(record.snapshot))
            self.fence()

    def _write_snapshot(self, record: Record, body: str) -> None:
        """Beside the one before, in case this one is damaged; older ones go."""
        run, t = self._connection.execute, tables.snapshot.c
        older = select(t.sequence).where(t.account == record.account).order_by(t.sequence.desc()).limit(1)
        kept = run(older).scalar()
        run(delete(tables.snapshot).where(t.account == record.account, t.sequence < (kept or 0)))
        row = {"account": record.account, "sequence": record.sequence, "as_of_ms": record.as_of_ms}
        digest = sha256(f"{record.account} {record.sequence} {body}".encode()).hexdigest()
        run(insert(tables.snapshot), {**row, "schema": STATE_SCHEMA, "digest": digest, "body": body})

    def snapshot(self, account: AccountId) -> tuple[int, Snapshot] | None:
        """The newest snapshot that is whole and of this version's schema; others are named in the log and passed over."""
        t = tables.snapshot.c
        query = select(t.sequence, t.schema, t.digest, t.body).where(t.account == account)
        try:
            rows = self._asked(lambda: self._connection.execute(query.order_by(t.sequence.desc())).all())
        except DatabaseError as error:
            log.warning("the snapshots can't be read, all events are", account=account, why=reason_of(error))
            return None
        for sequence, schema, digest, body in rows:
            found, why = None, f"its schema is {schema}, not {STATE_SCHEMA}"
            if schema == STATE_SCHEMA:
                why = "its bytes are not those that were written"
                if digest == sha256(f"{account} {sequence} {body}".encode()).hexdigest():
                    found = decode(body, Snapshot)
            if found is not None:
                return sequence, found
            log.warning("a snapshot is passed over", account=account, sequence=sequence, why=why)
        return None

    def _asked(self, load: Callable[[], T]) -> T:
        """What is read, once more over a new connection where a server's broke. StoreUnusable where a server can't be asked,
        DatabaseError for what is damaged: of a file that may be an OperationalError, too."""
        try:
            return asked_again(self._connection, load)
        finally:
            self._connection.rollback()

    def fence(self) -> None:
        """Asked last inside each record's transaction, which holds the write lock by then: may this process write?"""

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, whatever is raised inside: half a record left open would be committed by the next one."""
        committed = False
        end_broken(self._connection)
        try:
            yield
            self._connection.commit()
            committed = True
        except IntegrityError as error:
            raise BrokenLaw(law="everything is written once", facts=reason_of(error)) from error
        except DBAPIError as error:
            raise StoreUnusable(path=place_of(self._connection), why=reason_of(error)) from error
        finally:
            if not committed:
                self._connection.rollback()
                self._chains.forget()

    def read(self, account: AccountId, after: int = 0) -> Iterator[tuple[int, int, Event]]:
        """An account's events in order, those after a sequence: sequence, as_of_ms, event. DamagedJournal, UnknownEvent."""
        t = tables.event.c
        query = select(t.sequence, t.as_of_ms, t.kind, t.schema, t.body, t.digest)
        query = query.where(t.account == account, t.sequence > after)
        run = self._connection.execute
        try:
            # First, so that what is written in between is no entry without its event.
            booked = self._asked(lambda: run(_LAST_ENTRY, {"account": account}).scalar())
            rows = self._asked(lambda: run(query.order_by(t.sequence)).all())
        except DatabaseError as error:
            raise DamagedJournal(account=account, sequence=f"{after + 1} or later", why=reason_of(error)) from error
        for expected, (sequence, as_of_ms, kind, schema, body, digest) in enumerate(rows, after + 1):
            if sequence != expected:
                raise DamagedJournal(account=account, sequence=expected, why="it is missing")
            if digest is not None and digest != event_digest(account, sequence, as_of_ms, kind, body):
                raise DamagedJournal(
                    account=account, sequence=sequence, why="its bytes are not those that were written"
                )
            try:
                event = decode_event(kind, schema, body)
            except (MsgspecError, InvalidInput, ArithmeticError) as error:
                raise DamagedJournal(account=account, sequence=sequence, why=error) from error
            yield sequence, as_of_ms, event
        last = rows[-1].sequence if rows else after
        if booked is not None and booked > last:
            raise DamagedJournal(account=account, sequence=last + 1, why="it is missing, and its ledger entry is there")

    def intents(self, account: AccountId) -> list[OrderRequest]:
        """Every order intent of an account, in the order they were made."""
        t = tables.order_intent.c
        query = select(t.body).where(t.account == account).order_by(t.client_order_id)
        return [decode(body, OrderRequest) for body in self._asked(lambda: self._connection.scalars(query).all())]

    def traded(self) -> set[tuple[AccountId, MarketId]]:
        """On which markets each account has ever ordered, as far as its intents can be read."""
        t = tables.order_intent.c
        market = json_text(t.body, "market")
        query = select(t.account, market).where(market.is_not(None)).distinct()
        rows = self._asked(lambda: self._connection.execute(query).all())
        return {(AccountId(account), MarketId(market)) for account, market in rows}

    def save_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Replace the states of market steps."""
        rows = [
            {
                "strategy_id": c.strategy_id,
                "market": c.market,
                "time_ms": c.time_ms,
                "close": repr(c.close),
                "state": c.state,
            }
            for c in checkpoints
        ]
        if rows:
            with self._transaction():
                self._connection.execute(_CHECKPOINT, rows)

    def checkpoints(self) -> list[Checkpoint]:
        """The saved states."""
        t = tables.checkpoint.c
        query = select(t.strategy_id, t.market, t.time_ms, t.close, t.state)
        rows = self._asked(lambda: self._connection.execute(query).all())
        return [
            Checkpoint(
                strategy_id=StrategyId(strategy_id),
                market=MarketId(market),
                time_ms=time_ms,
                close=float(close),
                state=state,
            )
            for strategy_id, market, time_ms, close, state in rows
        ]


def _event_row(record: Record) -> dict[str, object]:
    kind, body = type(record.event).__name__, encode(record.event)
    return {
        "account": record.account,
        "sequence": record.sequence,
        "schema": SCHEMA,
        "kind": kind,
        "as_of_ms": record.as_of_ms,
        "body": body,
        "digest": event_digest(record.account, record.sequence, record.as_of_ms, kind, body),
    }


def event_digest(account: str, sequence: int, as_of_ms: int, kind: str, body: str) -> int:
    """What tells flipped bytes: a CRC-32 of all that a row says."""
    return crc32(f"{account} {sequence} {as_of_ms} {kind} {body}".encode())


def _intent_row(record: Record, intent: OrderRequest) -> dict[str, object]:
    return {
        "client_order_id": intent.client_order_id,
        "account": record.account,
        "sequence": record.sequence,
        "body": encode(intent),
    }


def _trade_row(record: Record, number: int) -> dict[str, object]:
    trade = record.trades[number]
    return {
        "account": record.account,
        "sequence": record.sequence,
        "market": trade.market,
        "body": encode(trade),
    }


def _refusal_row(record: Record, number: int) -> dict[str, object]:
    refusal = record.refusals[number]
    return {
        "account": record.account,
        "sequence": record.sequence,
        "market": refusal.market,
        "time_ms": refusal.time_ms,
        "reason": refusal.reason,
    }
