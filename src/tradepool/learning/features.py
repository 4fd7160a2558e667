"""What the market looked like when a trade was entered: numbers out of the candles that had closed by then, without a unit.

They are the same for every strategy, so that trades of different ones can be learnt from together and none tells of its
own rules. Each looks back a fixed number of bars and forgets what was before: the same candles give the same bits in a
backtest and live, wherever the series began. Whatever changes here raises VERSION, and the pool is computed anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.graph.expr import Number, absolute, close, high, log, low, open_, square_root, where
from tradepool.core.graph.primitives import count, delta, highest, lag, rolling_sum, variance
from tradepool.core.graph.step import series_step
from tradepool.core.indicators.minmax_position import minmax_position
from tradepool.core.indicators.volume_z_score import volume_z_score
from tradepool.core.indicators.z_score import z_score
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import Series

VERSION = 1
SHORT, LONG = 12, 96


def _volatility(bars: int) -> Number:
    return square_root(variance(log(close / lag(close)), bars))


def _share(part: Number, whole: Number) -> Number:
    """The quotient, 0 where there is nothing to be a share of: of bars that all stand still."""
    return where(whole > 0.0, part / whole, 0.0)


# Numbers in a name are bars. A gain is a logarithm, a place is 0 to 1 in the range, a distance is in standard deviations.
EXPRESSIONS: dict[str, Number] = {
    "gain_1": log(close / lag(close)),
    f"gain_{SHORT}": log(close / lag(close, SHORT)),
    f"gain_{LONG}": log(close / lag(close, LONG)),
    "range_1": (high - low) / close,
    "body_1": _share(close - open_, high - low),
    f"volatility_{SHORT}": _volatility(SHORT),
    f"volatility_{LONG}": _volatility(LONG),
    f"place_{SHORT}": minmax_position(length=SHORT),
    f"place_{LONG}": minmax_position(length=LONG),
    f"distance_{SHORT}": z_score(length=SHORT),
    f"distance_{LONG}": z_score(length=LONG),
    f"volume_{SHORT}": volume_z_score(length=SHORT),
    f"volume_{LONG}": volume_z_score(length=LONG),
    f"rising_{SHORT}": count(close > open_, SHORT) / SHORT,
    f"straight_{LONG}": _share(absolute(delta(close, LONG)), rolling_sum(absolute(delta(close)), LONG)),
    f"fall_{LONG}": close / highest(high, LONG) - 1.0,
}
NAMES = tuple(EXPRESSIONS)
UNKNOWN = (float("nan"),) * len(NAMES)


@lru_cache(maxsize=16)
def bars_before(timeframe_ms: int) -> int:
    """How many bars up to T make its numbers the same wherever a series began.

    >>> bars_before(60_000) > LONG
    True
    """
    needed = series_step(list(EXPRESSIONS.values()), timeframe_ms=timeframe_ms).warm_up({})
    assert needed is not None, "something among the features never forgets its first bar"
    return needed + 1


@lru_cache(maxsize=16)
def _series(timeframe_ms: int) -> Series:
    return Series(list(EXPRESSIONS.values()), timeframe_ms)


def features_at(bars: Bars, times_ms: Sequence[int]) -> Floats:
    """The features at each T, shape [times, NAMES], from bars that closed at T or before.

    A row is nan where no bar closed at T, and a number of it where too few bars came before.
    """
    found = np.full((len(times_ms), len(NAMES)), np.nan)
    if not len(bars):
        return found
    opens = np.asarray(times_ms, np.int64) - bars.timeframe_ms
    index = np.searchsorted(bars.open_time, opens)
    there = index < len(bars)
    there[there] = bars.open_time[index[there]] == opens[there]
    found[there] = _series(bars.timeframe_ms).over(bars)[index[there]]
    return found
