"""What candlestick patterns are made of: bodies, shadows, and how large they usually are (as TA-Lib has it).

What is usual is the mean of the bars before the one that is judged.
"""

from __future__ import annotations

from tradepool.core.graph.expr import Boolean, Number, absolute, close, high, low, maximum, minimum, open_, where
from tradepool.core.graph.primitives import lag, sma

BODY = absolute(close - open_)
TOP, BOTTOM = maximum(open_, close), minimum(open_, close)
UPPER, LOWER = high - TOP, BOTTOM - low
USUAL_BODY = lag(sma(BODY, 10))
_USUAL_RANGE, _RECENT_RANGE = lag(sma(high - low, 10)), lag(sma(high - low, 5))
DOJI_BODY = SMALL_SHADOW = 0.1 * _USUAL_RANGE
NEAR, FAR = 0.2 * _RECENT_RANGE, 0.6 * _RECENT_RANGE


def back(value: Number, ago: int) -> Number:
    """The value so many bars ago, 0 for now."""
    return lag(value, ago) if ago else value


def rises(ago: int) -> Boolean:
    """Whether the bar so many bars ago closed at or above its open."""
    return back(close, ago) >= back(open_, ago)


def falls(ago: int) -> Boolean:
    """Whether it closed below its open."""
    return back(close, ago) < back(open_, ago)


def lifts(ago: int) -> Boolean:
    """Whether its body lies above the one before."""
    return back(BOTTOM, ago) > back(TOP, ago + 1)


def lowers(ago: int) -> Boolean:
    """Whether its body lies below the one before."""
    return back(TOP, ago) < back(BOTTOM, ago + 1)


def bullish(condition: Boolean) -> Number:
    """1 where it holds, else 0."""
    return where(condition, 1.0, 0.0)


def bearish(condition: Boolean) -> Number:
    """-1 where it holds, else 0."""
    return where(condition, -1.0, 0.0)


def either(up: Boolean, down: Boolean) -> Number:
    """1 where the one holds, -1 where the other does, else 0."""
    return where(up, 1.0, where(down, -1.0, 0.0))
