"""What we ask of the store for limits: what people set, what was reached, and the highest equities, over restarts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from tradepool.domain.deployment import Halt
from tradepool.domain.ids import AccountId
from tradepool.domain.limit import Override, Trip
from tradepool.domain.order import OrderRequest


class RiskStore(Protocol):
    """The deployment's memory of limits; each call is one transaction, and what a command beside wrote is seen at once."""

    def overrides(self) -> Sequence[Override]:
        """What people set instead of the configuration."""
        ...

    def trips(self) -> Sequence[Trip]:
        """Limits that were reached, ended ones included."""
        ...

    def save_trip(self, trip: Trip) -> None:
        """A limit was reached."""
        ...

    def peaks(self) -> Mapping[tuple[str, str], Decimal]:
        """What accounts had gained when their scope was highest, by limit and account."""
        ...

    def save_peaks(self, peaks: Mapping[tuple[str, str], Decimal]) -> None:
        """Scopes have never been higher."""
        ...

    def resumed(self) -> Sequence[str]:
        """The scopes (`user.ann`, `platform`) that a person has let trade on, and not all whom it is about have heard."""
        ...

    def all_resumed(self, scopes: Sequence[str]) -> None:
        """All whom these are about have heard."""
        ...

    def halt(self, halt: Halt) -> None:
        """Halt a scope, until a person lifts it."""
        ...

    def entries_since(self, account: AccountId, time_ms: int) -> Sequence[OrderRequest]:
        """Entries of an account that were decided after then, those that the gate refused among them."""
        ...
