"""Averages, momentum and trend in plain NumPy, from the sources that their pages cite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.core.indicators.plain import (
    ago,
    bottom,
    ema,
    mean,
    ratio,
    rolled,
    rsi,
    spread,
    top,
    total,
    weighted,
    wilder,
)
from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.market.bars import Bars

# Of an indicator all lines, in the order of its outputs.
Naive = Callable[[Bars], tuple[Floats, ...]]


def true_range(b: Bars) -> Floats:
    """From the second bar on."""
    before = ago(b.close)
    return np.maximum(b.high, before) - np.minimum(b.low, before)


def atr(b: Bars, n: int) -> Floats:
    """Wilder's average of it."""
    return wilder(true_range(b), n)


def hma(b: Bars) -> tuple[Floats, ...]:
    raw = 2.0 * weighted(b.close, 10) - weighted(b.close, 20)
    return (weighted(raw, 4),)


def alma(b: Bars) -> tuple[Floats, ...]:
    place = np.arange(9)
    weights = np.exp(-((place - 0.85 * 8) ** 2) / (2 * (9 / 6.0) ** 2))
    return (rolled(b.close, 9, lambda w: float(w @ weights / weights.sum())),)


def mcginley(b: Bars) -> tuple[Floats, ...]:
    out = [b.close[0]]
    for x in b.close[1:]:
        out.append(out[-1] + (x - out[-1]) / (14 * (x / out[-1]) ** 4))
    return (np.array(out),)


def vidya(b: Bars) -> tuple[Floats, ...]:
    change = b.close - ago(b.close)
    share = np.abs(total(change, 9)) / total(np.abs(change), 9)
    out = np.full(len(share), np.nan)
    out[9] = b.close[9]
    for i in range(10, len(out)):
        k = share[i] * 2.0 / 15.0
        out[i] = k * b.close[i] + (1 - k) * out[i - 1]
    return (out,)


def heikin_ashi(b: Bars) -> tuple[Floats, ...]:
    close = (b.open + b.high + b.low + b.close) / 4
    open_ = np.empty(len(close))
    open_[0] = (b.open[0] + b.close[0]) / 2
    for i in range(1, len(close)):
        open_[i] = (open_[i - 1] + close[i - 1]) / 2
    return open_, np.max([b.high, open_, close], axis=0), np.min([b.low, open_, close], axis=0), close


def ppo(x: Floats) -> tuple[Floats, ...]:
    line = 100 * (ema(x, 12) - ema(x, 26)) / ema(x, 26)
    return line, ema(line, 9), line - ema(line, 9)


def tsi(b: Bars) -> tuple[Floats, ...]:
    change = b.close - ago(b.close)
    line = 100 * ema(ema(change, 25), 13) / ema(ema(np.abs(change), 25), 13)
    return line, ema(line, 13)


def fisher(b: Bars) -> tuple[Floats, ...]:
    price = (b.high + b.low) / 2
    high, low = top(price, 10), bottom(price, 10)
    value, line, out = 0.0, 0.0, np.full(len(price), np.nan)
    for i in range(9, len(price)):
        value = 0.33 * 2 * ((price[i] - low[i]) / (high[i] - low[i]) - 0.5) + 0.67 * value
        value = min(max(value, -0.999), 0.999)
        line = 0.5 * np.log((1 + value) / (1 - value)) + 0.5 * line
        out[i] = line
    return out, ago(out)


def connors_rsi(b: Bars) -> tuple[Floats, ...]:
    change, run = b.close - ago(b.close), np.full(len(b), np.nan)
    for i in range(1, len(b)):
        before = 0.0 if i == 1 else run[i - 1]
        run[i] = max(before, 0) + 1 if change[i] > 0 else min(before, 0) - 1 if change[i] < 0 else 0
    ranked = rolled(b.close / ago(b.close) - 1, 100, lambda w: float(np.mean((w < w[-1]) + 0.5 * (w == w[-1]))))
    return ((rsi(b.close, 3) + rsi(run, 2) + 100 * ranked) / 3,)


