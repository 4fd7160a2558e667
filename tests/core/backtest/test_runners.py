"""The account step and the whole backtest: plain Python and native code give the same integers; nothing looks ahead."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.core.graph.samples import examples
from tradepool.core.account import account_step
from tradepool.core.backtest.result import BacktestResult
from tradepool.core.backtest.run import Setting, run
from tradepool.core.compiler import native
from tradepool.core.compiler.program import Program
from tradepool.core.market.bars import Bars
from tradepool.core.strategies import catalog
from tradepool.domain.mandate import AT_MARKET, EntryKind, EntryOrder, Limits
from tradepool.domain.market import EXACT_MAX, FeeSchedule, Market, unit_for

TIMEFRAME_MS = 300_000


def market_of(tick: str, step: str, fee: str, least: int = 1) -> Market:
    """A market with a grid of its own, where so many steps are the least."""
    return Market(
        venue="binance",
        base="AAA",
        quote="USDT",
        price_tick=Decimal(tick),
        quantity_step=Decimal(step),
        quantity_min=Decimal(step) * least,
        notional_min=Decimal(5),
        fees=FeeSchedule(maker_rate=Decimal(fee), taker_rate=Decimal(fee)),
        base_unit=unit_for(Decimal(step)),
    )


def wild_bars(seed: int, count: int, tick: str, volatility: float) -> Bars:
    """A random walk with fat tails, jumps between bars and holes in time, on the tick."""
    dice = np.random.default_rng(seed)
    steps = dice.standard_t(3, count) * volatility
    close = 100.0 * np.exp(np.cumsum(steps))
    open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(dice.standard_t(3, count) * volatility / 4)
    high = np.maximum(open_, close) * np.exp(np.abs(dice.normal(0, volatility, count)))
    low = np.minimum(open_, close) * np.exp(-np.abs(dice.normal(0, volatility, count)))
    size = float(tick)
    rounded = [np.maximum(np.rint(column / size), 1) * size for column in (open_, high, low, close)]
    times = np.cumsum(np.where(dice.random(count) < 0.05, dice.integers(2, 400, count), 1)) * TIMEFRAME_MS
    return Bars(TIMEFRAME_MS, times, *[*rounded, np.ones(count)])


settings_of_runs = st.builds(
    Setting,
    cash=st.sampled_from([Decimal(20), Decimal(1_000), Decimal(5_000_000)]),
    weight=st.sampled_from([Decimal("0.3"), Decimal("0.95"), Decimal(1)]),
    limits=st.builds(
        Limits,
        order_notional_max=st.sampled_from([None, Decimal(15), Decimal(500)]),
        daily_loss_max=st.sampled_from([None, Decimal("0.001"), Decimal("0.05")]),
        market_notional_max=st.sampled_from([{}, {"BBB/USDT": Decimal(40)}]),
        exposure_max=st.sampled_from([None, None, Decimal(600)]),
        positions_max=st.sampled_from([None, None, 1, 2]),
        trade_risk_max=st.sampled_from([None, None, Decimal("0.003")]),
        weekly_loss_max=st.sampled_from([None, None, Decimal("0.02")]),
        drawdown_max=st.sampled_from([None, None, Decimal("0.03")]),
        loss_streak_max=st.sampled_from([None, None, 2]),
        cool_down_minutes=st.sampled_from([60, 600]),
    ),
    slippage_bp=st.sampled_from([0, 1, 30, 400]),
    entry=st.just(AT_MARKET)
    | st.builds(
        EntryOrder,
        kind=st.sampled_from([EntryKind.IOC, EntryKind.FOK]),
        slippage_max=st.sampled_from([Decimal(0), Decimal("0.0007"), Decimal("0.02"), Decimal("0.1")]),
    ),
)
markets = st.builds(
    market_of,
    tick=st.sampled_from(["0.01", "0.05", "0.0001"]),
    step=st.sampled_from(["0.0001", "0.01", "1", "10"]),
    fee=st.sampled_from(["0", "0.001", "0.02"]),
    least=st.sampled_from([1, 1, 12]),
)
chosen = st.sampled_from(
    [
        ("moving_average_cross", {"fast": 2, "slow": 5}),
        ("moving_average_cross", {"fast": 3, "slow": 9, "stop_atrs": 0.5, "trail_atrs": 0.5}),
        ("bollinger_breakout", {"length": 5, "width": 1.0}),
        ("bollinger_breakout", {"length": 8, "width": 0.5, "stop_percent": 0.5, "trail_percent": 0.5}),
    ]
)


@given(st.integers(0, EXACT_MAX), st.integers(1, 10**12), st.sampled_from([1, 100, 10**5, 10**8]))
def test_a_holding_is_worth_the_same_to_the_unit_however_it_is_computed(
    holding: int, step_worth: int, units: int
) -> None:
    """Against Python's integers, which have no width: one step may be worth thousands."""
    terms = np.zeros(account_step.TERMS_SIZE, np.int64)
    terms[account_step.UNITS_PER_STEP], terms[account_step.UNITS_PER_TICK_STEP] = units, 1
    exact = holding * step_worth // units
    if exact < 2**62:
        worth = native.load(Program.of(account_step.worth), ["worth"])["worth"]
        assert worth(holding, step_worth, terms) == exact


