"""A seeded market of our own: candles for tests and demonstrations where no recorded ones are at hand.

Log returns are normal with a volatility that switches between a calm and a wild regime (Markov), shared by all
symbols; one common factor moves them together. Each bar is walked in INNER_STEPS fine steps, so highs and lows are
those of a path; volume grows with the bar's own movement. With `gap_share`, bars go missing and the price jumps over
each hole by several percent, through whatever stop stood there. A `Temper` adds jumps inside bars and tells symbols'
volatilities apart. The same arguments give the same bytes.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tradepool.core.market.bars import Bars
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
NAME = re.compile(r"[A-Z0-9]{1,20}")
STEP_WORTH_MAX = Decimal("0.10")
START_PRICES = {"BTC": 60_000.0, "ETH": 3_000.0, "BNB": 550.0, "SOL": 140.0, "XRP": 0.55, "ADA": 0.40, "DOGE": 0.12}


class BadModel(InvalidInput):
    """The market model can't be made: {why}."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What all symbols share: volatility of each bar's inner step, the common factor's fine steps, sudden shocks."""

    timeframe_ms: int
    inner_sigma: Floats
    common: Floats
    shocks: Floats | float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Temper:
    """How wild prices are, beside the weather. Rates are expected jumps a day; a jump is a sudden log return.

    `shocks_daily` hit all symbols at one moment, `jumps_daily` each symbol by itself; their sizes are normal with a
    standard deviation of `jump_size`. `volatility` multiplies a symbol's moves, 1 where it names none.
    """

    shocks_daily: float = 0.0
    jumps_daily: float = 0.0
    jump_size: float = 0.02
    volatility: Mapping[str, float] = field(default_factory=dict)

    def check(self) -> None:
        """BadModel unless rates and sizes are zero or more and volatilities above zero."""
        if (
            min(self.shocks_daily, self.jumps_daily, self.jump_size) < 0
            or min(self.volatility.values(), default=1) <= 0
        ):
            raise BadModel(why=f"{self}; give rates and sizes of 0 or more and volatilities above 0")


EVEN = Temper()


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """One symbol's log price around its start: shape (bars, INNER_STEPS + 1), and the moves between, jumps included."""

    log_price: Floats
    moves: Floats
    kept: NDArray[np.bool_]


def model_bars(
    symbols: Sequence[str], timeframe_ms: int, start_ms: int, count: int, seed: int, gap_share: float = 0.0,
    temper: Temper = EVEN,
) -> dict[str, Bars]:  # fmt: skip
    """Candles of each symbol over `count` bars of time; with gaps some are missing (never the first or last).

    >>> bars = model_bars(["BTC/USDT", "ETH/USDT"], 60_000, 0, 500, seed=1)
    >>> len(bars["BTC/USDT"]), float(np.corrcoef(*(np.diff(each.close) for each in bars.values()))[0, 1]) > 0.3
    (500, True)
    """
    weather = make_weather(timeframe_ms, count, seed, gap_share, temper)
    made = {}
    for symbol in symbols:
        rng = np.random.Generator(np.random.PCG64([seed, 1, zlib.crc32(symbol.encode())]))
        path = make_path(symbol, weather, seed, gap_share, temper, rng)
        made[symbol] = path_bars(symbol, path, weather, start_ms, rng)
    return made


def model_listings(
    symbols: Sequence[str], timeframe_ms: int, start_ms: int, count: int, seed: int, gap_share: float = 0.0,
    temper: Temper = EVEN,
) -> list[Listing]:  # fmt: skip
    """The same candles with markets that fit them: fee 0.1 %, least order worth 5, a step worth at most 0.10."""
    bars = model_bars(symbols, timeframe_ms, start_ms, count, seed, gap_share, temper)
    return [Listing(model_market(symbol), bars[symbol]) for symbol in symbols]


