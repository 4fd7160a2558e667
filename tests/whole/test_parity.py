"""The heart: a replay of the live stack and a backtest over the same candles give the same trades.

All strategies, with stops and trailing and one over two timeframes, are users of one replay; so are strategies that read
a market they do not trade, and mandates whose markets share the cash. Short form: windows around the largest move; long
form: whole series, and 50,000 bars of the longest.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tests.combined import COMBINED
from tests.conftest import Series
from tests.leader import with_leader
from tests.windows import around_largest_move
from tradepool.adapters.candle_files.read import open_candles
from tradepool.core.backtest.mandate_run import run_mandate
from tradepool.core.backtest.result import BacktestResult, MandateResult
from tradepool.core.backtest.run import Setting, run
from tradepool.core.market.bars import Bars
from tradepool.core.strategies import catalog
from tradepool.core.strategies.exits import trail_percent
from tradepool.domain.mandate import NO_LIMITS, Limits
from tradepool.domain.market import unit_for
from tradepool.domain.order import Refusal
from tradepool.domain.position import Position
from tradepool.domain.trade import Trade
from tradepool.entrypoints.lock_step import run_in_lock_step
from tradepool.entrypoints.other_markets import other_listings, published
from tradepool.entrypoints.replay import Outcome, Plan, Player, Replay, on_our_venue, replay
from tradepool.services.reader import source_of
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.market_model import model_listings

SERIES = (
    "BINANCE-BTC-USDT-5m",
    "OKXPERP-BTC-USDT-5m",
    "BYBITPERP-SOL-USDT-5m",
    "BITFINEX-BTC-USD-1m",
    "BINANCE-ETH-USDT-1m",
    "BINANCE-BTC-USDT-1h",
    "KRAKEN-BTC-USD-1h",
    "BINANCE-XTZ-BTC-1m",
)
SHORT_BARS = 5_000
LONGEST_BARS = 50_000
STRATEGIES = ("moving_average_cross", "bollinger_breakout", "trend_pullback")
LIBRARY = tuple(name for name in catalog.names() if name not in STRATEGIES)
PAIRS = (
    ("BITFINEX-ETH-USD-1m", "BITFINEX-BTC-USD-1m"),
    ("BINANCEUSDM-ETH-USDT-5m", "BINANCEUSDM-BTC-USDT-5m"),
)
CASH = Decimal(10_000)
WEIGHT = Decimal("0.95")
START_MS = 1_640_995_200_000
# Longer than the leader's look-back over five-minute bars.
SETTLE_MS = 14 * 86_400_000
# What a step had to wait for is asked for after the grace. In a hole of all markets the venue's time then passes, too, and
# the fill is stamped with it: at the same price.
GRACE_MS = 5_000


def players(listing: Listing, limits: Limits = NO_LIMITS, names: Sequence[str] = STRATEGIES) -> list[Player]:
    """One user a strategy."""
    return [
        Player(
            name=name,
            strategy=catalog.named(name),
            markets=(listing.market.id,),
            capital=CASH,
            weight=WEIGHT,
            limits=limits,
        )
        for name in names
    ]


def essence(trade: Trade, within_ms: int = 1) -> tuple[object, ...]:
    """What must be equal of a trade; its times but for a part of `within_ms`."""
    return (
        trade.market,
        trade.side,
        trade.quantity,
        trade.entry_time_ms // within_ms,
        trade.entry_price,
        trade.entry_fee,
        trade.exit_time_ms // within_ms,
        trade.exit_price,
        trade.exit_fee,
        trade.exit_reason,
        trade.pnl,
    )


def refused(refusal: Refusal, within_ms: int = 1) -> tuple[object, ...]:
    """What must be equal of a refusal; its time but for a part of `within_ms`."""
    return refusal.market, refusal.time_ms // within_ms, refusal.reason


def stands(position: Position, within_ms: int = 1) -> tuple[object, ...]:
    """What must be equal of an open position."""
    return (
        position.market,
        position.quantity,
        position.average_entry_price,
        position.opened_time_ms // within_ms,
        position.stop_price,
    )


def check_parity(plan: Plan, within_ms: int = 1) -> list[Trade]:
    """Replay a plan, run the backtest of each user, compare; all trades."""
    outcome: Outcome = replay(plan)
    assert outcome.halted == {}
    assert outcome.candles == sum(len(listing.bars) - 1 for listing in plan.listings)
    trades: list[Trade] = []
    for player, user in zip(plan.players, outcome.users, strict=True):
        expected = backtest_of(player, plan)
        made, wanted = ([essence(t, within_ms) for t in trades] for trades in (user.trades, expected.trades))
        told_no, meant_no = ([refused(r, within_ms) for r in all_] for all_ in (user.refusals, expected.refusals))
        if len(player.markets) > 1:
            # What happens at one T in several markets may be told in any order.
            made, wanted, told_no, meant_no = (sorted(each, key=repr) for each in (made, wanted, told_no, meant_no))
        assert made == wanted
        assert told_no == meant_no
        held, kept = ([stands(p, within_ms) for p in each] for each in (user.positions, expected.open_positions))
        assert held == kept
        assert user.final_equity == expected.final_equity
        assert {asset: amount for asset, amount in user.ledger_minus_venue.items() if amount} == {}
        trades += expected.trades
    return trades


def backtest_of(player: Player, plan: Plan) -> BacktestResult | MandateResult:
    """The backtest of what a user of a replay does."""
    setting = Setting(player.capital, player.weight, player.limits, plan.slippage_bp, player.entry)
    told = {listing.market.symbol: published(listing) for listing in plan.listings}
    others = {symbol: told[symbol] for symbol in source_of(player.strategy, plan.timeframe_ms).others}
    by_id = {listing.market.id: listing for listing in plan.listings}
    traded = [(by_id[market].market, by_id[market].bars) for market in player.markets]
    if len(traded) == 1:
        return run(player.strategy, *traded[0], setting, others=others)
    return run_mandate(player.strategy, traded, setting, others=others)


def listing_of(file: Path, count: int | None) -> Listing:
    """The series, or a window of it, at our venue."""
    market, bars = open_candles(file)
    return on_our_venue(Listing(market, around_largest_move(bars, count) if count else bars))


@pytest.mark.parametrize("name", SERIES)
def test_replay_and_backtest_give_the_same_trades(series: Series, long: bool, name: str) -> None:
    """Market, times, sides, quantities, prices, fees and exit reasons, on calm and crashing markets."""
    longest = LONGEST_BARS if name.startswith("BITFINEX") else None
    listing = listing_of(series(name), longest if long else SHORT_BARS)
    trades = check_parity(Plan(listings=[listing], players=players(listing)))
    assert {trade.exit_reason.value for trade in trades} >= {"signal_exit", "trailing", "stop"}


@pytest.mark.parametrize("name", ["BINANCE-BTC-USDT-1h", "OKXPERP-BTC-USDT-5m", "BYBITPERP-SOL-USDT-5m"])
def test_every_strategy_of_the_library_gives_the_same_trades(series: Series, long: bool, name: str) -> None:
    """Each trades, and what stops at a line of its own is re-levelled by the live stack as by the kernel."""
    listing = listing_of(series(name), None if long else SHORT_BARS)
    plan = Plan(listings=[listing], players=players(listing, names=LIBRARY))
    strategies = {trade.strategy_id for trade in check_parity(plan)}
    assert len(strategies) == len(LIBRARY)


@pytest.mark.parametrize("name", ["BINANCE-BTC-USDT-1h", "BYBITPERP-SOL-USDT-5m"])
def test_a_combination_gives_the_same_trades(series: Series, long: bool, name: str) -> None:
    """It is one strategy with one step, so nothing else is to be expected; recursions of its parts stand side by side."""
    listing = listing_of(series(name), None if long else SHORT_BARS)
    (seat,) = players(listing, names=("supertrend",))
    users = [replace(seat, name=each.name, strategy=each) for each in COMBINED.values()]
    trades = check_parity(Plan(listings=[listing], players=users))
    assert len({trade.strategy_id for trade in trades}) == len(COMBINED)


def led(listings: list[Listing]) -> list[Player]:
    """Users who read the second market: one trades the first, one the second itself; and one who reads nothing else."""
    strategy = with_leader(listings[1].market.symbol)
    plain = players(listings[0])[0]
    follower, leader = replace(plain, strategy=strategy), replace(players(listings[1])[0], strategy=strategy)
    return [follower, leader, plain]


@pytest.mark.parametrize(("own", "other"), PAIRS)
def test_the_same_for_a_strategy_that_reads_another_market(series: Series, long: bool, own: str, other: str) -> None:
    """Real holes in both series; the other one's candles begin earlier, as far as it takes to settle."""
    market, bars = open_candles(series(own))
    settled = open_candles(series(other))[1].open_time[0] + SETTLE_MS
    bars = bars.slice(int(np.searchsorted(bars.open_time, settled)), len(bars))
    around = Listing(market, around_largest_move(bars, LONGEST_BARS if long else SHORT_BARS))
    symbol = "/".join(other.split("-")[1:3])
    found = other_listings(with_leader(symbol), around, series(own), [series(other)])
    listings = [on_our_venue(each) for each in (around, *found)]
    assert listings[1].bars.open_time[0] < listings[0].bars.open_time[0]
    trades = check_parity(Plan(listings=listings, players=led(listings)), GRACE_MS)
    assert {trade.market for trade in trades} == {listing.market.id for listing in listings}


