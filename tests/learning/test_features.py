"""Features at entry: the same bits wherever a series begins, nothing of what came later, nothing of prices or amounts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.learning.features import EXPRESSIONS, NAMES, bars_before, features_at
from tradepool.simexchange.market_model import model_bars

MINUTE_MS = 60_000
START_MS = 1_640_995_200_000
BARS = model_bars(["BTC/USDT"], MINUTE_MS, START_MS, 3_000, seed=5, gap_share=0.02)["BTC/USDT"]
LAST = len(BARS) - 1


def at(bars: Bars, index: int) -> Floats:
    """The features at the close of a bar."""
    return features_at(bars, [bars.close_time(index)]).ravel()


def test_a_later_start_gives_the_same_bits() -> None:
    """So what a gathering computes of a live trade is what a backtest over years has in the same place."""
    needed = bars_before(MINUTE_MS)
    assert needed < len(BARS)
    whole = at(BARS, LAST)
    assert not np.isnan(whole).any()
    for first in (0, 7, LAST + 1 - needed):
        part = BARS.slice(first, LAST + 1)
        assert at(part, len(part) - 1).tobytes() == whole.tobytes()


def test_what_comes_after_an_entry_changes_nothing() -> None:
    """Neither that it comes, nor what it is."""
    index = LAST - 200
    told = at(BARS, index)
    columns = [getattr(BARS, name).copy() for name in COLUMNS]
    for column in columns:
        column[index + 1 :] *= 3.0
    for changed in (BARS.slice(0, index + 1), Bars(MINUTE_MS, BARS.open_time, *columns)):
        assert at(changed, index).tobytes() == told.tobytes()


def test_every_feature_hears_of_its_last_bar() -> None:
    """At one of a few bars at least: a place at the top of the range stays there. A constant would pass the others."""
    deaf = set(NAMES)
    for index in range(LAST - 200, LAST, 25):
        columns = [getattr(BARS, name).copy() for name in COLUMNS]
        for column, factor in zip(columns, (1.002, 1.05, 0.97, 0.999, 40.0), strict=True):
            column[index] *= factor
        changed = at(Bars(MINUTE_MS, BARS.open_time, *columns), index)
        deaf -= {name for name, one, other in zip(NAMES, at(BARS, index), changed, strict=True) if one != other}
    assert deaf == set()


def test_features_have_no_unit() -> None:
    """A market whose prices and volumes are a power of two times as large says the same."""
    prices = [getattr(BARS, name) * 1_024.0 for name in COLUMNS]
    scaled = at(Bars(MINUTE_MS, BARS.open_time, *prices), LAST)
    assert scaled == pytest.approx(at(BARS, LAST), rel=1e-9, abs=1e-9)
    assert all(expr.unit in (None, (0.0, 0.0)) for expr in EXPRESSIONS.values())


def test_where_no_candle_closed_nothing_is_known() -> None:
    """In a hole, after the end, and in an empty series; too few bars before T are unknown for those that need them."""
    hole = int(BARS.open_time[np.flatnonzero(np.diff(BARS.open_time) > MINUTE_MS)[0]]) + 2 * MINUTE_MS
    told = features_at(BARS, [hole, BARS.close_time(LAST) + MINUTE_MS, BARS.close_time(LAST)])
    assert np.isnan(told[:2]).all()
    assert not np.isnan(told[2]).any()
    assert np.isnan(features_at(replace(BARS).slice(0, 0), [START_MS])).all()
    few = at(BARS, 20)
    assert np.isnan(few).sum() == sum("96" in name for name in NAMES)
