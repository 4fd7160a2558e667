"""What a market and a mandate fix, number by number, and that every reason has its code."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tests.core.account.rows import terms
from tests.nouns import BTC
from tradepool.core.account import limit_step
from tradepool.core.account.terms import REASON_CODES, REASONS, price_scale, terms_of
from tradepool.domain.mandate import NO_LIMITS, EntryKind, EntryOrder, Limits
from tradepool.domain.market import EXACT_MAX, FeeSchedule
from tradepool.domain.order import Purpose

D = Decimal
MARKET = replace(
    BTC,
    quantity_min=D("0.000025"),
    notional_min=D("50.000000001"),
    fees=FeeSchedule(maker_rate=D("0.0002"), taker_rate=D("0.00075")),
)
PLAIN = {
    "UNITS_PER_STEP": 1_000,
    "UNITS_PER_TICK_STEP": 10,
    "TAKER_PPM": 750,
    "MAKER_PPM": 200,
    "STEPS_MIN": 3,
    "NOTIONAL_MIN": 5_000_000_001,
    "SMALLEST_SELL": 5_000_000_001,
    "WEIGHT_PPM": 400_000,
    "STEPS_MAX": EXACT_MAX // 1_000 - 1,
    "MONEY_MAX": EXACT_MAX,
    "COOL_DOWN_MS": NO_LIMITS.cool_down_minutes * 60_000,
}
LIMITS = Limits(
    order_notional_max=D(1),
    market_notional_max={"BTC/USDT": D(2), "ETH/USDT": D(9)},
    exposure_max=D(3),
    positions_max=4,
    trade_risk_max=D("0.05"),
    daily_loss_max=D("0.06"),
    weekly_loss_max=D("0.07"),
    drawdown_max=D("0.08"),
    loss_streak_max=9,
    cool_down_minutes=10,
)


def test_a_market_fixes_its_grid_its_fees_and_what_is_too_small() -> None:
    assert terms_of(MARKET, D("0.4"), NO_LIMITS) == terms(**PLAIN)
    assert terms_of(MARKET, D("0.4"), NO_LIMITS, 7) == terms(**PLAIN, SLIPPAGE_BP=7)
    perpetual = replace(MARKET, kind="perpetual", quantity_min=D(0), notional_min=D(5))
    changed = {"FEE_IN_QUOTE": 1, "STEPS_MIN": 1, "NOTIONAL_MIN": 500_000_000, "SMALLEST_SELL": 1_003_000_000}
    assert terms_of(perpetual, D("0.4"), NO_LIMITS) == terms(**{**PLAIN, **changed})
    assert price_scale(MARKET) == 100.0


def test_a_mandate_fixes_how_far_an_entry_may_go() -> None:
    entry = EntryOrder(kind=EntryKind.FOK, slippage_max=D("0.0025"))
    assert terms_of(MARKET, D("0.4"), NO_LIMITS, entry=entry) == terms(
        **PLAIN, ENTRY_LIMITED=1, ENTRY_SLIPPAGE_PPM=2_500
    )


def test_a_mandate_fixes_its_limits() -> None:
    assert terms_of(MARKET, D("0.4"), LIMITS) == terms(
        **{**PLAIN, "COOL_DOWN_MS": 600_000},
        ORDER_NOTIONAL_MAX=10**8,
        MARKET_NOTIONAL_MAX=2 * 10**8,
        EXPOSURE_MAX=3 * 10**8,
        POSITIONS_MAX=4,
        TRADE_RISK_PPM=50_000,
        DAILY_LOSS_PPM=60_000,
        WEEKLY_LOSS_PPM=70_000,
        DRAWDOWN_MAX_PPM=80_000,
        LOSS_STREAK_MAX=9,
        WATCHED=1,
    )


def test_each_limit_on_losses_is_watched_alone_and_no_other() -> None:
    least = D("0.000001")
    for limits, watched in (
        (Limits(daily_loss_max=least), 1),
        (Limits(weekly_loss_max=least), 1),
        (Limits(drawdown_max=least), 1),
        (Limits(trade_risk_max=least), 0),
    ):
        assert terms_of(MARKET, D(1), limits)[limit_step.WATCHED] == watched
    # The least amount that can be said is a limit still.
    assert terms_of(MARKET, D(1), Limits(exposure_max=D("1e-9")))[limit_step.EXPOSURE_MAX] == 1


def test_every_reason_to_leave_has_a_code() -> None:
    assert {REASONS[code] for code in REASON_CODES.values()} == set(Purpose) - {Purpose.ENTRY}