@pytest.mark.parametrize("seed", [11, 12])
def test_the_same_where_either_market_misses_candles(long: bool, seed: int) -> None:
    """Holes of their own in both: a step waits until it is known what the other market has, and acts at its T."""
    count = LONGEST_BARS if long else SHORT_BARS
    models = model_listings(["AAA/USDT", "BBB/USDT"], 300_000, START_MS, count, seed, gap_share=0.1)
    listings = [on_our_venue(model) for model in models]
    trades = check_parity(Plan(listings=listings, players=led(listings)), GRACE_MS)
    assert len([trade for trade in trades if trade.market == listings[0].market.id]) > 100


def test_a_platform_that_starts_later_trades_the_same_from_then_on(tmp_path: Path) -> None:
    """Warmed up from the venue's history, over several pages of it and behind its holes."""
    models = model_listings(["AAA/USDT", "BBB/USDT"], 900_000, START_MS, 5_000, seed=5, gap_share=0.05)
    listings = [on_our_venue(model) for model in models]
    users = [*led(listings), replace(players(listings[0])[0], strategy=catalog.named("trend_pullback"))]
    plan = Plan(listings=listings, players=users)
    late = Replay(plan, tmp_path)
    late.venue.step_bars(4_000)
    begin_ms = late.venue.now_ms
    outcome = run_in_lock_step(late.run)
    told = {listing.market.symbol: published(listing) for listing in listings}
    fresh = 0
    for player, user in zip(plan.players, outcome.users, strict=True):
        (listing,) = (listing for listing in listings if listing.market.id in player.markets)
        others = {symbol: told[symbol] for symbol in source_of(player.strategy, plan.timeframe_ms).others}
        expected = run(player.strategy, listing.market, listing.bars, Setting(CASH, WEIGHT), others=others).trades
        # Their sizes differ: one had made and lost money before.
        after = [trade for trade in expected if trade.entry_time_ms > begin_ms]
        made, wanted = ([essence(t, GRACE_MS) for t in trades] for trades in (user.trades, after))
        assert [(*each[3:5], *each[6:8]) for each in made] == [(*each[3:5], *each[6:8]) for each in wanted]
        fresh += len(made)
    assert fresh > 30


