"""The live account's order life, told as stories of events and the commands they give."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.core.account.lawful import Lawful
from tests.nouns import ACCOUNT, BTC, ETH, MANDATE, MINUTE_MS, fill, signal
from tradepool.domain.command import Cancel, Command, RecordRefusal, RecordTrade, Submit
from tradepool.domain.errors import BrokenLaw
from tradepool.domain.event import (
    CancelRefused,
    CandlesClosed,
    ForeignOrder,
    InstanceBegan,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    StreamLost,
    StreamRestored,
)
from tradepool.domain.ids import (
    ClientOrderId,
    FillId,
    Naming,
    ReadName,
    VenueOrderId,
    client_order_id,
    read_client_order_id,
)
from tradepool.domain.order import OrderRequest, OrderType, Purpose, Side
from tradepool.domain.signal import Signal
from tradepool.domain.trade import Origin


class Story:
    """An account, and short words for what happens to it. Every order is answered by hand."""

    def __init__(self) -> None:
        self.account = Lawful(ACCOUNT, MANDATE, [BTC, ETH], Origin.PRACTICE)
        self.fills = 0
        self.time = 0

    def candles(self, *signals: Signal, late: bool = False) -> list[Command]:
        """All candles of the next T."""
        self.time += MINUTE_MS
        return self.account.apply(CandlesClosed(time_ms=self.time, signals=signals, late=late))

    def fill(self, order: OrderRequest, price: str, quantity: Decimal | None = None, **changes: Any) -> list[Command]:
        """(Part of) an order is filled; the fee is a thousandth of what is received."""
        self.fills += 1
        amount = quantity or order.quantity
        market = BTC if order.market == BTC.id else ETH
        bought = order.side is Side.BUY
        fee = (amount if bought else amount * Decimal(price)) / 1_000
        plain = {
            "fill_id": FillId(str(self.fills)),
            "client_order_id": order.client_order_id,
            "market": order.market,
            "side": order.side,
            "price": Decimal(price),
            "quantity": amount,
            "fee": fee.quantize(Decimal("1e-8")),
            "fee_asset": market.base if bought else market.quote,
            "time_ms": self.time,
        }
        return self.account.apply(OrderFilled(fill=fill(**{**plain, **changes})))

    def accept(self, order: OrderRequest, **said: Decimal) -> list[Command]:
        """The venue has it."""
        name, there = order.client_order_id, VenueOrderId("v" + order.client_order_id)
        accepted = OrderAccepted(time_ms=self.time, client_order_id=name, venue_order_id=there, **said)
        return self.account.apply(accepted)

    def reject(self, order: OrderRequest, reason: str) -> list[Command]:
        """The venue will not have it."""
        return self.account.apply(
            OrderRejected(time_ms=self.time, client_order_id=order.client_order_id, reason=reason)
        )

    def cancelled(self, name: ClientOrderId) -> list[Command]:
        """It left the book."""
        return self.account.apply(OrderCancelled(time_ms=self.time, client_order_id=name))

    def enter(self, *signals: Signal) -> OrderRequest:
        """Enter at 100 and let the stop rest; the stop's request."""
        (entry,) = orders(self.candles(*(signals or (signal(),))))
        (stop,) = orders(self.fill(entry, "100.00"))
        self.accept(stop)
        return stop


def orders(commands: list[Command]) -> list[OrderRequest]:
    """What is submitted."""
    return [command.order.request for command in commands if isinstance(command, Submit)]


def cancels(commands: list[Command]) -> list[ClientOrderId]:
    """What is cancelled."""
    return [command.client_order_id for command in commands if isinstance(command, Cancel)]


def refusals(commands: list[Command]) -> list[str]:
    """Why wishes were not carried out."""
    return [command.refusal.reason for command in commands if isinstance(command, RecordRefusal)]


LEAVE: dict[str, Any] = {"exposure": 0.0, "previous_exposure": 1.0}
HOLD: dict[str, Any] = {"exposure": 1.0, "previous_exposure": 1.0}


