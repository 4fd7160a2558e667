"""A mandate's limits bind in a backtest as they do live: the same trades, the same refusals, limit by limit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from tests.conftest import Series
from tests.whole.test_exit_parity import EXITS, strategy
from tests.whole.test_parity import GRACE_MS, START_MS, backtest_of, check_parity, listing_of, mandates, players
from tradepool.core.backtest.run import Setting, run
from tradepool.domain.denial import Denial
from tradepool.domain.mandate import Limits
from tradepool.entrypoints.replay import Plan, on_our_venue
from tradepool.simexchange.market_model import model_listings

D = Decimal
LIMITS = {
    Denial.ORDER_NOTIONAL: Limits(order_notional_max=D(9)),
    Denial.MARKET_NOTIONAL: Limits(market_notional_max={"SOL/USDT": D(9)}),
    Denial.EXPOSURE: Limits(exposure_max=D(9)),
    Denial.TRADE_RISK: Limits(trade_risk_max=D("0.00001")),
    Denial.DAILY_LOSS: Limits(daily_loss_max=D("0.002")),
    Denial.WEEKLY_LOSS: Limits(weekly_loss_max=D("0.01")),
    Denial.DRAWDOWN: Limits(drawdown_max=D("0.02")),
    Denial.LOSS_STREAK: Limits(loss_streak_max=2, cool_down_minutes=240),
}


@pytest.mark.parametrize("denial", LIMITS)
def test_replay_and_backtest_agree_under_each_limit(series: Series, long: bool, denial: Denial) -> None:
    """It binds, too: something is refused by its name."""
    listing = listing_of(series("BYBITPERP-SOL-USDT-5m"), 5_000 if long else 1_200)
    names = ("moving_average_cross", "bollinger_breakout")
    plan = Plan(listings=[listing], players=players(listing, LIMITS[denial], names))
    check_parity(plan)
    expected = [
        run(p.strategy, listing.market, listing.bars, Setting(p.capital, p.weight, p.limits)) for p in plan.players
    ]
    assert denial in {refusal.reason for result in expected for refusal in result.refusals}


def test_a_limit_on_the_risk_of_a_trade_cuts_its_size(series: Series) -> None:
    """A hundredth of the equity until the stop, and the same in both."""
    listing = listing_of(series("BYBITPERP-SOL-USDT-5m"), 1_200)
    free, cut = (players(listing, limits)[0] for limits in (Limits(), Limits(trade_risk_max=D("0.005"))))
    trades = check_parity(Plan(listings=[listing], players=[cut]))
    result = run(free.strategy, listing.market, listing.bars, Setting(free.capital, free.weight))
    assert trades[0].entry_time_ms == result.trades[0].entry_time_ms
    assert trades[0].quantity < result.trades[0].quantity


SHARED = {
    Denial.POSITIONS: Limits(positions_max=1),
    Denial.EXPOSURE: Limits(exposure_max=D(5_000)),
    Denial.MARKET_NOTIONAL: Limits(market_notional_max={"BBB/USDT": D(9)}),
    Denial.DAILY_LOSS: Limits(daily_loss_max=D("0.002")),
    Denial.WEEKLY_LOSS: Limits(weekly_loss_max=D("0.01")),
    Denial.DRAWDOWN: Limits(drawdown_max=D("0.02")),
    Denial.LOSS_STREAK: Limits(loss_streak_max=3, cool_down_minutes=240),
}


def test_the_same_where_markets_share_the_cash_under_a_limit(long: bool) -> None:
    """What the others hold counts, and what all have gained and lost together; with ladders, trailing stops and a time."""
    count = 10_000 if long else 700
    models = model_listings(["AAA/USDT", "BBB/USDT", "CCC/USDT"], 300_000, START_MS, count, 24, gap_share=0.05)
    listings = [on_our_venue(model) for model in models]
    users = [
        replace(seat, name=f"{denial}, {name}", strategy=strategy(name, EXITS[name]))
        for denial, limits in SHARED.items()
        for seat in mandates(listings, "0.4", limits)[:1]
        for name in ("a_ladder_that_trails", "everything")
    ]
    plan = Plan(listings=listings, players=users)
    trades = check_parity(plan, GRACE_MS)
    assert {trade.exit_reason.value for trade in trades} == {"signal_exit", "stop", "trailing", "target", "time_exit"}
    for user in users:
        result = backtest_of(user, plan)
        assert user.name.split(", ")[0] in {refusal.reason for refusal in result.refusals}, user.name
        assert len({trade.market for trade in result.trades}) > 1
        if user.limits.positions_max:
            in_turn = sorted(result.trades, key=lambda trade: trade.entry_time_ms)
            assert all(a.exit_time_ms <= b.entry_time_ms for a, b in pairwise(in_turn))
