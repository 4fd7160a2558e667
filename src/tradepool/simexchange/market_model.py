"""A seeded market of our own: candles for tests and demonstrations where no recorded ones are at hand.

Log returns are normal with a volatility that switches between a calm and a wild regime (Markov), shared by all
symbols; one common factor moves them together. Each bar is walked in INNER_STEPS fine steps, so highs and lows are
those of a path; volume grows with the bar's own movement. With `gap_share`, bars go missing and the price jumps over
each hole by several percent, through whatever stop stood there. The same arguments give the same bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tradepool.core.graph.bars import Bars
from tradepool.domain.errors import InvalidInput
from tradepool.domain.market import UNIT, FeeSchedule, Market
from tradepool.simexchange.listing import Listing

Floats = NDArray[np.float64]

INNER_STEPS = 16
DAY_MS = 86_400_000
CALM_DAILY, WILD_DAILY = 0.02, 0.07
CALM_BARS, WILD_BARS = 400, 80
COMMON_WEIGHT = 0.7
HOLE_BARS = 6
JUMP_MIN, JUMP_MAX = 0.03, 0.08
TURNOVER_DAILY = 5e8
TICKS_MIN = 100
STEP_WORTH_MAX = Decimal("0.10")
START_PRICES = {"BTC": 60_000.0, "ETH": 3_000.0, "BNB": 550.0, "SOL": 140.0, "XRP": 0.55, "ADA": 0.40, "DOGE": 0.12}


class BadModel(InvalidInput):
    """The market model can't be made: {why}."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What all symbols share: volatility of each bar's inner step, and the common factor's fine steps."""

    inner_sigma: Floats
    common: Floats


def model_bars(
    symbols: Sequence[str], timeframe_ms: int, start_ms: int, count: int, seed: int, gap_share: float = 0.0
) -> dict[str, Bars]:
    """Candles of each symbol over `count` bars of time; with gaps some are missing (never the first or last).

    >>> bars = model_bars(["BTC/USDT", "ETH/USDT"], 60_000, 0, 500, seed=1)
    >>> len(bars["BTC/USDT"]), float(np.corrcoef(*(np.diff(each.close) for each in bars.values()))[0, 1]) > 0.3
    (500, True)
    """
    if count < 2 or not 0 <= gap_share < 0.9 or timeframe_ms < INNER_STEPS:
        raise BadModel(why=f"{count} bars of {timeframe_ms} ms with a gap share of {gap_share}; give 2 bars or more")
    weather = _weather(timeframe_ms, count, np.random.Generator(np.random.PCG64([seed, 0])))
    return {symbol: _bars(symbol, weather, timeframe_ms, start_ms, seed, gap_share) for symbol in symbols}


def model_listings(
    symbols: Sequence[str], timeframe_ms: int, start_ms: int, count: int, seed: int, gap_share: float = 0.0
) -> list[Listing]:
    """The same candles with markets that fit them: fee 0.1 %, least order worth 5, a step worth at most 0.10."""
    bars = model_bars(symbols, timeframe_ms, start_ms, count, seed, gap_share)
    return [Listing(model_market(symbol), bars[symbol]) for symbol in symbols]


def model_market(symbol: str) -> Market:
    """The market of a model symbol such as BTC/USDT.

    >>> market = model_market("XRP/USDT")
    >>> market.price_tick, market.quantity_step
    (Decimal('0.00001'), Decimal('0.1'))
    """
    base, _, quote = symbol.partition("/")
    if not base or not quote:
        raise BadModel(why=f"{symbol!r} is not a symbol like BTC/USDT")
    step = Decimal(1).scaleb((STEP_WORTH_MAX / Decimal(_start_price(symbol))).adjusted())
    rate = Decimal("0.001")
    return Market(
        venue="binance",
        base=base,
        quote=quote,
        price_tick=Decimal(1).scaleb(-_price_places(symbol)),
        quantity_step=step,
        quantity_min=step,
        notional_min=Decimal(5),
        fees=FeeSchedule(maker_rate=rate, taker_rate=rate),
    )


