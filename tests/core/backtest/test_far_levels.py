"""Levels farther away than any price are never reached, and overflow nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.core.graph.samples import bars_of
from tests.nouns import BTC
from tradepool.core.backtest.run import Setting, run
from tradepool.core.graph.expr import Number, close, crosses_above, crosses_below
from tradepool.core.graph.primitives import sma
from tradepool.core.strategies.exits import Exits
from tradepool.core.strategies.strategy import Strategy

FAR = (close * 2_000, close * 1e9, close * 1e12 * 1e6, close * 1e300)
UP, DOWN = crosses_above(close, sma(close, 9)), crosses_below(close, sma(close, 9))


def strategy(exits: Exits, *, short: bool) -> Strategy:
    """The close crosses its average, with these exits."""
    if short:
        return Strategy("far", 1, UP, DOWN, exits, enter_short=DOWN, exit_short=UP)
    return Strategy("far", 1, UP, DOWN, exits)


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("far", FAR, ids=["2e3", "1e9", "1e18", "1e300"])
@pytest.mark.parametrize("kind", ["stop_distance", "trail_distance", "first_target", "second_target"])
def test_a_level_out_of_reach_changes_nothing(kind: str, far: Number, short: bool) -> None:
    bars, setting = bars_of(5, 600), Setting(Decimal(100_000))
    held = strategy(Exits(**{kind: far}), short=short)
    native, plain = (run(held, BTC, bars, setting, runner=runner) for runner in ("native", "reference"))
    assert native.trades == plain.trades
    assert native.final_equity == plain.final_equity
    assert {trade.exit_reason.value for trade in native.trades} <= {"signal_exit"}
    # A long whose stop is worth nothing is not entered: it could not be sold there.
    assert len(native.trades) > 10 or (kind in ("stop_distance", "trail_distance") and not short)
