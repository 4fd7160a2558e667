"""What a position knows of itself, and exits that follow from it."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from tradepool.core.backtest.run import Setting, run
from tradepool.core.graph.expr import WrongOperand, close, crosses_above, crosses_below, low
from tradepool.core.graph.primitives import lowest, sma
from tradepool.core.graph.step import EXPOSURE
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.market.market_step import MarketStep, series
from tradepool.core.strategies.exits import stop_at
from tradepool.core.strategies.held import break_even, follow_levels, gained, held, held_for, level_of
from tradepool.core.strategies.strategy import Strategy
from tradepool.simexchange.market_model import model_listings

(LISTING,) = model_listings(["AAA/USDT"], 300_000, 0, 4_000, seed=3)
BARS = LISTING.bars
ENTER, LEAVE = crosses_above(close, sma(close, 20)), crosses_below(close, sma(close, 50))
TICK = float(LISTING.market.price_tick)


def test_it_follows_the_level() -> None:
    position = held(ENTER, LEAVE)
    level, bars, entry, best, alone = series([position.level, *position[1:], level_of(ENTER, LEAVE)], BARS).T
    enters, leaves = series([ENTER, LEAVE], BARS).T
    exposure = MarketStep(Strategy("held", 1, ENTER, LEAVE), 300_000).advance(BARS)[:, EXPOSURE]
    assert np.array_equal(level[60:], exposure[60:])
    assert np.array_equal(level[60:], alone[60:])
    for index in range(61, len(BARS)):
        if level[index] and not level[index - 1]:
            assert (bars[index], entry[index], best[index]) == (0.0, BARS.close[index], BARS.close[index])
            assert enters[index]
            assert not leaves[index]
        elif level[index]:
            assert bars[index] == bars[index - 1] + 1.0
            assert entry[index] == entry[index - 1]
            assert best[index] == max(best[index - 1], BARS.close[index])


def test_a_time_exit_leaves_after_so_many_bars() -> None:
    strategy = Strategy("timed", 1, ENTER, LEAVE | held_for(ENTER, LEAVE, 12))
    exposure = MarketStep(strategy, 300_000).advance(BARS)[:, EXPOSURE]
    turns = np.flatnonzero(np.diff(exposure))
    lengths = (turns[1:] - turns[:-1])[exposure[turns[:-1] + 1] == 1.0]
    assert lengths.max() == 12
    assert (lengths == 12).sum() > 5
    assert (lengths < 12).any()


def test_less_gain_is_enough_the_longer_it_is_held() -> None:
    """Against the same table walked in plain Python."""
    table = {0: 0.8, 6: 0.3, 24: 0.0}
    ends = gained(ENTER, LEAVE, table)
    step = MarketStep(Strategy("roi", 1, ENTER, LEAVE | ends), 300_000)
    exposure = step.advance(BARS)[:, EXPOSURE]
    enters, leaves = series([ENTER, LEAVE], BARS).T == 1.0
    entry, begun, whys = 0.0, -1, list[float]()
    for index in range(step.lookback, len(BARS)):
        price, was = BARS.close[index], begun >= 0
        if was:
            asked = max(bars for bars in table if index - begun >= bars)
            over = price >= entry * (1.0 + table[asked] * 0.01)
            if over:
                whys.append(table[asked])
            begun = -1 if over or leaves[index] else begun
        elif enters[index] and not leaves[index] and exposure[index]:
            entry, begun = price, index
        assert (begun >= 0) == (exposure[index] == 1.0), index
    assert set(whys) == set(table.values())
    with pytest.raises(WrongOperand, match="is no table"):
        gained(ENTER, LEAVE, {})


def test_a_stop_stands_at_its_line() -> None:
    """Sold at the highest that the line was while the position was held, or worse where the price jumped over it."""
    line = lowest(low, 10)
    result = run(Strategy("line", 1, ENTER, LEAVE, stop_at(line)), LISTING.market, BARS, Setting(Decimal(10_000)))
    levels = series([line], BARS).ravel()
    stopped = [trade for trade in result.trades if trade.exit_reason.value == "trailing"]
    for trade in stopped:
        first, last = (int(at // 300_000) - 1 for at in (trade.entry_time_ms, trade.exit_time_ms))
        top = np.max(levels[first : last + 1])
        assert float(trade.exit_price) <= top + TICK
    assert len(stopped) > 20


def test_break_even_costs_nothing_but_what_is_jumped() -> None:
    """Once it was far enough ahead, it ends at its entry and fees or better."""
    position = held(ENTER, LEAVE)
    even = break_even(position, 1.5 * atr(), cost_percent=0.3)
    strategy = Strategy("even", 1, ENTER, LEAVE, follow_levels(even, lowest(low, 400)))
    result = run(strategy, LISTING.market, BARS, Setting(Decimal(10_000)))
    ended = [trade for trade in result.trades if trade.exit_reason.value == "trailing"]
    assert len(ended) > 10
    gains = [float(trade.exit_price / trade.entry_price) - 1.0 for trade in ended]
    assert np.median(gains) > 0.002
