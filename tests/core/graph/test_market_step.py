"""The market step: bar by bar, in chunks, or whole; saved and loaded anywhere; in either runner: the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.graph.samples import MINUTE_MS, bars_of, bits, changed_after, examples, seeds, tempers
from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.graph.align import WrongTimeframe, clock_of
from tradepool.core.graph.bars import Bars
from tradepool.core.graph.market_step import (
    MarketStep,
    StateDamaged,
    StateMismatch,
    WrongRange,
)
from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.step import WIDE
from tradepool.core.strategies.catalog import named, names
from tradepool.core.strategies.strategy import Strategy

every_strategy = pytest.mark.parametrize("name", names())
# Of one timeframe, with a stop and a trailing stop; trend_pullback has tests of its own.
of_one_timeframe = pytest.mark.parametrize("name", ["bollinger_breakout", "moving_average_cross"])


@st.composite
def varied(draw: st.DrawFn, name: str) -> Strategy:
    """The strategy with random parameters."""
    strategy = named(name)
    values = {item.name: draw(st.one_of(st.just(item.default), on_grid(item))) for item in strategy.parameters}
    return strategy.with_parameters(values)


def on_grid(item: Parameter) -> st.SearchStrategy[float]:
    """Values of a parameter, the small ones, so that a few hundred bars are enough."""
    most = round((min(item.high, 60) - item.low) / item.step)
    steps = st.integers(0, most)
    if item.is_integer:
        return steps.map(lambda count: int(item.low + count * item.step))
    return steps.map(lambda count: round(item.low + count * item.step, 9))


def bar_by_bar(step: MarketStep, bars: Bars, i0: int, i1: int) -> Floats:
    """Live trading: one call a bar."""
    clock = clock_of(bars)
    rows = []
    for i in range(i0, i1):
        open_, high, low, close, volume = (
            float(column[i]) for column in (bars.open, bars.high, bars.low, bars.close, bars.volume)
        )
        rows.append(step.advance_bar(open_, high, low, close, volume, int(clock[i])))
    return np.array(rows).reshape(-1, WIDE)[:, : step.columns]


@every_strategy
@examples(25)
@given(data=st.data(), seed=seeds, temper=tempers)
def test_all_drivers_give_the_same_bits(name: str, data: st.DataObject, seed: int, temper: str) -> None:
    strategy = data.draw(varied(name))
    bars, count = bars_of(seed, 400, temper), 400
    expected = MarketStep(strategy, MINUTE_MS, "reference").advance(bars)
    assert (bits(MarketStep(strategy, MINUTE_MS).advance(bars)) == bits(expected)).all()
    cuts = sorted(data.draw(st.lists(st.integers(0, count), max_size=5)))
    saved, parts = b"", []
    for part, (i0, i1) in enumerate(zip([0, *cuts], [*cuts, count], strict=True)):
        # A restart at every cut, each time in the other runner and by the other way to call it.
        step = MarketStep(strategy, MINUTE_MS, "native" if part % 2 else "reference")
        if saved:
            step.load(saved)
        parts.append(bar_by_bar(step, bars, i0, i1) if part % 3 == 0 else step.advance(bars, i0, i1))
        saved = step.save()
    assert (bits(np.concatenate(parts)) == bits(expected)).all()


@every_strategy
@examples(15)
@given(data=st.data(), seed=seeds, at=st.integers(0, 299))
def test_no_strategy_looks_ahead(name: str, data: st.DataObject, seed: int, at: int) -> None:
    strategy, bars = data.draw(varied(name)), bars_of(seed, 300)
    seen = MarketStep(strategy, MINUTE_MS).advance(bars)[: at + 1]
    other = MarketStep(strategy, MINUTE_MS).advance(changed_after(bars, at))[: at + 1]
    assert (bits(seen) == bits(other)).all()


@of_one_timeframe
def test_strategies_trade_and_protect(name: str) -> None:
    step = MarketStep(named(name), MINUTE_MS)
    rows = step.advance(bars_of(1, 5_000))
    assert (rows[:, 0] > rows[:, 1]).sum() > 10
    assert (rows[: step.lookback, 0] == 0.0).all()
    assert (rows[step.lookback :, 2:] > 0.0).all()


@of_one_timeframe
@pytest.mark.parametrize("start", [1, 700, 1_500])
def test_a_later_start_agrees_after_the_warm_up(name: str, start: int) -> None:
    bars = bars_of(start, 8_000, "gaps")
    whole = MarketStep(named(name), MINUTE_MS).advance(bars)
    step = MarketStep(named(name), MINUTE_MS)
    assert step.warm_up is not None
    late = step.advance(bars, start)
    # The exposure is a level: equal from the first edge after the warm-up on.
    edges = np.flatnonzero(whole[start + step.warm_up :, 0] != whole[start + step.warm_up :, 1])
    begin = step.warm_up + int(edges[0]) + 1
    assert (bits(late[begin:]) == bits(whole[start + begin :])).all()


def test_a_row_of_something_else_is_refused() -> None:
    cross = named("moving_average_cross")
    step = MarketStep(cross, MINUTE_MS)
    step.advance(bars_of(1, 100))
    saved, state = step.save(), step.state.copy()
    for other in (cross.with_parameters({"fast": 13}), named("bollinger_breakout")):
        with pytest.raises(StateMismatch, match="bars of history"):
            MarketStep(other, MINUTE_MS).load(saved)
    with pytest.raises(StateMismatch):
        MarketStep(cross, 2 * MINUTE_MS).load(saved)
    for damaged in (b"", saved[:40], saved[:-1], saved[:-1] + bytes([saved[-1] ^ 1])):
        with pytest.raises(StateDamaged):
            step.load(damaged)
    assert (step.state == state).all()


def test_wrong_bars_are_refused() -> None:
    step, bars = MarketStep(named("moving_average_cross"), MINUTE_MS), bars_of(1, 10)
    with pytest.raises(WrongTimeframe, match="60000"):
        MarketStep(named("moving_average_cross"), 5 * MINUTE_MS).advance(bars)
    for i0, i1 in ((-1, 5), (5, 4), (0, 11)):
        with pytest.raises(WrongRange):
            step.advance(bars, i0, i1)
    assert step.advance(bars, 4, 4).shape == (0, 5)
