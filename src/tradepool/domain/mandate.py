"""What a user allows the platform to do with an account."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import AccountId, MandateId, MarketId, StrategyId


class InvalidMandate(InvalidInput):
    """Mandate {mandate}: {what} of {value} is out of range; use {allowed}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits that change what is traded; `None` is no limit. Amounts in the quote asset, loss as a share of a day's start."""

    order_notional_max: Decimal | None = None
    daily_loss_max: Decimal | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryCap:
    """What a canary may have at stake (quote asset): an order, all positions together, how many; and for how long at
    least before it may be let go farther."""

    order_notional_max: Decimal = Decimal(25)
    exposure_max: Decimal = Decimal(50)
    positions_max: int = 1
    hours_min: int = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """One strategy on some markets with some capital (quote asset) within limits.

    `weight` is the share of the mandate's equity one full exposure may take; `markets` are in the order entries are
    tried when several want cash at once.
    """

    id: MandateId
    account: AccountId
    strategy_id: StrategyId
    markets: tuple[MarketId, ...]
    weight: Decimal
    capital: Decimal
    limits: Limits = NO_LIMITS

    def __post_init__(self) -> None:
        """Refuse what could never trade, or would trade without bound."""
        if not 0 < self.weight <= 1:
            raise InvalidMandate(
                mandate=self.id, what="weight", value=self.weight, allowed="a share above 0, at most 1"
            )
        if self.capital <= 0:
            raise InvalidMandate(mandate=self.id, what="capital", value=self.capital, allowed="an amount above 0")
        for name in ("order_notional_max", "daily_loss_max"):
            limit = getattr(self.limits, name)
            if limit is not None and limit <= 0:
                raise InvalidMandate(mandate=self.id, what=name, value=limit, allowed="an amount above 0, or none")
