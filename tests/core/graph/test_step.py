"""The step's source: generated identifiers only, a legend for them, and lines of a caller fused into its loop."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from tests.core.graph.samples import MINUTE_MS, bars_of
from tradepool.core.compiler import native, reference
from tradepool.core.compiler.program import NameClash, Program
from tradepool.core.compiler.vocabulary import Floats, Ints
from tradepool.core.graph.expr import (
    close,
    constant,
    crosses_above,
    crosses_below,
    false,
    high,
    low,
    parameter,
    true,
    volume,
)
from tradepool.core.graph.primitives import delta, ema, sma
from tradepool.core.graph.step import (
    EXPOSURE,
    STOP_DISTANCE,
    TRAIL_DISTANCE,
    Graph,
    StepSource,
    fused_step,
    market_step,
)
from tradepool.core.graph.units import WrongUnit
from tradepool.core.market.align import columns
from tradepool.core.market.market_step import NOTHING

UGLY = parameter("os_system", 5, 1, 20, 1)
AVERAGE = sma(close, UGLY)
NONE = constant(0)
GRAPH = Graph(crosses_above(close, AVERAGE), crosses_below(close, AVERAGE), ema(high - low, 9), NONE, NONE)


def count_entry(counts: Ints, exposure: float, previous_exposure: float) -> None:
    """A caller's own step function."""
    if exposure > previous_exposure:
        counts[0] += 1


def run(source: StepSource, program: Program, *extra: object) -> None:
    """Run a step over 500 bars, in both runners by turns."""
    bars = bars_of(3, 500)
    for load in (reference.load, native.load):
        memory = (np.zeros(source.state_size), NOTHING, source.rows({})[0], NOTHING)
        load(program)[source.name](*memory, *columns(source, bars), 0, 500, *extra)


def market_rows(graph: Graph) -> Floats:
    """Market rows of 500 bars."""
    outputs = np.empty(2_500)
    source = market_step(graph, timeframe_ms=MINUTE_MS)
    run(source, source.program, outputs)
    return outputs.reshape(-1, 5)


def test_no_text_of_a_user_becomes_source() -> None:
    source = market_step(GRAPH, timeframe_ms=MINUTE_MS)
    assert "os_system" not in source.text
    own = set(re.findall(r"\b[nskpv]\d+\b", source.text))
    assert own
    assert "os_system" in source.legend["p0"]
    assert any("sma(" in meaning for meaning in source.legend.values())


def test_state_rows_are_named() -> None:
    source = market_step(GRAPH, timeframe_ms=MINUTE_MS)
    assert source.state_size == len(source.state_rows) > 20
    assert source.state_rows[:2] == ("bars seen", "exposure")
    assert source.lookback({"os_system": 5}) == 8
    assert source.warm_up({"os_system": 5}) == 5 + 1024 + 1


def test_exposure_is_a_level_and_exit_wins() -> None:
    up, down = close > 0, close > 100
    rows = market_rows(Graph(up, down, NONE, NONE, NONE))
    bars = bars_of(3, 500)
    expected = np.where(bars.close > 100, 0.0, 1.0)
    assert (rows[:, EXPOSURE] == expected).all()
    assert (rows[1:, 1] == rows[:-1, EXPOSURE]).all()


def level_rule(level: float, enter: bool, leave: bool, enter_short: bool, leave_short: bool) -> float:
    """The rule of levels, one wish at a time: an exit wins over the entry of its side, two entries say nothing."""
    long, short = enter and not leave, enter_short and not leave_short
    if long and short:
        return level
    if long or short:
        return 1.0 if long else -1.0
    return 0.0 if (level > 0 and leave) or (level < 0 and leave_short) else level


def test_a_short_is_a_level_below_zero_and_an_opposite_entry_turns() -> None:
    bars = bars_of(3, 500)
    price = bars.close
    marks = np.quantile(price, [0.3, 0.5, 0.6, 0.8])
    graph = Graph(
        close > marks[1], close > marks[3], NONE, NONE, NONE, enter_short=close < marks[2], exit_short=close < marks[0]
    )
    level, expected = 0.0, []
    for value in price:
        level = level_rule(level, value > marks[1], value > marks[3], value < marks[2], value < marks[0])
        expected.append(level)
    assert market_rows(graph)[:, EXPOSURE].tolist() == expected
    assert {-1.0, 0.0, 1.0} == set(expected)


