"""What is on offer: seeded books of candles, and mirrored books with our own consumption remembered."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simexchange.exchange_kit import Recorder, Row, bars, flat, market
from tradepool.simexchange import errors
from tradepool.simexchange.events import BookTicker
from tradepool.simexchange.liquidity import BadDepth, Depth
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.records import Kind, NewList, NewOrder, Order, Side, Status
from tradepool.simexchange.venue import Venue

DEPTH = Depth(spread_bp=10, level_notional=Decimal(200), levels=5, gap_bp=5, seed=7)
CASH = {"USDT": Decimal(100_000), "BTC": Decimal(1_000)}


def order(kind: Kind, side: Side, steps: int, limit: int = 0, stop: int = 0, name: str = "a") -> NewOrder:
    """Steps of a thousandth of a BTC, ticks of a cent."""
    return NewOrder("BTCUSDT", name, side, kind, steps, limit, stop)


def deep(rows: list[Row], depth: Depth = DEPTH) -> Venue:
    """A venue whose candles have a finite book around them."""
    venue = Venue([Listing(market(), bars(rows))], depth=depth)
    venue.open_account("key", "secret", CASH)
    return venue


def mirrored() -> Venue:
    """A venue that mirrors a book: 5 at 99, 10 at 98; 5 at 101, 10 at 102 (whole BTC)."""
    venue = Venue([Listing(market())])
    venue.open_account("key", "secret", CASH)
    venue.push_book("BTCUSDT", [(9_900, 5_000), (9_800, 10_000)], [(10_100, 5_000), (10_200, 10_000)], 1_000)
    return venue


def place(venue: Venue, new: NewOrder) -> Order:
    """One order of the one user."""
    return venue.place(venue.account("key"), new)


def now(venue: Venue, name: str = "a") -> Order:
    """An order as it stands."""
    return venue.find_order(venue.account("key"), "BTCUSDT", client_id=name)


def traded(venue: Venue) -> list[tuple[int, int]]:
    """Price and size of every trade."""
    return [(trade.ticks, trade.steps) for trade in venue.trades("key")]


# ---- around candles


@given(st.integers(1, 200_000), st.integers(0, 400), st.integers(0, 300), st.integers(1, 30), st.integers(0, 99))
def test_a_seeded_book_is_uncrossed_and_ordered(price: int, spread: int, gap: int, levels: int, seed: int) -> None:
    depth = Depth(spread, Decimal(50), levels, gap, seed)
    venue = deep([(price / 100,) * 4], depth)
    book = venue.markets[0].liquidity
    bids, asks = (book.levels(side, 100) for side in (Side.BUY, Side.SELL))
    assert len(asks) == levels
    assert [level[0] for level in asks] == sorted({level[0] for level in asks})
    assert [level[0] for level in bids] == sorted({level[0] for level in bids}, reverse=True)
    assert all(steps > 0 and ticks > 0 for ticks, steps in bids + asks)
    assert not bids or bids[0][0] < asks[0][0]
    again = deep([(price / 100,) * 4], depth).markets[0].liquidity
    assert (again.levels(Side.BUY, 100), again.levels(Side.SELL, 100)) == (bids, asks)


def test_size_has_a_cost_and_the_book_comes_back_with_the_next_move() -> None:
    venue = deep(flat(3))
    seen = Recorder(books=True)
    venue.listen(seen)
    book = venue.markets[0].liquidity
    whole = book.levels(Side.SELL, 5)
    first, second = whole[0][1], whole[1][1]
    placed = place(venue, order(Kind.MARKET, Side.BUY, first + second - 1))
    assert placed.status is Status.FILLED
    assert traded(venue) == [whole[0], (whole[1][0], second - 1)]
    assert book.best(Side.SELL) == (whole[1][0], 1)
    assert [event.ask_ticks for event in seen.events if isinstance(event, BookTicker)] == [whole[1][0]]
    venue.step()
    assert book.levels(Side.SELL, 5) == whole


def test_a_market_order_larger_than_the_book_expires_with_what_it_got() -> None:
    venue = deep(flat(2))
    whole = venue.markets[0].liquidity.levels(Side.SELL, 5)
    size = sum(steps for _, steps in whole)
    placed = place(venue, order(Kind.MARKET, Side.BUY, size + 10))
    assert (placed.status, placed.filled_steps) == (Status.EXPIRED, size)
    assert traded(venue) == whole
    assert venue.markets[0].liquidity.best(Side.SELL) == (0, 0)


def test_a_limit_takes_what_it_may_and_the_rest_waits() -> None:
    venue = deep([*flat(1), (100, 100, 90, 90), *flat(1, 90)])
    ticks, steps = venue.markets[0].liquidity.best(Side.SELL)
    placed = place(venue, order(Kind.LIMIT, Side.BUY, steps + 500, limit=ticks))
    assert (placed.status, placed.filled_steps) == (Status.PARTIALLY_FILLED, steps)
    assert venue.balances("key")["USDT"][1] == Decimal(ticks * 500) / 100_000
    venue.step_bars(2)
    assert now(venue).status is Status.FILLED, "the price went through it"
    assert [trade.is_maker for trade in venue.trades("key")] == [False, True]
    assert venue.balances("key")["USDT"][1] == 0


def test_a_price_that_only_touches_serves_one_level() -> None:
    venue = deep([*flat(1), (100, 100, 95, 100), (100, 100, 95, 100), *flat(1)])
    place(venue, order(Kind.LIMIT, Side.BUY, 5_000, limit=9_500))
    venue.step_bars(2)
    first = now(venue)
    assert first.status is Status.PARTIALLY_FILLED
    assert 1_000 <= first.filled_steps <= 3_200, "a level is worth 100 to 300"
    venue.step_bars(1)
    assert now(venue).filled_steps == 2 * first.filled_steps, "the same book is there at the same price"


def test_what_a_touch_brings_is_shared_by_all_it_touches() -> None:
    rows: list[Row] = [*flat(1), (100, 100, 95, 100), *flat(1)]
    alone, shared = deep(rows), deep(rows)
    place(alone, order(Kind.LIMIT, Side.BUY, 9_000, limit=9_500))
    for name in ("a", "b"):
        place(shared, order(Kind.LIMIT, Side.BUY, 700, limit=9_500, name=name))
    for venue in (alone, shared):
        venue.step_bars(2)
    assert 700 < now(alone).filled_steps < 1_400, "this seed's level is worth more than one of them, less than both"
    assert [now(shared, name).filled_steps for name in ("a", "b")] == [700, now(alone).filled_steps - 700]


def test_a_stop_walks_through_the_book_below_it() -> None:
    venue = deep([*flat(1), (100, 100, 90, 95), *flat(1, 95)])
    place(venue, order(Kind.STOP_LOSS, Side.SELL, 6_000, stop=9_500))
    venue.step_bars(2)
    assert now(venue).status is Status.FILLED
    prices = [ticks for ticks, _ in traded(venue)]
    assert len(prices) > 1
    assert prices == sorted(prices, reverse=True)
    assert prices[0] < 9_500


def sold_by_stops(stops: list[int], size: int) -> tuple[int, Decimal]:
    """Steps sold, and the quote they brought, when so many stops share a size and the price falls from 100 to 90 and on."""
    venue = deep([*flat(1), (100, 100, 90, 95), *flat(1, 95)])
    for number, stop in enumerate(stops):
        place(venue, order(Kind.STOP_LOSS, Side.SELL, size // len(stops), stop=stop, name=f"s{number}"))
    venue.step_bars(2)
    return sum(each.filled_steps for each in venue.orders("key")), venue.balances("key")["USDT"][0] - CASH["USDT"]


def test_many_small_stops_get_no_more_of_a_book_than_a_large_one() -> None:
    one = sold_by_stops([9_500], 50_000)
    assert 0 < one[0] < 20_000, "five levels of 100 to 300 at about 95"
    steps, quote = sold_by_stops([9_500] * 10, 50_000)
    assert (steps, quote) == one
    spread_out, _ = sold_by_stops([9_500 - number for number in range(10)], 50_000)
    assert spread_out < 2 * one[0], "ten cents further down it is hardly another book"
    far_apart, _ = sold_by_stops([9_500, 9_200], 50_000)
    assert far_apart > 1.5 * one[0], "three percent further down it is"


def test_a_price_that_goes_through_a_limit_serves_what_is_between() -> None:
    rows: list[Row] = [*flat(1), (100, 100, 99.80, 100), *flat(1)]
    whole, parts = deep(rows), deep(rows)
    place(whole, order(Kind.LIMIT, Side.BUY, 900_000, limit=9_999))
    for number in range(9):
        place(parts, order(Kind.LIMIT, Side.BUY, 100_000, limit=9_999 - number // 3, name=f"a{number}"))
    for venue in (whole, parts):
        venue.step_bars(2)
    served = now(whole).filled_steps
    # From 99.99 to 99.80 there are five levels, each worth 100 to 300.
    assert 5_000 <= served <= 15_100
    assert sum(each.filled_steps for each in parts.orders("key")) == served


def test_impossible_depths_are_refused() -> None:
    for depth in (Depth(-1, Decimal(1)), Depth(1, Decimal(0)), Depth(1, Decimal(1), levels=0)):
        with pytest.raises(BadDepth):
            deep(flat(1), depth)


# ---- mirrored


def test_a_mirrored_market_needs_no_candles() -> None:
    venue = mirrored()
    assert (venue.now_ms, venue.markets[0].price, venue.next_time_ms()) == (1_000, 10_000, None)
    assert place(venue, order(Kind.MARKET, Side.BUY, 7_000)).status is Status.FILLED
    assert traded(venue) == [(10_100, 5_000), (10_200, 2_000)]
    assert not venue.step()


def test_a_sell_by_quote_gets_no_more_than_asked() -> None:
    venue = mirrored()
    # 101 steps at 99 bring 9.999; one more at 98 would fit into 10.0975, but it would trade at 99.
    placed = place(venue, order(Kind.MARKET, Side.SELL, 0)._replace(quote_units=1_009_750_000))
    assert (placed.steps, placed.quote_units) == (101, 999_900_000)


def test_before_its_first_book_it_is_closed() -> None:
    venue = Venue([Listing(market())])
    venue.open_account("key", "secret", CASH)
    with pytest.raises(errors.MarketClosed):
        place(venue, order(Kind.MARKET, Side.BUY, 1_000))


def test_what_we_took_is_gone_until_the_level_changes() -> None:
    venue = mirrored()
    asks = venue.markets[0].liquidity
    place(venue, order(Kind.MARKET, Side.BUY, 4_000))
    assert asks.best(Side.SELL) == (10_100, 1_000)
    venue.push_book("BTCUSDT", [], [(10_200, 9_000)], 2_000, update=True)
    assert asks.levels(Side.SELL, 9) == [(10_100, 1_000), (10_200, 9_000)]
    venue.push_book("BTCUSDT", [(9_900, 5_000)], [(10_100, 5_000)], 3_000)
    assert asks.levels(Side.SELL, 9) == [(10_100, 1_000)], "the whole book anew, this level as it was"
    venue.push_book("BTCUSDT", [], [(10_100, 4_999)], 4_000, update=True)
    assert asks.best(Side.SELL) == (10_100, 4_999)
    venue.push_book("BTCUSDT", [], [(10_100, 0)], 5_000, update=True)
    assert asks.best(Side.SELL) == (0, 0)


def test_a_print_serves_the_queue_first_then_us() -> None:
    venue = mirrored()
    place(venue, order(Kind.LIMIT, Side.BUY, 3_000, limit=9_900))
    venue.push_trade("BTCUSDT", 9_900, 4_000, 2_000, buyer_is_maker=True)
    assert now(venue).filled_steps == 0
    venue.push_trade("BTCUSDT", 9_900, 2_500, 3_000, buyer_is_maker=False)
    assert now(venue).filled_steps == 0, "somebody bought: the bids were not hit"
    venue.push_trade("BTCUSDT", 9_900, 2_500, 4_000, buyer_is_maker=True)
    assert (now(venue).filled_steps, now(venue).status) == (1_500, Status.PARTIALLY_FILLED)
    venue.push_trade("BTCUSDT", 9_850, 1_000, 5_000, buyer_is_maker=True)
    assert now(venue).filled_steps == 2_500, "at most what was printed, at our price"
    venue.push_trade("BTCUSDT", 9_850, 1_000, 6_000, buyer_is_maker=True)
    assert now(venue).status is Status.FILLED
    assert {trade.ticks for trade in venue.trades("key")} == {9_900}
    assert all(trade.is_maker for trade in venue.trades("key"))


def test_the_queue_is_never_longer_than_its_level() -> None:
    venue = mirrored()
    place(venue, order(Kind.LIMIT, Side.SELL, 1_000, limit=10_100))
    venue.push_book("BTCUSDT", [], [(10_100, 300)], 2_000, update=True)
    venue.push_trade("BTCUSDT", 10_100, 500, 3_000, buyer_is_maker=False)
    assert now(venue).filled_steps == 200


def test_one_print_serves_two_of_ours_by_price_then_age_and_never_twice() -> None:
    venue = mirrored()
    for name, limit in (("older", 9_950), ("younger", 9_950), ("better", 9_960)):
        place(venue, order(Kind.LIMIT, Side.BUY, 1_000, limit=limit, name=name))
    venue.push_trade("BTCUSDT", 9_950, 2_500, 2_000, buyer_is_maker=True)
    assert [now(venue, name).filled_steps for name in ("better", "older", "younger")] == [1_000, 1_000, 500]


def test_a_book_that_comes_to_a_resting_limit_serves_it_at_its_price() -> None:
    venue = mirrored()
    place(venue, order(Kind.LIMIT, Side.BUY, 3_000, limit=9_950))
    venue.push_book("BTCUSDT", [(9_900, 1_000)], [(9_940, 2_000), (9_990, 5_000)], 2_000)
    assert (now(venue).filled_steps, now(venue).status) == (2_000, Status.PARTIALLY_FILLED)
    assert traded(venue) == [(9_950, 2_000)]
    assert venue.markets[0].liquidity.best(Side.SELL) == (9_990, 5_000)


def test_prints_set_off_stops_books_do_not() -> None:
    venue = mirrored()
    place(venue, order(Kind.STOP_LOSS, Side.SELL, 6_000, stop=9_800))
    venue.push_book("BTCUSDT", [(9_700, 4_000), (9_600, 9_000)], [(9_790, 1_000)], 2_000)
    assert now(venue).status is Status.NEW
    venue.push_trade("BTCUSDT", 9_790, 1, 3_000, buyer_is_maker=True)
    assert now(venue).status is Status.FILLED
    assert traded(venue) == [(9_700, 4_000), (9_600, 2_000)]
    assert (venue.now_ms, venue.markets[0].price) == (3_000, 9_790)


def test_a_crossed_book_meets_both_orders_of_a_list() -> None:
    """Its ask has come to the stop, which prints alone set off, and its bid to the limit, which is served."""
    venue = mirrored()
    stop = order(Kind.STOP_LOSS, Side.SELL, 1_000, stop=9_800, name="stop")
    venue.place_list(
        venue.account("key"), NewList("list", stop, order(Kind.LIMIT_MAKER, Side.SELL, 1_000, limit=10_300))
    )
    venue.push_book("BTCUSDT", [(10_400, 400)], [(9_700, 400)], 2_000)
    assert (now(venue, "stop").status, now(venue).filled_steps) == (Status.EXPIRED, 400)
    venue.push_book("BTCUSDT", [(10_400, 600)], [(10_500, 400)], 3_000)
    assert now(venue).status is Status.FILLED
    assert venue.balances("key")["BTC"] == (Decimal(999), Decimal(0))


def test_who_is_met_by_a_crossed_book_can_still_withdraw() -> None:
    venue = mirrored()
    legs = order(Kind.STOP_LOSS, Side.SELL, 1_000, stop=9_800, name="stop"), order(Kind.LIMIT, Side.BUY, 1_000, 9_750)
    for each in legs:
        place(venue, each)
    venue.push_book("BTCUSDT", [(10_400, 400)], [(9_700, 400)], 2_000)
    for name in ("stop", "a"):
        assert venue.cancel(venue.account("key"), "BTCUSDT", client_id=name).status is Status.CANCELED
    assert venue.balances("key")["BTC"] == (Decimal("1000.3996"), Decimal(0))


# ---- who comes first


@pytest.mark.parametrize("first", ["key", "other"])
def test_at_one_price_a_finite_book_serves_who_came_first(first: str) -> None:
    """Whatever account opened first; who is set off later, or takes what is left over, comes later."""
    for venue in (deep([*flat(1), (100, 100, 95, 100), *flat(1)]), mirrored()):
        venue.open_account("other", "secret", CASH)
        for key in (first, "other" if first == "key" else "key"):
            venue.place(venue.account(key), order(Kind.LIMIT, Side.BUY, 2_000, limit=9_500))
        if venue.markets[0].is_mirrored:
            venue.push_trade("BTCUSDT", 9_500, 2_500, 2_000, buyer_is_maker=True)
        else:
            venue.step_bars(2)
        served = {key: venue.orders(key)[0].filled_steps for key in ("key", "other")}
        second = served.pop("other" if first == "key" else "key")
        assert next(iter(served.values())) > second


def test_a_stop_that_rests_is_behind_who_rested_before_it_was_set_off() -> None:
    venue = mirrored()
    place(venue, order(Kind.TAKE_PROFIT_LIMIT, Side.SELL, 1_000, limit=10_300, stop=10_200, name="set off"))
    place(venue, order(Kind.LIMIT, Side.SELL, 1_000, limit=10_300, name="rests"))
    venue.push_trade("BTCUSDT", 10_200, 1, 2_000, buyer_is_maker=False)
    venue.push_trade("BTCUSDT", 10_400, 1_500, 3_000, buyer_is_maker=False)
    assert [now(venue, name).filled_steps for name in ("rests", "set off")] == [1_000, 500]


def test_with_endless_depth_arrival_changes_nothing() -> None:
    """The public trades included: a replay of many accounts is the same whoever was quicker."""
    tapes = []
    for keys in (("key", "other"), ("other", "key")):
        venue = Venue([Listing(market(), bars([*flat(1), (100, 100, 90, 95), *flat(1, 95)]))])
        for key in ("key", "other"):
            venue.open_account(key, "secret", CASH)
        for key in keys:
            venue.place(venue.account(key), order(Kind.LIMIT, Side.BUY, 1_000 + len(key), limit=9_500))
        venue.step_bars(2)
        tapes.append(venue.markets[0].tape.latest(100))
    assert tapes[0] == tapes[1]


def test_a_withdrawn_order_leaves_its_queue() -> None:
    venue = mirrored()
    place(venue, order(Kind.LIMIT, Side.BUY, 1_000, limit=9_900))
    venue.cancel(venue.account("key"), "BTCUSDT", client_id="a")
    venue.push_trade("BTCUSDT", 9_900, 50_000, 2_000, buyer_is_maker=True)
    assert (now(venue).status, traded(venue)) == (Status.CANCELED, [])


def test_prices_are_pushed_to_mirrored_markets_only() -> None:
    venue = deep(flat(2))
    with pytest.raises(errors.NotMirrored):
        venue.push_book("BTCUSDT", [], [], 0)
    with pytest.raises(errors.NotMirrored):
        venue.push_trade("BTCUSDT", 1, 1, 0, buyer_is_maker=True)
