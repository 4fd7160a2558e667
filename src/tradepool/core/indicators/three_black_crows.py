"""Three black crows."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, high, open_, was
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import LOWER, SMALL_SHADOW, back, bearish, falls, rises
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDL3BLACKCROWS")
def three_black_crows() -> Number:
    """-1 at three falling bodies in a row that close near their lows, each opening within the one before.

    >>> three_black_crows().lookback
    12
    """
    shapes = [falls(ago) & (back(LOWER, ago) < back(SMALL_SHADOW, ago)) for ago in (2, 1, 0)]
    opens = (open_ < lag(open_)) & (open_ > lag(close)) & (close < lag(close))
    begins = rises(3) & (lag(high, 3) > lag(close, 2))
    return bearish(
        shapes[0]
        & shapes[1]
        & shapes[2]
        & opens
        & was((open_ < lag(open_)) & (open_ > lag(close)))
        & begins
        & (lag(close) < lag(close, 2))
    )
