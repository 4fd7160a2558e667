"""Entries with a limit, live: a replay through simexchange gives exactly the backtest's trades, refusals, equity and books."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal

import numpy as np
import pytest

from tests.conftest import Series
from tests.whole.test_exit_parity import EXITS, strategy
from tests.whole.test_parity import GRACE_MS, backtest_of, check_parity, listing_of, mandates, players
from tests.windows import around_largest_move
from tradepool.adapters.candle_files.read import open_candles
from tradepool.core.backtest.run import NoQueue
from tradepool.domain.mandate import EntryKind, EntryOrder
from tradepool.domain.market import FeeSchedule
from tradepool.entrypoints.replay import Plan, Player, on_our_venue, replay
from tradepool.simexchange.listing import Listing

# Caps that bind on what is paid (slippage is three basis points here), on whether anything is bought, and on neither.
ENTRIES = {
    "at_the_close": EntryOrder(kind=EntryKind.IOC),
    "half_a_point": EntryOrder(kind=EntryKind.IOC, slippage_max=Decimal("0.00005")),
    "five_points": EntryOrder(kind=EntryKind.IOC, slippage_max=Decimal("0.0005")),
    "all_or_none": EntryOrder(kind=EntryKind.FOK, slippage_max=Decimal("0.0005")),
}


def told_no(plan: Plan) -> dict[str, Counter[str]]:
    """Why entries were refused in each player's backtest."""
    return {p.name: Counter(r.reason for r in backtest_of(p, plan).refusals) for p in plan.players}


def with_entries(seat: Player, exits: str) -> list[Player]:
    """A player as everybody enters, and with each kind of entry."""
    seat = replace(seat, name="market", strategy=strategy(exits, EXITS[exits]))
    return [seat, *(replace(seat, name=name, entry=entry) for name, entry in ENTRIES.items())]


def test_the_same_where_an_open_is_not_the_close_before(series: Series, long: bool) -> None:
    """The nearer the limit, the more entries are refused; all of it or a part is one where depth is endless."""
    listing = listing_of(series("BITFINEX-BTC-USD-1m"), 20_000 if long else 700)
    plan = Plan(listings=[listing], players=with_entries(players(listing)[0], "everything"), slippage_bp=3)
    trades = check_parity(plan)
    missed = {name: reasons["price_ran"] for name, reasons in told_no(plan).items()}
    assert missed["at_the_close"] >= missed["half_a_point"] > missed["five_points"] > missed["market"] == 0
    assert missed["five_points"] == missed["all_or_none"]
    # At most at the close: so much less is paid than by who pays the slippage too.
    paid = {
        trade.entry_time_ms: {t.entry_price for t in trades if t.entry_time_ms == trade.entry_time_ms}
        for trade in trades
    }
    assert any(len(prices) == 3 for prices in paid.values())


def test_the_same_in_two_markets_with_one_cash(series: Series, long: bool) -> None:
    """What an entry that missed had set aside is free again for the next T."""
    names = ("BITFINEX-ETH-USD-1m", "BITFINEX-BTC-USD-1m")
    found = [open_candles(series(name)) for name in names]
    window = around_largest_move(found[0][1], 10_000 if long else 400).open_time
    listings = [
        on_our_venue(Listing(market, bars.slice(*np.searchsorted(bars.open_time, (window[0], window[-1] + 1)))))
        for market, bars in found
    ]
    plan = Plan(listings=listings, players=with_entries(mandates(listings, "0.95")[0], "a_ladder"))
    assert check_parity(plan, GRACE_MS)
    reasons = told_no(plan)
    assert all(reasons[name]["insufficient_cash"] for name in reasons)
    assert reasons["at_the_close"]["price_ran"] > 3


RESTING = (EntryOrder(kind=EntryKind.POST_ONLY), EntryOrder(kind=EntryKind.LIMIT))


@pytest.mark.parametrize("entry", RESTING, ids=lambda entry: entry.kind)
def test_a_resting_entry_is_a_makers_at_its_limit_or_takes_what_is_no_dearer(
    series: Series, long: bool, entry: EntryOrder
) -> None:
    """A replay alone: each entry is within its limit of the close that it was decided at, or refused by name; the books agree.
    A post-only order is a maker's, or refused where it would take."""
    listing = listing_of(series("BITFINEX-BTC-USD-1m"), 10_000 if long else 700)
    fees = FeeSchedule(maker_rate=Decimal("0.0002"), taker_rate=Decimal("0.001"))
    listing = replace(listing, market=replace(listing.market, fees=fees))
    seat = replace(players(listing)[0], entry=entry)
    plan = Plan(listings=[listing], players=[replace(seat, strategy=strategy("all", EXITS["everything"]))])
    outcome = replay(plan)
    (user,) = outcome.users
    assert outcome.halted == {}
    assert {asset: amount for asset, amount in user.ledger_minus_venue.items() if amount} == {}
    closed_ms, makers = listing.bars.open_time + listing.bars.timeframe_ms, 0
    tick, rates = listing.market.price_tick, (fees.maker_rate, fees.taker_rate)
    for trade in user.trades:
        # It rests until the next candle that there is, over a hole, too.
        decided = np.searchsorted(closed_ms, trade.entry_time_ms, side="right") - 1
        close = Decimal(str(listing.bars.close[decided])).quantize(tick)
        limit = close + (close * entry.slippage_max).quantize(tick, ROUND_FLOOR)
        of_maker, of_taker = ((trade.quantity * rate).quantize(listing.market.base_unit) for rate in rates)
        makers += trade.entry_fee == of_maker
        if trade.entry_fee == of_maker:
            assert trade.entry_price == limit
        else:
            assert (trade.entry_fee, trade.entry_price <= limit) == (of_taker, True)
            assert trade.entry_time_ms == closed_ms[decided], "what it takes, it takes at once"
    reasons = {refusal.reason for refusal in user.refusals}
    post_only = entry.kind is EntryKind.POST_ONLY
    assert reasons == {"nobody_came"} | ({"would_take"} if post_only else set())
    assert (makers > 3, len(user.trades) - makers > 3) == (True, not post_only)


@pytest.mark.parametrize("entry", RESTING, ids=lambda entry: entry.kind)
def test_a_resting_entry_has_no_backtest(series: Series, entry: EntryOrder) -> None:
    listing = listing_of(series("BITFINEX-BTC-USD-1m"), 100)
    seat = replace(players(listing)[0], entry=entry)
    with pytest.raises(NoQueue, match="a resting order's turn"):
        backtest_of(seat, Plan(listings=[listing], players=[seat]))