@pytest.mark.parametrize("seed", [3, 4])
def test_the_same_where_prices_jump_through_stops(long: bool, seed: int) -> None:
    """A holed series of the market model: stops that were jumped fill at the open, or are sold at market."""
    count = LONGEST_BARS if long else SHORT_BARS
    (model,) = model_listings(["GAP/USDT"], 300_000, START_MS, count, seed, gap_share=0.05)
    listing = on_our_venue(model)
    trades = check_parity(Plan(listings=[listing], players=players(listing)))
    jumped = [t for t in trades if t.exit_reason != "signal_exit" and t.exit_time_ms % 300_000 == 0]
    assert len(jumped) > 10


def test_the_same_over_tcp_and_with_limits(series: Series) -> None:
    """The other door; a largest order and a daily loss that both bind."""
    listing = listing_of(series("OKXPERP-BTC-USDT-5m"), 2_000)
    limits = Limits(order_notional_max=Decimal(3_000), daily_loss_max=Decimal("0.002"))
    plan = Plan(listings=[listing], players=players(listing, limits), slippage_bp=3, door="tcp")
    check_parity(plan)
    outcome = replay(plan)
    assert {refusal.reason for user in outcome.users for refusal in user.refusals} == {"daily_loss"}


def test_the_same_where_amounts_are_too_large_to_count(long: bool) -> None:
    """A cheap coin and twenty million: entries past 2^53 units are refused by the same name, not traded or rounded."""
    (model,) = model_listings(["AAA/USDT"], 300_000, START_MS, 3_000 if long else 1_000, seed=8)
    scale = 0.05 / float(model.bars.close[0])
    prices = [np.rint(column * scale * 1e6) / 1e6 for column in (model.bars.open, model.bars.high, model.bars.low)]
    close = np.rint(model.bars.close * scale * 1e6) / 1e6
    bars = Bars(300_000, model.bars.open_time, *[*prices, close, model.bars.volume])
    one = Decimal(1)
    market = replace(
        model.market, price_tick=Decimal("0.000001"), quantity_step=one, quantity_min=one, base_unit=unit_for(one)
    )
    listing = on_our_venue(Listing(market, bars))
    rich = [replace(player, capital=Decimal(20_000_000)) for player in players(listing)]
    assert check_parity(Plan(listings=[listing], players=rich)) == []
    for player in rich:
        result = run(player.strategy, listing.market, bars, Setting(player.capital, WEIGHT))
        assert {refusal.reason for refusal in result.refusals} == {"too_large"}


