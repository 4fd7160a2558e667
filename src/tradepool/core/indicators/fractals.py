"""Williams fractals."""

from __future__ import annotations

from tradepool.core.indicators.page import NOTHING, indicator
from tradepool.core.indicators.pivots import Pivots, pivots


@indicator(
    "structure",
    span=("that of the price", "that of the price", "true or false", "true or false"),
    source="Williams, 1995",
    flat=(NOTHING, NOTHING, 0.0, 0.0),
)
def fractals() -> Pivots:
    """Last high above, and low below, the two bars on either side, confirmed two bars later; of equal ones the newest.

    >>> fractals().high_found.lookback
    4
    """
    return pivots(left=2, right=2)
