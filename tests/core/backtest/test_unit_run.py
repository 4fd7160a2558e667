"""Minimal execution refuses what it cannot do; what it does is compared with other engines in `tests/oracles`."""

from __future__ import annotations

import pytest

from tests.core.graph.samples import bars_of
from tradepool.core.backtest.unit_run import LongOnly, unit_run
from tradepool.core.graph.expr import close, open_
from tradepool.core.strategies.strategy import Strategy


def test_a_strategy_that_shorts_is_refused_by_name() -> None:
    up, down = close > open_, close < open_
    with pytest.raises(LongOnly, match="Strategy both shorts"):
        unit_run(Strategy("both", 1, up, down, enter_short=down, exit_short=up), bars_of(1, 50), 1_000.0, 0.001)
