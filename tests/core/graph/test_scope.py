"""Other bars: longer candles close when they close, other markets are seen no earlier, live equals batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.graph.samples import MINUTE_MS, bars_of, bits, examples, seeds, tempers
from tests.core.graph.terms import OTHER, SCORE, other_of, score_of
from tradepool.core.graph.align import WrongInputs, WrongTimeframe, align, clock_of
from tradepool.core.graph.bars import Bars
from tradepool.core.graph.expr import WrongOperand, close, constant, high, volume
from tradepool.core.graph.market_step import UNSETTLED_BARS, MarketStep, StateMismatch, series
from tradepool.core.graph.primitives import cumulative, ema, since, sma
from tradepool.core.graph.scope import external, of, on, session
from tradepool.core.graph.step import series_step
from tradepool.core.graph.whole import NotAMultiple
from tradepool.core.strategies.exits import Exits
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.candle import UnknownTimeframe
from tradepool.domain.errors import InvalidInput

SPREAD = close / of(OTHER, close)
STRATEGY = Strategy(
    "pair",
    1,
    enter=(on("5m", sma(close / high, 3)) > SPREAD) & (external(SCORE, max_age="3m") > 0.999),
    exit=of(OTHER, on("15m", close < ema(close, 4))),
    exits=Exits(stop_distance=of(OTHER, sma(close, 20)) * 0.01),
)


def at_minutes(*minutes: int) -> Bars:
    """Bars whose prices and volume are the number of their minute."""
    values = np.array(minutes, float)
    return Bars(MINUTE_MS, np.array(minutes) * MINUTE_MS, values, values + 0.5, values - 0.5, values, values)


def test_a_candle_whose_last_bar_is_missing_closes_late_and_two_may_close_at_once() -> None:
    bars = at_minutes(*range(15), 15, 16, 29, 30, 37, 38)
    got = series([on("5m", column) for column in (close, volume, high, cumulative(constant(1.0)))], bars)[13:]
    # 10 to 14 closes in time; 15 and 16 close before 29 is counted; 29 is a candle of one bar; 30 closes before 37.
    assert got[:, 0].tolist() == [9, 14, 14, 14, 29, 29, 30, 30]
    assert got[:, 1].tolist() == [35, 60, 60, 60, 29, 29, 30, 30]
    assert (got[:, 2] == got[:, 0] + 0.5).all()
    assert got[:, 3].tolist() == [2, 3, 3, 3, 5, 5, 6, 6]
    begun_late = series([on("5m", cumulative(constant(1.0)))], bars.slice(1, len(bars)))[12:, 0]
    assert begun_late.tolist() == [1, 2, 2, 2, 4, 4, 5, 5]


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: on("7m", close), UnknownTimeframe, "7m"),
        (lambda: session("1w"), UnknownTimeframe, "1w"),
        (lambda: on("1h", on("4h", close)), WrongOperand, "is inside"),
        (lambda: on("1h", of(OTHER, close)), WrongOperand, r"write of\(market, on"),
        (lambda: of(OTHER, of("A/B", close)), WrongOperand, "is inside"),
        (lambda: of(OTHER, external(SCORE, max_age="1h")), WrongOperand, "outside of both"),
        (lambda: on("1h", 3), WrongOperand, "not an expression"),  # type: ignore[type-var]
        (lambda: external(SCORE, max_age="soon"), WrongOperand, "3h"),
        (lambda: series_step([on("15m", close)], timeframe_ms=60 * MINUTE_MS), NotAMultiple, "15m cannot be made"),
        (lambda: series_step([session("1h")], timeframe_ms=240 * MINUTE_MS), NotAMultiple, "whole multiple of 4h"),
        (lambda: on("1h", session("15m")), WrongOperand, "whole candles of 1h"),
    ],
)
def test_what_cannot_be_asked_is_named(build: Callable[[], object], error: type[InvalidInput], words: str) -> None:
    with pytest.raises(error, match=words):
        build()


@examples(15)
@given(seed=seeds, temper=tempers, cuts=st.lists(st.integers(0, 400), max_size=4))
def test_live_bars_chunks_and_the_whole_agree(seed: int, temper: str, cuts: list[int]) -> None:
    bars, times_values = bars_of(seed, 400, temper), score_of(bars_of(seed, 400, temper))
    other, clock = other_of(bars), clock_of(bars)
    inputs = {"others": {OTHER: other}, "externals": {SCORE: times_values}}
    expected = MarketStep(STRATEGY, MINUTE_MS).advance(bars, **inputs)  # type: ignore[arg-type]
    saved, rows, begun = b"", [], 0
    for part, (i0, i1) in enumerate(zip([0, *sorted(cuts)], [*sorted(cuts), 400], strict=True)):
        step = MarketStep(STRATEGY, MINUTE_MS, "native" if part % 2 else "reference")
        if saved:
            step.load(saved)
        if part % 2:
            rows += step.advance(bars, i0, i1, **inputs).tolist()  # type: ignore[arg-type]
        for i in range(i0, i1) if part % 2 == 0 else ():
            came = other.slice(begun, int(np.searchsorted(other.open_time, bars.open_time[i], "right")))
            known = int(np.searchsorted(times_values[0], bars.close_time(i), "right"))
            last = tuple(column[max(known - 1, 0) : known] for column in times_values)
            prices = [float(column[i]) for column in (bars.open, bars.high, bars.low, bars.close, bars.volume)]
            rows.append(step.advance_bar(*prices, int(clock[i]), {OTHER: came}, {SCORE: last})[: step.columns])  # type: ignore[arg-type, call-arg]
            begun += len(came)
        begun = int(np.searchsorted(other.open_time, bars.open_time[i1 - 1], "right")) if i1 else 0
        saved = step.save()
    assert (bits(np.array(rows)) == bits(expected)).all()


@examples(15)
@given(seed=seeds, temper=tempers)
def test_a_live_bar_takes_none_one_or_many_of_another_market(seed: int, temper: str) -> None:
    pair = Strategy(
        "two", 1, enter=SPREAD > 1.0, exit=SPREAD < 1.0, exits=Exits(stop_distance=of(OTHER, sma(close, 9)))
    )
    bars = bars_of(seed, 200, temper)
    other, clock, begun = other_of(bars), clock_of(bars), 0
    step, rows = MarketStep(pair, MINUTE_MS), []
    for i in range(len(bars)):
        came = other.slice(begun, int(np.searchsorted(other.open_time, bars.open_time[i], "right")))
        prices = [float(column[i]) for column in (bars.open, bars.high, bars.low, bars.close, bars.volume)]
        rows.append(step.advance_bar(*prices, int(clock[i]), {OTHER: came})[: step.columns])  # type: ignore[arg-type, call-arg]
        begun += len(came)
    expected = MarketStep(pair, MINUTE_MS, "reference").advance(bars, others={OTHER: other})
    assert (bits(np.array(rows)) == bits(expected)).all()
    with pytest.raises(WrongInputs):
        step.advance_bar(1.0, 1.0, 1.0, 1.0, 1.0, int(clock[-1]) + 1)
    longer = replace(other.slice(0, 1), timeframe_ms=2 * MINUTE_MS)
    with pytest.raises(WrongTimeframe):
        step.advance_bar(1.0, 1.0, 1.0, 1.0, 1.0, int(clock[-1]) + 1, {OTHER: longer})


def test_inputs_must_be_what_the_step_reads() -> None:
    bars = bars_of(1, 50)
    others, externals = {OTHER: other_of(bars)}, {SCORE: score_of(bars)}
    step = MarketStep(STRATEGY, MINUTE_MS)
    assert OTHER not in step.source.text
    assert SCORE not in step.source.text
    with pytest.raises(WrongInputs, match=f"reads {OTHER}, {SCORE} but was given {SCORE}"):
        step.advance(bars, externals=externals)
    with pytest.raises(WrongInputs, match="reads nothing else but was given"):
        series([close], bars, others=others)
    longer = replace(others[OTHER], timeframe_ms=2 * MINUTE_MS)
    with pytest.raises(WrongTimeframe):
        step.advance(bars, others={OTHER: longer}, externals=externals)
    with pytest.raises(WrongInputs, match="later ones"):
        step.advance_bar(1.0, 1.0, 1.0, 1.0, 1.0, 5, others, externals)


@examples(20)
@given(seed=seeds, temper=tempers, age=st.integers(0, 10))
def test_a_value_is_never_early_and_never_too_old(seed: int, temper: str, age: int) -> None:
    bars, dice = bars_of(seed, 60, temper), np.random.default_rng(seed)
    begin, end = int(bars.open_time[0]), bars.close_time(-1)
    times = np.sort(dice.integers(begin - MINUTE_MS, end + MINUTE_MS, int(dice.integers(0, 30))))
    got = align(times, times.astype(float), bars, age * MINUTE_MS)
    for i, value in enumerate(got):
        known = times[times <= bars.close_time(i)]
        if len(known) and bars.close_time(i) - known[-1] <= age * MINUTE_MS:
            assert value == known[-1]
        else:
            assert np.isnan(value)


def test_a_missing_score_opens_nothing() -> None:
    bars = bars_of(3, 200)
    score = external(SCORE, max_age="5m")
    conditions = [score > 0.0, score < 0.0, score >= 0.0, score <= 0.0]
    none = (np.zeros(0, np.int64), np.zeros(0))
    assert not series(conditions, bars, externals={SCORE: none}).any()


def test_what_is_anchored_says_so() -> None:
    long = Strategy("long", 1, enter=since(close > sma(close, 5)) > 3, exit=close < sma(close, 9))
    step = MarketStep(long, MINUTE_MS)
    assert (step.warm_up, step.lookback, step.history) == (None, 8, UNSETTLED_BARS)
    assert on("1h", cumulative(volume)).warm_up is None
    assert ema(cumulative(volume), 3).warm_up is None
    with pytest.raises(StateMismatch, match="2000 bars of history"):
        MarketStep(long, 5 * MINUTE_MS).load(step.save())
