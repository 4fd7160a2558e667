"""What a market and a mandate fix for the account step, as its integers."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from tradepool.core.account import account_step as step
from tradepool.core.account import limit_step
from tradepool.core.matching.bar_fill import MILLION
from tradepool.domain.denial import Denial
from tradepool.domain.mandate import AT_MARKET, EntryOrder, Limits
from tradepool.domain.market import EXACT_MAX, Market
from tradepool.domain.order import Purpose

REFUSALS = {
    step.BELOW_MINIMUM: Denial.BELOW_MINIMUM,
    step.INSUFFICIENT_CASH: Denial.INSUFFICIENT_CASH,
    limit_step.DAILY_LOSS: Denial.DAILY_LOSS,
    step.TOO_LARGE: Denial.TOO_LARGE,
    step.PRICE_RAN: Denial.PRICE_RAN,
    limit_step.WEEKLY_LOSS: Denial.WEEKLY_LOSS,
    limit_step.DRAWDOWN: Denial.DRAWDOWN,
    limit_step.LOSS_STREAK: Denial.LOSS_STREAK,
    limit_step.TOO_MANY_POSITIONS: Denial.POSITIONS,
    limit_step.ORDER_NOTIONAL: Denial.ORDER_NOTIONAL,
    limit_step.MARKET_NOTIONAL: Denial.MARKET_NOTIONAL,
    limit_step.EXPOSURE: Denial.EXPOSURE,
    limit_step.TRADE_RISK: Denial.TRADE_RISK,
}
# Exits that no strategy and no kernel knows.
BY_HAND, RELEASED = 20, 21
REASONS = {
    step.SIGNAL_EXIT: Purpose.SIGNAL_EXIT,
    step.STOP_HIT: Purpose.STOP,
    step.TRAILING_HIT: Purpose.TRAILING,
    step.TARGET_HIT: Purpose.TARGET,
    step.FLATTENED: Purpose.FLATTEN,
    step.TIME_HIT: Purpose.TIME_EXIT,
    BY_HAND: Purpose.MANUAL,
    RELEASED: Purpose.RELEASED,
}
REASON_CODES = {purpose: code for code, purpose in REASONS.items()}


def price_scale(market: Market) -> float:
    """Ticks per unit of price: the one float with which prices become ticks.

    A power of ten on every market whose tick is one, so that a candle price times it is whole but for the last bit.
    """
    return float(1 / market.price_tick)


def terms_of(
    market: Market, weight: Decimal, limits: Limits, slippage_bp: int = 0, *, entry: EntryOrder = AT_MARKET
) -> list[int]:
    """The account step's `terms` row; slippage is a backtest's only, a venue has its own."""
    row = [0] * step.TERMS_SIZE
    row[step.UNITS_PER_STEP] = market.units_per_step
    row[step.UNITS_PER_TICK_STEP] = market.units_per_tick_step
    row[step.TAKER_PPM] = _ppm(market.fees.taker_rate)
    row[step.STEPS_MIN] = max(1, _up(market.quantity_min / market.quantity_step))
    row[step.NOTIONAL_MIN] = _up(market.notional_min / market.quote_unit)
    row[step.SMALLEST_SELL] = _up(market.smallest_sell / market.quote_unit)
    row[step.WEIGHT_PPM] = _ppm(weight)
    row[limit_step.ORDER_NOTIONAL_MAX] = int((limits.order_notional_max or Decimal(0)) / market.quote_unit)
    row[limit_step.DAILY_LOSS_PPM] = _ppm(limits.daily_loss_max or Decimal(0))
    row[step.SLIPPAGE_BP] = slippage_bp
    row[step.STEPS_MAX] = EXACT_MAX // market.units_per_step - 1
    row[step.MONEY_MAX] = EXACT_MAX
    row[step.MAKER_PPM] = _ppm(market.fees.maker_rate)
    row[step.FEE_IN_QUOTE] = int(market.fee_in_quote)
    row[step.ENTRY_LIMITED] = int(entry.limited)
    row[step.ENTRY_SLIPPAGE_PPM] = _ppm(entry.slippage_max)
    _limit(row, market, limits)
    return row


def _limit(row: list[int], market: Market, limits: Limits) -> None:
    """Write down the limits of `limit_step`; none leaves zeros."""

    def units(amount: Decimal | None) -> int:
        return max(1, int(amount / market.quote_unit)) if amount is not None else 0

    row[limit_step.MARKET_NOTIONAL_MAX] = units(limits.market_notional_max.get(market.symbol))
    row[limit_step.EXPOSURE_MAX] = units(limits.exposure_max)
    row[limit_step.POSITIONS_MAX] = limits.positions_max or 0
    row[limit_step.TRADE_RISK_PPM] = _ppm(limits.trade_risk_max or Decimal(0))
    row[limit_step.WEEKLY_LOSS_PPM] = _ppm(limits.weekly_loss_max or Decimal(0))
    row[limit_step.DRAWDOWN_MAX_PPM] = _ppm(limits.drawdown_max or Decimal(0))
    row[limit_step.LOSS_STREAK_MAX] = limits.loss_streak_max or 0
    row[limit_step.COOL_DOWN_MS] = limits.cool_down_minutes * limit_step.MINUTE_MS
    remembered = (limits.daily_loss_max, limits.weekly_loss_max, limits.drawdown_max)
    row[limit_step.WATCHED] = int(any(limit is not None for limit in remembered))


def _ppm(share: Decimal) -> int:
    return int(share * MILLION)


def _up(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_CEILING))