def test_targets_and_their_share_reach_the_lines_of_a_caller() -> None:
    enter, leave = close > 0, close < 0
    lines = ["last[0] = first_target", "last[1] = second_target", "last[2] = target_share"]
    for share, taken in ((0.25, 0.25), (7.0, 1.0), (-1.0, 0.0)):
        graph = Graph(enter, leave, NONE, NONE, NONE, close * 2, close * 0, constant(share))
        source = fused_step(graph, "fused", ["last: Floats"], [], lines, timeframe_ms=MINUTE_MS)
        last = np.zeros(3)
        run(source, source.program, last)
        assert last.tolist() == [bars_of(3, 500).close[-1] * 2, 0.0, taken]


def test_what_is_not_declared_has_no_line() -> None:
    text = fused_step(Graph(close > 0, close < 0, NONE, NONE, NONE), "fused", [], [], [], timeframe_ms=MINUTE_MS).text
    loop = text[text.index("for i in") :]
    assert not [name for name in ("target", "stop_distance", "goes_short") if name in loop]


def test_distances_are_finite_and_never_negative() -> None:
    enter, leave = close > 0, close < 0
    odd = Graph(enter, leave, close * (close / delta(close)) * 1e300 * 1e10, delta(close), ema(close, 30))
    rows = market_rows(odd)
    assert np.isfinite(rows).all()
    assert (rows[:, STOP_DISTANCE:] >= 0.0).all()
    assert (rows[:, TRAIL_DISTANCE] > 0.0).any()
    assert (rows[:29, 4] == 0.0).all()
    assert (rows[29:, 4] > 0.0).all()
    assert (rows[:29, EXPOSURE] == 0.0).all()
    assert (rows[29:, EXPOSURE] == 1.0).all()


def test_a_callers_lines_run_inside_the_loop() -> None:
    lines = ["count_entry(counts, exposure, previous_exposure)", "last[0] = stop_distance"]
    before = ["if exposure > 0.0:", "    held[0] += 1"]
    arguments = ["counts: Ints", "held: Ints", "last: Floats"]
    source = fused_step(
        GRAPH, "fused", arguments, before, lines, ["extra = counts[0]"], ["counts[1] += extra"], timeframe_ms=MINUTE_MS
    )
    counts, held, last = np.zeros(2, np.int64), np.zeros(1, np.int64), np.zeros(1)
    run(source, Program.of(count_entry) + source.program, counts, held, last)
    rows = market_rows(GRAPH)
    entries = int((rows[:, EXPOSURE] > rows[:, 1]).sum())
    assert counts.tolist() == [2 * entries, entries]
    assert held[0] == 2 * int(rows[:, 1].sum())
    assert last[0] == rows[-1, STOP_DISTANCE]


@pytest.mark.parametrize(
    ("arguments", "after"),
    [(["state: Ints"], []), (["bar: int"], []), ([], ["exposure = 1.0"]), ([], ["n0 = 1.0"]), ([], ["i = 3"])],
)
def test_a_callers_names_may_not_be_the_steps(arguments: list[str], after: list[str]) -> None:
    with pytest.raises(NameClash):
        fused_step(GRAPH, "fused", arguments, [], after, timeframe_ms=MINUTE_MS)


def test_a_distance_is_a_price() -> None:
    with pytest.raises(WrongUnit, match=r"In stop_distance: `volume` is volume, not price; multiply it by a price"):
        market_step(Graph(true, false, volume, NONE, NONE), timeframe_ms=MINUTE_MS)


def test_the_same_graph_is_written_once() -> None:
    step = market_step(GRAPH, timeframe_ms=MINUTE_MS)
    assert market_step(GRAPH, timeframe_ms=MINUTE_MS, varying=[]) is step
    assert market_step(replace(GRAPH), timeframe_ms=MINUTE_MS) is step
    varying = [item.name for item in step.parameters][:1]
    others = [
        market_step(GRAPH, timeframe_ms=2 * MINUTE_MS),
        market_step(GRAPH, timeframe_ms=MINUTE_MS, varying=varying),
        market_step(replace(GRAPH, trail_step=GRAPH.trail_step + 1.0), timeframe_ms=MINUTE_MS),
    ]
    assert len({id(each) for each in (step, *others)}) == 4
    assert [each.timeframe_ms for each in others] == [2 * MINUTE_MS, MINUTE_MS, MINUTE_MS]
    assert others[1].varying == set(varying)


def test_the_same_graph_gives_the_same_text() -> None:
    # Of steps that are not kept: each of these is written anew.
    first, again = (fused_step(GRAPH, "step", [], [], [], timeframe_ms=MINUTE_MS) for _ in range(2))
    assert again is not first
    assert again.text == first.text
