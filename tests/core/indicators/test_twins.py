"""Every twin equals TA-Lib, on real series and on random bars, from TA-Lib's first value on."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Series
from tests.core.graph.samples import bars_of
from tests.core.indicators.found import PAGES, USUAL_LINES
from tradepool.adapters.candle_files.read import open_candles
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import series as series_of
from tradepool.entrypoints.bench_indicators_twins import TWINS

SERIES = ("BINANCE-BTC-USDT-5m", "BINANCE-BTC-USDT-1h", "BINANCE-ETH-USDT-1d")
MOST, MOST_LONG = 100_000, 1_000_000
# TA-Lib says 0, not nan, before a pattern can be; none looks back further.
PATTERNS_FROM = 20


@cache
def real(file: Path, most: int) -> Bars:
    """The last bars of a series."""
    bars = open_candles(file)[1]
    return bars.slice(max(len(bars) - most, 0), len(bars))


@cache
def random(most: int) -> Bars:
    """Random bars."""
    return bars_of(1, most)


def check(name: str, bars: Bars) -> None:
    """Within 1e-9 of the larger of the value and the median size of the series."""
    line, expected = USUAL_LINES[name], np.asarray(TWINS[name](bars), dtype=np.float64)
    got, known = series_of([line], bars, "native")[:, 0], ~np.isnan(expected)
    if PAGES[name.split(" ")[0]].group == "candlesticks":
        known[:PATTERNS_FROM] = False
    assert known.sum() > len(bars) - 200
    assert int(np.flatnonzero(known)[0]) >= line.lookback
    within = 1e-9 * np.maximum(np.abs(expected), np.median(np.abs(expected[known])))
    wrong = np.flatnonzero(known & ~(np.abs(got - expected) <= within))
    assert wrong.size == 0, (wrong[:5], got[wrong[:5]], expected[wrong[:5]])


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("file", SERIES)
def test_a_twin_equals_ta_lib_on_a_real_series(name: str, file: str, series: Series, long: bool) -> None:
    check(name, real(series(file), MOST_LONG if long else MOST // 4))


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_equals_ta_lib_on_random_bars(name: str, long: bool) -> None:
    check(name, random(MOST_LONG if long else MOST))


def test_every_page_that_names_a_twin_is_held_to_it() -> None:
    named = {name for name, page in PAGES.items() if page.twin}
    assert named == {name.split(" ")[0] for name in TWINS}
