"""A sweep reads values from outside as a backtest does."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from tests.core.graph.samples import MINUTE_MS, bars_of
from tests.nouns import BTC
from tradepool.core.backtest.run import Setting, run
from tradepool.core.backtest.sweep import sweep
from tradepool.core.graph.expr import parameter
from tradepool.core.graph.scope import external
from tradepool.core.market.align import WrongInputs
from tradepool.core.strategies.strategy import Strategy

SCORE = external("score", max_age="3m")
SCORED = Strategy("scored", 1, enter=parameter("least", 0.5, 0.0, 1.0, 0.1) < SCORE, exit=SCORE < 0.2)
CASH = Setting(Decimal(10_000))


def test_every_set_has_its_own_backtest_with_values_from_outside() -> None:
    bars, dice = bars_of(3, 600), np.random.default_rng(3)
    times = bars.open_time[::2] + MINUTE_MS
    given = {"score": (times, dice.random(len(times)))}
    sets = {"least": [0.1 * tenth for tenth in range(3, 10)]}
    found = sweep(SCORED, BTC, bars, CASH, sets, externals=given)
    for at, least in enumerate(sets["least"]):
        alone = run(SCORED.with_parameters({"least": least}), BTC, bars, CASH, externals=given)
        assert found.final_equity[at] * BTC.quote_unit == alone.final_equity
        assert found.trades[at] == len(alone.trades)
    assert len(set(found.trades.tolist())) > 2
    with pytest.raises(WrongInputs, match="reads score"):
        sweep(SCORED, BTC, bars, CASH, sets)
