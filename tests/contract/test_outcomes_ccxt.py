"""What became of an order: every row of the table of outcomes, its fault on the wire, our gateway's word and the truth.

The fault is the simulated exchange's own, the client is ccxt unmodified, and after the gateway has said what it
believes, the venue is asked whether the order is there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.contract.gateway_kit import Desk, Story, order, play
from tests.simexchange.exchange_kit import flat
from tradepool.domain.errors import KeyRefused
from tradepool.domain.event import OrderAccepted, OrderRejected
from tradepool.domain.order import OrderStatus, OrderType, Purpose, Side
from tradepool.ports.exchange import NotPlaced, OutcomeUnknown
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.records import Kind, NewOrder
from tradepool.simexchange.records import Side as VenueSide
from tradepool.simexchange.tls import TlsFiles

ORDER = "POST /api/v3/order"
FUNDS = "Account has insufficient balance for requested action."
STOP: dict[str, Any] = {
    "side": Side.SELL,
    "type": OrderType.STOP_LOSS,
    "stop_price": Decimal(95),
    "purpose": Purpose.STOP,
}


def tell(files: TlsFiles, story: Story) -> None:
    """A story on a venue whose price stands still."""
    play(files, story, flat(30))


def strike(at: Desk, kind: str, **words: Any) -> None:
    """The next order is struck."""
    at.faults.add(Fault(kind=kind, route=ORDER, last=1, **words), at.venue.now_ms)


def check_not_placed(files: TlsFiles, kind: str, **words: Any) -> None:
    """The order is not at the venue, the gateway knows it, and sending it again is safe."""

    async def story(at: Desk) -> None:
        strike(at, kind, **words)
        with pytest.raises(NotPlaced):
            await at.gateway.submit(order())
        assert at.orders == []
        assert isinstance(await at.gateway.submit(order()), OrderAccepted)
        assert len(at.orders) == 1

    tell(files, story)


def check_unknown(files: TlsFiles, kind: str, *, accepted: bool, **words: Any) -> None:
    """The gateway does not claim to know; the look-up by client id then tells the truth."""

    async def story(at: Desk) -> None:
        strike(at, kind, accepted=accepted, **words)
        with pytest.raises(OutcomeUnknown):
            await at.gateway.submit(order())
        assert [each.client_id for each in at.orders] == [order().request.client_order_id] * accepted
        found = await at.gateway.look_up(order().request)
        assert (found is not None and found.status is OrderStatus.FILLED) is accepted

    tell(files, story)


def answered(at: Desk) -> tuple[int, str]:
    """Code and words of the venue's last refusal, as they came over the wire."""
    told = json.loads(at.gateway._client.last_http_response)
    return told["code"], told["msg"]


def broken(name: str) -> tuple[int, str]:
    """What the venue says of an order that breaks a filter."""
    return -1013, f"Filter failure: {name}"


def check_rejected(
    files: TlsFiles, before: Callable[[Desk], None], reason: str, says: tuple[int, str], **changes: Any
) -> None:
    """The venue's own refusal, in its own words: it is not there, and it is not to be sent again."""

    async def story(at: Desk) -> None:
        before(at)
        held = len(at.orders)
        event = await at.gateway.submit(order(**changes))
        assert isinstance(event, OrderRejected)
        assert (event.reason, len(at.orders)) == (reason, held)
        assert answered(at) == says

    tell(files, story)


def test_refused_connection(files: TlsFiles) -> None:
    """C-401: nobody listens: not sent, safe to send again, and it arrives once somebody does."""

    async def story(at: Desk) -> None:
        rule = at.faults.add(Fault(kind="dark"), at.venue.now_ms)
        await at.until(lambda: at.server.connections == 0)
        with pytest.raises(NotPlaced):
            await at.gateway.submit(order())
        assert at.orders == []
        at.faults.remove(rule.number)
        await at.until(lambda: at.server.is_open)
        assert isinstance(await at.gateway.submit(order()), OrderAccepted)

    tell(files, story)


def test_too_many_requests(files: TlsFiles) -> None:
    """C-402: HTTP 429 with Retry-After: not placed."""
    check_not_placed(files, "too_many")


