"""What became of an order, told by the real ccxt client before a wire that breaks in every way that is known."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.adapters.exchanges.wire_kit import Desk, Fault, Say, buy, desk, error
from tests.simexchange.exchange_kit import MINUTE
from tradepool.domain.command import Cancel, Submit
from tradepool.domain.errors import KeyRefused
from tradepool.domain.event import CancelRefused, Event, OrderAccepted, OrderCancelled, OrderRejected
from tradepool.domain.order import OrderStatus, OrderType, Purpose, Side
from tradepool.ports.exchange import NotPlaced, OutcomeUnknown
from tradepool.services.trading.sender import Sender
from tradepool.simexchange.tls import TlsFiles

HTML = Say(200, "<html><body>Sorry</body></html>", content_type="text/html")
CUT_JSON = Say(200, '{"symbol":"BTCUSDT","orderId":1,"clientOr')
STOP: dict[str, Any] = {
    "side": Side.SELL,
    "type": OrderType.STOP_LOSS,
    "stop_price": Decimal(95),
    "purpose": Purpose.STOP,
}

REJECTED = {
    "funds": (error(-2010, "Account has insufficient balance for requested action."), "insufficient_cash"),
    "would trigger": (error(-2010, "Stop price would trigger immediately."), "would_trigger"),
    "would take": (error(-2010, "Order would immediately match and take."), "would_trigger"),
    "pair beside the price": (
        error(-2010, "The relationship of the prices for the orders is not correct."),
        "would_trigger",
    ),
    "rejected": (error(-2010, "This symbol is not permitted for this account."), "venue_rejected"),
    "lot size": (error(-1013, "Filter failure: LOT_SIZE"), "below_minimum"),
    "notional": (error(-1013, "Filter failure: NOTIONAL"), "below_minimum"),
    "old notional": (error(-1013, "Filter failure: MIN_NOTIONAL"), "below_minimum"),
    "price filter": (error(-1013, "Filter failure: PRICE_FILTER"), "venue_rejected"),
    "percent price": (error(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"), "venue_rejected"),
    "max orders": (error(-1013, "Filter failure: MAX_NUM_ORDERS"), "venue_rejected"),
    "market closed": (error(-1013, "Market is closed."), "venue_rejected"),
    "parameter": (error(-1102, "Mandatory parameter 'quantity' was not sent."), "venue_rejected"),
    "precision": (error(-1111, "Precision is over the maximum defined for this asset."), "venue_rejected"),
    "symbol": (error(-1121, "Invalid symbol."), "venue_rejected"),
}
NOT_PLACED = {
    "429": Say(429, '{"code":-1003,"msg":"Too much request weight used"}'),
    "429 bare": Say(429, "slow down", content_type="text/plain"),
    "418": Say(418, '{"code":-1003,"msg":"Way too much request weight used; IP banned"}'),
    "weight": error(-1003, "Too many requests queued."),
    "orders": error(-1015, "Too many new orders; current limit is 50 orders per TEN_SECOND."),
    "time": error(-1021, "Timestamp for this request is outside of the recvWindow."),
    "overload": error(-1008, "Spot server is currently overloaded with other requests.", 503),
}
KEY = {
    "revoked": error(-2015, "Invalid API-key, IP, or permissions for action.", 401),
    "format": error(-2014, "API-key format invalid.", 401),
    "signature": error(-1022, "Signature for this request is not valid."),
    "unauthorized": error(-1002, "You are not authorized to execute this request.", 401),
    "unknown key": error(-2008, "Invalid Api-Key ID."),
    "bare 401": Say(401, "no", content_type="text/plain"),
}
UNKNOWN = {
    "reset": Say(kind="reset"),
    "timeout": Say(kind="hang"),
    "cut body": Say(kind="cut"),
    "html": HTML,
    "empty": Say(200, ""),
    "cut json": CUT_JSON,
    "a list": Say(200, "[]"),
    "a number": Say(200, "7"),
    "null": Say(200, "null"),
    "nothing in it": Say(200, "{}"),
    "no time": Say(200, '{"symbol":"BTCUSDT","orderId":1,"status":"NEW"}'),
    "500": Say(500, "oops", content_type="text/plain"),
    "502": Say(502, "<html>bad gateway</html>", content_type="text/html"),
    "503": Say(503, "unavailable", content_type="text/plain"),
    "504": Say(504, "gateway timeout", content_type="text/plain"),
    "403": Say(403, "<html>forbidden</html>", content_type="text/html"),
    "unknown error": error(-1000, "An unknown error occurred while processing the request.", 500),
    "internal": error(-1001, "Internal error; unable to process your request. Please try again."),
    "busy": error(-1004, "Server is busy, please wait and try again"),
    "bus": error(-1006, "An unexpected response was received from the message bus.", 500),
    "backend": error(-1007, "Timeout waiting for response from backend server.", 408),
    "duplicate": error(-2010, "Duplicate order sent."),
    "a code nobody knows": error(-7777, "What is this."),
}


Story = Callable[[Desk], Awaitable[None]]


def play(files: TlsFiles, fault: Fault, story: Story) -> None:
    """A story before a wire that breaks."""

    async def tell() -> None:
        async with desk(files, fault) as at:
            await asyncio.wait_for(story(at), 60)

    asyncio.run(tell())


@pytest.mark.parametrize(("say", "reason"), REJECTED.values(), ids=list(REJECTED))
def test_a_refusal_is_a_rejection(files: TlsFiles, say: Say, reason: str) -> None:
    async def story(at: Desk) -> None:
        event = await at.gateway.submit(buy())
        assert isinstance(event, OrderRejected)
        assert event.reason == reason

    play(files, Fault(says=[say]), story)


@pytest.mark.parametrize(
    ("say", "kind"),
    [
        *((say, NotPlaced) for say in NOT_PLACED.values()),
        *((say, KeyRefused) for say in KEY.values()),
        *((say, OutcomeUnknown) for say in UNKNOWN.values()),
    ],
    ids=[*NOT_PLACED, *KEY, *UNKNOWN],
)
def test_anything_else_has_a_name_and_carries_no_secret(files: TlsFiles, say: Say, kind: type[Exception]) -> None:
    """Not in its text, not in what it is chained to, not in a traceback."""

    async def story(at: Desk) -> None:
        with pytest.raises(kind) as caught:
            await at.gateway.submit(buy())
        assert type(caught.value) is kind
        assert (caught.value.__cause__, caught.value.__context__) == (None, None)
        text = "".join(traceback.format_exception(caught.value))
        assert not [word for word in ("signature", "api.binance.com", "timestamp=", "secret", "apiKey") if word in text]

    play(files, Fault(says=[say]), story)


def test_a_venue_that_is_not_there_has_not_taken_anything(files: TlsFiles) -> None:
    async def story(at: Desk) -> None:
        await at.server._door.close()
        with pytest.raises((NotPlaced, OutcomeUnknown)):
            # The first try may still find the old connection; the next one finds nobody.
            await at.gateway.submit(buy())
        with pytest.raises(NotPlaced):
            await at.gateway.submit(buy())

    play(files, Fault("NONE"), story)


def test_a_clock_that_is_wrong_is_set_by_the_venue(files: TlsFiles) -> None:
    """Ours is two seconds ahead: the first order is refused for it, the second is taken."""

    async def story(at: Desk) -> None:
        at.clock.advance_to(at.venue.now_ms + 2_000)
        with pytest.raises(NotPlaced):
            await at.gateway.submit(buy())
        assert isinstance(await at.gateway.submit(buy()), OrderAccepted)

    play(files, Fault("NONE"), story)


def test_a_look_up_that_was_not_answered_denies_nothing(files: TlsFiles) -> None:
    """A page of HTML is not the word of the venue that it has no such order."""

    async def story(at: Desk) -> None:
        await at.gateway.submit(buy())
        for _ in range(4):
            with pytest.raises(OutcomeUnknown):
                await at.gateway.look_up(buy().request)
        found = await at.gateway.look_up(buy().request)
        assert found is not None
        assert found.status is OrderStatus.FILLED
        assert await at.gateway.look_up(buy(2).request) is None

    says = [HTML, CUT_JSON, Say(200, "[]"), Say(200, '{"status":"WHAT","clientOrderId":"p","orderId":1,"time":1}')]
    play(files, Fault("GET", says=says), story)


def test_fills_that_make_no_sense_are_not_believed(files: TlsFiles) -> None:
    """Nothing is booked of a page in which anything is missing."""

    async def story(at: Desk) -> None:
        await at.gateway.submit(buy())
        market = at.gateway._symbols[buy().request.market]
        for _ in range(3):
            with pytest.raises(OutcomeUnknown):
                await at.gateway.fills(market, None)
        (fill,) = await at.gateway.fills(market, None)
        assert fill.client_order_id == buy().request.client_order_id
        assert await at.gateway.fills(market, fill.fill_id) == []

    trade = '[{"id":1,"orderId":1,"price":"%s","qty":"1","commission":"0","commissionAsset":"BTC","isBuyer":true%s}]'
    says = [Say(200, trade % ("1", "")), Say(200, trade % ("NaN", ',"isMaker":false,"time":1')), HTML]
    play(files, Fault("GET", "/api/v3/myTrades", says=says), story)


def send(at: Desk, commands: list[Submit | Cancel], age_ms: int = MINUTE) -> Awaitable[list[Event]]:
    """Send commands to the end, jumping over the waiting."""

    async def run() -> list[Event]:
        events: list[Event] = []
        sender = Sender(at.gateway, at.clock, age_ms, events.append)
        sender.put(commands)
        task = asyncio.create_task(sender.run())
        while not sender.idle and not task.done():
            await asyncio.sleep(0.001)
            wake_ms = at.clock.next_wake_ms()
            if wake_ms is not None:
                at.clock.advance_to(wake_ms)
                at.venue.now_ms = wake_ms
        if task.done():
            await task
        task.cancel()
        return events

    return run()


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize("name", sorted(UNKNOWN.keys() - {"duplicate"}))
def test_whatever_the_wire_does_one_order_is_placed(files: TlsFiles, name: str, takes: bool) -> None:
    """Taken and not told, twice: found. Not taken: denied three times, then sent under the same name."""

    async def story(at: Desk) -> None:
        event = (*await send(at, [Submit(buy(**STOP))]),)
        orders = at.venue.orders("key")
        assert [order.client_id for order in orders] == [buy().request.client_order_id]
        assert [type(each) for each in event] == [OrderAccepted]

    play(files, Fault(says=[UNKNOWN[name]] * (1 if takes else 2), takes=takes), story)


def test_a_market_order_taken_and_not_told_is_not_bought_twice(files: TlsFiles) -> None:
    """The venue takes a name again once its order is filled: only the look-up stands before a double."""

    async def story(at: Desk) -> None:
        order = buy()
        [accepted] = await send(at, [Submit(order)])
        # Its fills, which are owed from then on, end it.
        assert isinstance(accepted, OrderAccepted)
        assert accepted.filled_quantity == order.request.quantity
        assert len(at.venue.trades("key")) == 1

    play(files, Fault(says=[Say(kind="reset")], takes=True), story)


def test_a_cancel_taken_and_not_told_is_repeated_and_harmless(files: TlsFiles) -> None:
    """The second one finds nothing; that it is cancelled is told by the stream, or by a look-up."""

    async def story(at: Desk) -> None:
        stop = buy(**STOP)
        await at.gateway.submit(stop)
        assert await send(at, [Cancel(stop.request.client_order_id, stop.request.market)]) == []
        (order,) = at.venue.orders("key")
        assert order.status.name == "CANCELED"
        found = await at.gateway.look_up(stop.request)
        assert found is not None
        assert found.status is OrderStatus.CANCELLED

    play(files, Fault("DELETE", says=[Say(kind="reset"), Say(502)], takes=True), story)


def test_a_stop_that_filled_cannot_be_cancelled(files: TlsFiles) -> None:
    """Unknown order: no event: the fill comes by the stream."""

    async def story(at: Desk) -> None:
        entry = buy()
        await at.gateway.submit(entry)
        assert await at.gateway.cancel(Cancel(entry.request.client_order_id, entry.request.market)) == ()
        stop = buy(2, **STOP)
        await at.gateway.submit(stop)
        (event,) = await at.gateway.cancel(Cancel(stop.request.client_order_id, stop.request.market))
        assert isinstance(event, OrderCancelled)

    play(files, Fault("NONE"), story)


def test_an_order_that_vanishes_again_and_again_is_tried_on_while_it_is_of_use(files: TlsFiles) -> None:
    """An entry until its time has passed, a stop until it is taken. Nobody is stopped for a venue that answers nothing."""

    async def story(at: Desk) -> None:
        (event,) = await send(at, [Submit(buy())], age_ms=60_000)
        assert isinstance(event, OrderRejected)
        assert event.reason == "aged_out"
        tries = at.server.fault.asked
        assert tries > 5
        assert at.venue.orders("key") == []
        (event,) = await send(at, [Submit(buy(2, **STOP))])
        assert isinstance(event, OrderAccepted)
        assert at.server.fault.asked == 31

    play(files, Fault(says=[Say(503)] * 30), story)


def test_a_cancel_that_is_refused_is_answered(files: TlsFiles) -> None:
    """A closed or delisted market: refused for good, not unknown for ever; the order stays."""

    async def story(at: Desk) -> None:
        await at.gateway.submit(buy())
        stop = buy(2, **STOP)
        await at.gateway.submit(stop)
        for _ in range(2):
            (event,) = await at.gateway.cancel(Cancel(stop.request.client_order_id, stop.request.market))
            assert isinstance(event, CancelRefused)
            assert event.client_order_id == stop.request.client_order_id
        assert at.venue.orders("key")[-1].is_open

    says = [error(-1121, "Invalid symbol."), error(-1013, "Market is closed.")]
    play(files, Fault("DELETE", says=says), story)
