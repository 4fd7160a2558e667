"""How an entry is ordered, and what becomes of one that misses, that is filled in part, or that rests."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal

import pytest

from tests.core.account.test_account import HOLD, LEAVE, Story, cancels, orders, refusals
from tests.core.account.test_new_terms import agree, begun, see
from tests.core.account.test_protection import LADDER, pairs
from tests.nouns import ACCOUNT, BTC, ETH, MANDATE, MINUTE_MS, signal
from tradepool.core.account import account_step as step
from tradepool.core.account.account import Account
from tradepool.core.account.snapshot import put_back, taken
from tradepool.domain.by_hand import CloseAsked, FlattenAsked, LotShrunk, PositionReleased
from tradepool.domain.command import Command, RecordRefusal
from tradepool.domain.event import CancelRefused, CandlesClosed, OrderCancelled, PriceSeen, TermsSeen
from tradepool.domain.mandate import EntryKind, EntryOrder, InvalidMandate
from tradepool.domain.order import OrderRequest, OrderStatus, OrderType, Purpose, TimeInForce
from tradepool.domain.trade import Origin

TEN = Decimal(10)
RESTING = pytest.mark.parametrize("kind", [EntryKind.POST_ONLY, EntryKind.LIMIT])


def entering(kind: EntryKind, slippage_max: str = "0") -> Story:
    """An account that enters so."""
    story = begun()
    assert agree(story, replace(MANDATE, entry=EntryOrder(kind=kind, slippage_max=Decimal(slippage_max))))
    return story


def entry_of(story: Story, close: float = 100.0) -> OrderRequest:
    """The entry at a close."""
    (entry,) = orders(story.candles(signal(close=close)))
    return entry


def end(story: Story, order: OrderRequest, filled: Decimal = Decimal(0)) -> list[Command]:
    """The venue ended it after so much."""
    name = order.client_order_id
    return story.account.apply(OrderCancelled(time_ms=story.time, client_order_id=name, filled_quantity=filled))


@pytest.mark.parametrize(
    ("kind", "slippage_max", "price", "wait"),
    [
        (EntryKind.IOC, "0.001", "100.1", TimeInForce.IOC),
        (EntryKind.IOC, "0.00119", "100.11", TimeInForce.IOC),
        (EntryKind.FOK, "0", "100", TimeInForce.FOK),
        (EntryKind.POST_ONLY, "0", "100", TimeInForce.POST_ONLY),
        (EntryKind.LIMIT, "0", "100", TimeInForce.GTC),
        (EntryKind.LIMIT, "0.001", "100.1", TimeInForce.GTC),
    ],
)
def test_an_entry_is_a_limit_by_the_close_and_its_stop_is_none(
    kind: EntryKind, slippage_max: str, price: str, wait: TimeInForce
) -> None:
    """Its size is that of a market order."""
    story = entering(kind, slippage_max)
    entry = entry_of(story)
    assert (entry.type, entry.price, entry.time_in_force) == (OrderType.LIMIT, Decimal(price), wait)
    assert (entry.quantity, entry.purpose) == (Decimal(40), Purpose.ENTRY)
    (stop,) = orders(story.fill(entry, "100.00"))
    assert (stop.type, stop.time_in_force) == (OrderType.STOP_LOSS, TimeInForce.GTC)


def test_a_mandates_way_to_enter_holds_from_the_start_and_from_a_snapshot_on() -> None:
    mandate = replace(MANDATE, entry=EntryOrder(kind=EntryKind.IOC, slippage_max=Decimal("0.001")))
    new, again = (Account(ACCOUNT, each, [BTC, ETH], Origin.PRACTICE) for each in (mandate, MANDATE))
    put_back(again, taken(new))
    for account in (new, again):
        (entry,) = orders(account.apply(CandlesClosed(time_ms=MINUTE_MS, signals=(signal(),))))
        assert entry.price == Decimal("100.1")


def test_a_limit_is_rounded_down_to_the_venues_tick() -> None:
    story = entering(EntryKind.IOC, "0.007")
    see(story, replace(BTC, price_tick=Decimal("0.5")))
    assert entry_of(story).price == Decimal("100.5")


@pytest.mark.parametrize("kind", [EntryKind.IOC, EntryKind.FOK])
def test_an_entry_that_misses_is_refused_and_frees_its_cash(kind: EntryKind) -> None:
    """The venue's acceptance says nothing: until its end is heard, it is unanswered."""
    story = entering(kind)
    entry = entry_of(story)
    assert story.accept(entry) == []
    assert story.account.unanswered() == [entry]
    assert story.account.wallet[step.RESERVED] > 0
    assert refusals(end(story, entry)) == ["price_ran"]
    slot = story.account.slots[BTC.id]
    assert (slot.busy, slot.held, story.account.wallet[step.RESERVED], story.account.orders) == (False, False, 0, {})
    assert end(story, entry) == []
    assert story.candles(signal(**HOLD)) == []
    assert len(orders(story.candles(signal()))) == 1


