"""The laws: each holds for every primitive, indicator and strategy, in every way to run it.

A law computes all subjects of a batch at once and remembers which broke it; the tests name each subject.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.core.graph.samples import MINUTE_MS, TEMPERS, bars_of, changed_after, examples
from tests.core.laws.drivers import alone, differing, in_lanes, of_markets
from tests.core.laws.subjects import BATCHES, Batch, every_subject
from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.step import EXPOSURE, PREVIOUS_EXPOSURE
from tradepool.core.graph.whole import NEVER, at
from tradepool.core.market.bars import Bars

COUNT = 300
COLUMNS = 19
LANES = (4, 8, 16)
CASES = range(examples(6).max_examples)
every_case = pytest.mark.parametrize("case", CASES)
Values = dict[str, float]
ODD = (np.nan, np.inf, -np.inf, 0.0, -0.0, -3.0, 5e-324, -5e-324, 1.7e308, -1.7e308)


def broken(bars: Bars, seed: int) -> Bars:
    """The same bars with numbers among them that no venue would send, single ones and whole runs."""
    random = np.random.default_rng(seed)
    found = []
    for column in (bars.open, bars.high, bars.low, bars.close, bars.volume):
        column = np.where(random.random(len(bars)) < 0.03, random.choice(ODD, len(bars)), column)
        begin = int(random.integers(0, len(bars)))
        column[begin : begin + int(random.integers(0, 40))] = random.choice(ODD)
        found.append(column)
    return Bars(bars.timeframe_ms, bars.open_time, *found)


def market(seed: int, case: int) -> Bars:
    """Bars of the temper of a case; every third case has odd numbers in them."""
    bars = bars_of(seed, COUNT, TEMPERS[case % len(TEMPERS)])
    return broken(bars, seed) if case % 3 == 2 else bars


def value(item: Parameter, random: np.random.Generator) -> float:
    """A value of a parameter: often its lowest or highest, else a small one, so that a few hundred bars are enough."""
    steps = int((min(item.high, 60) - item.low) / item.step)
    pick = random.random()
    most = round((item.high - item.low) / item.step)
    step = 0 if pick < 0.15 else most if pick > 0.9 else int(random.integers(0, steps + 1))
    return item.take(min(item.low + step * item.step, item.high))


def sets_of(batch: Batch, random: np.random.Generator) -> dict[str, NDArray[np.generic]]:
    """Random values of all parameters, one for each column."""
    return {item.name: np.array([value(item, random) for _ in range(COLUMNS)]) for item in batch.step(()).parameters}


def one(sets: dict[str, NDArray[np.generic]], column: int, varying: frozenset[str]) -> Values:
    """The values of one column, where only some differ."""
    return {name: values[column if name in varying else 0].item() for name, values in sets.items()}


def parts(random: np.random.Generator, count: int = COUNT) -> list[int]:
    """Random edges, some parts empty, some of one bar."""
    cuts = random.integers(0, count + 1, random.integers(0, 6)).tolist()
    return [0, *sorted([*cuts, *(min(cut + 1, count) for cut in cuts[:2])]), count]


def varied(batch: Batch, case: int) -> frozenset[str]:
    """Which parameters differ between columns: all, one alone, or some."""
    names = [item.name for item in batch.step(()).parameters]
    if case % 2 == 0:
        return frozenset(names)
    if case % 4 == 1:
        return frozenset({names[case // 4 % len(names)]})
    return frozenset(name for at, name in enumerate(names) if at % 2 == case // 4 % 2) or frozenset(names[:1])


Law = Callable[[Batch, int], NDArray[np.bool_]]


def plain_python_and_parts(batch: Batch, case: int) -> NDArray[np.bool_]:
    """One column: plain Python, compiled, in parts with a restart at each and by turns in both, all the same."""
    random = np.random.default_rng(case)
    source, bars = batch.step(()), market(case, case)
    values = one(sets_of(batch, random), 0, frozenset())
    expected = alone(source, values, bars, ["reference"], [0, COUNT])
    wrong = np.zeros(len(batch.columns), bool)
    for runners, edges in (
        (["native"], [0, COUNT]),
        (["native", "reference"], parts(random)),
        (["native"], list(range(COUNT + 1))),
    ):
        got = alone(source, values, bars, runners, edges)  # type: ignore[arg-type]  # a list of runners it is
        wrong |= differing(got.outputs, expected.outputs)
        assert not differing(got.memory, expected.memory).any() or wrong.any()
    return wrong


def lanes_and_threads(batch: Batch, case: int) -> NDArray[np.bool_]:
    """Many columns at once: each is what it is alone, whichever parameters differ, in parts, on threads."""
    random = np.random.default_rng(case)
    bars, sets, varying = market(case, case), sets_of(batch, random), varied(batch, case)
    source, lanes = batch.step(varying), LANES[case % 3]
    got = in_lanes(source, sets, bars, lanes, [0, COUNT])
    wrong = np.zeros(len(batch.columns), bool)
    for column in range(COLUMNS):
        expected = alone(batch.step(()), one(sets, column, varying), bars, ["native"], [0, COUNT])
        wrong |= differing(got.outputs[column : column + 1], expected.outputs)
    again = in_lanes(source, sets, bars, lanes, parts(random), threads=2)
    wrong |= differing(got.outputs, again.outputs)
    memory = alone(source, one(sets, COLUMNS - 1, varying), bars, ["native"], [0, COUNT]).memory
    for outcome in (got, again):
        assert not differing(outcome.memory[-1:], memory).any() or wrong.any()
    return wrong


def markets_in_lanes(batch: Batch, case: int) -> NDArray[np.bool_]:
    """Many markets at once: each is what it is alone."""
    random = np.random.default_rng(case)
    values = one(sets_of(batch, random), 0, frozenset())
    first = market(case, case)
    markets = [first]
    for seed in range(1, COLUMNS):
        bars = market(case * COLUMNS + seed, case + seed)
        prices = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        markets.append(Bars(bars.timeframe_ms, first.open_time, *prices))
    source, lanes = batch.step(()), LANES[case % 3]
    got = of_markets(source, values, markets, lanes, [0, COUNT])
    wrong = differing(got.outputs, of_markets(source, values, markets, lanes, parts(random)).outputs)
    for column, bars in enumerate(markets):
        expected = alone(source, values, bars, ["native"], [0, COUNT])
        wrong |= differing(got.outputs[column : column + 1], expected.outputs)
    return wrong


def nothing_looks_ahead(batch: Batch, case: int) -> NDArray[np.bool_]:
    """What comes after a bar changes nothing at it or before it."""
    random = np.random.default_rng(case)
    source, bars, last = batch.step(()), market(case, case), int(random.integers(0, COUNT))
    values = one(sets_of(batch, random), 0, frozenset())
    seen, other = (
        alone(source, values, each, ["native"], [0, COUNT]).outputs[:, : last + 1]
        for each in (bars, changed_after(bars, last))
    )
    return differing(seen, other)


def a_later_start_catches_up(batch: Batch, case: int) -> NDArray[np.bool_]:
    """After the stated warm-up a later start has the bits of an earlier one; what states none is anchored.

    Anchored, only the same first bar or a saved row gives the same bits: that is the law of parts.
    """
    random = np.random.default_rng(case)
    source, start = batch.step(()), int(random.integers(1, 1_500))
    values = one(sets_of(batch, random), 0, frozenset())
    # Another market's bars are counted as they come, and it lacks some.
    more = 1.5 if source.others else 1.0
    settled = [None if item == NEVER else int(more * at(item, values, MINUTE_MS)) for item in batch.settled]
    count = start + COUNT + max(item or 0 for item in settled)
    bars = bars_of(case, count, ("walk", "steps", "gaps")[case % 3])
    whole = alone(source, values, bars, ["native"], [0, count]).outputs[:, start:]
    late = alone(source, values, bars.slice(start, count), ["native"], [0, count - start], bars).outputs
    wrong = np.zeros(len(batch.columns), bool)
    for column, begin in enumerate(settled):
        if begin is not None and batch.is_strategy and column in (EXPOSURE, PREVIOUS_EXPOSURE):
            # The exposure is a level: equal from the first signal after the warm-up on.
            edges = np.flatnonzero(whole[0, begin:, EXPOSURE] != whole[0, begin:, PREVIOUS_EXPOSURE])
            begin = begin + int(edges[0]) + 1 if len(edges) else None
        if begin is not None:
            wrong[column] = differing(whole[:, begin:, [column]], late[:, begin:, [column]])[0]
    return wrong


LAWS: tuple[Law, ...] = (
    plain_python_and_parts,
    lanes_and_threads,
    markets_in_lanes,
    nothing_looks_ahead,
    a_later_start_catches_up,
)


@cache
def broke(law: Law, name: str, case: int) -> frozenset[str]:
    """The subjects of a batch that broke a law."""
    batch = BATCHES[name]
    if case % batch.every != batch.first:
        return frozenset()
    with np.errstate(all="ignore"):
        wrong = law(batch, case)
    return frozenset(subject for subject, is_wrong in zip(batch.columns, wrong, strict=True) if is_wrong)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@every_subject
def test_every_subject_keeps_the_law(law: Law, batch: str, subject: str) -> None:
    assert [case for case in CASES if subject in broke(law, batch, case)] == []
