"""What an account wants done, and what it wants remembered."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.ids import ClientOrderId, MarketId
from tradepool.domain.order import ApprovedOrder, Refusal
from tradepool.domain.trade import Trade


@dataclass(frozen=True, slots=True)
class Submit:
    """Send this order; with a `target`, a stop and a target of which the venue lets only one trade."""

    order: ApprovedOrder
    target: ApprovedOrder | None = None

    @property
    def orders(self) -> tuple[ApprovedOrder, ...]:
        """One order, or both of a pair, the stop first."""
        return (self.order,) if self.target is None else (self.order, self.target)


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take this order from the book."""

    client_order_id: ClientOrderId
    market: MarketId


@dataclass(frozen=True, slots=True)
class RecordTrade:
    """A position was closed: remember the round trip."""

    trade: Trade


@dataclass(frozen=True, slots=True)
class RecordRefusal:
    """A wish was not carried out: remember why, the user may ask."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class RecordRelease:
    """So much of a market's base is its owner's again: remember that it is traded with no more."""

    market: MarketId
    quantity: Decimal
    time_ms: int


Command = Submit | Cancel | RecordTrade | RecordRefusal | RecordRelease