def test_an_entry_in_part_is_a_position_and_no_refusal() -> None:
    story = entering(EntryKind.IOC)
    entry = entry_of(story)
    (stop,) = orders(story.fill(entry, "100.00", TEN))
    # Its end is still owed, and asked for where it is not heard.
    assert story.account.unanswered() == [entry, stop]
    assert end(story, entry, TEN) == []
    slot = story.account.slots[BTC.id]
    assert (slot.entry, slot.stop, story.account.wallet[step.RESERVED]) == (None, stop.client_order_id, 0)


@pytest.mark.parametrize("kind", [EntryKind.IOC, EntryKind.POST_ONLY, EntryKind.LIMIT])
def test_an_end_that_overtakes_its_fill_waits_for_it(kind: EntryKind) -> None:
    """What was bought is never taken for a miss; and the end, which was heard too early, is owed until it is heard again."""
    story = entering(kind)
    entry = entry_of(story)
    story.accept(entry)
    assert end(story, entry, TEN) == []
    working = story.account.orders[entry.client_order_id]
    assert working.owed
    assert len(orders(story.fill(entry, "100.00", TEN))) == 1
    assert working.owed
    assert end(story, entry, TEN) == []
    assert story.account.slots[BTC.id].entry is None


@RESTING
def test_a_resting_entry_is_taken_back_at_the_next_candles(kind: EntryKind) -> None:
    story = entering(kind)
    entry = entry_of(story)
    assert story.accept(entry) == []
    assert story.account.orders[entry.client_order_id].status is OrderStatus.ACCEPTED
    for _ in range(2):
        # Once more while the venue has not said so: the first cancel may be lost.
        commands = story.candles(signal(**HOLD))
        assert (cancels(commands), orders(commands)) == ([entry.client_order_id], [])
    assert refusals(end(story, entry)) == ["nobody_came"]
    assert story.candles(signal(**HOLD)) == []


@RESTING
def test_a_resting_entry_that_is_accepted_late_is_taken_back_then(kind: EntryKind) -> None:
    """Before, nobody knows whether it has left: a cancel could overtake it."""
    story = entering(kind)
    entry = entry_of(story)
    assert story.candles(signal(**HOLD)) == []
    assert cancels(story.accept(entry)) == [entry.client_order_id]


@RESTING
@pytest.mark.parametrize("late", [True, False])
def test_a_resting_entry_that_is_filled_in_part_late_is_taken_back_then(kind: EntryKind, late: bool) -> None:
    """A fill that overtakes the acceptance says that it rests, too; its acceptance is no news after that."""
    story = entering(kind)
    entry = entry_of(story)
    if late:
        assert story.candles(signal(**HOLD)) == []
    assert cancels(story.fill(entry, "100.00", TEN)) == [entry.client_order_id] * late
    assert story.accept(entry) == []


def test_what_is_said_to_be_taken_at_once_is_owed_until_it_is_booked() -> None:
    """The answer tells of it before the stream does; what rests after that is owed by nobody."""
    story = entering(EntryKind.LIMIT)
    entry = entry_of(story)
    story.accept(entry, filled_quantity=2 * TEN)
    working = story.account.orders[entry.client_order_id]
    owed = [working.owed]
    for _ in range(2):
        story.fill(entry, "100.00", TEN)
        owed.append(working.owed)
    assert (owed, working.status) == ([True, True, False], OrderStatus.ACCEPTED)


@RESTING
def test_what_a_resting_entry_bought_is_looked_after_while_the_rest_of_it_rests(kind: EntryKind) -> None:
    """Its stop at once, its exit when it is due, whatever becomes of the cancel."""
    story = entering(kind)
    entry = entry_of(story)
    story.accept(entry)
    (stop,) = orders(story.fill(entry, "100.00", TEN))
    assert stop.quantity == Decimal("9.99")
    story.accept(stop)
    assert sorted(cancels(story.candles(signal(**LEAVE)))) == [entry.client_order_id, stop.client_order_id]
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert (sale.type, sale.quantity) == (OrderType.MARKET, Decimal("9.99"))
    # The cancel came too late for some of it: that is protected when the sale is done.
    assert orders(story.fill(entry, "100.00", TEN)) == []
    (again,) = orders(story.fill(sale, "99.00"))
    assert (again.stop_price, again.quantity) == (Decimal(95), Decimal("9.99"))
    assert end(story, entry, 2 * TEN) == []