def test_an_entry_is_sized_filled_and_protected() -> None:
    """40 % of 10,000 at 100 is 40 bitcoins; the fill's fee lessens what the stop sells."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    assert (entry.side, entry.type, entry.quantity, entry.purpose) == (
        Side.BUY,
        OrderType.MARKET,
        Decimal(40),
        Purpose.ENTRY,
    )
    (stop,) = orders(story.fill(entry, "100.00"))
    assert (stop.side, stop.type, stop.quantity, stop.stop_price) == (
        Side.SELL,
        OrderType.STOP_LOSS,
        Decimal("39.96"),
        Decimal(95),
    )
    (position,) = story.account.positions()
    assert (position.quantity, position.average_entry_price, position.stop_price) == (
        Decimal("39.96"),
        Decimal(100),
        Decimal(95),
    )


def test_a_signal_exit_cancels_the_stop_first() -> None:
    """Coins are locked once: cancel, then sell; then the round trip is a trade."""
    story = Story()
    stop = story.enter()
    assert cancels(story.candles(signal(close=110.0, **LEAVE))) == [stop.client_order_id]
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert (sale.type, sale.quantity, sale.purpose) == (OrderType.MARKET, Decimal("39.96"), Purpose.SIGNAL_EXIT)
    (trade,) = [c.trade for c in story.fill(sale, "110.00") if isinstance(c, RecordTrade)]
    assert (trade.exit_reason, trade.pnl) == (Purpose.SIGNAL_EXIT, Decimal("39.96") * 110 * Decimal("0.999") - 4_000)
    assert story.account.positions() == []


def test_after_a_stop_it_is_flat_until_the_next_edge() -> None:
    """The level still stands, but accounts act on edges."""
    story = Story()
    stop = story.enter()
    assert [type(c) for c in story.fill(stop, "94.99")] == [RecordTrade]
    assert story.candles(signal(**HOLD)) == []
    assert len(orders(story.candles(signal()))) == 1


def test_a_trailing_stop_moves_up_by_whole_trail_steps() -> None:
    """Too little is left alone; enough cancels and rests again; a refused one is sold at market, for that reason."""
    story = Story()
    stop = story.enter(signal(trail_distance=6.0, trail_step=1.0))
    assert story.candles(signal(high=101.5, trail_distance=6.0, trail_step=1.0, **HOLD)) == []
    moved = story.candles(signal(high=110.0, trail_distance=6.0, trail_step=1.0, **HOLD))
    assert cancels(moved) == [stop.client_order_id]
    (again,) = orders(story.cancelled(stop.client_order_id))
    assert (again.stop_price, again.purpose) == (Decimal(104), Purpose.TRAILING)
    (sale,) = orders(story.reject(again, "would_trigger"))
    assert (sale.type, sale.purpose) == (OrderType.MARKET, Purpose.TRAILING)


def test_a_partly_filled_entry_is_protected_for_what_it_has() -> None:
    """Each fill moves the stop to the filled quantity, one order in the book at a time."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (first,) = orders(story.fill(entry, "100.00", Decimal(10)))
    assert first.quantity == Decimal("9.99")
    story.accept(first)
    assert cancels(story.fill(entry, "100.00", Decimal(30))) == [first.client_order_id]
    (second,) = orders(story.cancelled(first.client_order_id))
    assert second.quantity == Decimal("39.96")


def test_a_stop_for_a_part_that_is_hit_before_its_cancel_leaves_nothing_naked() -> None:
    """What the entry filled since is protected at once, and a later exit finds it."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (first,) = orders(story.fill(entry, "100.00", Decimal(10)))
    story.accept(first)
    assert cancels(story.fill(entry, "100.00", Decimal(30))) == [first.client_order_id]
    (rest,) = orders(story.fill(first, "95.00"))
    assert (rest.type, rest.quantity) == (OrderType.STOP_LOSS, Decimal("29.97"))
    story.accept(rest)
    assert cancels(story.candles(signal(**LEAVE))) == [rest.client_order_id]


def test_entries_wait_for_the_exits_of_their_batch() -> None:
    """The cash of a sale is there before the next market wants it."""
    story = Story()
    stop = story.enter()
    commands = story.candles(signal(**LEAVE), signal(ETH))
    assert (cancels(commands), orders(commands)) == ([stop.client_order_id], [])
    (sale,) = orders(story.cancelled(stop.client_order_id))
    (entry,) = orders(story.fill(sale, "100.00"))
    assert (entry.market, entry.purpose) == (ETH.id, Purpose.ENTRY)


def test_two_entries_share_the_cash_in_the_mandates_order() -> None:
    """What the first has reserved the second can't spend; the reserve ends with its order."""
    story = Story()
    story.account.wallet[0] = story.account.wallet[0] * 6 // 10
    story.account.slots[BTC.id].terms[6] = story.account.slots[ETH.id].terms[6] = 600_000
    commands = story.candles(signal(ETH), signal())
    (entry,) = orders(commands)
    assert entry.market == BTC.id
    assert refusals(commands) == ["insufficient_cash"]
    assert story.account.wallet[1] > 0
    story.reject(entry, "insufficient_cash")
    assert story.account.wallet[1] == 0


