"""A sweep gives every parameter set the result of its own backtest, whatever the lanes and threads."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.graph.samples import bars_of, examples, seeds, tempers
from tests.nouns import BTC
from tradepool.core.backtest.run import Setting, run
from tradepool.core.backtest.sweep import UnevenSets, grid, sweep
from tradepool.core.graph.expr import crosses_above, crosses_below, parameter
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.strategies import catalog
from tradepool.core.strategies.exits import break_even_atrs, stop_atrs, targets_atrs, time_exit, trail_atrs
from tradepool.core.strategies.strategy import Strategy, UnknownParameter
from tradepool.domain.mandate import AT_MARKET, EntryKind, EntryOrder

FAST = ema(length=parameter("fast", 12, 2, 50, 1))
SLOW = ema(length=parameter("slow", 26, 3, 90, 1))
UP, DOWN = crosses_above(FAST, SLOW), crosses_below(FAST, SLOW)
BOTH_SIDES = Strategy(
    "both_sides",
    1,
    enter=UP,
    exit=DOWN,
    enter_short=DOWN,
    exit_short=UP,
    exits=stop_atrs(parameter("stop", 3.0, 0.5, 9.0, 0.5))
    + trail_atrs(parameter("trail", 4.0, 0.5, 9.0, 0.5))
    + targets_atrs(2.0, parameter("target", 4.0, 2.5, 9.0, 0.5), share=0.5)
    + break_even_atrs(parameter("even", 1.0, 0.5, 3.0, 0.5))
    + time_exit(parameter("hold", 20, 1, 60, 1)),
)
STRATEGIES = {**{name: catalog.named(name) for name in catalog.names()}, "both_sides": BOTH_SIDES}
CASH = Setting(Decimal(10_000))


@pytest.mark.parametrize("name", STRATEGIES)
@examples(4)
@given(seed=seeds, temper=tempers, lanes=st.sampled_from((4, 8, 16)), threads=st.sampled_from((1, 2)))
def test_every_set_has_the_result_of_its_own_backtest(
    name: str, seed: int, temper: str, lanes: int, threads: int
) -> None:
    strategy, bars, market = STRATEGIES[name], bars_of(seed, 800, temper), BTC
    random = np.random.default_rng(seed)
    sets = {
        item.name: [
            item.take(item.low + int(random.integers(0, 1 + round((item.high - item.low) / item.step))) * item.step)
            for _ in range(13)
        ]
        for item in strategy.parameters
    }
    capped = EntryOrder(kind=EntryKind.IOC, slippage_max=Decimal("0.0001"))
    setting = replace(CASH, entry=capped if seed % 2 else AT_MARKET)
    found = sweep(strategy, market, bars, setting, sets, threads=threads, lanes=lanes)
    for at in range(13):
        alone = run(strategy.with_parameters({key: column[at] for key, column in sets.items()}), market, bars, setting)
        assert found.final_equity[at] * alone.market.quote_unit == alone.final_equity
        assert found.trades[at] == len(alone.trades)
        assert found.refusals[at] == len(alone.refusals)
        assert found.wins[at] == sum(trade.pnl > 0 for trade in alone.trades)
        gained = sum((trade.pnl for trade in alone.trades), Decimal(0))
        assert int(found.gross_profit[at] - found.gross_loss[at]) * alone.market.quote_unit == gained


def test_the_best_come_first() -> None:
    bars = bars_of(3, 2_000)
    found = sweep(STRATEGIES["moving_average_cross"], BTC, bars, CASH, grid({"fast": range(5, 20), "slow": [30, 50]}))
    best = found.best(3)
    assert len(best) == 3
    assert set(best[0]) == {"fast", "slow"}
    at = int(np.argmax(found.final_equity))
    assert best[0] == {"fast": 5 + at // 2, "slow": (30, 50)[at % 2]}


def test_uneven_or_unknown_parameters_are_refused_by_name() -> None:
    strategy, bars = STRATEGIES["moving_average_cross"], bars_of(3, 100)
    with pytest.raises(UnevenSets, match="fast 2, slow 1"):
        sweep(strategy, BTC, bars, CASH, {"fast": [5, 6], "slow": [20]})
    with pytest.raises(UnevenSets):
        sweep(strategy, BTC, bars, CASH, {})
    with pytest.raises(UnknownParameter, match="fats"):
        sweep(strategy, BTC, bars, CASH, {"fats": [5]})
