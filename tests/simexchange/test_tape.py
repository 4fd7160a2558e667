"""The tape: every candle's prints, made the same whoever asks, and what was traded here between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simexchange.exchange_kit import MINUTE, START, Row, bars, market
from tradepool.simexchange import tape as tape_module
from tradepool.simexchange.listing import ListedMarket, Listing
from tradepool.simexchange.tape import CLOSE, PRINTS_MAX, Print

STAGES = range(CLOSE + 1)


def listed(rows: Sequence[Row], volumes: Sequence[float]) -> ListedMarket:
    """A market of a step of 0.001 with these candles."""
    made = bars(rows)
    made.volume[:] = volumes
    return ListedMarket(0, Listing(market(), made))


@st.composite
def candles(draw: st.DrawFn) -> tuple[list[Row], list[float]]:
    """A few candles in whole ticks and steps."""
    count = draw(st.integers(1, 6))
    rows, volumes = [], []
    for _ in range(count):
        low, first, second, high = sorted(draw(st.lists(st.integers(1, 500), min_size=4, max_size=4)))
        opened, closed = draw(st.permutations([first, second]))
        rows.append((opened / 100, high / 100, low / 100, closed / 100))
        volumes.append(draw(st.sampled_from([0, 1, 2, 3, 4, 7, 30, 10**6])) / 1000)
    return rows, volumes


def walk(at: ListedMarket) -> list[Print]:
    """Everything each stage printed, to the end."""
    told = []
    for bar in range(len(at.open_time)):
        for stage in STAGES:
            at.tape.reach(bar, stage)
            told += list(at.tape.stage_prints())
    return told


@given(candles())
def test_prints_are_their_candle(made: tuple[list[Row], list[float]]) -> None:
    rows, volumes = made
    at = listed(rows, volumes)
    told = walk(at)
    assert at.tape.read(1, 10_000) == told
    assert [each.id for each in told] == [*range(1, len(at.tape) + 1)]
    for bar, volume in enumerate(volumes):
        start = START + bar * MINUTE
        inside = [each for each in told if start <= each.time_ms < start + MINUTE]
        first, last = at.tape.span(bar, bar)
        assert [each.id for each in inside] == [*range(first, last + 1)]
        assert sum(each.steps for each in inside) == round(volume * 1000)
        assert len(inside) == min(round(volume * 1000), PRINTS_MAX)
        assert all(each.steps >= 1 for each in inside)
        assert [each.time_ms for each in inside] == sorted(each.time_ms for each in inside)
        prices = [each.ticks for each in inside]
        assert all(at.low[bar] <= price <= at.high[bar] for price in prices)
        if len(inside) >= 4:
            assert (prices[0], prices[-1]) == (at.open[bar], at.close[bar])
            assert (min(prices), max(prices)) == (at.low[bar], at.high[bar])
        elif inside:
            assert prices[-1] == at.close[bar]


def test_a_stage_prints_only_what_the_price_has_walked() -> None:
    at = listed([(100, 110, 90, 105)], [1.0])
    between = {1: (100, 100), 2: (90, 100), 3: (90, 110), 4: (105, 110)}
    for stage, (low, high) in between.items():
        at.tape.reach(0, stage)
        prices = [each.ticks / 100 for each in at.tape.stage_prints()]
        assert low <= min(prices) <= max(prices) <= high
        assert prices == sorted(prices, reverse=stage != 3)
        assert sum(each.steps for each in at.tape.latest(PRINTS_MAX)) == at.tape.steps_out()


@given(st.data())
def test_own_trades_stand_between_and_ids_have_no_hole(data: st.DataObject) -> None:
    rows = [(1.0 + n, 3.0 + n, 0.5 + n, 2.0 + n) for n in range(6)]
    at, plain = listed(rows, [0.05] * 6), listed(rows, [0.05] * 6)
    told: list[Print] = []
    made: list[Print] = []
    for bar in range(6):
        for stage in STAGES:
            for _ in range(data.draw(st.integers(0, 2))):
                time_ms = START + bar * MINUTE + max(0, stage - 1) * MINUTE // 4
                told.append(at.tape.add(time_ms, 200 + stage, 7, is_buyer_maker=True))
            at.tape.reach(bar, stage)
            printed = list(at.tape.stage_prints())
            told, made = told + printed, made + printed
    assert [each.id for each in told] == [*range(1, len(told) + 1)]
    assert at.tape.read(1, 1_000) == told
    assert [each[1:] for each in made] == [each[1:] for each in walk(plain)]
    middle = told[len(told) // 2]
    found = at.tape.first_id_at(middle.time_ms)
    assert told[found - 1].time_ms == middle.time_ms
    assert found == 1 or told[found - 2].time_ms < middle.time_ms


def test_only_the_last_own_trades_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape_module, "EXTRA_KEPT", 10)
    at = listed([(1.0, 3.0, 0.5, 2.0)] * 3, [0.05] * 3)
    added = []
    for bar in range(3):
        for stage in STAGES:
            at.tape.reach(bar, stage)
            added += [at.tape.add(START + bar * MINUTE + stage, 100, 1, is_buyer_maker=False) for _ in range(3)]
    assert [each.id for each in added] == sorted({each.id for each in added})
    kept = at.tape.read(1, 1_000)
    assert [each.id for each in kept] == [*range(kept[0].id, len(at.tape) + 1)]
    assert len(at.tape) == 3 * PRINTS_MAX + len(added)
    assert {each for each in added if each.id >= kept[0].id} <= set(kept)
    assert at.tape.latest(5) == kept[-5:]


def test_nothing_is_made_before_somebody_asks() -> None:
    at = listed([(1.0, 3.0, 0.5, 2.0)] * 3, [np.nan, 1.0, 1.0])
    at.tape.reach(1, 2)
    assert at.tape._steps is None
    assert at.tape.read(1, 1)[0].time_ms == START + MINUTE
