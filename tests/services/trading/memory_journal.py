"""A journal in memory that keeps the journal's promise, and a disk that is full when it is told to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tradepool.adapters.database.codec import decode, encode
from tradepool.domain.errors import TradepoolError
from tradepool.domain.event import Event
from tradepool.domain.ids import AccountId
from tradepool.domain.order import OrderRequest
from tradepool.ports.journal import Checkpoint, Record, Snapshot


class DiskFull(TradepoolError):
    """The journal takes nothing now."""


class Journal:
    """The journal's promise kept in memory, and a disk that is full when it is told to be."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.snapshots: list[tuple[int, str]] = []
        self.full = 0

    def write(self, record: Record) -> None:
        if self.full:
            self.full -= 1
            raise DiskFull
        assert record.sequence == len(self.records) + 1, "a hole"
        self.records.append(record)
        if record.snapshot is not None:
            # Now: it is of what goes on.
            self.snapshots.append((record.sequence, encode(record.snapshot)))

    def write_all(self, records: Sequence[Record]) -> None:
        for record in records:
            self.write(record)

    def snapshot(self, account: AccountId) -> tuple[int, Snapshot] | None:
        if not self.snapshots:
            return None
        sequence, body = self.snapshots[-1]
        return sequence, decode(body, Snapshot)

    def read(self, account: AccountId, after: int = 0) -> Iterable[tuple[int, int, Event]]:
        return [(each.sequence, each.as_of_ms, each.event) for each in self.records[after:]]

    def save_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> None:
        raise AssertionError("nobody steps here")

    def checkpoints(self) -> Sequence[Checkpoint]:
        return []

    @property
    def intents(self) -> dict[str, OrderRequest]:
        return {intent.client_order_id: intent for each in self.records for intent in each.intents}
