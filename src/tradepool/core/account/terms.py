"""What a market and a mandate fix for the account step, as its integers."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from tradepool.core.account import account_step as step
from tradepool.core.matching.bar_fill import MILLION
from tradepool.domain.mandate import Limits
from tradepool.domain.market import EXACT_MAX, Market
from tradepool.domain.order import Purpose

REFUSALS = {
    step.BELOW_MINIMUM: "below_minimum",
    step.INSUFFICIENT_CASH: "insufficient_cash",
    step.DAILY_LOSS: "daily_loss",
    step.TOO_LARGE: "too_large",
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


def terms_of(market: Market, weight: Decimal, limits: Limits, slippage_bp: int = 0) -> list[int]:
    """The account step's `terms` row; slippage is a backtest's only, a venue has its own."""
    row = [0] * step.TERMS_SIZE
    row[step.UNITS_PER_STEP] = market.units_per_step
    row[step.UNITS_PER_TICK_STEP] = market.units_per_tick_step
    row[step.TAKER_PPM] = _ppm(market.fees.taker_rate)
    row[step.STEPS_MIN] = max(1, _up(market.quantity_min / market.quantity_step))
    row[step.NOTIONAL_MIN] = _up(market.notional_min / market.quote_unit)
    row[step.SMALLEST_SELL] = _up(market.smallest_sell / market.quote_unit)
    row[step.WEIGHT_PPM] = _ppm(weight)
    row[step.ORDER_NOTIONAL_MAX] = int((limits.order_notional_max or Decimal(0)) / market.quote_unit)
    row[step.DAILY_LOSS_PPM] = _ppm(limits.daily_loss_max or Decimal(0))
    row[step.SLIPPAGE_BP] = slippage_bp
    row[step.STEPS_MAX] = EXACT_MAX // market.units_per_step - 1
    row[step.MONEY_MAX] = EXACT_MAX
    row[step.MAKER_PPM] = _ppm(market.fees.maker_rate)
    row[step.FEE_IN_QUOTE] = int(market.fee_in_quote)
    return row


def _ppm(share: Decimal) -> int:
    return int(share * MILLION)


def _up(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_CEILING))