def model_market(symbol: str) -> Market:
    """The market of a model symbol such as BTC/USDT.

    >>> market = model_market("XRP/USDT")
    >>> market.price_tick, market.quantity_step
    (Decimal('0.00001'), Decimal('0.1'))
    """
    base, _, quote = symbol.partition("/")
    if not (NAME.fullmatch(base) and NAME.fullmatch(quote)) or base == quote:
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


def make_weather(timeframe_ms: int, count: int, seed: int, gap_share: float, temper: Temper) -> Weather:
    """The weather of `count` bars; BadModel when no market can be made of the arguments."""
    if count < 2 or not 0 <= gap_share < 0.9 or timeframe_ms < INNER_STEPS:
        raise BadModel(why=f"{count} bars of {timeframe_ms} ms with a gap share of {gap_share}; give 2 bars or more")
    temper.check()
    rng = np.random.Generator(np.random.PCG64([seed, 0]))
    wild = np.zeros(count, dtype=bool)
    at, is_wild = 0, False
    while at < count:
        length = int(rng.geometric(1 / (WILD_BARS if is_wild else CALM_BARS)))
        wild[at : at + length] = is_wild
        at, is_wild = at + length, not is_wild
    daily = np.where(wild, WILD_DAILY, CALM_DAILY)
    inner_sigma = daily * np.sqrt(timeframe_ms / DAY_MS / INNER_STEPS)
    common = rng.standard_normal((count, INNER_STEPS))
    shocks = _sudden([seed, 2], temper.shocks_daily, temper.jump_size, timeframe_ms, count)
    return Weather(timeframe_ms, inner_sigma, common, shocks)


def _sudden(seed: list[int], daily: float, size: float, timeframe_ms: int, count: int) -> Floats | float:
    """Jumps at a daily rate, by bar and inner step; they have dice of their own, so that without them nothing changes."""
    if not daily:
        return 0.0
    rng = np.random.Generator(np.random.PCG64(seed))
    shape = (count, INNER_STEPS)
    numbers = rng.poisson(daily * timeframe_ms / DAY_MS / INNER_STEPS, shape)
    sizes: Floats = size * rng.standard_normal(shape) * numbers
    return sizes


def make_path(
    symbol: str, weather: Weather, seed: int, gap_share: float, temper: Temper, rng: np.random.Generator
) -> Path:
    """One symbol's way through the weather."""
    count = len(weather.inner_sigma)
    own = rng.standard_normal((count, INNER_STEPS))
    mixed = COMMON_WEIGHT * weather.common + np.sqrt(1 - COMMON_WEIGHT**2) * own
    moves = mixed * (weather.inner_sigma * temper.volatility.get(symbol, 1.0))[:, None]
    seeds = [seed, 3, zlib.crc32(symbol.encode())]
    moves += weather.shocks + _sudden(seeds, temper.jumps_daily, temper.jump_size, weather.timeframe_ms, count)
    kept = _kept(count, gap_share, rng)
    jumps = np.where(_after_hole(kept), _jumps(count, rng), 0.0)
    ends = np.cumsum(moves.sum(axis=1) + jumps)
    opens = ends - moves.sum(axis=1)
    log_price = np.concatenate([opens[:, None], opens[:, None] + np.cumsum(moves, axis=1)], axis=1)
    return Path(log_price, moves, kept)


def path_bars(symbol: str, path: Path, weather: Weather, start_ms: int, rng: np.random.Generator) -> Bars:
    """Candles of a path on the symbol's grid; volume follows the moves."""
    kept, count, timeframe_ms = path.kept, len(path.moves), weather.timeframe_ms
    price = _start_price(symbol) * np.exp(path.log_price)
    scale = 10.0 ** _price_places(symbol)
    columns = (price[:, 0], price.max(axis=1), price.min(axis=1), price[:, -1])
    opened, high, low, closed = (np.maximum(np.rint(column[kept] * scale), TICKS_MIN) / scale for column in columns)
    activity = np.abs(path.moves).sum(axis=1) / weather.inner_sigma.mean() / INNER_STEPS
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
