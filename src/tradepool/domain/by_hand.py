"""What people do to an account by hand, as events: beside its strategy, through us or past us."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.ids import MarketId


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """A person's deed, when it was heard of; `closes` are the last ones then of what is held: sizes go by them."""

    time_ms: int
    closes: tuple[tuple[MarketId, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenAsked(ByHand):
    """A person wants these markets' positions sold now, whatever their strategies say."""

    markets: tuple[MarketId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAsked(ByHand):
    """A person wants a share (above 0, at most 1) of a position sold now; what is left stays protected."""

    market: MarketId
    share: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAdopted(ByHand):
    """What a person bought himself is the mandate's from now on: worth `price` (quote) each when it was taken over, sold
    at `stop_price`."""

    market: MarketId
    quantity: Decimal
    price: Decimal
    stop_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionReleased(ByHand):
    """A position becomes its person's own: its protections are taken back, and it leaves the mandate at `price` (quote)."""

    market: MarketId
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersCapped(ByHand):
    """From now on no entry is larger (quote asset) than this, whatever the mandate allows; None lifts the cap."""

    order_notional_max: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LotShrunk(ByHand):
    """A person took coins of a position away, at the venue and past us: only `held` are left there, worth `price` each."""

    market: MarketId
    held: Decimal
    price: Decimal
