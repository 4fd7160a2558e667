"""The laws of primitives: both runners give the same bits, a naive form gives the same numbers, nothing looks ahead."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.graph.samples import bars_of, bits, changed_after, examples, seeds, tempers
from tradepool.core.graph import native, reference
from tradepool.core.graph.align import columns
from tradepool.core.graph.bars import Bars
from tradepool.core.graph.expr import (
    Expr,
    Number,
    close,
    crosses_above,
    crosses_below,
    high,
    low,
    parameter,
    was,
    where,
)
from tradepool.core.graph.market_step import NOTHING, series
from tradepool.core.graph.primitives import delta, ema, highest, lag, lowest, sma, variance, wilder
from tradepool.core.graph.step import series_step
from tradepool.core.graph.vocabulary import Floats
from tradepool.core.graph.whole import at

LONGEST = 60
N = parameter("n", 14, 1, LONGEST, 1)
Make = Callable[[Number, Number], Number]
Naive = Callable[[Floats, int], Floats]


def rolling(function: Callable[[Floats], float]) -> Naive:
    """A function of each whole window, written as plainly as can be."""

    def naive(x: Floats, n: int) -> Floats:
        values = [function(x[i - n + 1 : i + 1]) if i + 1 >= n else np.nan for i in range(len(x))]
        return np.array(values)

    return naive


def smoothed(weight: Callable[[int], float]) -> Naive:
    """An average seeded by the mean of the first n values."""

    def naive(x: Floats, n: int) -> Floats:
        values = np.full(len(x), np.nan)
        for i in range(n - 1, len(x)):
            values[i] = np.mean(x[:n]) if i == n - 1 else values[i - 1] + weight(n) * (x[i] - values[i - 1])
        return values

    return naive


def shifted(x: Floats, n: int) -> Floats:
    """The value n bars ago."""
    return np.concatenate((np.full(min(n, len(x)), np.nan), x[: max(len(x) - n, 0)]))


PRIMITIVES: dict[str, tuple[Make, Naive]] = {
    "ema": (ema, smoothed(lambda n: 2.0 / (n + 1.0))),
    "wilder": (wilder, smoothed(lambda n: 1.0 / n)),
    "sma": (sma, rolling(lambda window: float(np.mean(window)))),
    "variance": (variance, rolling(lambda window: float(np.var(window)))),
    "highest": (highest, rolling(lambda window: float(np.max(window)))),
    "lowest": (lowest, rolling(lambda window: float(np.min(window)))),
    "lag": (lag, shifted),
    "delta": (delta, lambda x, n: x - shifted(x, n)),
}
CONSTANT = {"variance": 0.0, "delta": 0.0}
every_primitive = pytest.mark.parametrize("name", PRIMITIVES)


@every_primitive
@examples(12)
@given(seed=seeds, temper=tempers, n=st.integers(1, LONGEST))
def test_both_runners_and_the_naive_form_agree(name: str, seed: int, temper: str, n: int) -> None:
    make, naive = PRIMITIVES[name]
    bars = bars_of(seed, 300, temper)
    got = series([make(close, N)], bars, "native", {"n": n})[:, 0]
    assert (bits(got) == bits(series([make(close, N)], bars, "reference", {"n": n})[:, 0])).all()
    scale = bars.close.max() ** (2 if name == "variance" else 1)
    np.testing.assert_allclose(got, naive(bars.close, n), rtol=1e-9, atol=1e-11 * scale)


@every_primitive
@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_constant_length_is_the_same_as_a_parameter(name: str, n: int) -> None:
    make, _ = PRIMITIVES[name]
    bars = bars_of(n, 50)
    fixed = series([make(close, n)], bars, "reference")  # type: ignore[arg-type]  # an int is a length too
    assert (bits(fixed) == bits(series([make(close, N)], bars, "reference", {"n": n}))).all()


@every_primitive
@examples(8)
@given(value=st.floats(1e-9, 1e12), n=st.integers(1, LONGEST))
def test_a_constant_stays_what_it_is(name: str, value: float, n: int) -> None:
    flat = Bars(60_000, np.arange(200) * 60_000, *np.full((5, 200), value))
    got = series([PRIMITIVES[name][0](close, N)], flat, "native", {"n": n})[:, 0]
    np.testing.assert_allclose(got[~np.isnan(got)], CONSTANT.get(name, value), rtol=1e-12, atol=0.0)


@every_primitive
@examples(8)
@given(seed=seeds, n=st.integers(1, LONGEST), start=st.integers(1, 1500), temper=tempers)
def test_a_later_start_gives_the_same_bits_after_the_warm_up(
    name: str, seed: int, n: int, start: int, temper: str
) -> None:
    expression = PRIMITIVES[name][0](PRIMITIVES[name][0](close, N) + 1, N)
    bars = bars_of(seed, 7_500, temper)
    whole = series([expression], bars, "native", {"n": n})
    late = series([expression], bars.slice(start, len(bars)), "native", {"n": n})
    warm_up = expression.settled
    warm_up = at(warm_up, {"n": n}, 60000)
    assert warm_up + start < len(bars)
    assert (bits(late[warm_up:]) == bits(whole[start + warm_up :])).all()


EVERYTHING: list[Expr] = [make(where(close > low, close, high), N) for make, _ in PRIMITIVES.values()]
EVERYTHING += [crosses_above(close, ema(close, N)), crosses_below(sma(close, N), lag(lag(close))), was(was(close > 1))]
SOURCE = series_step(EVERYTHING, timeframe_ms=60000)


@examples(10)
@given(seed=seeds, n=st.integers(1, LONGEST), cuts=st.lists(st.integers(0, 400), max_size=6), temper=tempers)
def test_chunks_and_runners_move_the_same_state(seed: int, n: int, cuts: list[int], temper: str) -> None:
    bars = bars_of(seed, 400, temper)
    edges = [0, *sorted(cuts), 400]
    expected: tuple[Floats, Floats] | None = None
    for load, parts in ((reference.load, [0, 400]), (native.load, edges), (native.load, list(range(401)))):
        run, state = load(SOURCE.program)["series_step"], np.zeros(SOURCE.state_size)
        outputs, width = np.empty(400 * len(EVERYTHING)), len(EVERYTHING)
        for i0, i1 in pairwise(parts):
            run(
                state,
                NOTHING,
                SOURCE.rows({"n": n})[0],
                NOTHING,
                *columns(SOURCE, bars),
                i0,
                i1,
                outputs[i0 * width : i1 * width],
            )
        expected = expected or (state, outputs)
        assert (bits(state) == bits(expected[0])).all()
        assert (bits(outputs) == bits(expected[1])).all()


@examples(10)
@given(seed=seeds, n=st.integers(1, LONGEST), at=st.integers(0, 299))
def test_what_comes_later_changes_nothing_before(seed: int, n: int, at: int) -> None:
    bars = bars_of(seed, 300)
    seen = series(EVERYTHING, bars, "native", {"n": n})[: at + 1]
    assert (bits(seen) == bits(series(EVERYTHING, changed_after(bars, at), "native", {"n": n})[: at + 1])).all()


def test_values_begin_where_the_lookback_ends() -> None:
    bars = bars_of(1, 200)
    for column, expression in zip(series(EVERYTHING, bars).T, EVERYTHING, strict=True):
        assert np.isnan(column[: expression.lookback]).all()
        assert not np.isnan(column[expression.lookback :]).any()


def test_anchors_keep_a_long_window_exact() -> None:
    bars = bars_of(5, 40_000, "huge")
    got = series([sma(close, 50), variance(close, 50)], bars)[-1]
    last = bars.close[-50:]
    np.testing.assert_allclose(got, [last.mean(), last.var()], rtol=1e-9)