def test_banned_address(files: TlsFiles) -> None:
    """C-403: HTTP 418: not placed."""
    check_not_placed(files, "banned", retry_after_s=120)


@pytest.mark.parametrize("code", [-1003, -1015])
def test_limit_codes(files: TlsFiles, code: int) -> None:
    """C-404: the venue's own codes for too many requests and too many orders: not placed."""
    check_not_placed(files, "code", code=code)


def test_timestamp_code(files: TlsFiles) -> None:
    """C-405: -1021 is one network error that says for certain: not placed."""
    check_not_placed(files, "code", code=-1021)


@pytest.mark.parametrize("offset_ms", [10_000, -10_000])
def test_clock_of_the_venue_is_off(files: TlsFiles, offset_ms: int) -> None:
    """C-406: the venue's clock jumps by 10 s: the first order is refused, after a look at its time the next is taken."""

    async def story(at: Desk) -> None:
        at.faults.add(Fault(kind="clock", offset_ms=offset_ms), at.venue.now_ms)
        with pytest.raises(NotPlaced):
            await at.gateway.submit(order())
        assert at.orders == []
        assert isinstance(await at.gateway.submit(order()), OrderAccepted)

    tell(files, story)


def test_funds(files: TlsFiles) -> None:
    """C-407: -2010 for want of funds: rejected."""
    check_rejected(files, lambda at: None, "insufficient_cash", (-2010, FUNDS), steps=11_000)


def test_lot_size(files: TlsFiles) -> None:
    """C-408: -1013 LOT_SIZE, the market's least quantity was raised while we were trading: rejected."""

    def raise_least(at: Desk) -> None:
        at.faults.add(Fault(kind="filters", market="BTCUSDT", quantity_min=Decimal(1)), at.venue.now_ms)

    check_rejected(files, raise_least, "below_minimum", broken("LOT_SIZE"))


def test_price_filter(files: TlsFiles) -> None:
    """C-409: -1013 PRICE_FILTER, the market's tick was made coarser while we were trading: rejected."""

    def coarsen(at: Desk) -> None:
        at.faults.add(Fault(kind="filters", market="BTCUSDT", price_tick=Decimal("0.1")), at.venue.now_ms)

    check_rejected(
        files, coarsen, "venue_rejected", broken("PRICE_FILTER"), **(STOP | {"stop_price": Decimal("95.05")})
    )


def test_notional(files: TlsFiles) -> None:
    """C-410: -1013 NOTIONAL, which ccxt takes for a bad request: rejected."""
    check_rejected(files, lambda at: None, "below_minimum", broken("NOTIONAL"), steps=10)


def test_max_num_orders(files: TlsFiles) -> None:
    """C-411: -1013 MAX_NUM_ORDERS, which ccxt takes for a bad request: rejected."""

    def fill_up(at: Desk) -> None:
        account = at.venue.account("key")
        for number in range(200):
            new = NewOrder("BTCUSDT", f"web{number}", VenueSide.SELL, Kind.STOP_LOSS, 60, stop_ticks=9_000)
            at.venue.account("key").free["BTC"] += 10**9
            at.venue.place(account, new)

    check_rejected(files, fill_up, "venue_rejected", broken("MAX_NUM_ORDERS"), **STOP)


def test_duplicate(files: TlsFiles) -> None:
    """C-412: "Duplicate order sent." means that the order IS there: unknown, and the look-up finds it once."""

    async def story(at: Desk) -> None:
        assert isinstance(await at.gateway.submit(order(**STOP)), OrderAccepted)
        with pytest.raises(OutcomeUnknown):
            await at.gateway.submit(order(**STOP))
        found = await at.gateway.look_up(order(**STOP).request)
        assert found is not None
        assert (found.status, len(at.orders)) == (OrderStatus.ACCEPTED, 1)

    tell(files, story)


def test_revoked_key(files: TlsFiles) -> None:
    """C-413: -2015 after a call that worked, which ccxt takes for a ban: the key is refused, nothing is placed."""

    async def story(at: Desk) -> None:
        at.faults.add(Fault(kind="key", account="key", state="revoked"), at.venue.now_ms)
        with pytest.raises(KeyRefused) as caught:
            await at.gateway.submit(order())
        assert answered(at)[0] == -2015
        assert "DDoSProtection" in str(caught.value), "what ccxt takes it for"
        assert at.orders == []

    tell(files, story)