@RESTING
def test_a_position_that_is_stopped_takes_the_rest_of_its_entry_back(kind: EntryKind) -> None:
    story = entering(kind)
    entry = entry_of(story)
    story.accept(entry)
    (stop,) = orders(story.fill(entry, "100.00", TEN))
    story.accept(stop)
    assert cancels(story.fill(stop, "95.00")) == [entry.client_order_id]
    assert end(story, entry, TEN) == []
    assert not story.account.slots[BTC.id].busy


@RESTING
def test_the_watchdog_looks_after_a_part_whose_stop_was_refused_while_the_rest_rests(kind: EntryKind) -> None:
    story = entering(kind)
    entry = entry_of(story)
    story.accept(entry)
    (stop,) = orders(story.fill(entry, "100.00", TEN))
    story.reject(stop, "venue_rejected")
    # New terms may be why it was: they are a reason to try once more.
    (again,) = orders(story.account.apply(TermsSeen(time_ms=story.time, markets=(BTC,), anew=True)))
    assert (again.type, again.quantity) == (OrderType.STOP_LOSS, stop.quantity)
    story.reject(again, "venue_rejected")
    seen = PriceSeen(time_ms=story.time, market=BTC.id, price=Decimal(95))
    (sale,) = orders(story.account.apply(seen))
    assert (sale.type, sale.quantity, sale.purpose) == (OrderType.MARKET, stop.quantity, Purpose.STOP)
    assert orders(story.account.apply(seen)) == []


@RESTING
def test_a_pair_that_somebody_cancels_is_placed_again_although_the_rest_of_the_entry_rests(kind: EntryKind) -> None:
    story = entering(kind)
    (entry,) = orders(story.candles(signal(**LADDER)))
    story.accept(entry)
    (low, first), (stop, second) = pairs(story.fill(entry, "100.00", TEN))
    for order in (low, first, stop, second):
        story.accept(order)
    assert end(story, low) == []
    assert cancels(end(story, first)) == [stop.client_order_id]


