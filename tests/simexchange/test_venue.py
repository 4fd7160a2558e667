"""The clock of a bar and the rules of orders, on candles written by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.simexchange.exchange_kit import MINUTE, START, Recorder, Row, bars, flat, market, small_venue
from tradepool.core.market.bars import Bars
from tradepool.domain.errors import TradepoolError
from tradepool.simexchange import errors
from tradepool.simexchange.events import AccountPosition, BookTicker, ExecutionReport, KlineClosed
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.records import Kind, NewOrder, Order, Side, Status
from tradepool.simexchange.venue import Venue

BASE = flat(1)


def order(
    kind: Kind = Kind.MARKET, side: Side = Side.SELL, limit: int = 0, stop: int = 0, name: str = "a", steps: int = 1000
) -> NewOrder:
    """One BTC at ticks of a cent."""
    return NewOrder("BTCUSDT", name, side, kind, steps, limit, stop)


def status_of(venue: Venue, name: str = "a") -> Order:
    """The order as it stands now."""
    return venue.find_order(venue.account("key"), "BTCUSDT", client_id=name)


# ---- time


def test_a_candle_is_published_when_the_next_one_has_opened() -> None:
    venue = small_venue([(100, 110, 90, 105), (106, 107, 103, 104), (103, 103, 103, 103)])
    seen = Recorder()
    venue.listen(seen)
    assert (venue.now_ms, venue.markets[0].price) == (START, 10_000)
    assert venue.step()
    assert (venue.now_ms, venue.markets[0].price, venue.markets[0].published) == (START + MINUTE, 10_600, 1)
    assert venue.step()
    assert not venue.step(), "the last candle has no next open, so it is never published"
    assert [event.bar for event in seen.events if isinstance(event, KlineClosed)] == [0, 1]
    assert (venue.markets[0].price, venue.markets[0].published) == (10_300, 2)
    assert not venue.step()


def test_over_a_hole_the_price_moves_at_once_and_the_open_waits() -> None:
    venue = small_venue([(100, 100, 100, 100), (90, 90, 90, 90), (90, 90, 90, 90)], times=[0, 5, 6])
    venue.listen(Recorder())
    account = venue.account("key")
    venue.place(account, order(Kind.STOP_LOSS, stop=9_500))
    assert venue.step()
    assert (venue.now_ms, venue.markets[0].price) == (START + MINUTE, 9_000)
    assert status_of(venue).status is Status.NEW
    assert venue.step()
    filled = status_of(venue)
    assert (filled.status, filled.updated_ms, venue.now_ms) == (Status.FILLED, START + 5 * MINUTE, START + 5 * MINUTE)


def test_markets_on_different_grids_share_one_clock() -> None:
    listings = [Listing(market("BTC"), bars(flat(3), [0, 1, 3])), Listing(market("ETH"), bars(flat(3), [1, 2, 3]))]
    venue = Venue(listings)
    seen = Recorder()
    venue.listen(seen)
    assert venue.markets[1].price is None
    steps = []
    while venue.step():
        steps.append([(event.market.base, event.bar) for event in seen.events if isinstance(event, KlineClosed)])
        seen.events.clear()
    assert steps == [[("BTC", 0)], [("BTC", 1), ("ETH", 0)], [("ETH", 1)]]


def test_a_market_without_a_price_is_closed() -> None:
    venue = Venue([Listing(market("BTC"), bars(flat(2))), Listing(market("ETH"), bars(flat(2), [1, 2]))])
    account = venue.open_account("key", "secret", {"USDT": Decimal(1000)})
    with pytest.raises(errors.MarketClosed):
        venue.place(account, NewOrder("ETHUSDT", "a", Side.BUY, Kind.MARKET, 1000))


def test_bars_are_walked_whatever_anybody_does() -> None:
    venue = small_venue(flat(10))
    assert venue.step_bars(3)
    assert (venue.markets[0].published, venue.now_ms) == (3, START + 3 * MINUTE)
    assert venue.step_bars(6)
    assert not venue.step_bars(1)


def test_the_best_prices_are_told_only_when_they_change_and_somebody_reads_them() -> None:
    venue = small_venue([(100, 110, 90, 100), (100, 100, 100, 100)], slippage_bp=10)
    seen = Recorder(books=True)
    venue.listen(seen)
    while venue.step():
        pass
    books = [(event.bid_ticks, event.ask_ticks) for event in seen.events if isinstance(event, BookTicker)]
    assert books == [(8_991, 9_009), (10_989, 11_011), (9_990, 10_010)]


# ---- stops: what the price does to them


STOPS: list[tuple[str, Row, Side, int, int | None, int]] = [
    # what happens, next candle, side, stop, filled at (ticks, no slippage; None: not), after a quarter of a bar
    ("gapped through", (90, 95, 85, 92), Side.SELL, 9_500, 9_000, 0),
    ("gapped exactly to it", (95, 96, 94, 95), Side.SELL, 9_500, 9_500, 0),
    ("touched by the low", (100, 101, 95, 98), Side.SELL, 9_500, 9_500, 1),
    ("passed on the way down", (100, 101, 90, 98), Side.SELL, 9_500, 9_500, 1),
    ("not touched", (100, 101, 95.01, 98), Side.SELL, 9_500, None, 0),
    ("gapped through", (110, 115, 105, 107), Side.BUY, 10_500, 11_000, 0),
    ("touched by the high", (100, 105, 99, 101), Side.BUY, 10_500, 10_500, 2),
    ("not touched", (100, 104.99, 99, 101), Side.BUY, 10_500, None, 0),
]


@pytest.mark.parametrize(("what", "row", "side", "stop", "filled", "quarter"), STOPS)
def test_stops(what: str, row: Row, side: Side, stop: int, filled: int | None, quarter: int) -> None:
    venue = small_venue([*BASE, row, *flat(1, row[3])])
    venue.place(venue.account("key"), order(Kind.STOP_LOSS, side, stop=stop))
    while venue.step():
        pass
    trades = venue.trades("key")
    assert [trade.ticks for trade in trades] == ([] if filled is None else [filled])
    assert [trade.time_ms for trade in trades] == ([] if filled is None else [START + MINUTE + quarter * MINUTE // 4])
    assert not any(trade.is_maker for trade in trades)


def test_a_stop_pays_slippage_from_its_own_level() -> None:
    venue = small_venue([*BASE, (100, 101, 80, 98), *BASE], slippage_bp=10)
    venue.place(venue.account("key"), order(Kind.STOP_LOSS, stop=9_500))
    while venue.step():
        pass
    assert [trade.ticks for trade in venue.trades("key")] == [9_490]


@pytest.mark.parametrize(("side", "stop"), [(Side.SELL, 10_000), (Side.SELL, 10_001), (Side.BUY, 10_000)])
def test_a_stop_the_price_has_passed_is_refused(side: Side, stop: int) -> None:
    venue = small_venue(flat(2))
    with pytest.raises(errors.StopWouldTrigger):
        venue.place(venue.account("key"), order(Kind.STOP_LOSS, side, stop=stop))
    assert not venue.orders("key")


def test_several_stops_of_one_leg_fill_in_price_order_then_by_age() -> None:
    venue = small_venue([*BASE, (100, 101, 80, 98), *BASE])
    account = venue.account("key")
    for name, stop in (("low", 9_000), ("high", 9_500), ("low again", 9_000), ("limit", 0)):
        kind = Kind.STOP_LOSS if stop else Kind.LIMIT
        venue.place(
            account, order(kind, Side.SELL if stop else Side.BUY, limit=0 if stop else 9_200, stop=stop, name=name)
        )
    while venue.step():
        pass
    assert [trade.client_id for trade in venue.trades("key")] == ["high", "limit", "low", "low again"]


def test_a_stop_that_cannot_be_paid_expires() -> None:
    venue = small_venue([*BASE, (200, 200, 200, 200), *BASE])
    account = venue.account("key")
    venue.place(account, order(Kind.STOP_LOSS, Side.BUY, stop=10_500, steps=9_000))
    while venue.step():
        pass
    assert status_of(venue).status is Status.EXPIRED
    assert venue.balances("key")["USDT"] == (Decimal(1000), Decimal(0))


# ---- limits and market orders


LIMITS: list[tuple[str, Row, Side, int, int | None, bool]] = [
    # what happens, next candle, side, limit, filled at, rested
    ("marketable: at the price", (100, 100, 100, 100), Side.BUY, 10_500, 10_000, False),
    ("at the price is marketable", (100, 100, 100, 100), Side.BUY, 10_000, 10_000, False),
    ("at the price is marketable", (100, 100, 100, 100), Side.SELL, 10_000, 10_000, False),
    ("touched by the low", (100, 101, 95, 98), Side.BUY, 9_500, 9_500, True),
    ("gapped over: its own price, never better", (90, 95, 85, 92), Side.BUY, 9_500, 9_500, True),
    ("not touched", (100, 101, 95.01, 98), Side.BUY, 9_500, None, True),
    ("touched by the high", (100, 105, 99, 101), Side.SELL, 10_500, 10_500, True),
    ("gapped over: its own price, never better", (110, 115, 105, 107), Side.SELL, 10_500, 10_500, True),
    ("marketable: at the price", (100, 100, 100, 100), Side.SELL, 9_500, 10_000, False),
]


@pytest.mark.parametrize(("what", "row", "side", "limit", "filled", "rested"), LIMITS)
def test_limits(what: str, row: Row, side: Side, limit: int, filled: int | None, rested: bool) -> None:
    venue = small_venue([*BASE, row, *flat(1, row[3])])
    placed = venue.place(venue.account("key"), order(Kind.LIMIT, side, limit=limit))
    assert (placed.status is Status.NEW) == rested
    while venue.step():
        pass
    assert [(trade.ticks, trade.is_maker) for trade in venue.trades("key")] == (
        [] if filled is None else [(filled, rested)]
    )


def test_a_marketable_limit_caps_what_slippage_costs() -> None:
    venue = small_venue(flat(2), slippage_bp=100)
    account = venue.account("key")
    venue.place(account, order(Kind.LIMIT, Side.BUY, limit=10_050, name="a"))
    venue.place(account, order(Kind.LIMIT, Side.BUY, limit=10_500, name="b"))
    venue.place(account, order(Kind.LIMIT, Side.SELL, limit=9_950, name="c"))
    assert [trade.ticks for trade in venue.trades("key")] == [10_050, 10_100, 9_950]


def test_an_order_placed_late_in_a_bar_meets_the_rest_of_the_path() -> None:
    venue = small_venue([(100, 110, 90, 95), *flat(2, 95)])
    seen = Recorder(books=True)
    venue.listen(seen)
    venue.step()
    venue.step()
    assert venue.markets[0].price == 11_000
    venue.place(venue.account("key"), order(Kind.STOP_LOSS, stop=10_000))
    venue.step()
    assert [trade.ticks for trade in venue.trades("key")] == [10_000]


def test_a_market_order_pays_slippage_and_its_fee_from_what_it_receives() -> None:
    venue = small_venue(flat(2), slippage_bp=10)
    account = venue.account("key")
    venue.place(account, order(side=Side.BUY, name="in"))
    assert venue.balances("key") == {
        "USDT": (Decimal("899.9"), Decimal(0)),
        "BTC": (Decimal("10.999"), Decimal(0)),
    }
    venue.place(account, order(name="out"))
    assert venue.balances("key") == {
        "USDT": (Decimal("999.70010"), Decimal(0)),
        "BTC": (Decimal("9.999"), Decimal(0)),
    }


def test_makers_and_takers_pay_their_own_rates() -> None:
    venue = Venue([Listing(market(maker_rate="0.0002"), bars([(100, 110, 90, 100), *flat(1)]))], 0)
    account = venue.open_account("key", "secret", {"BTC": Decimal(10)})
    venue.place(account, order(name="taker"))
    venue.place(account, order(Kind.LIMIT, limit=10_500, name="maker"))
    while venue.step():
        pass
    assert [trade.fee_units for trade in venue.trades("key")] == [10_000_000, 2_100_000]


def test_a_buy_stop_locks_what_it_may_cost_and_spends_what_is_free_beside_it() -> None:
    venue = small_venue([*BASE, (110, 110, 110, 110), *BASE], slippage_bp=100)
    account = venue.account("key")
    venue.place(account, order(Kind.STOP_LOSS, Side.BUY, stop=10_100, steps=9_000))
    assert venue.balances("key")["USDT"] == (Decimal("81.91"), Decimal("918.09"))
    while venue.step():
        pass
    # 9 BTC at 111.10 are 999.90: more than was locked, less than there is.
    assert venue.balances("key")["USDT"] == (Decimal("0.10"), Decimal(0))


def test_an_order_worth_the_least_is_taken() -> None:
    venue = small_venue(flat(2))
    assert venue.place(venue.account("key"), order(steps=50)).status is Status.FILLED


# ---- refusals


REFUSALS: list[tuple[NewOrder, type[errors.Refused]]] = [
    (order(steps=0), errors.FilterFailed),
    (order(steps=49), errors.FilterFailed),
    (order(Kind.LIMIT, limit=0, steps=100), errors.FilterFailed),
    (order(Kind.LIMIT, limit=4, steps=100_000), errors.FilterFailed),
    (order(side=Side.BUY, steps=10_001), errors.InsufficientBalance),
    (order(steps=10_001), errors.InsufficientBalance),
    (order(Kind.STOP_LOSS, stop=9_000, steps=10_001), errors.InsufficientBalance),
    (order()._replace(symbol="NOPE"), errors.UnknownSymbol),
]


@pytest.mark.parametrize(("new", "refused"), REFUSALS)
def test_a_refusal_changes_nothing(new: NewOrder, refused: type[errors.Refused]) -> None:
    venue = small_venue(flat(2))
    before = venue.balances("key")
    with pytest.raises(refused):
        venue.place(venue.account("key"), new)
    assert venue.balances("key") == before
    assert not venue.orders("key")


def test_one_market_holds_at_most_200_open_orders_of_an_account() -> None:
    venue = small_venue(flat(2))
    account = venue.account("key")
    for number in range(200):
        venue.place(account, order(Kind.LIMIT, limit=20_000, steps=50, name=str(number)))
    with pytest.raises(errors.FilterFailed, match="MAX_NUM_ORDERS"):
        venue.place(account, order(Kind.LIMIT, limit=20_000, steps=50))


def test_a_client_id_is_good_for_one_open_order_at_a_time() -> None:
    venue = small_venue(flat(2))
    account = venue.account("key")
    first = venue.place(account, order(Kind.LIMIT, limit=20_000))
    with pytest.raises(errors.DuplicateOrder):
        venue.place(account, order())
    venue.cancel(account, "BTCUSDT", client_id="a")
    second = venue.place(account, order())
    assert status_of(venue).id == second.id != first.id
    with pytest.raises(errors.UnknownOrder):
        venue.cancel(account, "BTCUSDT", client_id="a")


def test_with_strict_ids_a_client_id_is_good_once() -> None:
    venue = Venue([Listing(market(), bars(flat(2)))], strict_ids=True)
    account = venue.open_account("key", "secret", {"BTC": Decimal(10)})
    venue.place(account, order())
    with pytest.raises(errors.DuplicateOrder):
        venue.place(account, order())


def test_an_order_of_somebody_else_is_unknown() -> None:
    venue = small_venue(flat(2))
    other = venue.open_account("other", "secret", {"BTC": Decimal(1)})
    placed = venue.place(venue.account("key"), order(Kind.LIMIT, limit=20_000))
    for ask in (venue.find_order, venue.cancel):
        with pytest.raises(errors.UnknownOrder):
            ask(other, "BTCUSDT", order_id=placed.id)
    assert venue.place(other, order()).id == 10**9 + 1


def test_an_order_is_known_in_its_own_market_only() -> None:
    venue = Venue([Listing(market("BTC"), bars(flat(2))), Listing(market("ETH"), bars(flat(2)))])
    account = venue.open_account("key", "secret", {"BTC": Decimal(10)})
    placed = venue.place(account, order(Kind.LIMIT, limit=20_000))
    for ask in (venue.find_order, venue.cancel):
        with pytest.raises(errors.UnknownOrder):
            ask(account, "ETHUSDT", order_id=placed.id)
    assert venue.cancel(account, "BTCUSDT", order_id=placed.id).status is Status.CANCELED


# ---- events


def test_an_order_tells_its_story_in_order() -> None:
    venue = small_venue(flat(3))
    seen = Recorder()
    venue.listen(seen)
    account = venue.account("key")
    venue.place(account, order(side=Side.BUY, name="m"))
    venue.place(account, order(Kind.LIMIT, limit=20_000, name="l"))
    venue.cancel(account, "BTCUSDT", client_id="l", request_id="c")
    story = [
        (event.order.client_id, event.order.status.name, event.trade is not None, event.request_id)
        for event in seen.events
        if isinstance(event, ExecutionReport)
    ]
    assert story == [
        ("m", "NEW", False, ""),
        ("m", "FILLED", True, ""),
        ("l", "NEW", False, ""),
        ("l", "CANCELED", False, "c"),
    ]
    positions = [event for event in seen.events if isinstance(event, AccountPosition)]
    assert [event.base_locked for event in positions] == [0, 10**8, 0]
    assert seen.flushes == 3


# ---- what it is given


BROKEN: list[tuple[str, list[Row], list[int]]] = [
    ("no candle", [], []),
    ("not in order", flat(2), [1, 1]),
    ("low is above", [(100, 101, 100.5, 101)], [0]),
    ("high is below", [(100, 99.9, 99, 99)], [0]),
    ("below one tick", [(0, 0, 0, 0)], [0]),
    ("not a number", [(float("nan"),) * 4], [0]),
]


@pytest.mark.parametrize(("why", "rows", "times"), BROKEN)
def test_broken_candles_are_refused_by_name(why: str, rows: list[Row], times: list[int]) -> None:
    given = bars(rows, times) if rows else bars(flat(1)).slice(0, 0)
    with pytest.raises(errors.BrokenListings, match=why):
        Venue([Listing(market(), given)])


def test_listings_must_agree() -> None:
    one = Listing(market(), bars(flat(2)))
    other: Bars = bars(flat(2), timeframe_ms=5 * MINUTE)
    for listings in ([], [one, one], [one, Listing(market("ETH"), other)]):
        with pytest.raises(errors.BrokenListings):
            Venue(listings)


def test_accounts_open_once_and_with_whole_units() -> None:
    venue = small_venue(flat(2))
    with pytest.raises(errors.AccountExists):
        venue.open_account("key", "secret", {})
    for amount in (Decimal("1e-9"), Decimal(-1), Decimal(10) ** 9):
        with pytest.raises(TradepoolError):
            venue.open_account(str(amount), "secret", {"USDT": amount})
    with pytest.raises(errors.UnknownAccount):
        venue.balances("nobody")
