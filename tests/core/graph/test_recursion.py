"""Recursions: what a step may do to what is remembered, when two are one, and how they start."""

from __future__ import annotations

import numpy as np
import pytest

from tests.core.graph.samples import bars_of
from tradepool.core.graph.expr import Number, WrongOperand, close, high, maximum, volume, where
from tradepool.core.graph.primitives import lag, sma
from tradepool.core.graph.recursion import recursive
from tradepool.core.graph.units import WrongUnit
from tradepool.core.market.market_step import series


def peak(source: Number) -> Number:
    """The highest it has been."""
    return recursive((source,), lambda top: (maximum(top, source),))[0]


def test_equal_recursions_are_one_node_and_others_are_not() -> None:
    assert peak(close) is peak(close)
    assert peak(close) is not peak(high)
    assert recursive((close,), lambda top: (maximum(top, 2.0 * close),))[0] is not peak(close)


def test_a_recursion_of_a_recursion_is_two() -> None:
    bars = bars_of(3, 50)
    got = series([peak(peak(close) - close)], bars, "reference")[:, 0]
    np.testing.assert_array_equal(got, np.maximum.accumulate(np.maximum.accumulate(bars.close) - bars.close))


def test_values_follow_from_the_bar_before_all_at_once() -> None:
    swapped = recursive((close, high), lambda a, b: (b, a))
    bars = bars_of(4, 3)
    expected = [[bars.close[0], bars.high[0]], [bars.high[0], bars.close[0]], [bars.close[0], bars.high[0]]]
    assert series(list(swapped), bars, "reference").tolist() == expected


def test_a_recursion_starts_where_everything_it_reads_is_known_and_anew_after_a_nan() -> None:
    bars = bars_of(5, 60)
    (count,) = recursive((0.0 * close / close,), lambda count: (where(sma(close, 5) > 0.0, count + 1.0, count),))
    assert series([count], bars, "native")[:, 0].tolist()[3:7] == pytest.approx([np.nan, 0.0, 1.0, 2.0], nan_ok=True)
    (broken,) = recursive((close,), lambda held: (held * (1.0 + 0.0 * (high / (close - lag(close)))),))
    bars.close[30] = bars.close[29]
    got = series([broken], bars, "native")[:, 0]
    assert (got[29], got[30], got[59]) == (bars.close[1], bars.close[30], bars.close[30])


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: recursive((close,), lambda top: (lag(top),)), "looks beyond one bar"),
        (lambda: recursive((close,), lambda top: (peak(top),)), "looks beyond one bar"),
        (lambda: recursive((close,), lambda a, b: (a, b)), "1 values start, 2 are remembered"),
        (lambda: recursive((close, high), lambda a, b: (a,)), "1 follow"),
    ],
)
def test_a_step_that_cannot_be_is_refused_by_name(make: object, why: str) -> None:
    with pytest.raises(WrongOperand, match=why):
        make()  # type: ignore[operator]  # each of them can be called


def test_units_are_kept() -> None:
    assert peak(close).unit == close.unit
    with pytest.raises(WrongUnit):
        recursive((close,), lambda held: (held + volume,))