def test_a_late_candle_enters_nothing_but_still_exits() -> None:
    """An entry of the past is refused as aged out."""
    story = Story()
    assert refusals(story.candles(signal(), late=True)) == ["aged_out"]
    stop = story.enter()
    assert cancels(story.candles(signal(**LEAVE), late=True)) == [stop.client_order_id]


def test_what_is_heard_twice_counts_once() -> None:
    """Stream and look-up may both tell; the second one is no news."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (stop,) = orders(story.fill(entry, "100.00"))
    again = fill(fill_id=FillId("1"), client_order_id=entry.client_order_id)
    for event in (OrderFilled(fill=again), CandlesClosed(time_ms=story.time, signals=(signal(),))):
        assert story.account.apply(event) == []
        assert not story.account.changed
    story.accept(stop)
    assert story.account.changed
    story.accept(stop)
    assert not story.account.changed


def test_a_quiet_candle_changes_nothing() -> None:
    """Nothing to journal."""
    story = Story()
    story.enter(signal())
    story.candles(signal(**HOLD))
    assert not story.account.changed


def test_a_fill_without_an_intent_breaks_the_law() -> None:
    """Somebody else trades with this key: the account stops."""
    with pytest.raises(BrokenLaw, match="every fill has our intent"):
        Story().account.apply(OrderFilled(fill=fill()))


def test_after_an_order_of_somebody_else_nothing_is_entered() -> None:
    """Protections and exits go on; what waited is refused; it is noted once."""
    story = Story()
    stop = story.enter()
    assert cancels(story.candles(signal(**LEAVE), signal(ETH))) == [stop.client_order_id]
    heard = ForeignOrder(time_ms=story.time, name="web_1", market=BTC.id)
    assert refusals(story.account.apply(heard)) == ["foreign_order", "foreign_order"]
    assert story.account.apply(heard) == []
    assert not story.account.changed
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert sale.purpose is Purpose.SIGNAL_EXIT
    story.fill(sale, "100.00")
    assert refusals(story.candles(signal(ETH))) == ["foreign_order"]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        (client_order_id(1, 999), True),
        (client_order_id(1, 999, Naming("sim", 3)), False),
        (client_order_id(1, 999, Naming("abc")), False),
        (client_order_id(2, 999), False),
    ],
)
def test_an_order_is_told_by_its_name(name: ClientOrderId, known: bool) -> None:
    """A finished one of ours is no news; one of another instance, deployment or account is an alarm."""
    account = Story().account
    commands = account.apply(OrderAccepted(time_ms=1, client_order_id=name, venue_order_id=VenueOrderId("1")))
    assert (commands == []) is known
    assert (account.foreign is None) is known


def test_an_instance_names_orders_by_its_epoch() -> None:
    """From the event on, so that a restart names each order as it was named."""
    story = Story()
    (first,) = orders(story.candles(signal()))
    story.account.apply(InstanceBegan(time_ms=story.time, epoch=5))
    (second,) = orders(story.fill(first, "100.00"))
    assert [read_client_order_id(each.client_order_id) for each in (first, second)] == [
        ReadName(Naming("sim", 0), 1, 1),
        ReadName(Naming("sim", 5), 1, 2),
    ]
    story.account.apply(InstanceBegan(time_ms=story.time, epoch=5))
    assert not story.account.changed


def test_a_stream_is_lost_once_and_restored_once() -> None:
    """Each is news once."""
    account, news = Story().account, []
    lost, restored = StreamLost(time_ms=1, why="cut"), StreamRestored(time_ms=2)
    for event in (restored, lost, lost, restored, restored):
        account.apply(event)
        news.append(account.changed)
    assert news == [False, True, False, True, False]


def test_a_fee_in_a_third_asset_lessens_no_position() -> None:
    """All that was bought is protected, all that was sold is received; the fee is in the ledger alone."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (stop,) = orders(story.fill(entry, "100.00", fee_asset="BNB"))
    assert (stop.purpose, stop.quantity) == (Purpose.STOP, entry.quantity)
    story.accept(stop)
    (command,) = story.fill(stop, "95.00", fee_asset="BNB")
    assert isinstance(command, RecordTrade)
    assert (command.trade.entry_fee, command.trade.exit_fee) == (Decimal(0), Decimal(0))
    assert command.trade.pnl == -5 * entry.quantity