def _start_price(symbol: str) -> float:
    """A price to begin with: a familiar one, or one that follows from the name."""
    base = symbol.partition("/")[0]
    if base in START_PRICES:
        return START_PRICES[base]
    return float(f"{10 ** (zlib.crc32(base.encode()) % 4000 / 1000 - 1):.4g}")


def _price_places(symbol: str) -> int:
    """Decimals of the tick: five digits of the price, at least a cent, and tick x step no finer than money's unit."""
    price = Decimal(_start_price(symbol))
    step_places = -(STEP_WORTH_MAX / price).adjusted()
    return min(max(2, 4 - price.adjusted()), -UNIT.adjusted() - step_places)


def _weather(timeframe_ms: int, count: int, rng: np.random.Generator) -> Weather:
    wild = np.zeros(count, dtype=bool)
    at, is_wild = 0, False
    while at < count:
        length = int(rng.geometric(1 / (WILD_BARS if is_wild else CALM_BARS)))
        wild[at : at + length] = is_wild
        at, is_wild = at + length, not is_wild
    daily = np.where(wild, WILD_DAILY, CALM_DAILY)
    inner_sigma = daily * np.sqrt(timeframe_ms / DAY_MS / INNER_STEPS)
    return Weather(inner_sigma, rng.standard_normal((count, INNER_STEPS)))


def _bars(symbol: str, weather: Weather, timeframe_ms: int, start_ms: int, seed: int, gap_share: float) -> Bars:
    rng = np.random.Generator(np.random.PCG64([seed, 1, zlib.crc32(symbol.encode())]))
    count = len(weather.inner_sigma)
    own = rng.standard_normal((count, INNER_STEPS))
    mixed = COMMON_WEIGHT * weather.common + np.sqrt(1 - COMMON_WEIGHT**2) * own
    moves = mixed * weather.inner_sigma[:, None]
    kept = _kept(count, gap_share, rng)
    jumps = np.where(_after_hole(kept), _jumps(count, rng), 0.0)
    ends = np.cumsum(moves.sum(axis=1) + jumps)
    opens = ends - moves.sum(axis=1)
    path = np.concatenate([opens[:, None], opens[:, None] + np.cumsum(moves, axis=1)], axis=1)
    price = _start_price(symbol) * np.exp(path)
    scale = 10.0 ** _price_places(symbol)
    columns = (price[:, 0], price.max(axis=1), price.min(axis=1), price[:, -1])
    opened, high, low, closed = (np.maximum(np.rint(column[kept] * scale), TICKS_MIN) / scale for column in columns)
    activity = np.abs(moves).sum(axis=1) / weather.inner_sigma.mean() / INNER_STEPS
    turnover = TURNOVER_DAILY * timeframe_ms / DAY_MS * activity * np.exp(0.3 * rng.standard_normal(count))
    open_time = start_ms + np.flatnonzero(kept).astype(np.int64) * timeframe_ms
    volume = np.round(turnover / price[:, -1], 3)[kept]
    return Bars(timeframe_ms, open_time, opened, high, low, closed, volume)


def _kept(count: int, gap_share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which bars exist: holes of HOLE_BARS on average, so many that about `gap_share` of the bars is missing."""
    kept = np.ones(count, dtype=bool)
    if gap_share:
        begins = np.flatnonzero(rng.random(count) < gap_share / HOLE_BARS)
        for begin, length in zip(begins, rng.geometric(1 / HOLE_BARS, len(begins)), strict=True):
            kept[begin : begin + length] = False
        kept[0] = kept[-1] = True
    return kept


def _after_hole(kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    after = np.zeros_like(kept)
    after[1:] = kept[1:] & ~kept[:-1]
    return after


def _jumps(count: int, rng: np.random.Generator) -> Floats:
    sizes: Floats = rng.uniform(JUMP_MIN, JUMP_MAX, count)
    return np.where(rng.random(count) < 0.5, -sizes, sizes)
