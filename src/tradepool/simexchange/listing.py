"""A market the venue lists: its rules as whole numbers, its candles as ticks, and where its price stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tradepool.core.market.bars import Bars
from tradepool.domain.market import EXACT_MAX, Market
from tradepool.simexchange.errors import BrokenListings
from tradepool.simexchange.fixed import FixedPoint
from tradepool.simexchange.rules import DEFAULT_RULES, MarketStatus, Rules
from tradepool.simexchange.tape import Tape

if TYPE_CHECKING:
    from tradepool.simexchange.filters import Filters
    from tradepool.simexchange.liquidity import Liquidity

MILLION = 1_000_000
_NOTHING = np.array([], dtype=np.float64)
NO_BARS = Bars(60_000, _NOTHING.astype(np.int64), *[_NOTHING] * 5)


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """What a venue is given to trade: a market, its candles and its rules; without candles its prices are pushed in."""

    market: Market
    bars: Bars = NO_BARS
    rules: Rules = DEFAULT_RULES


class ListedMarket:
    """One market at the venue. Prices are ticks, quantities steps, money units of the asset.

    `price` is where the market stands (None before its first open), `published` counts the candles that were closed
    and told to the world: REST and streams show exactly those. `liquidity` is what is on offer; the venue gives it.
    A mirrored market has no candles: its prices are pushed in. `status` is TRADING, HALT or BREAK; while it does not
    trade its price stands still, and `has_halted` until it moved again. A market that is not `is_listed` any more is
    kept for the accounts' histories only. `tape` holds its public trades.
    """

    __slots__ = (
        "base",
        "base_text",
        "book_updates",
        "close",
        "filters",
        "has_halted",
        "high",
        "index",
        "is_listed",
        "is_mirrored",
        "liquidity",
        "low",
        "maker_ppm",
        "market",
        "max_steps",
        "max_ticks",
        "min_notional",
        "min_steps",
        "open",
        "open_time",
        "price",
        "price_text",
        "published",
        "quantity_text",
        "quote",
        "quote_text",
        "status",
        "symbol",
        "taker_ppm",
        "tape",
        "timeframe_ms",
        "units_per_step",
        "units_per_tick_step",
        "volume",
    )  # fmt: skip

    def __init__(self, index: int, listing: Listing) -> None:
        """Check the candles and turn them into ticks; BrokenListings names what is wrong."""
        market, bars = listing.market, listing.bars
        self.index, self.market, self.timeframe_ms = index, market, bars.timeframe_ms
        self.symbol, self.base, self.quote = f"{market.base}{market.quote}", market.base, market.quote
        self.units_per_step, self.units_per_tick_step = market.units_per_step, market.units_per_tick_step
        self.maker_ppm = self._ppm(market.fees.maker_rate)
        self.taker_ppm = self._ppm(market.fees.taker_rate)
        self.price_text, self.quantity_text = FixedPoint(market.price_tick), FixedPoint(market.quantity_step)
        self.base_text, self.quote_text = FixedPoint(market.base_unit), FixedPoint(market.quote_unit)
        self.min_steps = max(1, market.steps(market.quantity_min))
        self.max_steps = EXACT_MAX // self.units_per_step
        self.max_ticks = EXACT_MAX // self.units_per_tick_step
        self.min_notional = market.quote_units(market.notional_min)
        self.open_time = bars.open_time
        self.open, self.high, self.low, self.close = (
            self._ticks(column) for column in (bars.open, bars.high, bars.low, bars.close)
        )
        self.volume = bars.volume
        self.price: int | None = None
        self.liquidity: Liquidity
        self.filters: Filters
        self.status: MarketStatus = "TRADING"
        self.is_listed, self.has_halted = True, False
        self.published = 0
        self.book_updates = 0
        self.is_mirrored = bars is NO_BARS
        if not self.is_mirrored:
            self._check()
        self.tape = Tape(self)

    def traded_steps(self) -> NDArray[np.int64]:
        """Traded base of each candle in whole steps, rounded to the nearest."""
        steps = np.rint(np.clip(np.nan_to_num(self.volume / float(self.market.quantity_step)), 0, EXACT_MAX))
        return steps.astype(np.int64)

    def _ppm(self, rate: Decimal) -> int:
        ppm = rate * MILLION
        if ppm != int(ppm) or ppm < 0:
            raise BrokenListings(market=self.market.symbol, why=f"fee {rate} is not a whole number of millionths")
        return int(ppm)

    def _ticks(self, column: NDArray[np.float64]) -> NDArray[np.int64]:
        if not bool(np.isfinite(column).all()):
            raise BrokenListings(market=self.market.symbol, why="a price is not a number")
        return np.rint(column / float(self.market.price_tick)).astype(np.int64)

    def _check(self) -> None:
        why = ""
        if not len(self.open_time):
            why = "it has no candle"
        elif bool((np.diff(self.open_time) < self.timeframe_ms).any()):
            why = "its candles overlap or are not in order"
        elif int(self.low.min()) < 1:
            why = "a price is below one tick"
        elif bool((self.low > np.minimum(self.open, self.close)).any()):
            why = "a low is above its open or close"
        elif bool((self.high < np.maximum(self.open, self.close)).any()):
            why = "a high is below its open or close"
        if why:
            raise BrokenListings(market=self.market.symbol, why=why)


def list_markets(listings: Sequence[Listing]) -> tuple[ListedMarket, ...]:
    """All markets of a venue, in the given order; they share one timeframe and one unit per asset."""
    markets = tuple(ListedMarket(index, listing) for index, listing in enumerate(listings))
    if not markets:
        raise BrokenListings(market="nothing", why="no listing was given")
    timeframes = {market.timeframe_ms for market in markets if not market.is_mirrored}
    units = asset_units(markets)
    for market in markets:
        if market.is_mirrored:
            market.timeframe_ms = min(timeframes, default=market.timeframe_ms)
        elif market.timeframe_ms != markets[0].timeframe_ms:
            raise BrokenListings(market=market.symbol, why="its timeframe differs from the other markets'")
        for asset, unit in ((market.base, market.market.base_unit), (market.quote, market.market.quote_unit)):
            if units[asset] != unit:
                raise BrokenListings(market=market.symbol, why=f"its unit of {asset} differs from another market's")
    if len({market.symbol for market in markets}) < len(markets):
        raise BrokenListings(market=", ".join(market.symbol for market in markets), why="a symbol is listed twice")
    return markets


def asset_units(markets: Iterable[ListedMarket]) -> dict[str, Decimal]:
    """The smallest amount of every asset; where markets differ, the first one's."""
    units: dict[str, Decimal] = {}
    for market in markets:
        units.setdefault(market.base, market.market.base_unit)
        units.setdefault(market.quote, market.market.quote_unit)
    return units