def kst(b: Bars) -> tuple[Floats, ...]:
    def part(n: int, smoothing: int) -> Floats:
        return mean(100 * (b.close / ago(b.close, n) - 1), smoothing)

    line = part(10, 10) + 2 * part(15, 10) + 3 * part(20, 10) + 4 * part(30, 15)
    return line, mean(line, 9)


def relative_vigor(b: Bars) -> tuple[Floats, ...]:
    def four(x: Floats) -> Floats:
        return (x + 2 * ago(x) + 2 * ago(x, 2) + ago(x, 3)) / 6

    line = total(four(b.close - b.open), 10) / total(four(b.high - b.low), 10)
    return line, four(line)


def wave_trend(b: Bars) -> tuple[Floats, ...]:
    price = (b.high + b.low + b.close) / 3
    away = price - ema(price, 10)
    line = ema(away / (0.015 * ema(np.abs(away), 10)), 21)
    return line, mean(line, 4)


def qqe(b: Bars) -> tuple[Floats, ...]:
    line = ema(rsi(b.close, 14), 5)
    reach = 4.236 * ema(ema(np.abs(line - ago(line)), 27), 27)
    first, out = int(np.flatnonzero(~np.isnan(reach))[0]), np.full(len(line), np.nan)
    floor, ceiling, side = line[first] - reach[first], line[first] + reach[first], 1
    out[first] = floor
    for i in range(first + 1, len(line)):
        side = 1 if line[i] > ceiling else -1 if line[i] < floor else side
        below, above = line[i] - reach[i], line[i] + reach[i]
        floor = max(floor, below) if line[i - 1] > floor and line[i] > floor else below
        ceiling = min(ceiling, above) if line[i - 1] < ceiling and line[i] < ceiling else above
        out[i] = floor if side > 0 else ceiling
    return line, out


def schaff_trend_cycle(b: Bars) -> tuple[Floats, ...]:
    def cycle(x: Floats) -> Floats:
        low, high = bottom(x, 10), top(x, 10)
        out, found, smoothed = np.full(len(x), np.nan), np.nan, np.nan
        for i in np.flatnonzero(~np.isnan(low)):
            place = 100 * (x[i] - low[i]) / (high[i] - low[i]) if high[i] > low[i] else found
            found = 50.0 if np.isnan(place) else place
            smoothed = found if np.isnan(smoothed) else smoothed + 0.5 * (found - smoothed)
            out[i] = smoothed
        return out

    return (cycle(cycle(ema(b.close, 23) - ema(b.close, 50))),)


def fitted(w: Floats) -> float:
    """End of the least-squares line."""
    slope, begin = np.polyfit(np.arange(len(w)), w - w[-1], 1)
    return float(begin + slope * (len(w) - 1) + w[-1])


def squeeze(b: Bars) -> tuple[Floats, ...]:
    middle = ((top(b.high, 20) + bottom(b.low, 20)) / 2 + mean(b.close, 20)) / 2
    on = 2.0 * spread(b.close, 20) <= 1.5 * mean(true_range(b), 20)
    return on.astype(float), rolled(b.close - middle, 20, fitted)


def supertrend(b: Bars) -> tuple[Floats, ...]:
    middle, reach = (b.high + b.low) / 2, 3 * atr(b, 10)
    line, sides = np.full((2, len(b)), np.nan)
    floor, ceiling, side = middle[10] - reach[10], middle[10] + reach[10], 1 if b.close[10] >= middle[10] else -1
    line[10], sides[10] = floor if side > 0 else ceiling, side
    for i in range(11, len(b)):
        below, above = middle[i] - reach[i], middle[i] + reach[i]
        floor = below if below > floor or b.close[i - 1] < floor else floor
        ceiling = above if above < ceiling or b.close[i - 1] > ceiling else ceiling
        side = (-1 if b.close[i] < floor else 1) if side > 0 else (1 if b.close[i] > ceiling else -1)
        line[i], sides[i] = floor if side > 0 else ceiling, side
    return line, sides


