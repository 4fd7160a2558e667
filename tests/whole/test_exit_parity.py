"""Every exit, live: a replay through simexchange gives exactly the backtest's trades, refusals, equity and books."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.conftest import Series
from tests.whole.test_parity import GRACE_MS, START_MS, check_parity, listing_of, mandates, players
from tradepool.core.graph.expr import close, crosses_above, crosses_below
from tradepool.core.graph.primitives import ema
from tradepool.core.strategies.exits import (
    Exits,
    break_even_atrs,
    break_even_percent,
    stop_atrs,
    stop_percent,
    targets_atrs,
    targets_percent,
    time_exit,
    trail_atrs,
)
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.trade import Trade
from tradepool.entrypoints.replay import Plan, on_our_venue
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.market_model import model_listings

BARS = 2_500
LADDER = targets_atrs(1.5, 4.0, 0.4)
# Each kind alone, and together as a ladder is used.
EXITS: dict[str, Exits] = {
    "a_target": targets_atrs(2.0),
    "two_targets": targets_atrs(1.0, 3.0, 0.5),
    "a_target_for_a_part": targets_atrs(1.0, share=0.3),
    "a_target_and_a_stop": stop_atrs(1.5) + targets_atrs(2.0),
    "a_ladder": stop_atrs(2.0) + LADDER,
    "a_part_and_a_stop": stop_atrs(2.0) + targets_atrs(1.0, share=0.25),
    "a_ladder_that_trails": stop_atrs(2.0) + trail_atrs(1.5) + LADDER,
    "a_ladder_near_its_stop": stop_atrs(0.4) + trail_atrs(0.4, step=close * 0.0) + targets_atrs(0.2, 0.5, 0.5),
    "a_tiny_part": stop_percent(1.0) + targets_percent(0.5, 2.0, 0.0005),
    "break_even": stop_atrs(2.5) + break_even_atrs(1.0),
    "break_even_without_a_stop": break_even_percent(0.3),
    "time": time_exit(5),
    "time_and_a_stop": stop_atrs(2.0) + time_exit(12),
    "everything": stop_atrs(2.0) + trail_atrs(2.0) + LADDER + break_even_atrs(1.0) + time_exit(30),
}


def strategy(name: str, exits: Exits) -> Strategy:
    """Long while a quick average is above a slower one."""
    quick, slow = ema(close, 4), ema(close, 15)
    return Strategy(name, 1, crosses_above(quick, slow), crosses_below(quick, slow), exits)


def same_trades(listing: Listing) -> dict[str, list[Trade]]:
    """Every kind of exit is a user of one replay; each one's trades."""
    listing = on_our_venue(listing)
    seat = players(listing)[0]
    users = [replace(seat, name=name, strategy=strategy(name, exits)) for name, exits in EXITS.items()]
    found: dict[str, list[Trade]] = {name: [] for name in EXITS}
    names = {user.strategy.strategy_id(listing.bars.timeframe_ms): user.name for user in users}
    for trade in check_parity(Plan(listings=[listing], players=users)):
        found[names[trade.strategy_id]].append(trade)
    return found


def test_the_same_in_several_markets_with_one_cash(long: bool) -> None:
    """A stop on the move that becomes a sale, a target the open has passed, an exit and an entry: all at one T, one cash."""
    count = 10_000 if long else 700
    models = model_listings(["BBB/USDT", "CCC/USDT", "AAA/USDT"], 300_000, START_MS, count, 24, gap_share=0.05)
    listings = [on_our_venue(model) for model in models]
    seat = mandates(listings, "0.5")[0]
    users = [replace(seat, name=name, strategy=strategy(name, exits)) for name, exits in EXITS.items()]
    trades = check_parity(Plan(listings=listings, players=users), GRACE_MS)
    assert {trade.exit_reason.value for trade in trades} == {"signal_exit", "stop", "trailing", "target", "time_exit"}
    assert len({trade.strategy_id for trade in trades}) == len(EXITS)


def reasons(trades: list[Trade]) -> set[str]:
    return {trade.exit_reason.value for trade in trades}


def check_reasons(found: dict[str, list[Trade]]) -> None:
    """Each exit was there for something."""
    whole = [name for name in found if "for_a_part" not in name and ("target" in name or "ladder" in name)]
    assert [name for name in whole if "target" not in reasons(found[name])] == []
    for name in ("two_targets", "a_target_for_a_part", "a_part_and_a_stop", "a_ladder_that_trails"):
        # A price between the ticks is the average of two.
        assert any(trade.exit_price % Decimal("0.01") for trade in found[name]), name
    assert all("time_exit" in reasons(found[name]) for name in ("time", "time_and_a_stop", "everything"))
    assert all("trailing" in reasons(found[name]) for name in found if "break" in name or "trails" in name)
    assert all("stop" in reasons(found[name]) for name in ("a_ladder", "a_target_and_a_stop", "time_and_a_stop"))


@pytest.mark.parametrize("seed", [21, 22])
def test_the_same_where_prices_jump(long: bool, seed: int) -> None:
    """Gapped candles: stops that are jumped over, targets that the open has passed, with and without a re-levelling."""
    (model,) = model_listings(["GAP/USDT"], 300_000, START_MS, 30_000 if long else 2_000, seed, gap_share=0.05)
    found = same_trades(model)
    check_reasons(found)
    passed = Counter(t.exit_reason.value for all_ in found.values() for t in all_ if t.exit_time_ms % 300_000 == 0)
    assert passed["target"] > 10
    assert passed["trailing"] > 10


@pytest.mark.parametrize("name", ["BINANCE-BTC-USDT-5m"])
def test_the_same_on_a_real_market(series: Series, long: bool, name: str) -> None:
    """Around its largest move, or all of it."""
    check_reasons(same_trades(listing_of(series(name), None if long else BARS)))


def test_the_same_for_parts_that_are_hardly_large_enough(long: bool) -> None:
    """A small account: ladders of it have one rung where two would be too small to be sold."""
    (model,) = model_listings(["GAP/USDT"], 300_000, START_MS, 10_000 if long else 1_500, 23, gap_share=0.05)
    listing = on_our_venue(model)
    seat = replace(players(listing)[0], capital=Decimal(30))
    exits = {
        f"share_{share}": stop_atrs(2.0) + trail_atrs(1.5) + targets_atrs(1.0, 3.0, share) for share in (0.3, 0.5, 0.6)
    }
    users = [replace(seat, name=name, strategy=strategy(name, each)) for name, each in exits.items()]
    assert check_parity(Plan(listings=[listing], players=users))
