"""Orders whose answers come late, are asked for again, or are struck by chance: what the venue has in the end."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import ccxt.pro
import pytest

from tests.contract.ccxt_kit import exchange
from tests.contract.gateway_kit import Desk, order, play
from tests.contract.test_outcomes_ccxt import ORDER, strike, tell
from tests.simexchange.exchange_kit import MINUTE, START, flat, small_venue
from tradepool.adapters.exchanges.clients import OPTIONS
from tradepool.domain.event import OrderAccepted
from tradepool.domain.ids import client_order_id
from tradepool.ports.exchange import NotPlaced, OutcomeUnknown
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.tls import TlsFiles


def test_blind_retries_double_an_order(files: TlsFiles) -> None:
    """C-426: why nothing here retries: ccxt's own retries after lost answers buy four times under one client id."""

    async def story(at: Desk) -> None:
        at.faults.add(Fault(kind="reset", route=ORDER, accepted=True), at.venue.now_ms)
        keys = {"apiKey": "key", "secret": "secret", "number": Decimal, "enableRateLimit": False}
        shared = {"session": at.feed.client.session, "ssl_context": at.feed.client.ssl_context}
        retrying = {"maxRetriesOnFailure": 3, "maxRetriesOnFailureDelay": 0}
        client = ccxt.pro.binance({**keys, **shared, "options": {**OPTIONS, **retrying}})
        client.milliseconds = lambda: at.venue.now_ms
        client.timeout_on_exit = 0
        try:
            with pytest.raises(ccxt.pro.ExchangeNotAvailable):
                await client.create_order("BTC/USDT", "market", "buy", Decimal("0.1"), None, {"newClientOrderId": "x"})
        finally:
            await client.close()
        assert [each.client_id for each in at.orders] == ["x"] * 4

    tell(files, story)


def test_late_answer(files: TlsFiles) -> None:
    """C-427: an answer that comes within the client's time is an answer, however late; time went on at the venue."""

    async def story(at: Desk) -> None:
        at.gateway._client.timeout = 10_000
        strike(at, "late", delay_ms=45_000)
        task = asyncio.create_task(at.gateway.submit(order()))
        await at.until(lambda: at.orders)
        assert not task.done()
        at.venue.step_bars(1)
        assert isinstance(await task, OrderAccepted)

    tell(files, story)


def test_latency(files: TlsFiles) -> None:
    """C-428: a request that travels reaches the venue's mind only when it arrives, at the price of that time."""

    async def story(at: Desk) -> None:
        at.gateway._client.timeout = 10_000
        sent_ms, requests = START + MINUTE - 1_000, at.server.requests
        at.venue.run_until(sent_ms)
        await at.feed.time_ms()
        at.faults.add(Fault(kind="latency", route=ORDER, delay_ms=2_000), at.venue.now_ms)
        task = asyncio.create_task(at.gateway.submit(order()))
        await at.until(lambda: at.server.requests > requests + 1)
        at.venue.run_until(sent_ms + 1_999)
        await asyncio.sleep(0)
        assert at.orders == []
        at.venue.run_until(sent_ms + 2_000)
        assert isinstance(await task, OrderAccepted)
        (trade,) = at.venue.trades("key")
        assert (trade.ticks, trade.time_ms) == (11_000, sent_ms + 2_000)

    play(files, story, [*flat(1), *flat(5, 110.0)])


def test_the_same_seed_strikes_the_same(files: TlsFiles) -> None:
    """C-429: twenty orders in a storm: with the same seed the same ones are refused, unknown and placed; else others."""

    def once(seed: int) -> tuple[list[str], list[str]]:
        said: list[str] = []

        async def story(at: Desk) -> None:
            at.faults.add(Fault(kind="status", route=ORDER, status=503, share=0.3, accepted=True))
            at.faults.add(Fault(kind="too_many", route=ORDER, share=0.3))
            at.faults.add(Fault(kind="reset", route=ORDER, share=0.3))
            for number in range(1, 21):
                try:
                    said.append(type(await at.gateway.submit(order(number))).__name__)
                except (NotPlaced, OutcomeUnknown) as error:
                    said.append(type(error).__name__)

        venue = play(files, story, flat(30), seed)
        return said, [each.client_id for each in venue.orders("key")]

    said, placed = once(7)
    assert (said, placed) == once(7)
    assert (said, placed) != once(8)
    assert set(said) == {"OrderAccepted", "NotPlaced", "OutcomeUnknown"}
    by_word = {word: {client_order_id(1, 1 + n) for n, each in enumerate(said) if each == word} for word in said}
    assert by_word["OrderAccepted"] <= set(placed)
    assert by_word["NotPlaced"].isdisjoint(placed)
    assert set(placed) & by_word["OutcomeUnknown"], "some whose answers were lost are there"


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("kind", ["reset", "silence", "code"])
def test_orders_on_the_ws_api(files: TlsFiles, tmp_path: Path, kind: str, accepted: bool) -> None:
    """C-450: an order over the ws-api, whose answer is lost or an error: no order of ours is believed, the truth is there.

    The client is ccxt's own: the platform's signs nothing there but its streams.
    """

    async def tell() -> None:
        async with exchange(small_venue(flat(30)), "tcp-tls", tmp_path, files) as at:
            code = -1007 if kind == "code" else 0
            fault = Fault(kind=kind, route="WS order.place", accepted=accepted, code=code, last=1)
            at.server.faults.add(fault, at.venue.now_ms)
            client = at.client()
            await client.load_markets()
            asked = client.create_order_ws("BTC/USDT", "market", "buy", Decimal("0.1"), None, {"newClientOrderId": "x"})
            with pytest.raises((ccxt.pro.NetworkError, ccxt.pro.OperationFailed, TimeoutError)):
                await asyncio.wait_for(asked, 0.3)
            assert [each.client_id for each in at.venue.orders("key")] == ["x"] * accepted

    asyncio.run(tell())
