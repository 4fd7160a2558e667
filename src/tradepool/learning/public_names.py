"""What a strategy is called in the pool: by its name where it is built in and as it came, else only `own`.

A strategy's id says its parameters too, and a set that one user alone has chosen would give him away for ever, as would a
strategy that he wrote. So the pool knows those that everybody has, at their defaults, and keeps silent on the rest.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from tradepool.core.strategies import catalog
from tradepool.domain.candle import TIMEFRAMES_MS
from tradepool.domain.ids import StrategyId

OWN = "own"


class Public(NamedTuple):
    """A built-in strategy on a timeframe."""

    name: str
    timeframe_ms: int


def public_name(strategy: StrategyId) -> Public | None:
    """The built-in strategy of that id; None of anything else.

    >>> public_name(catalog.named("macd_trend").strategy_id(60_000))
    Public(name='macd_trend', timeframe_ms=60000)
    >>> public_name(catalog.named("macd_trend").with_parameters({"fast": 13}).strategy_id(60_000)) is None
    True
    """
    return _public().get(strategy)


@cache
def _public() -> dict[StrategyId, Public]:
    found = dict[StrategyId, Public]()
    for name in catalog.names():
        strategy = catalog.named(name)
        for timeframe_ms in TIMEFRAMES_MS.values():
            found[strategy.strategy_id(timeframe_ms)] = Public(name, timeframe_ms)
    return found
