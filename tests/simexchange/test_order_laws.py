"""Laws of money and orders over random days: every type, lists, partial fills, a finite book, fees in a third asset."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simexchange.exchange_kit import Recorder, Row, bars, market
from tradepool.simexchange.accounts import Account, FeePlan, given_asset
from tradepool.simexchange.errors import Refused
from tradepool.simexchange.events import ExecutionReport, ListStatus
from tradepool.simexchange.liquidity import Depth
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.records import Kind, NewList, NewOrder, Order, Side, Status, Tif
from tradepool.simexchange.venue import Venue

KEYS = ("ann", "bob")
CENTS = st.integers(9_700, 10_300)
DEPTHS = (None, Depth(10, Decimal(60), levels=4, gap_bp=20, seed=3), Depth(0, Decimal(15), levels=2, gap_bp=1))
PLANS = (FeePlan(), FeePlan(asset="BNB"), FeePlan(maker_ppm=0, taker_ppm=2_500, asset="BNB", discount_ppm=100_000))
HELD = {"USDT": Decimal(3_000), "BTC": Decimal(25), "BNB": Decimal("1.5")}
# The fee asset's own market too: what pays the fee is then what is bought and sold.
SYMBOLS = st.sampled_from(("BTCUSDT", "BNBUSDT"))


@dataclass(frozen=True)
class Deed:
    """One thing a user does, or a step of the venue when `who` is None."""

    who: str | None
    what: NewOrder | NewList | str


@st.composite
def orders(draw: st.DrawFn) -> NewOrder:
    """An order of any type with the prices its type has."""
    kind = draw(st.sampled_from(Kind))
    quote = draw(st.one_of(st.just(0), st.integers(1, 400))) * 10**8 if kind is Kind.MARKET else 0
    return NewOrder(
        draw(SYMBOLS),
        draw(st.sampled_from("abcd")),
        draw(st.sampled_from(Side)),
        kind,
        0 if quote else draw(st.one_of(st.integers(50, 4_000), st.just(1_500))),
        draw(CENTS) if kind.has_limit else 0,
        draw(CENTS) if kind.has_stop else 0,
        draw(st.sampled_from(Tif)) if kind in (Kind.LIMIT, Kind.STOP_LOSS_LIMIT, Kind.TAKE_PROFIT_LIMIT) else Tif.GTC,
        quote,
    )


@st.composite
def lists(draw: st.DrawFn) -> NewList:
    """A limit on one side of 100 and a stop on the other."""
    symbol, side, steps = draw(SYMBOLS), draw(st.sampled_from(Side)), draw(st.integers(50, 3_000))
    stop = draw(st.sampled_from((Kind.STOP_LOSS, Kind.STOP_LOSS_LIMIT)))
    low, high = draw(st.integers(9_750, 9_990)), draw(st.integers(10_010, 10_250))
    near, far = (low, high) if side is Side.BUY else (high, low)
    limit = NewOrder(symbol, draw(st.sampled_from("ef")), side, Kind.LIMIT_MAKER, steps, near)
    worst = far + draw(st.integers(-40, 40)) if stop is Kind.STOP_LOSS_LIMIT else 0
    other = NewOrder(symbol, draw(st.sampled_from("gh")), side, stop, steps, worst, far)
    below, above = (limit, other) if side is Side.BUY else (other, limit)
    return NewList(draw(st.sampled_from("xy")), below, above)


@st.composite
def candles(draw: st.DrawFn) -> list[Row]:
    """A few candles that begin at 100."""
    rows, opened = [], 10_000
    for _ in range(draw(st.integers(2, 6))):
        closed, one, other = (draw(CENTS) for _ in range(3))
        low, high = min(opened, closed, one, other), max(opened, closed, one, other)
        rows.append((opened / 100, high / 100, low / 100, closed / 100))
        opened = draw(st.sampled_from((closed, draw(CENTS))))
    return rows


stories = st.lists(
    st.builds(Deed, st.sampled_from((*KEYS, None)), st.one_of(orders(), lists(), st.sampled_from("abcdefgh"))),
    min_size=6,
    max_size=30,
)


def play(rows: list[Row], story: list[Deed], depth: Depth | None, plan: FeePlan) -> tuple[Venue, Recorder]:
    """Run a story to the end of the candles, holding the laws of every moment."""
    listings = [Listing(market(), bars(rows)), Listing(market("BNB"), bars(rows))]
    venue = Venue(listings, 10, depth=depth)
    for key in KEYS:
        venue.open_account(key, "secret", HELD)
        venue.account(key).fees = plan
    seen = Recorder(books=True)
    venue.listen(seen)
    for deed in story:
        before = state(venue)
        try:
            act(venue, deed)
        except Refused:
            assert deed.who is not None, "a step refuses nobody"
            assert state(venue) == before, "what is refused changes nothing"
        check_moment(venue)
    while venue.step():
        check_moment(venue)
    return venue, seen


def act(venue: Venue, deed: Deed) -> None:
    """Do it."""
    if deed.who is None:
        venue.step()
    elif isinstance(deed.what, NewOrder):
        venue.place(venue.account(deed.who), deed.what)
    elif isinstance(deed.what, NewList):
        venue.place_list(venue.account(deed.who), deed.what)
    else:
        account = venue.account(deed.who)
        order = account.open.get(account.open_ids.get(deed.what, 0))
        venue.cancel(account, order.market.symbol if order else "BTCUSDT", client_id=deed.what)


def state(venue: Venue) -> list[object]:
    """What a refused request must leave as it was."""
    return [(venue.balances(key), venue.orders(key), len(venue.trades(key))) for key in KEYS]


def check_moment(venue: Venue) -> None:
    """Nothing is negative; what is locked is what open orders hold, and that is enough for what is left of them."""
    for account in venue.accounts.values():
        assert min(*account.free.values(), *account.locked.values()) >= 0
        held = dict.fromkeys(account.locked, 0)
        for order in account.open.values():
            assert order.is_open
            assert account.history.order(order.id) == order
            held[given_asset(order)] += account.held[order.id]
        assert held == account.locked
        for order in account.open.values():
            other = account.other_of(order)
            own = account.held[order.id] + (account.held[other.id] if other else 0)
            assert own >= needed(order)
            assert other or own == needed(order)
            assert not other or not order.filled_steps, "nothing trades while its other order is open"


def needed(order: Order) -> int:
    """What the rest of an order may cost."""
    if order.side is Side.SELL:
        return order.left_steps * order.market.units_per_step
    worst = order.limit_ticks or -(-order.stop_ticks * 10_010 // 10_000)
    return order.left_steps * worst * order.market.units_per_tick_step


@settings(max_examples=200, deadline=None)
@given(candles(), stories, st.sampled_from(DEPTHS), st.sampled_from(PLANS))
def test_balances_follow_from_trades_alone(
    rows: list[Row], story: list[Deed], depth: Depth | None, plan: FeePlan
) -> None:
    venue, _ = play(rows, story, depth, plan)
    for key in KEYS:
        expected = {asset: Fraction(amount) for asset, amount in HELD.items()}
        for trade in venue.trades(key):
            sign = 1 if trade.side is Side.BUY else -1
            expected[trade.market.base] += sign * Fraction(trade.steps, 1000)
            expected["USDT"] -= sign * Fraction(trade.ticks, 100) * Fraction(trade.steps, 1000)
            expected[trade.fee_asset] -= Fraction(trade.fee_units, 10**8)
        assert {asset: Fraction(free + locked) for asset, (free, locked) in venue.balances(key).items()} == expected


@settings(max_examples=200, deadline=None)
@given(candles(), stories, st.sampled_from(DEPTHS))
def test_every_order_is_the_sum_of_its_fills(rows: list[Row], story: list[Deed], depth: Depth | None) -> None:
    venue, seen = play(rows, story, depth, FeePlan())
    for key in KEYS:
        account = venue.account(key)
        for order in venue.orders(key):
            fills = account.history.fills(order)
            assert [trade.order_id for trade in fills] == [order.id] * len(fills)
            assert sum(trade.steps for trade in fills) == order.filled_steps <= order.steps
            assert sum(trade.quote_units for trade in fills) == order.quote_units
            assert (order.status is Status.FILLED) == (order.left_steps == 0)
            assert (order.status is Status.PARTIALLY_FILLED) <= (order.filled_steps > 0)
            assert not order.asked_units or order.quote_units <= order.asked_units
            check_terms(account, order)
        told = [event.order for event in seen.events if isinstance(event, ExecutionReport) and event.key == key]
        assert {order.id: order for order in told} == {order.id: order for order in venue.orders(key)}


def check_terms(account: Account, order: Order) -> None:
    """No fill is worse than the limit; who may not wait does not, who may not take does not, all or none is that."""
    fills = account.history.fills(order)
    sign = 1 if order.side is Side.BUY else -1
    assert not order.limit_ticks or all(sign * trade.ticks <= sign * order.limit_ticks for trade in fills)
    if order.kind is Kind.LIMIT_MAKER:
        assert all(trade.is_maker for trade in fills)
    if order.tif is not Tif.GTC:
        assert order.waits or not order.is_open
        assert not any(trade.is_maker for trade in fills)
    if order.tif is Tif.FOK:
        assert order.filled_steps in (0, order.steps)


@settings(max_examples=150, deadline=None)
@given(
    candles(),
    st.lists(st.builds(Deed, st.sampled_from((*KEYS, None)), lists()), min_size=4, max_size=15),
    st.sampled_from(DEPTHS),
)
def test_only_one_order_of_a_list_trades(rows: list[Row], story: list[Deed], depth: Depth | None) -> None:
    venue, seen = play(rows, story, depth, FeePlan())
    for key in KEYS:
        account = venue.account(key)
        told = [event for event in seen.events if isinstance(event, ListStatus) and event.key == key]
        for order_list in account.lists:
            legs = [account.history.known(each) for each in order_list.order_ids]
            assert sum(leg.filled_steps > 0 for leg in legs) <= 1
            assert order_list.is_done == (not any(leg.is_open for leg in legs))
            if any(leg.filled_steps for leg in legs):
                assert any(leg.status is Status.EXPIRED and not leg.filled_steps for leg in legs)
            reports = [event.order_list.is_done for event in told if event.order_list.id == order_list.id]
            assert reports == [False, True][: 1 + order_list.is_done]


@settings(max_examples=60, deadline=None)
@given(candles(), stories, st.sampled_from(DEPTHS), st.sampled_from(PLANS))
def test_the_same_story_ends_the_same(rows: list[Row], story: list[Deed], depth: Depth | None, plan: FeePlan) -> None:
    (one, _), (other, _) = (play(rows, story, depth, plan) for _ in range(2))
    for key in KEYS:
        assert one.balances(key) == other.balances(key)
        assert [trade[:3] + trade[4:10] for trade in one.trades(key)] == [
            trade[:3] + trade[4:10] for trade in other.trades(key)
        ]