def ichimoku(b: Bars) -> tuple[Floats, ...]:
    quick, slow, slowest = ((top(b.high, n) + bottom(b.low, n)) / 2 for n in (9, 26, 52))
    return quick, slow, ago((quick + slow) / 2, 26), ago(slowest, 26), b.close - ago(b.close, 26)


def vortex(b: Bars) -> tuple[Floats, ...]:
    reach = total(true_range(b), 14)
    return total(np.abs(b.high - ago(b.low)), 14) / reach, total(np.abs(b.low - ago(b.high)), 14) / reach


def linear_regression(b: Bars) -> tuple[Floats, ...]:
    slope = rolled(b.close, 14, lambda w: float(np.polyfit(np.arange(14), w - w.mean(), 1)[0]))
    r2 = rolled(b.close, 14, lambda w: float(np.corrcoef(np.arange(14), w)[0, 1] ** 2))
    return rolled(b.close, 14, fitted), slope, np.degrees(np.arctan(slope)), r2


def choppiness(b: Bars) -> tuple[Floats, ...]:
    covered = top(b.high, 14) - bottom(b.low, 14)
    return (100 * np.log10(total(true_range(b), 14) / covered) / np.log10(14),)


def mass_index(b: Bars) -> tuple[Floats, ...]:
    once = ema(b.high - b.low, 9)
    return (total(once / ema(once, 9), 25),)


def chande_kroll_stop(b: Bars) -> tuple[Floats, ...]:
    reach = atr(b, 10)
    return bottom(bottom(b.low, 10) + reach, 9), top(top(b.high, 10) - reach, 9)


NAIVE: dict[str, Naive] = {
    "hma": hma,
    "vwma": lambda b: (total(b.close * b.volume, 20) / total(b.volume, 20),),
    "alma": alma,
    "smma": lambda b: (wilder(b.close, 14),),
    "zlema": lambda b: (ema(2 * b.close - ago(b.close, 9), 20),),
    "mcginley": mcginley,
    "vidya": vidya,
    "heikin_ashi": heikin_ashi,
    "log_return": lambda b: (np.log(b.close / ago(b.close)),),
    "ppo": lambda b: ppo(b.close),
    "pvo": lambda b: ppo(b.volume),
    "tsi": tsi,
    "awesome_oscillator": lambda b: (mean((b.high + b.low) / 2, 5) - mean((b.high + b.low) / 2, 34),),
    "fisher": fisher,
    "connors_rsi": connors_rsi,
    "dpo": lambda b: (ago(b.close, 11) - mean(b.close, 20),),
    "kst": kst,
    "coppock": lambda b: (weighted(100 * (b.close / ago(b.close, 14) + b.close / ago(b.close, 11) - 2), 10),),
    "relative_vigor": relative_vigor,
    "wave_trend": wave_trend,
    "qqe": qqe,
    "schaff_trend_cycle": schaff_trend_cycle,
    "squeeze": squeeze,
    "elder_ray": lambda b: (b.high - ema(b.close, 13), b.low - ema(b.close, 13)),
    "supertrend": supertrend,
    "ichimoku": ichimoku,
    "vortex": vortex,
    "linear_regression": linear_regression,
    "choppiness": choppiness,
    "mass_index": mass_index,
    "chande_kroll_stop": chande_kroll_stop,
    "chandelier_exit": lambda b: (top(b.high, 22) - 3 * atr(b, 22), bottom(b.low, 22) + 3 * atr(b, 22)),
    "minmax_position": lambda b: (ratio(b.close - bottom(b.close, 20), top(b.close, 20) - bottom(b.close, 20), 0.5),),
}
