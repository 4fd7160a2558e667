"""What a user allows the platform to do with an account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import AccountId, MandateId, MarketId, StrategyId
from tradepool.domain.order import TimeInForce

ENTRY_SLIPPAGE_MOST = Decimal("0.1")
ENTRY_SLIPPAGE_ALLOWED = f"a share from 0 to {ENTRY_SLIPPAGE_MOST}, with entry ioc, fok or limit only"


class InvalidMandate(InvalidInput):
    """Mandate {mandate}: {what} of {value} is out of range; use {allowed}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits that change what is traded; `None` is no limit. Amounts are in the quote asset.

    `market_notional_max` is by symbol; `exposure_max` is all positions' worth; `trade_risk_max` the share of equity that
    one trade may lose until its stop; losses are shares of the equity at the start of the UTC day or week (Monday), the
    drawdown of the highest; after `loss_streak_max` losing trades in a row nothing is entered for `cool_down_minutes`.
    """

    order_notional_max: Decimal | None = None
    daily_loss_max: Decimal | None = None
    market_notional_max: Mapping[str, Decimal] = field(default_factory=dict)
    exposure_max: Decimal | None = None
    positions_max: int | None = None
    trade_risk_max: Decimal | None = None
    weekly_loss_max: Decimal | None = None
    drawdown_max: Decimal | None = None
    loss_streak_max: int | None = None
    cool_down_minutes: int = 1_440

    def named(self) -> Iterator[tuple[str, Decimal | int]]:
        """The limits there are, by name; each market's with its symbol.

        >>> list(Limits(positions_max=2, market_notional_max={"BTC/USDT": Decimal(9)}).named())
        [('market_notional_max.BTC/USDT', Decimal('9')), ('positions_max', 2)]
        """
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Mapping):
                yield from ((f"{each.name}.{symbol}", amount) for symbol, amount in sorted(value.items()))
            elif value is not None and each.name != "cool_down_minutes":
                yield each.name, value


NO_LIMITS = Limits()


def with_limit(limits: Limits, word: str, value: Decimal | None) -> Limits:
    """The limits with another value of one of them; None takes it away. The word is one of `Limits.named`.

    >>> with_limit(Limits(), "market_notional_max.BTC/USDT", Decimal(9)).market_notional_max
    {'BTC/USDT': Decimal('9')}
    """
    name, _, symbol = word.partition(".")
    if symbol:
        kept = {each: amount for each, amount in limits.market_notional_max.items() if each != symbol}
        return replace(limits, market_notional_max=kept | ({symbol: value} if value is not None else {}))
    whole = int(value) if value is not None and name in ("positions_max", "loss_streak_max") else value
    changes: dict[str, Any] = {name: whole}
    return replace(limits, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryCap:
    """What a canary may have at stake (quote asset): an order, all positions together, how many; and for how long at
    least before it may be let go farther."""

    order_notional_max: Decimal = Decimal(25)
    exposure_max: Decimal = Decimal(50)
    positions_max: int = 1
    hours_min: int = 72


class EntryKind(StrEnum):
    """With which order a mandate enters; but for `limit`, the limits' words are those of their times in force."""

    MARKET = "market"
    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post_only"
    LIMIT = "limit"

    @property
    def rests(self) -> bool:
        """Whether an entry may rest, until the next T: candles don't tell when its turn comes."""
        return self in (EntryKind.POST_ONLY, EntryKind.LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryOrder:
    """How a mandate's entries are ordered. An `ioc`, `fok` or `limit` has its limit so far beyond the close it was sized at
    (a share), a `post_only` at that close; a market order has none."""

    kind: EntryKind = EntryKind.MARKET
    slippage_max: Decimal = Decimal(0)

    @property
    def in_range(self) -> bool:
        """Whether its share is one that this kind may have.

        >>> EntryOrder(slippage_max=Decimal("0.01")).in_range
        False
        """
        most = 0 if self.kind in (EntryKind.MARKET, EntryKind.POST_ONLY) else ENTRY_SLIPPAGE_MOST
        return 0 <= self.slippage_max <= most

    @property
    def limited(self) -> bool:
        """Whether an entry may miss: whether it has a limit."""
        return self.kind is not EntryKind.MARKET

    @property
    def time_in_force(self) -> TimeInForce:
        """How long an entry may wait.

        >>> EntryOrder(kind=EntryKind.IOC).time_in_force, EntryOrder(kind=EntryKind.LIMIT).time_in_force
        (<TimeInForce.IOC: 'ioc'>, <TimeInForce.GTC: 'gtc'>)
        """
        if self.kind in (EntryKind.MARKET, EntryKind.LIMIT):
            return TimeInForce.GTC
        return TimeInForce(self.kind.value)


AT_MARKET = EntryOrder()


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
    entry: EntryOrder = AT_MARKET

    def __post_init__(self) -> None:
        """Refuse what could never trade, or would trade without bound."""
        if not 0 < self.weight <= 1:
            raise InvalidMandate(
                mandate=self.id, what="weight", value=self.weight, allowed="a share above 0, at most 1"
            )
        if self.capital <= 0:
            raise InvalidMandate(mandate=self.id, what="capital", value=self.capital, allowed="an amount above 0")
        for name, limit in (*self.limits.named(), ("cool_down_minutes", self.limits.cool_down_minutes)):
            if limit <= 0:
                raise InvalidMandate(mandate=self.id, what=name, value=limit, allowed="an amount above 0, or none")
        if not self.entry.in_range:
            what, value = "entry_slippage_max", self.entry.slippage_max
            raise InvalidMandate(mandate=self.id, what=what, value=value, allowed=ENTRY_SLIPPAGE_ALLOWED)
        for symbol in self.limits.market_notional_max:
            if not any(market.endswith(f":{symbol}") for market in self.markets):
                raise InvalidMandate(
                    mandate=self.id, what="market_notional_max", value=symbol, allowed="one of its markets"
                )
