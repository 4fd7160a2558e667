"""Three white soldiers."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, open_, was
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import (
    BODY,
    FAR,
    NEAR,
    SMALL_SHADOW,
    UPPER,
    USUAL_BODY,
    back,
    bullish,
    rises,
)
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDL3WHITESOLDIERS")
def three_white_soldiers() -> Number:
    """1 at three rising bodies in a row that close near their highs, each opening within the one before or near it.

    >>> three_white_soldiers().lookback
    12
    """
    shapes = [rises(ago) & (back(UPPER, ago) < back(SMALL_SHADOW, ago)) for ago in (2, 1, 0)]
    opens = (open_ > lag(open_)) & (open_ <= lag(close + NEAR)) & (close > lag(close))
    sizes = lag(BODY - FAR) < BODY
    return bullish(shapes[0] & shapes[1] & shapes[2] & opens & was(opens) & sizes & was(sizes) & (BODY > USUAL_BODY))