def test_a_cancel_that_is_refused_leaves_the_stop_and_is_wished_again() -> None:
    """At the next candle, as long as the signal says so."""
    story = Story()
    stop = story.enter()
    refused = CancelRefused(time_ms=story.time, client_order_id=stop.client_order_id, reason="venue_rejected")
    for _ in range(2):
        assert cancels(story.candles(signal(**LEAVE))) == [stop.client_order_id]
        assert refusals(story.account.apply(refused)) == ["cancel_refused"]
        assert story.account.cancelling() == []
    story.account.apply(refused)
    assert not story.account.changed


def test_a_stop_whose_cancel_was_refused_has_another_for_the_rest() -> None:
    """The rest of an entry filled, and the stop for its first part would not leave the book."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    half = BTC.quantity(BTC.steps(entry.quantity) // 2)
    (stop,) = orders(story.fill(entry, "100.00", quantity=half))
    story.accept(stop)
    assert cancels(story.fill(entry, "100.00", quantity=entry.quantity - half)) == [stop.client_order_id]
    refused = CancelRefused(time_ms=story.time, client_order_id=stop.client_order_id, reason="x")
    (other,) = orders(story.account.apply(refused))
    assert other.stop_price == stop.stop_price
    assert other.quantity + stop.quantity == story.account.positions()[0].quantity
    # Is that one refused too, the next candle tries again.
    story.reject(other, "venue_rejected")
    assert cancels(story.candles(signal(**HOLD))) == [stop.client_order_id]


def test_a_sell_that_is_too_small_is_kept_and_tried_again() -> None:
    """Without a stop, a price that fell leaves less than 10.03: shown as unsellable until it fits."""
    story = Story()
    story.account.slots[BTC.id].terms[7] = BTC.quote_units(Decimal(15))
    (entry,) = orders(story.candles(signal(stop_distance=0.0)))
    assert story.fill(entry, "100.00") == []
    assert story.candles(signal(close=60.0, **LEAVE)) == []
    assert story.account.positions()[0].unsellable
    (sale,) = orders(story.candles(signal(close=70.0, exposure=0.0, previous_exposure=0.0)))
    assert sale.purpose is Purpose.SIGNAL_EXIT


def test_dust_joins_the_next_buy() -> None:
    """What a step can't hold waits, and is sold with the next position."""
    story = Story()
    for _ in range(2):
        stop = story.enter(signal(stop_distance=5.003))
        story.fill(stop, "95.00", fee_asset="USDT")
    dust = story.account.slots[BTC.id].row[1]
    assert 0 <= dust < BTC.units_per_step
    assert story.account.positions() == []


def test_the_same_events_give_the_same_account() -> None:
    """A restart is the journal applied again."""
    first, second = Story(), Story()
    for story in (first, second):
        stop = story.enter(signal(trail_distance=6.0, trail_step=1.0))
        story.candles(signal(high=110.0, **HOLD))
        story.cancelled(stop.client_order_id)
    assert first.account.wallet == second.account.wallet
    assert [s.row for s in first.account.slots.values()] == [s.row for s in second.account.slots.values()]
    assert first.account.unanswered() == second.account.unanswered()