def test_narrowed_key(files: TlsFiles) -> None:
    """C-414: a key that may no longer trade: orders are refused as those of a revoked one, reads go on."""

    async def story(at: Desk) -> None:
        at.faults.add(Fault(kind="key", account="1", state="narrowed"), at.venue.now_ms)
        with pytest.raises(KeyRefused):
            await at.gateway.submit(order())
        assert at.orders == []
        assert await at.gateway.balances()

    tell(files, story)


@pytest.mark.parametrize("accepted", [True, False])
def test_timeout(files: TlsFiles, accepted: bool) -> None:
    """C-415: no answer within the client's own time: unknown."""
    check_unknown(files, "silence", accepted=accepted)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors(files: TlsFiles, status: int, accepted: bool) -> None:
    """C-416: HTTP 5xx, whether it was taken or not: unknown."""
    check_unknown(files, "status", status=status, accepted=accepted)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007])
def test_unknown_codes(files: TlsFiles, code: int, accepted: bool) -> None:
    """C-417: the venue's own codes for not knowing itself: unknown."""
    check_unknown(files, "code", code=code, accepted=accepted)


@pytest.mark.parametrize("accepted", [True, False])
def test_reset(files: TlsFiles, accepted: bool) -> None:
    """C-418: the connection is reset after the request was sent: unknown."""
    check_unknown(files, "reset", accepted=accepted)


@pytest.mark.parametrize("accepted", [True, False])
def test_cut_body(files: TlsFiles, accepted: bool) -> None:
    """C-419: a body shorter than its Content-Length, which ccxt raises as if it were a rejection: unknown."""
    check_unknown(files, "cut_body", accepted=accepted)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("kind", ["html", "empty", "cut_json"])
def test_nonsense_with_status_200(files: TlsFiles, kind: str, accepted: bool) -> None:
    """C-420: a page of HTML, nothing, or half of the JSON with status 200, which ccxt returns as an order: unknown."""
    check_unknown(files, kind, accepted=accepted)


def test_cancelled_call(files: TlsFiles) -> None:
    """C-421: whoever waits gives up (wait_for, task.cancel): unknown; the order was live here."""

    async def story(at: Desk) -> None:
        strike(at, "silence")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(at.gateway.submit(order()), 0.05)
        assert len(at.orders) == 1
        strike(at, "silence")
        task = asyncio.create_task(at.gateway.submit(order(2)))
        await at.until(lambda: len(at.orders) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for number in (1, 2):
            assert await at.gateway.look_up(order(number).request) is not None

    tell(files, story)


def test_overload(files: TlsFiles) -> None:
    """C-422: -1008, the venue is overloaded and says that it did not take it: not placed."""
    check_not_placed(files, "code", code=-1008)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("code", [-9999, -1016])
def test_code_nobody_maps(files: TlsFiles, code: int, accepted: bool) -> None:
    """C-423: a code without a meaning for ccxt, and one (the service ends) that ccxt takes for a bad request: unknown."""
    check_unknown(files, "code", code=code, accepted=accepted)


def test_firewall(files: TlsFiles) -> None:
    """C-424: 403 with a page of the firewall, retryable in name only: unknown, and it was not taken."""

    async def story(at: Desk) -> None:
        strike(at, "firewall")
        with pytest.raises(OutcomeUnknown):
            await at.gateway.submit(order())
        assert at.orders == []
        assert await at.gateway.look_up(order().request) is None

    tell(files, story)


def test_maintenance(files: TlsFiles) -> None:
    """C-425: 503 to everything for a while: unknown, not taken; afterwards all is as it was."""

    async def story(at: Desk) -> None:
        at.faults.add(Fault(kind="maintenance", until_ms=60_000), at.venue.now_ms)
        with pytest.raises(OutcomeUnknown):
            await at.gateway.submit(order())
        with pytest.raises(OutcomeUnknown):
            await at.gateway.look_up(order().request)
        at.venue.step_bars(1)
        await at.feed.time_ms()
        assert await at.gateway.look_up(order().request) is None
        assert isinstance(await at.gateway.submit(order()), OrderAccepted)
        assert len(at.orders) == 1

    tell(files, story)
