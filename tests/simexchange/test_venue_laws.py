"""Laws that hold for any orders on any candles."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simexchange.exchange_kit import Recorder, Row, bars, market
from tradepool.simexchange.accounts import given_asset
from tradepool.simexchange.errors import Refused
from tradepool.simexchange.events import ExecutionReport
from tradepool.simexchange.fixed import FixedPoint
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.records import Kind, NewOrder, Order, Side, Status
from tradepool.simexchange.resting import Resting
from tradepool.simexchange.venue import Venue

KEYS = ("ann", "bob")
CENTS = st.integers(8_000, 12_000)


@dataclass(frozen=True)
class Deed:
    """One thing a user does, or a step of the venue when `who` is None."""

    who: str | None
    cancels: bool
    new: NewOrder


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """A few candles around 100."""
    made = []
    for _ in range(draw(st.integers(2, 6))):
        opened, closed, one, other = (draw(CENTS) for _ in range(4))
        low, high = min(opened, closed, one, other), max(opened, closed, one, other)
        made.append((opened / 100, high / 100, low / 100, closed / 100))
    return made


deeds = st.lists(
    st.builds(
        Deed,
        st.sampled_from((*KEYS, None)),
        st.booleans(),
        st.builds(
            NewOrder,
            st.just("BTCUSDT"),
            st.sampled_from("abcd"),
            st.sampled_from(Side),
            st.sampled_from(Kind),
            st.integers(1, 4_000),
            CENTS,
            CENTS,
        ),
    ),
    max_size=25,
)


def normal(new: NewOrder) -> NewOrder:
    """The order with only the prices its kind has."""
    limit = new.limit_ticks if new.kind.has_limit else 0
    stop = new.stop_ticks if new.kind.has_stop else 0
    return new._replace(limit_ticks=limit, stop_ticks=stop)


def play(
    candles: list[Row], story: list[Deed], slippage_bp: int, *, whole_bars: bool = False
) -> tuple[Venue, Recorder]:
    """Run a story to the end of the candles, holding the laws of every moment."""
    venue = Venue([Listing(market(), bars(candles))], slippage_bp)
    for key in KEYS:
        venue.open_account(key, "secret", {"USDT": Decimal(1000), "BTC": Decimal(5)})
    seen = Recorder(books=True)
    venue.listen(seen)
    for deed in story:
        try:
            if deed.who is None and whole_bars:
                venue.step_bars(1)
            elif deed.who is None:
                venue.step()
            elif deed.cancels:
                venue.cancel(venue.account(deed.who), "BTCUSDT", client_id=deed.new.client_id)
            else:
                venue.place(venue.account(deed.who), normal(deed.new))
        except Refused:
            pass
        check_moment(venue)
    while venue.step():
        check_moment(venue)
    return venue, seen


def check_moment(venue: Venue) -> None:
    """Nothing is negative, and what is locked is what open orders hold."""
    for account in venue.accounts.values():
        assert min(*account.free.values(), *account.locked.values()) >= 0
        held = dict.fromkeys(account.locked, 0)
        for order in account.open.values():
            assert order.status is Status.NEW
            assert account.history.order(order.id) == order
            held[given_asset(order)] += account.held[order.id]
        assert held == account.locked
        assert {order.client_id for order in account.open.values()} == set(account.open_ids)


@settings(max_examples=150, deadline=None)
@given(rows(), deeds, st.sampled_from((0, 1, 50)))
def test_balances_follow_from_trades_alone(candles: list[Row], story: list[Deed], slippage_bp: int) -> None:
    venue, _ = play(candles, story, slippage_bp)
    for key in KEYS:
        expected = {"USDT": Fraction(1000), "BTC": Fraction(5)}
        for trade in venue.trades(key):
            sign = 1 if trade.side is Side.BUY else -1
            expected["BTC"] += sign * Fraction(trade.steps, 1000)
            expected["USDT"] -= sign * Fraction(trade.ticks, 100) * Fraction(trade.steps, 1000)
            expected[trade.fee_asset] -= Fraction(trade.fee_units, 10**8)
        assert {asset: Fraction(free + locked) for asset, (free, locked) in venue.balances(key).items()} == expected


@settings(max_examples=100, deadline=None)
@given(rows(), deeds, st.sampled_from((0, 1, 50)))
def test_every_fill_keeps_its_orders_word(candles: list[Row], story: list[Deed], slippage_bp: int) -> None:
    venue, _ = play(candles, story, slippage_bp)
    for key in KEYS:
        orders = {order.id: order for order in venue.orders(key)}
        trades = {trade.order_id: trade for trade in venue.trades(key)}
        assert set(trades) == {order.id for order in orders.values() if order.status is Status.FILLED}
        for trade in trades.values():
            order = orders[trade.order_id]
            assert (trade.side, trade.steps, trade.id) == (order.side, order.steps, order.trade_id)
            sign = 1 if order.side is Side.BUY else -1
            if order.kind.has_limit:
                assert sign * trade.ticks <= sign * order.limit_ticks
            if order.kind is Kind.STOP_LOSS:
                assert sign * trade.ticks >= sign * order.stop_ticks, "a stop never fills better than its level"


@settings(max_examples=75, deadline=None)
@given(rows(), deeds)
def test_the_story_is_told_completely_and_twice_the_same(candles: list[Row], story: list[Deed]) -> None:
    venue, seen = play(candles, story, 1)
    again, seen_again = play(candles, story, 1)
    told = [event for event in seen.events if isinstance(event, ExecutionReport)]
    assert [event.order[0:2] for event in told] == [
        event.order[0:2] for event in seen_again.events if isinstance(event, ExecutionReport)
    ]
    for key in KEYS:
        last = {event.order.id: event.order for event in told if event.key == key}
        assert list(last.values()) == venue.orders(key)
        assert [event.trade for event in told if event.key == key and event.trade] == venue.trades(key)
        assert venue.balances(key) == again.balances(key)


@settings(max_examples=60, deadline=None)
@given(rows(), deeds)
def test_accounts_do_not_see_each_other(candles: list[Row], story: list[Deed]) -> None:
    """Ann's day is the same whether Bob trades or not, to the last id."""
    # Whole bars, because a step ends at the next frame and Bob's frames are frames.
    venue, _ = play(candles, story, 1, whole_bars=True)
    without, _ = play(candles, [deed for deed in story if deed.who != "bob"], 1, whole_bars=True)
    strip = [order._replace(market=venue.markets[0]) for order in without.orders("ann")]
    assert strip == venue.orders("ann")
    assert without.balances("ann") == venue.balances("ann")