def test_a_strategy_that_only_trails_is_protected_at_once() -> None:
    """Its first stop is the trail distance below its entry."""
    (model,) = model_listings(["AAA/USDT"], 300_000, START_MS, 1_500, seed=9)
    listing = on_our_venue(model)
    plain = catalog.named("moving_average_cross")
    trailing = replace(plain, exits=trail_percent(0.3))
    only = [replace(players(listing)[0], strategy=trailing)]
    trades = check_parity(Plan(listings=[listing], players=only))
    assert {trade.exit_reason for trade in trades} >= {"stop", "trailing"}


def mandates(listings: Sequence[Listing], weight: str, limits: Limits = NO_LIMITS) -> list[Player]:
    """One user a strategy, each on all of the markets; the order is not that of the symbols."""
    markets = tuple(listing.market.id for listing in listings[::-1])
    return [replace(player, markets=markets, weight=Decimal(weight), limits=limits) for player in players(listings[0])]


def reasons(plan: Plan) -> set[str]:
    """Why entries were refused in the backtests of a plan."""
    return {refusal.reason for player in plan.players for refusal in backtest_of(player, plan).refusals}


@pytest.mark.parametrize(
    ("names", "count", "weight"),
    [
        (tuple(f"BINANCEUSDM-{base}-USDT-5m" for base in ("BTC", "SOL", "ADA", "ETH")), 1_500, "0.4"),
        (("BITFINEX-ETH-USD-1m", "BITFINEX-BTC-USD-1m"), 2_500, "0.95"),
        (tuple(f"HYPERLIQUID-{base}-USDC-1h" for base in ("WIF", "XRP", "BTC", "TAO", "UNI", "ETH")), 700, "0.3"),
    ],
)
def test_the_same_for_markets_that_share_the_cash(
    series: Series, long: bool, names: Sequence[str], count: int, weight: str
) -> None:
    """Entries of one T share what is free in the mandate's order, exits pay first; series that begin late, with holes."""
    found = [open_candles(series(name)) for name in names]
    window = around_largest_move(found[0][1], LONGEST_BARS if long else count).open_time
    listings = [
        on_our_venue(Listing(market, bars.slice(*np.searchsorted(bars.open_time, (window[0], window[-1] + 1)))))
        for market, bars in found
    ]
    plan = Plan(listings=listings, players=mandates(listings, weight))
    trades = check_parity(plan, GRACE_MS)
    assert {trade.market for trade in trades} == {listing.market.id for listing in listings}
    assert "insufficient_cash" in reasons(plan)


