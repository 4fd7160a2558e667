"""What people do to an account by hand, as events: beside its strategy, through us or past us."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import MarketId
from tradepool.domain.ledger import LedgerCode, TransferNotPositive


class SamePerson(InvalidInput):
    """A correction needs two people, and nobody but {by} is named; let somebody else look at it and type his name."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BookCorrected(ByHand):
    """Two people found the books wrong: so much of an asset goes from `credit` to `debit`. Nothing moves at the venue, and
    the mandate's cash and positions stay. SamePerson, TransferNotPositive."""

    debit: LedgerCode
    credit: LedgerCode
    asset: str
    amount: Decimal
    by: str
    confirmed_by: str
    reason: str

    def __post_init__(self) -> None:
        """Two people, and an amount above zero."""
        if self.by.strip().lower() == self.confirmed_by.strip().lower():
            raise SamePerson(by=self.by)
        if self.amount <= 0:
            raise TransferNotPositive(amount=self.amount, asset=self.asset)
