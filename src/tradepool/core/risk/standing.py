"""How an account stands before the limits above it, and what they say to an entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.denial import Denial
from tradepool.domain.ids import AccountId, ClientOrderId, MandateId, MarketId, UserId
from tradepool.domain.limit import Limit

DAY_MS, WEEK_MS = 86_400_000, 604_800_000
# 1970-01-01 was a Thursday.
THURSDAY_MS = 259_200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an account stands: money in its quote asset, what it holds (absolute quantities in base), its working orders.

    The equities are those at the start of the UTC day and week, and the highest (0 while no limit asks for it); `day` and
    `week` say which day and week that is, counted as `day_and_week` does; `capital` is what the mandate was given."""

    account: AccountId
    user: UserId
    mandate: MandateId
    strategy: str
    quote: str
    capital: Decimal
    cash: Decimal
    day: int
    week: int
    day_equity: Decimal
    week_equity: Decimal
    peak_equity: Decimal
    losses: int
    cool_until_ms: int
    held: Mapping[MarketId, Decimal]
    marks: Mapping[MarketId, Decimal]
    working: frozenset[ClientOrderId]

    @property
    def sums(self) -> tuple[object, ...]:
        """All of it that is counted in sums over accounts."""
        whose = self.user, self.mandate, self.strategy, self.quote
        return *whose, self.held, self.cash, self.day_equity, self.week_equity, self.capital


@dataclass(frozen=True, slots=True)
class Broken:
    """A limit that is reached, and by what; `user` is whose cluster it is, else ""."""

    limit: Limit
    figure: Decimal
    user: str = ""

    @property
    def note(self) -> str:
        """In words."""
        return f"{self.limit.key}: {self.figure:.6g} of {self.limit.value:.6g}"


@dataclass(frozen=True, slots=True)
class Denied:
    """Why an entry may not go; `broken` is the limit that it has just reached, None where one reached before holds."""

    denial: Denial
    broken: Broken | None = None


def day_and_week(time_ms: int) -> tuple[int, int]:
    """Which UTC day a time belongs to, and which week from Monday on, as the account step counts them.

    >>> day_and_week(345_599_999), day_and_week(345_600_000)
    ((3, 0), (4, 1))
    """
    return time_ms // DAY_MS, (time_ms + THURSDAY_MS) // WEEK_MS


def symbol_of(market: MarketId) -> str:
    """`binance:BTC/USDT` without its venue."""
    return market.partition(":")[2]


def quote_of(market: MarketId) -> str:
    """The asset its prices are in."""
    return market.partition("/")[2]
