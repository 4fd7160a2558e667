"""Candles of every interval, forming ones and windows, against loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.market_kit import piece
from tests.simexchange.exchange_kit import MINUTE, START, bars, flat, market
from tradepool.core.market.bars import Bars
from tradepool.simexchange.candles import (
    DAY_MS,
    INTERVALS,
    Kline,
    closed_kline,
    forming_kline,
    interval_of,
    just_closed,
    present,
    recent,
    since,
    window,
)
from tradepool.simexchange.listing import ListedMarket, Listing
from tradepool.simexchange.timeline import Stage, Timeline

DECADES = st.integers(0, 60 * 365 * DAY_MS)


@given(DECADES, st.sampled_from(sorted(INTERVALS)))
def test_pieces_are_those_of_the_calendar(time_ms: int, name: str) -> None:
    interval = INTERVALS[name]
    start = interval.start(time_ms)
    assert start <= time_ms < interval.end(start)
    if name != "1s":
        assert (start, interval.end(start)) == piece(time_ms, name)


def walked(times: list[int], timeframe_ms: int = MINUTE) -> tuple[ListedMarket, Timeline]:
    """A market of candles at these bar numbers, whose prices differ from candle to candle; not walked yet."""
    rows = [(100.0 + n, 110.0 + n, 90.0 + n % 7, 101.0 + n) for n in range(len(times))]
    made = ListedMarket(0, Listing(market(), bars(rows, times, timeframe_ms)))
    return made, Timeline([made])


def go(listed: ListedMarket, timeline: Timeline) -> int | None:
    """On by one stage; answers with its time."""
    phase = timeline.pop()
    if phase is None:
        return None
    ((_, bar),) = phase.moves
    if phase.stage is Stage.TURN:
        listed.published = bar
    listed.tape.reach(bar, phase.stage)
    return phase.time_ms


HOLES = st.lists(st.integers(0, 200), min_size=2, max_size=60, unique=True).map(sorted)


@given(HOLES, st.sampled_from(["3m", "5m", "15m", "1h"]))
def test_each_candle_closes_once_as_rest_shows_it(times: list[int], name: str) -> None:
    listed, timeline = walked(times)
    interval = interval_of(listed, name)
    assert interval is not None
    closed: list[Kline] = []
    while (now := go(listed, timeline)) is not None:
        if made := just_closed(listed, interval):
            closed.append(made)
        rows = since(listed, interval, now, 0, 1000, show_forming=False)
        assert rows == recent(listed, interval, now, now, 1000, show_forming=False)
        if listed.tape.stage:
            # At a TURN over a hole the venue may know by the clock alone what the stream tells with the next candle.
            assert rows == closed
        shown = since(listed, interval, now, 0, 1000, show_forming=True)
        assert shown[: len(rows)] == rows
        if forming := present(listed, interval):
            assert shown[len(rows) :] == [forming]
        cut = recent(listed, interval, now, now, 2, show_forming=True)
        assert cut == shown[-2:]
    assert [row.start_ms for row in closed] == sorted({row.start_ms for row in closed})


def test_a_forming_candle_follows_the_walk() -> None:
    listed, timeline = walked([0, 1, 2])
    seen = []
    for _ in range(5):
        go(listed, timeline)
        seen.append(forming_kline(listed))
    assert seen[0] is None
    shapes = [(each.open, each.high, each.low, each.close) for each in seen if each]
    assert shapes == [
        (10_000, 10_000, 10_000, 10_000), (10_000, 10_000, 9_000, 9_000), (10_000, 11_000, 9_000, 11_000),
        (10_000, 11_000, 9_000, 10_100),
    ]  # fmt: skip
    volumes = [each.volume for each in seen if each]
    assert volumes == sorted(volumes)
    assert seen[-1] == closed_kline(listed, 0)


@given(HOLES, st.integers(1, 120))
def test_a_window_is_its_candles(times: list[int], minutes: int) -> None:
    listed, timeline = walked(times)
    while (now := go(listed, timeline)) is not None:
        start = now - minutes * MINUTE
        inside = [closed_kline(listed, bar) for bar in range(listed.published) if listed.open_time[bar] >= start]
        forming = forming_kline(listed)
        inside += [forming] if forming else []
        seen = window(listed, start, now).candle
        if inside:
            assert (seen.open, seen.high, seen.low, seen.close) == (
                inside[0].open, max(each.high for each in inside), min(each.low for each in inside), inside[-1].close,
            )  # fmt: skip
            assert seen.volume == pytest.approx(sum(each.volume for each in inside))
            assert (seen.first_id, seen.last_id) == (inside[0].first_id, inside[-1].last_id)
        else:
            assert (seen.volume, seen.quote, seen.last_id) == (0, 0, seen.first_id - 1)


def test_candles_that_begin_off_the_clock_keep_their_times() -> None:
    odd = np.arange(9) * MINUTE + START + 17_000
    flat_bars = bars(flat(9))
    columns = (flat_bars.open, flat_bars.high, flat_bars.low, flat_bars.close, flat_bars.volume)
    listed = ListedMarket(0, Listing(market(), Bars(MINUTE, odd, *columns)))
    listed.published = 8
    own = interval_of(listed, "1m")
    assert own is not None
    rows = since(listed, own, int(odd[8]), int(odd[2]), 3, show_forming=False)
    assert [row.start_ms for row in rows] == odd[2:5].tolist()


@pytest.mark.parametrize(
    ("minutes", "names"),
    [
        (1, [*INTERVALS][1:]),
        (5, [*INTERVALS][3:]),
        (480, ["8h", "1d", "3d", "1w", "1M"]),
        (1440, ["1d", "3d", "1w", "1M"]),
    ],
)
def test_only_what_candles_can_make_is_there(minutes: int, names: list[str]) -> None:
    listed, _ = walked([0, 1], minutes * MINUTE)
    assert [name for name in INTERVALS if interval_of(listed, name)] == names
