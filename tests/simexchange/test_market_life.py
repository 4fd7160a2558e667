"""A market's life and what its trades cost: halts, delisting, other filters, fees in another asset."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.simexchange.exchange_kit import START, Recorder, bars, flat, market, small_venue
from tradepool.domain.errors import InvalidInput
from tradepool.simexchange import errors
from tradepool.simexchange.accounts import FeePlan
from tradepool.simexchange.events import KlineClosed
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.records import Kind, NewOrder, Side, Status
from tradepool.simexchange.rules import BINANCE_RULES, Rules
from tradepool.simexchange.venue import Venue


def sell(
    kind: Kind = Kind.MARKET, limit: int = 0, stop: int = 0, symbol: str = "BTCUSDT", steps: int = 1000
) -> NewOrder:
    """One coin."""
    return NewOrder(symbol, "a", Side.SELL, kind, steps, limit, stop)


def venue_with_bnb(plan: FeePlan, bnb: str, quote: str = "USDT") -> Venue:
    """BTC at 100 and BNB at 300, ready for candles without end; the account holds so many BNB."""
    listings = [Listing(market(), bars(flat(3))), Listing(market("BNB", quote), bars(flat(3, 300)))]
    venue = Venue(listings, 0)
    venue.open_account("key", "secret", {"USDT": Decimal(1000), "BTC": Decimal(10), "BNB": Decimal(bnb)})
    venue.account("key").fees = plan
    return venue


# ---- halts and delisting


def test_nothing_moves_while_a_market_is_halted() -> None:
    venue = small_venue([*flat(2), (80, 90, 70, 85), (85, 120, 84, 110), *flat(3, 110)])
    seen = Recorder(books=True)
    venue.listen(seen)
    account = venue.account("key")
    venue.place(account, sell(Kind.STOP_LOSS, stop=9_500))
    venue.step_bars(1)
    venue.set_status("BTCUSDT", "HALT")
    told = len(seen.events)
    venue.step_bars(2)
    assert (venue.markets[0].price, len(seen.events), account.open_count["BTCUSDT"]) == (10_000, told, 1)
    with pytest.raises(errors.MarketClosed):
        venue.place(account, sell()._replace(client_id="b"))
    venue.set_status("BTCUSDT", "TRADING")
    venue.step_bars(1)
    assert (venue.trades("key")[0].ticks, venue.markets[0].price) == (8_500, 11_000), "it jumped over the stop"
    assert [event.bar for event in seen.events if isinstance(event, KlineClosed)] == [0, 3]


def test_after_a_halt_the_price_has_jumped_even_within_a_bar() -> None:
    moves = [*flat(1), (100, 110, 90, 105), *flat(2, 105)]
    venue = Venue(
        [Listing(market(), bars([*flat(1), (80, 90, 70, 85), *flat(2, 85)])), Listing(market("ETH"), bars(moves))], 0
    )
    venue.listen(Recorder(books=True))
    account = venue.open_account("key", "secret", {"BTC": Decimal(10)})
    venue.place(account, sell(Kind.STOP_LOSS, stop=9_500))
    venue.set_status("BTCUSDT", "HALT")
    for _ in range(2):
        assert venue.step()
    assert venue.markets[1].price == 9_000, "a quarter into the bar"
    venue.set_status("BTCUSDT", "TRADING")
    venue.step()
    assert [trade.ticks for trade in venue.trades("key")] == [9_000]


def test_pushed_prices_serve_nobody_while_a_market_is_halted() -> None:
    venue = Venue([Listing(market())])
    account = venue.open_account("key", "secret", {"BTC": Decimal(10)})
    venue.push_book("BTCUSDT", [(9_900, 5_000)], [(10_100, 5_000)], START)
    venue.place(account, sell(Kind.LIMIT, limit=10_050))
    venue.set_status("BTCUSDT", "HALT")
    venue.push_trade("BTCUSDT", 10_060, 5_000, START + 1, buyer_is_maker=False)
    venue.push_book("BTCUSDT", [(10_070, 400)], [], START + 2)
    assert venue.orders("key")[0].status is Status.NEW
    venue.set_status("BTCUSDT", "TRADING")
    venue.push_book("BTCUSDT", [(10_070, 400)], [], START + 3)
    assert venue.orders("key")[0].filled_steps == 400


def test_a_delisted_market_is_gone_for_everybody() -> None:
    venue = small_venue(flat(5))
    other = venue.open_account("other", "secret", {"BTC": Decimal(1)})
    for account in (venue.account("key"), other):
        venue.place(account, sell(Kind.LIMIT, limit=11_000))
    venue.delist("BTCUSDT")
    assert [venue.orders(key)[0].status for key in ("key", "other")] == [Status.EXPIRED] * 2
    assert venue.balances("other")["BTC"] == (Decimal(1), Decimal(0))
    with pytest.raises(errors.UnknownSymbol):
        venue.place(other, sell())
    with pytest.raises(errors.UnknownSymbol):
        venue.cancel(other, "BTCUSDT", 1)
    while venue.step():
        pass


# ---- filters


@pytest.mark.parametrize(("tick", "step"), [("0.005", "0.001"), ("0.01", "0.0015")])
def test_a_finer_or_other_grid_is_refused(tick: str, step: str) -> None:
    venue = small_venue(flat(2))
    finer = replace(market(), price_tick=Decimal(tick), quantity_step=Decimal(step), quantity_min=Decimal("0.003"))
    with pytest.raises(InvalidInput, match="list the market with a finer one"):
        venue.change_filters("BTCUSDT", finer)
    assert venue.place(venue.account("key"), sell()).status is Status.FILLED


def test_one_rule_changes_alone() -> None:
    venue = small_venue(flat(2))
    venue.change_filters("BTCUSDT", replace(market(), notional_min=Decimal(500)))
    venue.change_filters("BTCUSDT", rules=Rules(min_to_market=False))
    assert venue.place(venue.account("key"), sell()).status is Status.FILLED
    with pytest.raises(errors.FilterFailed, match="NOTIONAL"):
        venue.place(venue.account("key"), sell(Kind.LIMIT, limit=11_000))
    venue.change_filters("BTCUSDT", rules=Rules(notional_max=Decimal(50), max_to_market=True))
    with pytest.raises(errors.FilterFailed, match="NOTIONAL"):
        venue.place(venue.account("key"), sell())


def test_binances_own_rules() -> None:
    venue = Venue([Listing(market(), bars(flat(2)), BINANCE_RULES)])
    account = venue.open_account("key", "secret", {"BTC": Decimal(10)})
    for name in "abcde":
        venue.place(account, sell(Kind.STOP_LOSS, stop=9_000)._replace(client_id=name))
    with pytest.raises(errors.FilterFailed, match="MAX_NUM_ALGO_ORDERS"):
        venue.place(account, sell(Kind.STOP_LOSS, stop=9_000)._replace(client_id="f"))
    with pytest.raises(errors.FilterFailed, match="PERCENT_PRICE_BY_SIDE"):
        venue.place(account, sell(Kind.LIMIT, limit=50_001)._replace(client_id="f"))


# ---- fees


@pytest.mark.parametrize(
    ("plan", "bnb", "quote", "fee", "asset"),
    [
        (FeePlan(), "1", "USDT", 10_000_000, "USDT"),
        # 100 x 0.1 % x 0.75 / 300
        (FeePlan(asset="BNB"), "1", "USDT", 25_000, "BNB"),
        (FeePlan(asset="BNB", discount_ppm=0), "1", "USDT", 33_333, "BNB"),
        (FeePlan(asset="BNB", taker_ppm=0), "1", "USDT", 0, "BNB"),
        (FeePlan(asset="BNB"), "0.00025", "USDT", 25_000, "BNB"),
        (FeePlan(asset="BNB"), "0.00024999", "USDT", 10_000_000, "USDT"),
        (FeePlan(asset="BNB"), "1", "EUR", 10_000_000, "USDT"),
        (FeePlan(asset="USDT"), "1", "USDT", 7_500_000, "USDT"),
        (FeePlan(asset="DOGE"), "1", "USDT", 10_000_000, "USDT"),
    ],
)
def test_fees_of_a_sell(plan: FeePlan, bnb: str, quote: str, fee: int, asset: str) -> None:
    venue = venue_with_bnb(plan, bnb, quote)
    venue.place(venue.account("key"), sell())
    trade = venue.trades("key")[0]
    assert (trade.fee_units, trade.fee_asset) == (fee, asset)
    paid = Decimal(fee) / 10**8
    assert venue.balances("key")["USDT"][0] == 1100 - (paid if asset == "USDT" else 0)
    assert venue.balances("key")["BNB"][0] == Decimal(bnb) - (paid if asset == "BNB" else 0)


def test_what_is_sold_cannot_pay_its_own_fee() -> None:
    venue = venue_with_bnb(FeePlan(asset="BNB"), "1")
    venue.place(venue.account("key"), sell(symbol="BNBUSDT"))
    trade = venue.trades("key")[0]
    assert (trade.fee_asset, trade.fee_units) == ("USDT", 30_000_000)
    assert venue.balances("key")["BNB"] == (Decimal(0), Decimal(0))


@pytest.mark.parametrize(
    "new",
    [
        sell(symbol="BNBUSDT", steps=3_000),
        sell(Kind.LIMIT, limit=29_700, symbol="BNBUSDT", steps=3_000),
        sell(Kind.LIMIT, limit=29_998, symbol="BNBUSDT", steps=3_000),
        sell(Kind.STOP_LOSS, stop=29_990, symbol="BNBUSDT", steps=3_000),
        sell(Kind.STOP_LOSS_LIMIT, limit=29_995, stop=29_996, symbol="BNBUSDT", steps=3_000),
    ],
    ids=["market", "limit", "limit that rests", "stop", "stop that rests"],
)
def test_no_fee_is_paid_with_what_an_order_still_owes(new: NewOrder) -> None:
    """All there is of the fee's asset is sold, level by level: every level is paid, and the fee is taken from the proceeds."""
    venue = Venue([Listing(market("BNB"))])
    venue.open_account("key", "secret", {"BNB": Decimal(3)}).fees = FeePlan(asset="BNB")
    book = [(29_999 - each, 1_000) for each in range(5)], [(30_001 + each, 1_000) for each in range(5)]
    venue.push_book("BNBUSDT", *book, START)
    venue.place(venue.account("key"), new)
    venue.push_trade("BNBUSDT", 29_990, 1, START + 1, buyer_is_maker=True)
    venue.push_trade("BNBUSDT", 30_100, 9_000, START + 2, buyer_is_maker=False)
    order = venue.orders("key")[0]
    assert (order.status, order.left_steps) == (Status.FILLED, 0)
    assert venue.balances("key")["BNB"] == (Decimal(0), Decimal(0))
    assert {trade.fee_asset for trade in venue.trades("key")} == {"USDT"}


def test_what_is_free_beside_an_order_pays_its_fees() -> None:
    """A little more than the order is there: it pays the fees of as many levels as it can."""
    venue = Venue([Listing(market("BNB"))])
    venue.open_account("key", "secret", {"BNB": Decimal("3.001")}).fees = FeePlan(asset="BNB")
    venue.push_book("BNBUSDT", [(29_999 - each, 1_000) for each in range(5)], [(30_001, 1_000)], START)
    venue.place(venue.account("key"), sell(symbol="BNBUSDT", steps=3_000))
    assert [trade.fee_asset for trade in venue.trades("key")] == ["BNB", "USDT", "USDT"]
    assert venue.balances("key")["BNB"] == (Decimal("0.00025002"), Decimal(0))