@pytest.mark.parametrize(("seed", "gap_share", "weight"), [(11, 0.1, "0.4"), (12, 0.4, "0.9")])
def test_the_same_where_markets_that_share_the_cash_miss_candles(
    long: bool, seed: int, gap_share: float, weight: str
) -> None:
    """A batch waits for its grace and still acts at its own T; who is back after a hole is part of it. A leader is traded."""
    count = 20_000 if long else 1_500
    models = model_listings(["CCC/USDT", "AAA/USDT", "BBB/USDT"], 300_000, START_MS, count, seed, gap_share=gap_share)
    listings = [on_our_venue(model) for model in models]
    limits = Limits(order_notional_max=Decimal(6_000), daily_loss_max=Decimal("0.01"))
    users = [*mandates(listings, weight), *mandates(listings, weight, limits)]
    plan = Plan(listings=listings, players=[*users, replace(users[0], strategy=with_leader("AAA/USDT"))])
    assert len(check_parity(plan, GRACE_MS)) > 100
    assert reasons(plan) == {"insufficient_cash", "daily_loss"}


def test_the_same_for_limits_that_look_at_all_markets(long: bool) -> None:
    """How many positions, how much in all, what was lost in a week, since the peak and in a row: the mandate's, not a market's."""
    limits = {
        "positions": Limits(positions_max=2),
        "exposure": Limits(exposure_max=Decimal(9_000)),
        "drawdown": Limits(drawdown_max=Decimal("0.03")),
        "weekly_loss": Limits(weekly_loss_max=Decimal("0.02"), trade_risk_max=Decimal("0.01")),
        "loss_streak": Limits(loss_streak_max=3, cool_down_minutes=300),
    }
    names, count = ["CCC/USDT", "AAA/USDT", "BBB/USDT"], 10_000 if long else 900
    listings = [on_our_venue(m) for m in model_listings(names, 300_000, START_MS, count, 31, gap_share=0.05)]
    users = [replace(mandates(listings, "0.45", limit)[0], name=name) for name, limit in limits.items()]
    plan = Plan(listings=listings, players=users)
    check_parity(plan, GRACE_MS)
    assert reasons(plan) == {*limits, "insufficient_cash"}


def test_a_replay_ends_in_the_same_bytes_twice(series: Series) -> None:
    """Same plan, same trades, fills and refusals, over either door."""
    listing = listing_of(series("BYBITPERP-SOL-USDT-5m"), 1_500)
    plans = [Plan(listings=[listing], players=players(listing), door=door) for door in ("unix", "unix", "tcp")]
    digests = {zlib.crc32(repr(replay(plan).users).encode()) for plan in plans}
    assert len(digests) == 1
