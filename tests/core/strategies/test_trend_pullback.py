"""Trend pullback: in the market only while the hourly trend is up, over closed hours, whenever it was started."""

from __future__ import annotations

import numpy as np
import pytest

from tradepool.core.graph.scope import on
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import MarketStep, series
from tradepool.core.strategies.catalog import named
from tradepool.simexchange.market_model import model_bars

BAR_MS, HOUR_BARS = 300_000, 12
STRATEGY = named("trend_pullback")


@pytest.fixture(scope="module")
def bars() -> Bars:
    """Three months of five minutes, with holes."""
    return model_bars(["BTC/USDT"], BAR_MS, 1_640_995_200_000, 26_000, 3, gap_share=0.02)["BTC/USDT"]


def test_it_enters_on_the_short_bars_and_only_while_the_long_ones_rise(bars: Bars) -> None:
    rows = MarketStep(STRATEGY, BAR_MS).advance(bars)
    trend = series([on("1h", ema(length=10) > ema(length=30))], bars)[:, 0] == 1.0
    held, entered = rows[:, 0] > 0, (rows[:, 0] > rows[:, 1])
    assert not (held & ~trend).any()
    assert entered.sum() > 20
    within_the_hour = bars.open_time[entered] // BAR_MS % HOUR_BARS
    assert len(set(within_the_hour.tolist())) > 6
    assert (rows[entered, 2] > 0).all()


def test_the_hour_under_way_decides_nothing(bars: Bars) -> None:
    """Prices of the last hour's bars may be anything: the trend that the next ones see is that of closed hours."""
    end = int(np.flatnonzero(bars.open_time // BAR_MS % HOUR_BARS == HOUR_BARS - 2)[1_000])
    trend = [on("1h", ema(length=10) - ema(length=30))]
    seen = series(trend, bars.slice(0, end + 1))[-1, 0]
    close = bars.close.copy()
    close[end] *= 2
    changed = Bars(BAR_MS, bars.open_time, bars.open, np.maximum(bars.high, close), bars.low, close, bars.volume)
    assert series(trend, changed.slice(0, end + 1))[-1, 0] == seen


@pytest.mark.parametrize("start", [1, 700, 3_333])
def test_a_later_start_agrees_after_the_warm_up(bars: Bars, start: int) -> None:
    whole, step = MarketStep(STRATEGY, BAR_MS).advance(bars), MarketStep(STRATEGY, BAR_MS)
    assert step.warm_up is not None
    late = step.advance(bars, start)
    edges = np.flatnonzero(whole[start + step.warm_up :, 0] != whole[start + step.warm_up :, 1])
    begin = step.warm_up + int(edges[0]) + 1
    assert (late[begin:] == whole[start + begin :]).all()
