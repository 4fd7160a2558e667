"""A mandate's limits bind in a backtest as they do live: the same trades, the same refusals, limit by limit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from tests.conftest import Series
from tests.whole.test_parity import START_MS, check_parity, listing_of, players
from tradepool.core.backtest.run import Setting, run
from tradepool.domain.denial import Denial
from tradepool.domain.mandate import Limits
from tradepool.entrypoints.replay import Plan, on_our_venue, replay
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


@pytest.mark.parametrize("limits", [Limits(positions_max=1), Limits(exposure_max=D(5_000))])
def test_what_other_markets_hold_counts(limits: Limits) -> None:
    """Two markets of one mandate: while one is held the other is not entered, or only with what is left."""
    models = model_listings(["AAA/USDT", "BBB/USDT"], 300_000, START_MS, 1_500, seed=6)
    listings = [on_our_venue(model) for model in models]
    both = tuple(listing.market.id for listing in listings)
    (one,) = players(listings[0], limits, ("moving_average_cross",))
    (user,) = replay(Plan(listings=listings, players=[replace(one, markets=both)])).users
    trades = sorted(user.trades, key=lambda trade: trade.entry_time_ms)
    assert {trade.market for trade in trades} == set(both)
    wanted = Denial.POSITIONS if limits.positions_max else Denial.EXPOSURE
    assert wanted in {refusal.reason for refusal in user.refusals}
    if limits.positions_max:
        assert all(a.exit_time_ms <= b.entry_time_ms for a, b in pairwise(trades))
