"""One combination of each kind, for whatever holds for every strategy."""

from __future__ import annotations

from tradepool.core.graph.expr import close
from tradepool.core.graph.primitives import sma
from tradepool.core.indicators.directional_movement_index import adx
from tradepool.core.strategies.catalog import named
from tradepool.core.strategies.combine import gated, switched, vote, weighted
from tradepool.core.strategies.strategy import Strategy

_SUPERTREND, _TURTLE, _DIVERGENCE = (named(name) for name in ("supertrend", "donchian_turtle", "rsi_divergence"))
_TRENDS = adx(length=14).adx > 25.0

COMBINED: dict[str, Strategy] = {
    each.name: each
    for each in (
        vote("two_of_three", [_SUPERTREND, _TURTLE, named("moving_average_cross")], at_least=2),
        weighted(
            "by_weight", [(_DIVERGENCE, 1.0), (_SUPERTREND, 2.0), (close > sma(close, 50), 1.0)], leave_below=0.25
        ),
        gated("in_trends", _TURTLE, _TRENDS, stays=True),
        switched("by_weather", [(_TRENDS, _SUPERTREND)], _DIVERGENCE),
    )
}