def half_covered() -> tuple[Story, OrderRequest]:
    """A stop rests for the first half of an entry and would not make way, the other half's was refused."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (stop,) = orders(story.fill(entry, "100.00", TEN))
    story.accept(stop)
    story.fill(entry, "100.00", 3 * TEN)
    refused = CancelRefused(time_ms=story.time, client_order_id=stop.client_order_id, reason="x")
    (other,) = orders(story.account.apply(refused))
    story.reject(other, "venue_rejected")
    return story, other


def test_what_lacks_its_stop_beside_one_that_rests_is_looked_after() -> None:
    """Just that: by new terms, and by the watchdog."""
    guarded = Story()
    guarded.enter()
    assert not guarded.account.slots[BTC.id].bare(guarded.account.orders)
    story, lost = half_covered()
    (again,) = orders(story.account.apply(TermsSeen(time_ms=story.time, markets=(BTC,), anew=True)))
    assert (again.type, again.quantity) == (OrderType.STOP_LOSS, lost.quantity)
    story, lost = half_covered()
    (sale,) = orders(story.account.apply(PriceSeen(time_ms=story.time, market=BTC.id, price=Decimal(95))))
    assert (sale.type, sale.quantity) == (OrderType.MARKET, lost.quantity)


@pytest.mark.parametrize(
    ("price", "distance", "smallest", "sold"),
    [
        ("95", 5.0, "3796.2", True),
        ("94.99", 5.0, "3796.2", False),
        ("1", 99.0, "0", True),
        ("0", 5.0, "0", False),
    ],
)
def test_the_watchdog_sells_nothing_at_a_price_of_nothing_and_nothing_too_small(
    price: str, distance: float, smallest: str, sold: bool
) -> None:
    """A market that never traded has such a price; what the venue would refuse is not asked for at every look."""
    story = Story()
    (entry,) = orders(story.candles(signal(stop_distance=distance)))
    (stop,) = orders(story.fill(entry, "100.00"))
    story.reject(stop, "venue_rejected")
    story.account.slots[BTC.id].terms[step.SMALLEST_SELL] = BTC.quote_units(Decimal(smallest))
    seen = PriceSeen(time_ms=story.time, market=BTC.id, price=Decimal(price))
    assert bool(story.account.apply(seen)) is story.account.changed is sold


@RESTING
@pytest.mark.parametrize("share", ["0.5", "1"])
def test_a_person_closes_what_a_resting_entry_bought_and_the_rest_of_it_is_taken_back(
    kind: EntryKind, share: str
) -> None:
    """No candle is waited for: the next one may be a day away."""
    story = entering(kind)
    entry = entry_of(story)
    story.accept(entry)
    (stop,) = orders(story.fill(entry, "100.00", TEN))
    story.accept(stop)
    commands = story.account.apply(CloseAsked(time_ms=story.time, market=BTC.id, share=Decimal(share)))
    assert sorted(cancels(commands)) == [entry.client_order_id, stop.client_order_id]
    end(story, entry, TEN)
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert sale.quantity == (Decimal("9.99") * Decimal(share)).quantize(BTC.quantity_step, ROUND_FLOOR)
    assert len(orders(story.fill(sale, "100.00"))) == (share != "1")


@RESTING
def test_a_person_is_given_what_a_resting_entry_bought_and_the_rest_of_it_is_taken_back(kind: EntryKind) -> None:
    story = entering(kind)
    entry = entry_of(story)
    story.accept(entry)
    (stop,) = orders(story.fill(entry, "100.00", TEN))
    story.accept(stop)
    commands = story.account.apply(PositionReleased(time_ms=story.time, market=BTC.id, price=Decimal(100)))
    assert sorted(cancels(commands)) == [entry.client_order_id, stop.client_order_id]
    end(story, entry, TEN)
    assert orders(story.cancelled(stop.client_order_id)) == []
    assert not story.account.slots[BTC.id].held


def test_what_a_person_sold_past_us_leaves_the_position_and_the_rest_of_its_entry_is_taken_back() -> None:
    story = entering(EntryKind.POST_ONLY)
    entry = entry_of(story)
    story.accept(entry)
    (stop,) = orders(story.fill(entry, "100.00", TEN))
    story.accept(stop)
    commands = story.account.apply(LotShrunk(time_ms=story.time, market=BTC.id, held=TEN / 2, price=Decimal(100)))
    assert sorted(cancels(commands)) == [entry.client_order_id, stop.client_order_id]
    (again,) = orders(story.cancelled(stop.client_order_id))
    assert (again.quantity, story.account.positions()[0].quantity) == (TEN / 2, TEN / 2)


def test_a_part_of_what_takes_at_once_is_looked_after_when_its_entry_is_over() -> None:
    """A moment later: until then, what comes is still to be counted."""
    story = entering(EntryKind.IOC)
    entry = entry_of(story)
    (stop,) = orders(story.fill(entry, "100.00", TEN))
    story.accept(stop)
    assert story.candles(signal(**LEAVE)) == []
    end(story, entry, TEN)
    assert cancels(story.candles(signal(**LEAVE))) == [stop.client_order_id]


@RESTING
def test_flatten_takes_a_resting_entry_back(kind: EntryKind) -> None:
    story = entering(kind)
    entry = entry_of(story)
    story.accept(entry)
    commands = story.account.apply(FlattenAsked(time_ms=story.time, markets=(BTC.id,)))
    assert (cancels(commands), orders(commands)) == ([entry.client_order_id], [])
    assert story.account.changed
    assert refusals(end(story, entry)) == ["taken_back"]


def test_a_resting_entry_that_the_venue_refuses_is_told_and_nothing_is_sold() -> None:
    story = entering(EntryKind.POST_ONLY)
    entry = entry_of(story)
    commands = story.reject(entry, "would_take")
    assert (refusals(commands), orders(commands)) == (["would_take"], [])
    assert not story.account.slots[BTC.id].passed


def test_a_refusal_is_of_the_t_that_it_was_wished_at_however_late_it_is_heard() -> None:
    """An entry that ages out does so a bar later at the soonest, one that rests misses at the next T, and one that waits for
    an exit is given up then."""
    story = Story()
    entry = entry_of(story)
    story.candles(signal(**HOLD))
    assert wished(story.reject(entry, "aged_out")) == [MINUTE_MS]
    story = entering(EntryKind.POST_ONLY)
    entry = entry_of(story)
    story.accept(entry)
    assert cancels(story.candles(signal(**HOLD))) == [entry.client_order_id]
    assert wished(end(story, entry)) == [MINUTE_MS]
    story = Story()
    stop = story.enter()
    story.candles(signal(**LEAVE), signal(ETH, time_ms=2 * MINUTE_MS))
    story.cancelled(stop.client_order_id)
    assert wished(story.candles(signal(ETH, **HOLD))) == [2 * MINUTE_MS]


def wished(commands: list[Command]) -> list[int]:
    """The times of what was refused."""
    return [command.refusal.time_ms for command in commands if isinstance(command, RecordRefusal)]


@pytest.mark.parametrize(
    ("kind", "slippage_max"),
    [
        (EntryKind.MARKET, "0.001"),
        (EntryKind.POST_ONLY, "0.001"),
        (EntryKind.IOC, "-0.001"),
        (EntryKind.FOK, "0.1001"),
        (EntryKind.LIMIT, "0.1001"),
    ],
)
def test_how_far_an_entry_may_go_has_its_range(kind: EntryKind, slippage_max: str) -> None:
    with pytest.raises(InvalidMandate, match="entry_slippage_max"):
        replace(MANDATE, entry=EntryOrder(kind=kind, slippage_max=Decimal(slippage_max)))