@given(st.lists(st.tuples(CENTS, st.sampled_from(Side), st.booleans()), max_size=20), CENTS, CENTS)
def test_resting_orders_come_out_in_the_order_they_are_reached(
    waiting: list[tuple[int, Side, bool]], low: int, high: int
) -> None:
    venue = Venue([Listing(market(), bars([(100, 100, 100, 100)]))])
    resting = Resting(by_arrival=False)
    orders = []
    for number, (ticks, side, is_stop) in enumerate(waiting):
        limit, stop = (0, ticks) if is_stop else (ticks, 0)
        kind = Kind.STOP_LOSS if is_stop else Kind.LIMIT
        orders.append(Order(number, str(number), venue.markets[0], side, kind, 1, limit, stop, 0))
        resting.add(orders[-1])
    for order in orders[::3]:
        resting.remove(order)
    left = [order for index, order in enumerate(orders) if index % 3]

    def level(order: Order) -> int:
        return order.stop_ticks or order.limit_ticks

    falling = [order for order in left if (order.kind is Kind.STOP_LOSS) == (order.side is Side.SELL)]
    rising = [order for order in left if order not in falling]
    reached = [order for order in falling if level(order) >= low]
    assert list(resting.reached_falling(low)) == sorted(reached, key=lambda order: (-level(order), order.id))
    reached = [order for order in rising if level(order) <= high]
    assert list(resting.reached_rising(high)) == sorted(reached, key=lambda order: (level(order), order.id))


@given(st.sampled_from(("0.01", "0.00001", "1", "10", "0.05", "2.5")), st.integers(0, 10**12))
def test_fixed_points_read_what_they_write(step: str, count: int) -> None:
    grid = FixedPoint(Decimal(step))
    text = grid.text(count)
    assert Decimal(text) == count * Decimal(step)
    assert grid.count(text) == count
    assert grid.count(text + ("" if "." in text else ".") + "000") == count
    assert grid.count(text + ("" if "." in text else ".") + "0001") is None
