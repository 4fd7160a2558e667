"""What we ask of the store on the hot path: write down before acting, and read back after a crash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tradepool.core.account.snapshot import AccountState
from tradepool.domain.event import Event
from tradepool.domain.ids import AccountId, ClientOrderId, FillId, MarketId, StrategyId
from tradepool.domain.ledger import LedgerEntry
from tradepool.domain.order import OrderRequest, Refusal
from tradepool.domain.trade import Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one event did to one account: written in one transaction, before any command goes out.

    `sequence` counts an account's events from 1; `as_of_ms` is the T of the last candles the account has acted on.
    """

    account: AccountId
    sequence: int
    as_of_ms: int
    event: Event
    entries: Sequence[LedgerEntry] = ()
    trades: Sequence[Trade] = ()
    refusals: Sequence[Refusal] = ()
    intents: Sequence[OrderRequest] = ()
    snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What an account's journal comes to up to an event; the rest is what its actor remembers of the venue's answers.

    `last_fills` are the newest booked fill of each market, `fills_before` the one each working order was made after.
    """

    state: AccountState
    opened_ms: int
    last_fills: dict[MarketId, FillId]
    fills_before: dict[ClientOrderId, FillId | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A market step's state after the candle that closed at `time_ms`, and that candle's close."""

    strategy_id: StrategyId
    market: MarketId
    time_ms: int
    close: float
    state: bytes = field(repr=False)


class Journal(Protocol):
    """The deployment's memory."""

    def write(self, record: Record) -> None:
        """Commit one record, or raise and change nothing."""
        ...

    def write_all(self, records: Sequence[Record]) -> None:
        """Commit records of different accounts at once, or raise and change nothing."""
        ...

    def snapshot(self, account: AccountId) -> tuple[int, Snapshot] | None:
        """The newest whole snapshot of an account and the sequence it stands at; None: read everything."""
        ...

    def read(self, account: AccountId, after: int = 0) -> Iterable[tuple[int, int, Event]]:
        """An account's events in order, those after a sequence: sequence, as_of_ms, event."""
        ...

    def save_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Replace the states of market steps."""
        ...

    def checkpoints(self) -> Sequence[Checkpoint]:
        """The saved states."""
        ...
