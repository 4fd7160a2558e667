"""What is measured and compared: generated bars and three strategies that every engine can express (`peers/work.py`)."""

from __future__ import annotations

import numpy as np

from tradepool.core.graph.expr import close, crosses_above, crosses_below, parameter
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.bollinger_bands import bollinger
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.indicators.moving_average_convergence_divergence import macd
from tradepool.core.indicators.relative_strength_index import rsi
from tradepool.core.market.bars import Bars
from tradepool.core.strategies.exits import stop_atrs, stop_percent, targets_atrs, trail_atrs
from tradepool.core.strategies.strategy import Strategy

START_MS, MINUTE_MS = 1_577_836_800_000, 60_000
START_PRICE, VOLATILITY, WICK = 100.0, 0.001, 0.0006
DECIMALS = 4
SEED = 42
FEE = 0.001
CASH = 1_000_000
# Sides of a comparison closer than this share count as equal: TA-Lib rounds its bands differently.
TIE = 1e-9
# A thousand sets of a sweep: lengths of the fast and of the slow average.
LENGTHS = [(fast, slow) for fast in range(5, 55, 2) for slow in range(60, 260, 5)]


def walk(count: int, seed: int = SEED) -> Bars:
    """A geometric random walk of 1-minute bars in whole ticks of 0.0001, each opening where the last one closed.

    So an engine that fills at this close and one that fills at the next open have the same prices.

    >>> bars = walk(1_000)
    >>> bool((bars.open[1:] == bars.close[:-1]).all()), bool((bars.low <= bars.open).all()), round(float(bars.close[-1]), 2)
    (True, True, 97.15)
    """
    random = np.random.Generator(np.random.PCG64(seed))
    closes = np.round(START_PRICE * np.exp(np.cumsum(random.normal(0.0, VOLATILITY, count))), DECIMALS)
    opens = np.concatenate(([START_PRICE], closes[:-1]))
    above, below = np.abs(random.normal(0.0, WICK, (2, count)))
    return Bars(
        MINUTE_MS,
        START_MS + MINUTE_MS * np.arange(count),
        opens,
        np.round(np.maximum(opens, closes) * (1.0 + above), DECIMALS),
        np.round(np.minimum(opens, closes) * (1.0 - below), DECIMALS),
        closes,
        random.lognormal(2.0, 1.0, count),
    )


def cross() -> Strategy:
    """An average of 12 crosses one of 26; no stop."""
    fast, slow = ema(length=12), ema(length=26)
    return Strategy("step_cross", 1, enter=crosses_above(fast, slow), exit=crosses_below(fast, slow))


def swept_cross() -> Strategy:
    """The cross with lengths to be chosen."""
    fast, slow = ema(length=parameter("fast", 12, 2, 100, 1)), ema(length=parameter("slow", 26, 3, 400, 1))
    return Strategy("step_swept_cross", 1, enter=crosses_above(fast, slow), exit=crosses_below(fast, slow))


def swept_account() -> Strategy:
    """The swept cross long and short, with all that the account part can do: stop, trailing stop, two targets."""
    swept = swept_cross()
    exits = stop_atrs(3.0) + trail_atrs(4.0) + targets_atrs(3.0, 6.0, share=0.5)
    return Strategy(
        "step_swept_account", 1, swept.enter, swept.exit, exits, enter_short=swept.exit, exit_short=swept.enter
    )


def reversal() -> Strategy:
    """Bought weak, below the band and with a histogram that hardly falls; sold strong; a stop two ranges below."""
    strength, bands, histogram = rsi(), bollinger(), macd().histogram
    enter = (strength < 35) & (close < bands.lower * (1 - TIE)) & (histogram > lag(histogram) - 0.02 * atr())
    return Strategy("step_reversal", 1, enter, (strength > 55) | (close > bands.upper * (1 + TIE)), stop_atrs(2))


def breakout() -> Strategy:
    """Above the upper band until below the middle; a stop 0.2 % below."""
    bands = bollinger()
    enter = crosses_above(close, bands.upper * (1 + TIE))
    leave = crosses_below(close, bands.middle * (1 - TIE))
    return Strategy("step_breakout", 1, enter, leave, stop_percent(0.2))


STRATEGIES = {"cross": cross(), "reversal": reversal(), "breakout": breakout()}
