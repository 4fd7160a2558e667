"""Volatility, volume, structure and statistics in plain NumPy, from the sources that their pages cite."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np

from tests.core.indicators.naive_prices import Naive, atr
from tests.core.indicators.plain import ago, bottom, ema, held, mean, peaks, rolled, rsi, spread, top, total, wilder
from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.market.align import clock_of
from tradepool.core.market.bars import Bars


def keltner(b: Bars) -> tuple[Floats, ...]:
    middle, reach = ema(b.close, 20), 2 * atr(b, 10)
    return middle + reach, middle, middle - reach


def position(x: Floats, upper: Floats, lower: Floats) -> Floats:
    return (x - lower) / (upper - lower)


def garman_klass(b: Bars) -> tuple[Floats, ...]:
    each = 0.5 * np.log(b.high / b.low) ** 2 - (2 * np.log(2) - 1) * np.log(b.close / b.open) ** 2
    return (np.sqrt(mean(each, 20)),)


def rogers_satchell(b: Bars) -> Floats:
    upper, lower = np.log(b.high / b.close) * np.log(b.high / b.open), np.log(b.low / b.close) * np.log(b.low / b.open)
    found: Floats = upper + lower
    return found


def yang_zhang(b: Bars) -> tuple[Floats, ...]:
    gaps = rolled(np.log(b.open / ago(b.close)), 20, lambda w: float(np.var(w, ddof=1)))
    moves = rolled(np.log(b.close / b.open), 20, lambda w: float(np.var(w, ddof=1)))
    k = 0.34 / (1.34 + 21 / 19)
    return (np.sqrt(gaps + k * moves + (1 - k) * mean(rogers_satchell(b), 20)),)


def relative_volatility(b: Bars) -> tuple[Floats, ...]:
    size, change = spread(b.close, 10), b.close - ago(b.close)
    up = wilder(np.where(change > 0, size, 0.0 * size), 14)
    down = wilder(np.where(change < 0, size, 0.0 * size), 14)
    return (100 * up / (up + down),)


def since_anchor(b: Bars, minutes: int) -> tuple[Floats, ...]:
    price, day = (b.high + b.low + b.close) / 3, clock_of(b) // minutes
    out = np.full(len(b), np.nan)
    for i in range(1, len(b)):
        begin = int(np.flatnonzero(day == day[i])[0])
        part = slice(begin, i + 1)
        out[i] = np.sum(price[part] * b.volume[part]) / np.sum(b.volume[part])
    # What came before the first whole session, and its first bar, is not looked at: it began somewhere.
    return (np.where(day == day[0], np.nan, out),)


def money_flow_volume(b: Bars) -> Floats:
    return ((b.close - b.low) - (b.high - b.close)) / (b.high - b.low) * b.volume


def klinger(b: Bars) -> tuple[Floats, ...]:
    reach, price = b.high - b.low, b.high + b.low + b.close
    force, way = np.full(len(b), np.nan), reach[0]
    for i in range(1, len(b)):
        side = 1 if price[i] > price[i - 1] else -1
        before = side if i == 1 else (1 if price[i - 1] > price[i - 2] else -1)
        way = (way if side == before else reach[i - 1]) + reach[i]
        force[i] = b.volume[i] * abs(2 * reach[i] / way - 1) * side * 100
    line = ema(force, 34) - ema(force, 55)
    return line, ema(line, 13)


def volume_index(b: Bars, sign: int) -> tuple[Floats, ...]:
    out = np.full(len(b), 1000.0)
    for i in range(1, len(b)):
        moves = sign * (b.volume[i] - b.volume[i - 1]) > 0
        out[i] = out[i - 1] * (b.close[i] / b.close[i - 1] if moves else 1.0)
    return (out,)


def pivots(b: Bars, left: int, right: int) -> tuple[Floats, ...]:
    high, low = peaks(b.high, left, right), peaks(-b.low, left, right)
    found = held(high, ago(b.high, right)), held(low, ago(b.low, right))
    return (*found, high.astype(float), low.astype(float))


def pivot_levels(b: Bars) -> tuple[Floats, ...]:
    day, out = clock_of(b) // 1440, np.full((5, len(b)), np.nan)
    for i in range(len(b)):
        # The last day that has closed: this bar may be its last minute.
        closed = (clock_of(b)[i] + 1) // 1440 - 1
        part = np.flatnonzero(day == closed)
        if len(part) and closed > day[0]:
            high, low, close = b.high[part].max(), b.low[part].min(), b.close[part[-1]]
            p = (high + low + close) / 3
            out[:, i] = p, 2 * p - low, 2 * p - high, p + high - low, p - high + low
    return tuple(out)


def swings(b: Bars) -> tuple[Floats, ...]:
    side, extreme, high, low = 1.0, b.high[0], b.high[0], b.low[0]
    out = [(side, extreme, high, low)]
    for i in range(1, len(b)):
        extreme = max(extreme, b.high[i]) if side > 0 else min(extreme, b.low[i])
        if side > 0 and b.low[i] < extreme * 0.95:
            side, high, extreme = -1.0, extreme, b.low[i]
        elif side < 0 and b.high[i] > extreme * 1.05:
            side, low, extreme = 1.0, extreme, b.high[i]
        out.append((side, extreme, high, low))
    return tuple(np.array(out).T)


def support_resistance(b: Bars) -> tuple[Floats, ...]:
    top_, bottom_, reach = peaks(b.high, 5, 5), peaks(-b.low, 5, 5), 0.5 * atr(b, 14)
    out, last = np.full((4, len(b)), np.nan), list[float]()
    for i in range(len(b)):
        if top_[i] or bottom_[i]:
            last = [b.high[i - 5] if top_[i] else b.low[i - 5], *last][:8]
        if i < 14:
            # A pivot counts from its bar on, a level is said once there is a range to measure it by.
            continue
        levels = []
        for price in last:
            near = [other for other in last if abs(other - price) <= reach[i]]
            if len(near) >= 2:
                levels.append((float(np.mean(near)), len(near)))
        below = max([level for level in levels if level[0] <= b.close[i]], key=lambda x: x[0], default=(np.nan, 0))
        above = min([level for level in levels if level[0] > b.close[i]], key=lambda x: x[0], default=(np.nan, 0))
        out[:, i] = *below, *above
    return tuple(out)


def divergence(b: Bars) -> tuple[Floats, ...]:
    value, out = rsi(b.close, 14), np.zeros((4, len(b)))
    for regular, hidden, found, price, sign in (
        (0, 2, peaks(-b.low, 5, 5), b.low, 1),
        (1, 3, peaks(b.high, 5, 5), b.high, -1),
    ):
        places = [i for i in np.flatnonzero(found) if i >= 19]
        for first, second in pairwise(places):
            moved = sign * (price[second - 5] - price[first - 5])
            gained = sign * (value[second - 5] - value[first - 5])
            if second - first <= 60:
                out[regular, second] = moved < 0 < gained
                out[hidden, second] = gained < 0 < moved
    return tuple(out)


def hurst(b: Bars) -> tuple[Floats, ...]:
    spans = np.array([1, 2, 4, 8, 16])
    sizes = np.array([np.log(np.sqrt(mean(np.log(b.close / ago(b.close, s)) ** 2, 200))) for s in spans])
    x = np.log(spans) - np.log(spans).mean()
    slope = x @ sizes / (x @ x)
    errors = sizes - sizes.mean(axis=0) - np.outer(x, slope)
    band = 3.182446305284263 * np.sqrt((errors**2).sum(axis=0) / 3 / (x @ x))
    return slope, slope - band, slope + band


def variance_ratio(b: Bars) -> tuple[Floats, ...]:
    one, four = (spread(np.log(b.close / ago(b.close, q)), 100) ** 2 for q in (1, 4))
    ratio = four / (4 * one)
    return ratio, (ratio - 1) / np.sqrt(2 * 7 * 3 / (3 * 4 * 100))


def entropy(b: Bars) -> tuple[Floats, ...]:
    orders = list(permutations(range(3)))
    kind = np.array(
        [0, 0, *(orders.index(tuple(np.argsort(b.close[i - 2 : i + 1], kind="stable"))) for i in range(2, len(b)))]
    )

    def of(w: Floats) -> float:
        shares = np.bincount(w.astype(int), minlength=6) / len(w)
        return float(-np.sum(shares[shares > 0] * np.log(shares[shares > 0])) / np.log(6))

    return (rolled(kind.astype(float), 50, of),)


def half_life(b: Bars) -> tuple[Floats, ...]:
    change, before = b.close - ago(b.close), ago(b.close)
    out = np.full(len(b), np.nan)
    for i in range(100, len(b)):
        slope = np.polyfit(before[i - 99 : i + 1], change[i - 99 : i + 1], 1)[0]
        out[i] = np.log(2) / -slope if slope < 0 else np.nan
    return (out,)


def returns(b: Bars) -> Floats:
    found: Floats = np.log(b.close / ago(b.close))
    return found


def standard(w: Floats) -> Floats:
    found: Floats = (w - w.mean()) / w.std()
    return found


NAIVE: dict[str, Naive] = {
    "bollinger_percent_b": lambda b: (
        position(b.close, mean(b.close, 20) + 2 * spread(b.close, 20), mean(b.close, 20) - 2 * spread(b.close, 20)),
    ),
    "bollinger_width": lambda b: (4 * spread(b.close, 20) / mean(b.close, 20),),
    "keltner": keltner,
    "keltner_position": lambda b: (position(b.close, keltner(b)[0], keltner(b)[2]),),
    "donchian": lambda b: (top(b.high, 20), (top(b.high, 20) + bottom(b.low, 20)) / 2, bottom(b.low, 20)),
    "historical_volatility": lambda b: (spread(returns(b), 20),),
    "chaikin_volatility": lambda b: (100 * (ema(b.high - b.low, 10) / ago(ema(b.high - b.low, 10), 10) - 1),),
    "parkinson_volatility": lambda b: (np.sqrt(mean(np.log(b.high / b.low) ** 2, 20) / (4 * np.log(2))),),
    "garman_klass_volatility": garman_klass,
    "rogers_satchell_volatility": lambda b: (np.sqrt(mean(rogers_satchell(b), 20)),),
    "yang_zhang_volatility": yang_zhang,
    "ulcer_index": lambda b: (np.sqrt(mean((100 * (b.close / top(b.close, 14) - 1)) ** 2, 14)),),
    "relative_volatility_index": relative_volatility,
    "vwap": lambda b: since_anchor(b, 1440),
    "anchored_vwap": lambda b: since_anchor(b, 1440),
    "cmf": lambda b: (total(money_flow_volume(b), 20) / total(b.volume, 20),),
    "force_index": lambda b: (ema((b.close - ago(b.close)) * b.volume, 13),),
    "ease_of_movement": lambda b: (
        mean(((b.high + b.low) / 2 - ago((b.high + b.low) / 2)) / (b.volume / (b.high - b.low)), 14),
    ),
    "volume_z_score": lambda b: ((b.volume - mean(b.volume, 20)) / spread(b.volume, 20),),
    "price_volume_trend": lambda b: (
        np.concatenate(([np.nan], np.cumsum((b.volume * (b.close / ago(b.close) - 1))[1:]))),
    ),
    "klinger": klinger,
    "negative_volume_index": lambda b: volume_index(b, -1),
    "positive_volume_index": lambda b: volume_index(b, 1),
    "pivots": lambda b: pivots(b, 5, 5),
    "fractals": lambda b: pivots(b, 2, 2),
    "pivot_levels": pivot_levels,
    "swings": swings,
    "support_resistance": support_resistance,
    "divergence": divergence,
    "z_score": lambda b: ((b.close - mean(b.close, 20)) / spread(b.close, 20),),
    "hurst": hurst,
    "variance_ratio": variance_ratio,
    "autocorrelation": lambda b: (
        np.array(
            [
                np.corrcoef(returns(b)[i - 49 : i + 1], returns(b)[i - 50 : i])[0, 1] if i >= 51 else np.nan
                for i in range(len(b))
            ]
        ),
    ),
    "skewness": lambda b: (rolled(returns(b), 50, lambda w: float(np.mean(standard(w) ** 3))),),
    "kurtosis": lambda b: (rolled(returns(b), 50, lambda w: float(np.mean(standard(w) ** 4) - 3)),),
    "permutation_entropy": entropy,
    "half_life": half_life,
}