def numbers(result: BacktestResult) -> tuple[object, ...]:
    """All that a run found, as values that compare exactly."""
    assert result.equity is not None
    found = (result.trades, result.refusals, result.open_positions, result.final_equity)
    return (*found, np.asarray(result.equity).tolist())


@given(chosen, markets, settings_of_runs, st.integers(0, 2**32 - 1), st.sampled_from([0.002, 0.03]))
@examples(40)
def test_reference_and_native_agree(
    strategy: tuple[str, dict[str, float]], market: Market, setting: Setting, seed: int, volatility: float
) -> None:
    """Trades, refusals, positions and the equity after each bar, for random markets, mandates and prices."""
    bars = wild_bars(seed, 300, str(market.price_tick), volatility)
    declared = catalog.named(strategy[0]).with_parameters(strategy[1])
    plain, native = (
        run(declared, market, bars, setting, runner=runner, record_equity=True) for runner in ("reference", "native")
    )
    assert numbers(plain) == numbers(native)


@given(chosen, st.integers(0, 2**32 - 1), st.integers(50, 299))
@examples(40)
def test_what_comes_later_changes_nothing_before(strategy: tuple[str, dict[str, float]], seed: int, at: int) -> None:
    """Other bars from `at` on leave every equity before it, and every trade closed before it, as they were."""
    market, setting = market_of("0.01", "0.0001", "0.001"), Setting(Decimal(10_000))
    bars, other = wild_bars(seed, 300, "0.01", 0.01), wild_bars(seed + 1, 300, "0.01", 0.03)
    columns = [
        np.concatenate([getattr(bars, name)[:at], getattr(other, name)[at:]])
        for name in ("open", "high", "low", "close", "volume")
    ]
    changed = Bars(TIMEFRAME_MS, bars.open_time, *columns)
    declared = catalog.named(strategy[0]).with_parameters(strategy[1])
    one, two = (run(declared, market, b, setting, record_equity=True) for b in (bars, changed))
    assert one.equity is not None
    assert two.equity is not None
    assert list(one.equity[:at]) == list(two.equity[:at])
    since = int(bars.open_time[at - 1]) + TIMEFRAME_MS
    before = [[trade for trade in result.trades if trade.exit_time_ms < since] for result in (one, two)]
    assert before[0] == before[1]


@given(chosen, markets, settings_of_runs, st.integers(0, 2**32 - 1))
@examples(40)
def test_money_is_kept(strategy: tuple[str, dict[str, float]], market: Market, setting: Setting, seed: int) -> None:
    """Cash at the end is cash at the start and the trades' results, and never less than nothing."""
    declared = catalog.named(strategy[0]).with_parameters(strategy[1])
    result = run(declared, market, wild_bars(seed, 300, str(market.price_tick), 0.01), setting, record_equity=True)
    if not result.open_positions:
        assert result.final_equity == setting.cash + sum(trade.pnl for trade in result.trades)
    assert result.equity is not None
    assert min(result.equity) >= 0
