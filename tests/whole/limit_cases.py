"""Every limit in every scope it may stand in, and how trading trips it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tests.leader import with_leader
from tradepool.core.strategies.strategy import Strategy
from tradepool.core.strategies.text import strategy_of
from tradepool.domain.denial import Denial
from tradepool.domain.ids import MarketId
from tradepool.domain.limit import LIMIT_WORDS, Action
from tradepool.domain.mandate import NO_LIMITS, Limits

D = Decimal
BAR_MS, BARS = 300_000, 900
CHURN = """\
# Buys after a candle that rose, sells after one that fell.
name: churn
version: 1

enter: close > open
exit: close < open
stop: 2 percent
"""
AAA, BBB = MarketId("binance:AAA/USDT"), MarketId("binance:BBB/USDT")


@dataclass(frozen=True)
class Case:
    """One limit, and how it is tripped: two users trade both markets unless it says otherwise. `halted` is what the
    limit halts, `told` whether it is remembered as reached: one on sizes, in the account step, is about each entry."""

    denial: Denial
    limits: Mapping[str, str] = field(default_factory=dict)
    own: Limits = NO_LIMITS
    action: Action = Action.REFUSE
    halted: str = ""
    both: bool = True
    strategy: Callable[[], Strategy] = lambda: strategy_of(CHURN)
    holes: float = 0.0
    read_every_bars: int = 0
    bars: int = BARS

    @property
    def told(self) -> bool:
        return bool(self.limits) or any(LIMIT_WORDS[word.partition(".")[0]].falls for word, _ in self.own.named())


STALE = Case(Denial.STALE_PRICE, both=False, strategy=lambda: with_leader("BBB/USDT"), holes=0.3, bars=3_000)
CASES = {
    # a mandate's, in the account step
    "mandate order": Case(Denial.ORDER_NOTIONAL, own=Limits(order_notional_max=D(9))),
    "mandate market": Case(Denial.MARKET_NOTIONAL, own=Limits(market_notional_max={"AAA/USDT": D(9)})),
    "mandate exposure": Case(Denial.EXPOSURE, own=Limits(exposure_max=D(3_990))),
    "mandate positions": Case(Denial.POSITIONS, own=Limits(positions_max=1)),
    "mandate trade risk": Case(Denial.TRADE_RISK, own=Limits(trade_risk_max=D("0.00001"))),
    "mandate daily loss": Case(Denial.DAILY_LOSS, own=Limits(daily_loss_max=D("0.003"))),
    "mandate weekly loss": Case(Denial.WEEKLY_LOSS, own=Limits(weekly_loss_max=D("0.01"))),
    "mandate drawdown": Case(Denial.DRAWDOWN, own=Limits(drawdown_max=D("0.01"))),
    "mandate loss streak": Case(Denial.LOSS_STREAK, own=Limits(loss_streak_max=3, cool_down_minutes=720)),
    # above it, at the gate
    "platform order": Case(Denial.SCOPE_NOTIONAL, {"platform.order_notional_max": "3000"}),
    "user order": Case(Denial.SCOPE_NOTIONAL, {"user.{user}.order_notional_max": "3000"}),
    "strategy order": Case(Denial.SCOPE_NOTIONAL, {"strategy.churn.order_notional_max": "3000"}),
    "market order": Case(Denial.SCOPE_NOTIONAL, {"market.BBB/USDT.order_notional_max": "3000"}),
    "cluster order": Case(Denial.CLUSTER, {"cluster.pair.order_notional_max": "3000"}),
    "platform exposure": Case(Denial.SCOPE_EXPOSURE, {"platform.exposure_max": "13000"}),
    "user exposure": Case(Denial.SCOPE_EXPOSURE, {"user.{user}.exposure_max": "5000"}),
    "strategy exposure": Case(Denial.SCOPE_EXPOSURE, {"strategy.churn.exposure_max": "5000"}),
    "market exposure": Case(Denial.SCOPE_EXPOSURE, {"market.AAA/USDT.exposure_max": "5000"}),
    "cluster exposure": Case(Denial.CLUSTER, {"cluster.pair.exposure_max": "5000"}),
    "platform positions": Case(Denial.SCOPE_POSITIONS, {"platform.positions_max": "3"}),
    "user positions": Case(Denial.SCOPE_POSITIONS, {"user.{user}.positions_max": "1"}),
    "strategy positions": Case(Denial.SCOPE_POSITIONS, {"strategy.churn.positions_max": "2"}),
    "market positions": Case(Denial.SCOPE_POSITIONS, {"market.AAA/USDT.positions_max": "1"}),
    "cluster positions": Case(Denial.CLUSTER, {"cluster.pair.positions_max": "1"}),
    "platform daily loss": Case(Denial.SCOPE_DAILY_LOSS, {"platform.daily_loss_max": "0.003"}),
    "user daily loss": Case(Denial.SCOPE_DAILY_LOSS, {"user.{user}.daily_loss_max": "0.003"}),
    "platform weekly loss": Case(Denial.SCOPE_WEEKLY_LOSS, {"platform.weekly_loss_max": "0.01"}),
    "user weekly loss": Case(Denial.SCOPE_WEEKLY_LOSS, {"user.{user}.weekly_loss_max": "0.01"}),
    "platform drawdown": Case(Denial.SCOPE_DRAWDOWN, {"platform.drawdown_max": "0.01"}),
    "user drawdown": Case(Denial.SCOPE_DRAWDOWN, {"user.{user}.drawdown_max": "0.01"}),
    "platform rate": Case(Denial.ORDER_RATE, {"platform.orders_per_minute_max": "2"}),
    "user rate": Case(Denial.ORDER_RATE, {"user.{user}.orders_per_minute_max": "1"}),
    "strategy rate": Case(Denial.ORDER_RATE, {"strategy.churn.orders_per_minute_max": "2"}),
    "market rate": Case(Denial.ORDER_RATE, {"market.BBB/USDT.orders_per_minute_max": "1"}),
    "stale price": replace(STALE, limits={"platform.price_age_max_s": "1"}),
    "stale market price": replace(STALE, limits={"market.AAA/USDT.price_age_max_s": "1"}),
    "stale balance": Case(Denial.STALE_BALANCE, {"platform.balance_age_max_s": "400"}, read_every_bars=12),
    "stale user balance": Case(Denial.STALE_BALANCE, {"user.{user}.balance_age_max_s": "400"}, read_every_bars=12),
    "price band": Case(Denial.PRICE_BAND, {"market.AAA/USDT.price_band_max": "0.002"}),
    "platform price band": Case(Denial.PRICE_BAND, {"platform.price_band_max": "0.002"}),
    "volume share": Case(Denial.VOLUME_SHARE, {"platform.volume_share_max": "0.00001"}),
    "market volume share": Case(Denial.VOLUME_SHARE, {"market.AAA/USDT.volume_share_max": "0.00001"}),
    # what else they do
    "reduce only": Case(Denial.REDUCE_ONLY, {"user.{user}.daily_loss_max": "0.003"}, action=Action.REDUCE_ONLY),
    "flatten": Case(Denial.REDUCE_ONLY, {"platform.daily_loss_max": "0.003"}, action=Action.FLATTEN),
    "market halts": Case(
        Denial.HALTED, {"market.AAA/USDT.positions_max": "1"}, action=Action.HALT, halted="market binance:AAA/USDT"
    ),
    "user halts": Case(
        Denial.SCOPE_DRAWDOWN, {"user.{user}.drawdown_max": "0.01"}, action=Action.HALT, halted="user {user}"
    ),
    "platform halts": Case(
        Denial.SCOPE_DAILY_LOSS, {"platform.daily_loss_max": "0.003"}, action=Action.HALT, halted="platform simulated"
    ),
    "mandate halts": Case(
        Denial.DRAWDOWN,
        {"mandate.{mandate}.drawdown_max": "0.01"},
        own=Limits(drawdown_max=D("0.01")),
        action=Action.HALT,
        halted="user {user}",
    ),
}
