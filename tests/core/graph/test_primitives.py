"""The laws of primitives: both runners give the same bits, a naive form gives the same numbers, nothing looks ahead."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.core.graph.samples import MINUTE_MS, bars_of, bits, changed_after, examples, seeds, tempers
from tests.core.graph.terms import LONGEST, TERMS, N, Term, inputs_of, values_of
from tradepool.core.compiler import native, reference
from tradepool.core.compiler.functions import Functions
from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.graph.expr import Expr, Number, close, false, high, low, parameter, true, was, where
from tradepool.core.graph.primitives import delta, ema, highest, lag, lowest, sma, variance, wilder
from tradepool.core.graph.step import StepSource, series_step
from tradepool.core.graph.whole import NEVER, at
from tradepool.core.market.align import columns
from tradepool.core.market.bars import Bars

every_term = pytest.mark.parametrize("term", TERMS.values(), ids=TERMS)
lengths = st.integers(1, LONGEST)


def lookback(expression: Expr, n: int) -> int:
    """Earlier bars it needs."""
    return int(np.max(at(expression.first_valid, {"n": n}, MINUTE_MS)))


@every_term
@examples(12)
@given(seed=seeds, temper=tempers, n=lengths)
def test_both_runners_and_the_naive_form_agree(term: Term, seed: int, temper: str, n: int) -> None:
    bars, expression = bars_of(seed, 400, temper), term.make(close, N)
    got = values_of([expression], bars, n)[:, 0]
    assert (bits(got) == bits(values_of([expression], bars, n, "reference")[:, 0])).all()
    begin = lookback(expression, n)
    assert np.isnan(got[:begin]).all()
    scale = float(np.abs(bars.close).max() ** term.power)
    expected = term.naive(bars.close, bars, n)
    np.testing.assert_allclose(got[begin:], expected[begin:], rtol=1e-7, atol=1e-10 * scale)


@every_term
@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_constant_length_is_the_same_as_a_parameter(term: Term, n: int) -> None:
    bars = bars_of(n, 200)
    fixed = values_of([term.make(close, n)], bars, n, "reference")  # type: ignore[arg-type]  # an int is a length too
    assert (bits(fixed) == bits(values_of([term.make(close, N)], bars, n, "reference"))).all()


@every_term
@examples(8)
@given(value=st.floats(1e-9, 1e12), n=lengths)
def test_a_constant_stays_what_it_is(term: Term, value: float, n: int) -> None:
    if term.flat is None:
        return
    flat = Bars(MINUTE_MS, np.arange(1_000) * MINUTE_MS, *np.full((5, 1_000), value))
    expression = term.make(close, N)
    n = max(n, term.least)
    got = values_of([expression], flat, n)[lookback(expression, n) :, 0]
    # Another market lacks some bars, so that it is known a little later.
    np.testing.assert_allclose(got[len(got) // 2 :], term.flat(value), rtol=1e-12, atol=0.0)


@every_term
@examples(6)
@given(seed=seeds, n=lengths, start=st.integers(1, 1500), temper=tempers)
@example(seed=0, n=45, start=4, temper="jumps")
def test_a_later_start_gives_the_same_bits_after_the_warm_up(
    term: Term, seed: int, n: int, start: int, temper: str
) -> None:
    expression = term.make(where(close > low, close, high), N)
    bars = bars_of(seed, 9_000, temper)
    late_bars = bars.slice(start, len(bars))
    assert (expression.settled != NEVER) == term.forgets
    if term.forgets:
        warm_up = int(np.max(at(expression.settled, {"n": n}, MINUTE_MS)))
        # Another market's bars are counted as they come, and it lacks some.
        warm_up += warm_up // 2 if inputs_of([expression], bars)["others"] else 0
        assert warm_up + start < len(bars)
        if not term.passes_nan:
            # Of a price that has fallen further an average promises nothing.
            seen = bars.slice(0, start + warm_up)
            assume(seen.high.max() <= 10_000 * seen.low[start:].min())
    elif term.meets is not None:
        met = np.flatnonzero(term.meets(late_bars.close, late_bars, n))
        warm_up = int(met[0]) if len(met) else len(late_bars)
        expression = term.make(close, N)
    else:
        return
    whole, late = values_of([expression], bars, n), values_of([expression], late_bars, n, scored=bars)
    assert (bits(late[warm_up:]) == bits(whole[start + warm_up :])).all()


@pytest.mark.parametrize("make", [ema, wilder])
@examples(10)
@given(seed=seeds, n=lengths, still=st.integers(1, 3_000))
def test_two_starts_of_an_average_may_keep_their_last_bits_apart_only_while_its_source_stands_still(
    make: Callable[[Number, Number], Number], seed: int, n: int, still: int
) -> None:
    expression, start, moves_on = make(close, N), 100, 4_000
    bars = bars_of(seed, 9_000)
    bars.close[start + still : moves_on] = bars.close[start + still]
    whole = values_of([expression], bars, n)[start:]
    late = values_of([expression], bars.slice(start, len(bars)), n)
    warm_up = int(np.max(at(expression.settled, {"n": n}, MINUTE_MS)))
    # Each stops moving once its step, the n-th part of what is left, is rounded away.
    np.testing.assert_allclose(late[warm_up:], whole[warm_up:], rtol=2 * n * 2.0**-52, atol=0.0)
    begin = moves_on - start + warm_up
    assert begin < len(late)
    assert (bits(late[begin:]) == bits(whole[begin:])).all()


@every_term
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@examples(3)
@given(seed=seeds, n=lengths, length=st.integers(1, 80))
def test_what_is_no_number_is_forgotten(term: Term, odd: float, seed: int, n: int, length: int) -> None:
    if not term.forgets or not term.passes_nan:
        return
    bars, expression = bars_of(seed, 8_000), term.make(close, N)
    close_ = bars.close.copy()
    close_[300 : 300 + length] = odd
    damaged = Bars(bars.timeframe_ms, bars.open_time, bars.open, bars.high, bars.low, close_, bars.volume)
    warm_up = int(np.max(at(expression.settled, {"n": n}, MINUTE_MS)))
    with np.errstate(invalid="ignore"):
        got, expected = values_of([expression], damaged, n, scored=bars), values_of([expression], bars, n)
    assert (bits(got[300 + length + warm_up * 3 // 2 :]) == bits(expected[300 + length + warm_up * 3 // 2 :])).all()


@pytest.mark.parametrize(("make", "naive"), [(highest, np.nanmax), (lowest, np.nanmin)])
@examples(20)
@given(seed=seeds, n=lengths)
def test_an_extreme_is_that_of_what_is_known(
    make: Callable[[Number, Number], Number], naive: Callable[[Floats], float], seed: int, n: int
) -> None:
    bars, random = bars_of(seed, 300), np.random.default_rng(seed)
    known = np.where(random.random(300) < random.random(), np.round(bars.close, 1), np.nan)
    holes = Bars(bars.timeframe_ms, bars.open_time, bars.open, bars.high, bars.low, known, bars.volume)
    windows = [known[max(i - n + 1, 0) : i + 1] for i in range(300)]
    expected = [np.nan if np.isnan(w).all() or len(w) < n else naive(w) for w in windows]
    assert (bits(values_of([make(close, N)], holes, n)[:, 0]) == bits(expected)).all()


EVERYTHING: list[Expr] = [term.make(where(close > low, close, high), N) for term in TERMS.values()]
EVERYTHING += [ema(sma(close, N), N), sma(variance(close, N), N), variance(ema(close, N) + 1, N)]
EVERYTHING += [true & (close > low), false | was(close > low), where(true, close, high), ~false]
SOURCE = series_step(EVERYTHING, timeframe_ms=MINUTE_MS)
VARYING = series_step(EVERYTHING, timeframe_ms=MINUTE_MS, varying={"n"})


def run(source: StepSource, functions: Functions, bars: Bars, n: int, edges: list[int]) -> tuple[Floats, Floats]:
    """Values and memory of a step called once for each part."""
    parameters, swept = source.rows({"n": n})
    state, own, width = np.zeros(source.state_size), np.zeros(len(source.own_rows)), len(EVERYTHING)
    values, reads = np.empty(len(bars) * width), columns(source, bars, **inputs_of(source, bars))  # type: ignore[arg-type]
    for i0, i1 in pairwise(edges):
        part = values[i0 * width : i1 * width]
        functions[source.name](state, own, parameters, swept[:, 0].copy(), *reads, i0, i1, part)
    return values, np.concatenate((state, own))


@examples(10)
@given(seed=seeds, n=lengths, cuts=st.lists(st.integers(0, 400), max_size=6), temper=tempers)
def test_chunks_and_runners_move_the_same_state(seed: int, n: int, cuts: list[int], temper: str) -> None:
    bars, edges = bars_of(seed, 400, temper), [0, *sorted(cuts), 400]
    expected = run(SOURCE, reference.load(SOURCE.program), bars, n, [0, 400])
    for parts in (edges, list(range(401))):
        got = run(SOURCE, native.load(SOURCE.program), bars, n, parts)
        assert (bits(got[0]) == bits(expected[0])).all()
        assert (bits(got[1]) == bits(expected[1])).all()
    assert (bits(run(VARYING, native.load(VARYING.program), bars, n, edges)[0]) == bits(expected[0])).all()


def test_only_what_depends_on_a_varying_parameter_is_a_sets_own() -> None:
    assert not SOURCE.own_rows
    ring = re.compile(r"last values of where\(close > low, close, high\)\[\d+\]")
    assert sum(ring.fullmatch(row) is not None for row in VARYING.state_rows) == LONGEST
    assert not [row for row in VARYING.own_rows if ring.fullmatch(row)]
    assert VARYING.rows({"n": np.array([3, 5, 8])})[1].shape == (len(VARYING.derived["swept"]), 3)
    assert (VARYING.rows({"n": np.array([3, 5, 8])})[1][:, 1] == VARYING.rows({"n": 5})[1][:, 0]).all()


@examples(10)
@given(seed=seeds, n=lengths, at_bar=st.integers(0, 299))
def test_what_comes_later_changes_nothing_before(seed: int, n: int, at_bar: int) -> None:
    bars = bars_of(seed, 300)
    seen = values_of(EVERYTHING, bars, n)[: at_bar + 1]
    assert (bits(seen) == bits(values_of(EVERYTHING, changed_after(bars, at_bar), n)[: at_bar + 1])).all()


UNSURE = close * (delta(close) / delta(close))


@every_term
@examples(6)
@given(seed=seeds, n=st.integers(2, LONGEST), unmoved=st.lists(st.integers(1, 200), min_size=1, max_size=5))
def test_a_nan_is_got_over(term: Term, seed: int, n: int, unmoved: list[int]) -> None:
    bars = bars_of(seed, 8_000)
    for index in sorted(unmoved):
        bars.close[index] = bars.close[index - 1]
    expression, begin = term.make(UNSURE, N), max(unmoved) + 1
    whole = values_of([expression], bars, n)
    assert (bits(whole) == bits(values_of([expression], bars, n, "reference"))).all()
    late_bars = bars.slice(begin, len(bars))
    late = values_of([expression], late_bars, n, scored=bars)
    if term.forgets:
        warm_up = int(np.max(at(expression.settled, {"n": n}, MINUTE_MS)))
        warm_up += warm_up // 2 if inputs_of([expression], bars)["others"] else 0
        assert (bits(late[warm_up:]) == bits(whole[begin + warm_up :])).all()
    else:
        assert not np.isnan(whole[begin + 1_000 :]).any()


def test_anchors_keep_a_long_window_exact() -> None:
    bars = bars_of(5, 40_000, "huge")
    got = values_of([sma(close, 50), variance(close, 50)], bars, 1)[-1]
    last = bars.close[-50:]
    np.testing.assert_allclose(got, [last.mean(), last.var()], rtol=1e-9)


def test_windows_over_one_source_share_its_ring() -> None:
    long = parameter("long", 20, 2, 90, 1)
    source = series_step([sma(close, N), highest(close, long), lag(close, 5), variance(close, 30)], timeframe_ms=60_000)
    assert sum(row.startswith("last values of close") for row in source.state_rows) == 90
