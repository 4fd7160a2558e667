"""The store against a plain dictionary, whatever the order; real series in and out; timeframes made of shorter ones."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.candle_store.kit import (
    MINUTE,
    SERIES,
    START,
    Values,
    bars_of,
    held,
    model_holes,
    run_of,
    stored,
    values,
)
from tests.conftest import Series as FindSeries
from tradepool.adapters.candle_files.read import open_candles
from tradepool.adapters.candle_store.errors import NoSuchSeries, NotStorable, SeriesLocked, WrongBars
from tradepool.adapters.candle_store.store import FileStore, all_of
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.core.market.resample import resample
from tradepool.ports.candles import Appended, BadAddress, Series, Stretch

numbers = st.integers(0, 40)
candle = st.tuples(numbers, st.integers(0, 3))
action = st.one_of(
    st.tuples(st.just("append"), st.lists(candle, min_size=1, max_size=12)),
    st.tuples(st.just("never"), st.tuples(numbers, st.integers(0, 8))),
    st.tuples(st.just("drop"), st.lists(numbers, max_size=3)),
    st.tuples(st.just("flush"), st.none()),
    st.tuples(st.just("reopen"), st.none()),
)


@given(st.lists(action, max_size=25), st.integers(0, 2))
def test_any_history_ends_as_a_dictionary_does(actions: list[tuple[str, object]], shift: int) -> None:
    """Appends, repeats, corrections, in any order, across the border of a block: what is read is what a dict holds."""
    # The second block begins at a multiple of 8,192 minutes; three places around it.
    begin = (8_192 - (START - 1_262_304_000_000) // MINUTE % 8_192) - 20 * shift
    model: dict[int, Values] = {}
    never: set[int] = set()
    lost: set[int] = set()
    corrections = 0
    with tempfile.TemporaryDirectory() as folder:
        store = FileStore(Path(folder))
        writer = store.writer(SERIES)
        for kind, what in actions:
            match kind, what:
                case "append", list(given_candles):
                    rows = [(begin + number, values(10 * number + seed)) for number, seed in given_candles]
                    before = Appended()
                    for number, each in rows:
                        known = model.get(number)
                        before += Appended(known is None, known == each, known is not None and known != each)
                        model[number] = each
                        never.discard(number)
                        lost.discard(number)
                    assert writer.append(bars_of(rows), 7) == before
                    corrections += before.corrected
                case "never", (int(first), int(count)):
                    found = set(range(begin + first, begin + first + count)) - set(model) - never
                    span = Stretch(START + (begin + first) * MINUTE, START + (begin + first + count) * MINUTE)
                    assert writer.mark_never_made(span) == len(found)
                    never |= found
                    lost -= found
                case "drop", list(gone):
                    writer.drop([START + (begin + number) * MINUTE for number in gone])
                    for number in gone:
                        if model.pop(begin + number, None):
                            lost.add(begin + number)
                case "flush", _:
                    writer.flush()
                case _:
                    writer.close()
                    writer = store.writer(SERIES)
            assert held(writer.bars()) == dict(sorted(model.items()))
        writer.close()
        reader = store.reader(SERIES)
        assert held(reader.bars()) == dict(sorted(model.items()))
        assert len(writer.corrections()) == corrections
        if model or never or lost:
            holes = {(t - START) // MINUTE for h in reader.holes() for t in range(h.first_ms, h.end_ms, MINUTE)}
            assert holes == model_holes(model, never, lost)
        for block in reader.blocks():
            assert reader.broken(block) == ""


def test_a_reader_sees_what_is_appended_after_it_was_opened(tmp_path: Path) -> None:
    store = stored(tmp_path, run_of(0, 5))
    reader = store.reader(SERIES)
    first = reader.bars()
    with store.writer(SERIES) as writer:
        writer.append(run_of(5, 3), 0)
        assert held(reader.bars()) == held(run_of(0, 8))
    assert held(first) == held(run_of(0, 5))
    assert reader.extent() == Stretch(START, START + 8 * MINUTE)


def test_bars_without_holes_are_views_and_with_holes_one_copy(tmp_path: Path) -> None:
    reader = stored(tmp_path, run_of(0, 5), run_of(7, 5)).reader(SERIES)
    whole = reader.bars(Stretch(START, START + 5 * MINUTE))
    assert not whole.close.flags.owndata
    assert np.shares_memory(whole.close, reader.column("close"))
    assert not np.shares_memory(reader.bars().close, reader.column("close"))
    assert reader.holes() == [Stretch(START + 5 * MINUTE, START + 7 * MINUTE)]
    assert reader.holes(Stretch(START - MINUTE, START + 14 * MINUTE)) == [
        Stretch(START - MINUTE, START),
        Stretch(START + 5 * MINUTE, START + 7 * MINUTE),
        Stretch(START + 12 * MINUTE, START + 14 * MINUTE),
    ]


def test_what_the_venue_never_made_is_not_a_hole(tmp_path: Path) -> None:
    store = stored(tmp_path, run_of(0, 5), run_of(8, 2))
    gap = Stretch(START + 5 * MINUTE, START + 7 * MINUTE)
    with store.writer(SERIES) as writer:
        assert writer.mark_never_made(gap) == 2
        assert writer.mark_never_made(gap) == 0
    reader = store.reader(SERIES)
    assert reader.never_made() == [gap]
    assert reader.holes() == [Stretch(START + 7 * MINUTE, START + 8 * MINUTE)]


def test_a_correction_is_applied_and_written_down(tmp_path: Path) -> None:
    store = stored(tmp_path, run_of(0, 3))
    with store.writer(SERIES) as writer:
        assert writer.append(bars_of([(1, values(50))]), 99) == Appended(corrected=1)
    assert held(store.reader(SERIES).bars())[1] == values(50)
    with store.writer(SERIES) as writer:
        (record,) = writer.corrections()
    assert (record["time"], record["recorded"]) == (START + MINUTE, 99)
    assert (tuple(record["old"]), tuple(record["new"])) == (values(1), values(50))


def test_a_series_has_one_writer_and_the_second_is_told_who(tmp_path: Path) -> None:
    import os

    store = stored(tmp_path, run_of(0, 1))
    with store.writer(SERIES), pytest.raises(SeriesLocked, match=f"process {os.getpid()}"):
        store.writer(SERIES)
    store.writer(SERIES).close()


@pytest.mark.parametrize(
    ("bars", "why"),
    [
        (Bars(MINUTE, np.array([START + 1]), *np.ones((5, 1))), "a time off the grid"),
        (Bars(MINUTE, np.array([0]), *np.ones((5, 1))), "before 2010"),
        (Bars(5 * MINUTE, np.array([START]), *np.ones((5, 1))), "another timeframe than 1m"),
        (bars_of([(0, (1, 2, 1, np.nan, 0))]), "not a number"),
        (bars_of([(0, values(1)), (1, (1, 1, 2, 1, 0))]), "high below low"),
        (bars_of([(0, (1, 1, 0, 1, 0))]), "price not above zero"),
        (bars_of([(0, (1, 1, 1, 1, -1))]), "negative volume"),
    ],
)
def test_bars_that_cannot_be_are_refused_and_nothing_is_stored(tmp_path: Path, bars: Bars, why: str) -> None:
    store = FileStore(tmp_path)
    with store.writer(SERIES) as writer, pytest.raises(WrongBars, match=why):
        writer.append(bars, 0)
    assert len(store.reader(SERIES).bars()) == 0


def test_addresses(tmp_path: Path) -> None:
    perpetual = Series.parse("binanceusdm:BTC/USDT:USDT@1m")
    store = stored(tmp_path, run_of(0, 1))
    stored(tmp_path, run_of(0, 1), series=perpetual)
    assert store.series() == [SERIES, perpetual]
    assert all_of(store, ["binance:BTC/USDT"]) == [SERIES]
    assert all_of(store, []) == [SERIES, perpetual]
    for wrong in ("binance:ETH/USDT", "binance:BTC/USDT@5m"):
        with pytest.raises(NoSuchSeries, match="data list"):
            all_of(store, [wrong])
    for bad in ("BTC/USDT@5m", "binance:BTCUSDT@5m", "binance:BTC/USDT@7m", "binance:../x/y@1m"):
        with pytest.raises(BadAddress):
            Series.parse(bad)
    with pytest.raises(NotStorable, match="made of shorter ones"):
        store.writer(Series.parse("binance:BTC/USDT@1w"))


# ---- real series


def test_a_real_series_with_holes_is_the_same_in_the_store(series: FindSeries, tmp_path: Path) -> None:
    _, bars = open_candles(series("BITFINEX-ETH-USD-1m"))
    name = Series.parse("bitfinex:ETH/USD@1m")
    store = FileStore(tmp_path)
    order = np.random.default_rng(3).permutation(len(bars))
    with store.writer(name) as writer:
        for part in np.array_split(order, 7):
            writer.append(Bars(MINUTE, bars.open_time[part], *(getattr(bars, c)[part] for c in COLUMNS)), 0)
        assert writer.append(bars, 0) == Appended(same=len(bars))
    read = store.reader(name).bars()
    for column in ("open_time", *COLUMNS):
        assert (getattr(read, column) == getattr(bars, column)).all(), column
    missing = sum(hole.bars(MINUTE) for hole in store.reader(name).holes())
    assert missing == (bars.open_time[-1] - bars.open_time[0]) // MINUTE + 1 - len(bars)


def test_made_days_are_the_venue_s_own(series: FindSeries, real_data: Path | None, tmp_path: Path) -> None:
    """Binance's 5-minute candles make its daily ones."""
    if real_data is None:
        pytest.skip("modelled series of two timeframes have nothing in common")
    _, fives = open_candles(series("BINANCE-BTC-USDT-5m"))
    _, days = open_candles(series("BINANCE-BTC-USDT-1d"))
    store = stored(tmp_path, fives, series=Series.parse("binance:BTC/USDT@5m"))
    made = store.bars(Series.parse("binance:BTC/USDT@1d"))
    common, ours, theirs = np.intersect1d(made.open_time, days.open_time, return_indices=True)
    assert len(common) == len(made) > 400
    for column in ("open", "high", "low", "close"):
        differing = np.flatnonzero(getattr(made, column)[ours] != getattr(days, column)[theirs])
        assert len(differing) == 0, column
    # The last day is not over.
    assert int(made.open_time[-1]) + 86_400_000 <= fives.close_time(-1)


