"""All strategies of the library trade in a demo, side by side and on real series too, and the books agree."""

from __future__ import annotations

import pytest

from tests.conftest import Series
from tradepool.entrypoints.demo import STYLES, demo_plan
from tradepool.entrypoints.replay import Plan, replay

USERS = len(STYLES)
EIGHT = {
    *("moving_average_cross", "rsi_divergence", "bollinger_breakout", "macd_trend"),
    *("support_resistance", "volume_breakout", "donchian_turtle", "supertrend"),
}


def check(plan: Plan) -> None:
    """Everybody trades and nobody is halted."""
    outcome = replay(plan)
    assert outcome.halted == {}
    traded = {player.strategy.name: user.trades for player, user in zip(plan.players, outcome.users, strict=True)}
    assert {name for name, trades in traded.items() if trades} == EIGHT
    assert all(not any(user.ledger_minus_venue.values()) for user in outcome.users)


def test_all_eight_trade_in_a_demo() -> None:
    check(demo_plan(USERS, [], 20, 7))


@pytest.mark.parametrize("name", ["BINANCE-BTC-USDT-5m", "BYBITPERP-SOL-USDT-5m"])
def test_all_eight_trade_real_candles(series: Series, name: str) -> None:
    check(demo_plan(USERS, [series(name)], 20, 7))
