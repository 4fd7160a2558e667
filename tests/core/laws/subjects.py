"""Whatever the laws hold for: every primitive, every indicator, every strategy, in steps that compute many at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import NamedTuple

import pytest

from tests.combined import COMBINED
from tests.core.graph.samples import MINUTE_MS
from tests.core.graph.terms import TERMS, N
from tests.core.indicators.found import LINES
from tradepool.core.graph.expr import Expr, close, crosses_above, high, low, parameter, square_root, where
from tradepool.core.graph.primitives import ema, highest, lag, quantile, sma, smooth, variance
from tradepool.core.graph.scope import of, on
from tradepool.core.graph.step import StepSource, market_step, series_step
from tradepool.core.graph.whole import Whole
from tradepool.core.strategies.catalog import named, names
from tradepool.core.strategies.strategy import Strategy

FAST = parameter("fast", 3, 1, 20, 1)
SHARE = parameter("share", 0.5, 0.0, 1.0, 0.125)
APART = 24


class Batch(NamedTuple):
    """Subjects computed by one step: whose each output column is, when its bits settle, and the step itself."""

    columns: tuple[str, ...]
    settled: tuple[Whole, ...]
    step: Callable[[Collection[str]], StepSource]
    is_strategy: bool = False
    # Of so many cases one is computed, the first of them this one; the long form has as many times more.
    every: int = 1
    first: int = 0


def batch_of(expressions: dict[str, Expr], every: int = 1, first: int = 0) -> Batch:
    """Expressions in one step."""

    @cache
    def step(varying: frozenset[str]) -> StepSource:
        return series_step(list(expressions.values()), timeframe_ms=MINUTE_MS, varying=varying)

    settled = tuple(item.settled for item in expressions.values())
    return Batch(tuple(expressions), settled, lambda varying: step(frozenset(varying)), every=every, first=first)


def batch_of_strategy(strategy: Strategy) -> Batch:
    """The market part of a strategy."""
    name, graph = strategy.name, strategy.graph

    def step(varying: Collection[str]) -> StepSource:
        return market_step(graph, timeframe_ms=MINUTE_MS, varying=varying)

    settled = step(()).settled
    return Batch((name,) * graph.columns, (settled,) * graph.columns, step, is_strategy=True)


def of_terms(source: Expr) -> dict[str, Expr]:
    """Every primitive over a source."""
    return {name: term.make(source, N) for name, term in TERMS.items()}  # type: ignore[arg-type]


# What single terms do not show: memories of memories, windows that share a ring, scopes around what varies.
MIXED: dict[str, Expr] = {
    "two windows of one ring": sma(close, N) - sma(close, FAST),
    "window of a window": highest(variance(sma(close, FAST), N), FAST),
    "lag of its own length": lag(ema(close, FAST), FAST) - lag(ema(close, FAST), N),
    "quantile of a varying share": quantile(close, N, SHARE) - quantile(sma(close, FAST), FAST, SHARE),
    "smooth by a parameter": smooth(smooth(close, SHARE), SHARE * 0.5),
    "scope of what varies": on("5m", quantile(ema(close, FAST), N, SHARE)) - on("5m", sma(close, N)),
    "two scopes": on("15m", highest(close, FAST)) - of("OTHER/USDT", on("5m", sma(close, N))),
    "crossing of two that vary": where(crosses_above(on("5m", sma(close, FAST)), sma(close, N)), SHARE, close),
    "window of one": sma(close, 1)
    + highest(lag(close, N), 1)
    + square_root(variance(close, 1))
    + quantile(close, 1, SHARE),
}

INDICATORS: Sequence[dict[str, Expr]] = [
    {name: line for each in list(LINES.values())[at::APART] for name, line in each.items()} for at in range(APART)
]
BATCHES: dict[str, Batch] = {
    "of a price": batch_of(of_terms(where(close > low, close, high))),
    "of an average": batch_of(of_terms(ema(close, FAST))),
    "mixed": batch_of(MIXED),
    # A few together, of all kinds: what one of many would take to compile is more than they take apart.
    **{f"indicators {at}": batch_of(together, 3, at % 3) for at, together in enumerate(INDICATORS)},
    **{name: batch_of_strategy(named(name)) for name in names()},
    **{name: batch_of_strategy(strategy) for name, strategy in COMBINED.items()},
}
SUBJECTS: Sequence[tuple[str, str]] = [
    (name, column) for name, batch in BATCHES.items() for column in dict.fromkeys(batch.columns)
]
every_subject = pytest.mark.parametrize(
    ("batch", "subject"), SUBJECTS, ids=[f"{subject} {name}" for name, subject in SUBJECTS]
)