def test_a_bar_with_an_unknown_minute_is_left_out_and_one_with_a_never_made_minute_is_not(tmp_path: Path) -> None:
    first = 4  # START is 22:14; minute 1 opens a 5-minute bar.
    store = stored(tmp_path, run_of(1, first), run_of(6, 5), run_of(12, 3))
    fives = Series.parse("binance:BTC/USDT@5m")
    made = [(t - START) // MINUTE for t in store.bars(fives).open_time.tolist()]
    assert made == [6]
    with store.writer(SERIES) as writer:
        writer.mark_never_made(Stretch(START + 5 * MINUTE, START + 6 * MINUTE))
        writer.mark_never_made(Stretch(START + 11 * MINUTE, START + 12 * MINUTE))
    made = [(t - START) // MINUTE for t in store.bars(fives).open_time.tolist()]
    assert made == [1, 6]
    with store.writer(SERIES) as writer:
        writer.mark_never_made(Stretch(START + 15 * MINUTE, START + 16 * MINUTE))
    assert [(t - START) // MINUTE for t in store.bars(fives).open_time.tolist()] == [1, 6, 11]


@pytest.mark.parametrize("timeframe", ["3m", "1h", "1d", "1w", "1M"])
def test_longer_bars_are_what_a_loop_makes(timeframe: str) -> None:
    """Random minutes with holes against datetime arithmetic, a bar at a time."""
    from datetime import UTC, datetime, timedelta

    rng = np.random.default_rng(5)
    times = np.flatnonzero(rng.random(90 * 1440) < 0.05) * MINUTE + 1_706_000_040_000 // MINUTE * MINUTE
    bars = Bars(MINUTE, times, *rng.random((5, len(times))))

    def opens(time_ms: int) -> int:
        moment = datetime.fromtimestamp(time_ms / 1000, UTC)
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        match timeframe:
            case "1M":
                start = day.replace(day=1)
            case "1w":
                start = day - timedelta(days=day.weekday())
            case "1d":
                start = day
            case "1h":
                start = moment.replace(minute=0, second=0)
            case _:
                start = moment.replace(minute=moment.minute // 3 * 3, second=0)
        return int(start.timestamp() * 1000)

    expected: dict[int, list[float]] = {}
    for at, time_ms in enumerate(times.tolist()):
        o, h, low, c, v = (float(getattr(bars, name)[at]) for name in COLUMNS)
        made = expected.setdefault(opens(time_ms), [o, h, low, c, 0.0])
        made[1], made[2], made[3], made[4] = max(made[1], h), min(made[2], low), c, made[4] + v
    found = resample(bars, timeframe, np.array([], np.int64), int(times[-1]) + 40 * 86_400_000)
    assert found.open_time.tolist() == list(expected)
    for at, name in enumerate(COLUMNS):
        assert np.allclose(getattr(found, name), [row[at] for row in expected.values()], rtol=1e-12, atol=0)
    cut = resample(bars, timeframe, np.array([], np.int64), int(found.open_time[-1]) + 1)
    assert cut.open_time.tolist() == list(expected)[:-1]
