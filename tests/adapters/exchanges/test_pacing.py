"""The real ccxt clients behind a broker, before a simulated venue that counts and refuses as the real one does."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from types import SimpleNamespace

import pytest

from tests.adapters.exchanges.pacing_kit import PATIENCE_S, paced, settled
from tests.adapters.exchanges.wire_kit import buy
from tradepool.adapters.exchanges.rate_limits import BASE_PACE, BINANCE
from tradepool.domain.command import Cancel, Submit
from tradepool.domain.errors import VenueError
from tradepool.domain.ids import client_order_id
from tradepool.domain.order import OrderRequest
from tradepool.ports.weights import Cost, Limit, Measure, Priority
from tradepool.services.trading.sender import Sender, StillStarting
from tradepool.simexchange.limits import Limits
from tradepool.simexchange.tls import TlsFiles


def test_the_broker_counts_what_the_venue_counts(files: TlsFiles) -> None:
    """Markets, account, candles, an order, its look-up, its cancel and both streams: equal sums, before any header is
    believed."""

    async def main() -> None:
        deaf = [Limit(name=x.name, measure=x.measure, amount=x.amount, length_ms=x.length_ms) for x in BINANCE]
        async with paced(files, deaf) as desk:
            limiter = desk.venue.limiter
            assert limiter is not None
            await desk.gateway.open(lambda event: None, lambda why: None)
            market = (await desk.feed.markets())[0]
            await desk.feed.subscribe([market], 60_000, lambda candle: None, lambda why: None)
            await desk.gateway.balances()
            await desk.feed.history(market, 60_000, desk.venue.now_ms - 600_000)
            await desk.gateway.submit(buy())
            await desk.gateway.look_up(buy().request)
            await desk.gateway.fills(market, None)
            await desk.gateway.cancel(Cancel(market=market.id, client_order_id=client_order_id(1, 1)))
            address = "127.0.0.1"
            assert await desk.use(Measure.WEIGHT) == limiter.weight.count(address, desk.venue.now_ms) > 60
            assert await desk.use(Measure.REQUESTS) >= limiter.requests.count(address, desk.venue.now_ms) - 2
            assert await desk.use(Measure.CONNECTIONS) == limiter._connections.count(address, desk.venue.now_ms) == 2
            assert await desk.use(Measure.ORDERS) == 1

    asyncio.run(main())


def test_nothing_but_the_broker_holds_a_request_back(files: TlsFiles) -> None:
    """ccxt's own limiter is never asked and ccxt never sleeps; 200 requests take no virtual time."""

    slept = list[float]()

    async def sleep(milliseconds: float) -> None:
        slept.append(milliseconds)

    async def main() -> None:
        async with paced(files) as desk:
            for client in (desk.feed.client, desk.gateway._client):
                client.throttler, client.sleep = SimpleNamespace(), sleep  # calling the first is a TypeError
                assert not client.enableRateLimit
            began_ms = desk.clock.now_ms()
            for _ in range(100):
                await desk.feed.time_ms()
                await desk.gateway.cancel(Cancel(market=(buy().request.market), client_order_id=client_order_id(1, 9)))
            assert desk.clock.now_ms() == began_ms
            assert slept == []
            waits = (await desk.broker.snapshot()).waits
            assert all(each.below_ms(100) <= 1 for each in waits)
            assert waits[Priority.EXIT].granted == 100
            assert waits[Priority.DATA].granted > 100

    asyncio.run(main())


def test_an_order_passes_while_reads_wait(files: TlsFiles) -> None:
    """Reads take all they may; the next one waits, an entry and a cancel do not; time lets the read go."""

    async def main() -> None:
        async with paced(files) as desk:
            while (await desk.broker.snapshot()).waits[Priority.READ].waiting == 0:
                read = asyncio.create_task(desk.broker.acquire(Cost(weight=20), Priority.READ))
                await asyncio.sleep(0)
            balances = asyncio.create_task(desk.gateway.balances())
            assert not await settled(balances)
            assert await desk.gateway.submit(buy())
            await desk.gateway.cancel(Cancel(market=buy().request.market, client_order_id=client_order_id(1, 9)))
            assert not balances.done()
            desk.pass_to(desk.clock.now_ms() + 5_000)
            await balances
            await read

    asyncio.run(main())


def test_an_entry_that_waited_is_not_sent_once_it_may_not_be(files: TlsFiles) -> None:
    """Its account was halted while it waited for leave: nothing reaches the venue, and the leave is given back."""

    async def main() -> None:
        async with paced(files) as desk:
            others = []
            while (await desk.broker.snapshot()).waits[Priority.ENTRY].waiting == 0:
                others.append(asyncio.create_task(desk.broker.acquire(Cost(weight=20), Priority.ENTRY)))
                await asyncio.sleep(0)
            sender = Sender(desk.gateway, desk.clock, 10**9, lambda event: None)
            sender.put([Submit(buy())])
            task = asyncio.create_task(sender.run())
            assert not await settled(task)
            assert (await desk.broker.snapshot()).waits[Priority.ENTRY].waiting == 2
            sender.halt()
            for other in others[:-1]:
                desk.broker.answered(await other, None)
            for _ in range(60):
                desk.pass_to(desk.clock.now_ms() + 1_000)
                await asyncio.sleep(0.001)
            assert sender.idle
            await others[-1]
            task.cancel()
            assert desk.venue.orders("key") == []
            assert await desk.use(Measure.ORDERS) == 0

    asyncio.run(main())


def test_an_entry_whose_limits_can_not_be_asked_gives_its_leave_back(files: TlsFiles) -> None:
    """The database is away once it has waited: it is tried again, and takes of no later window what it never used."""

    async def main() -> None:
        async with paced(files) as desk:
            sender, asked = Sender(desk.gateway, desk.clock, 10**9, lambda event: None), list[str]()

            def may_enter(request: OrderRequest) -> str:
                asked.append(request.client_order_id)
                if 1 < len(asked) < 5:
                    raise StillStarting(account=request.account)
                return ""

            sender.may_enter = may_enter
            sender.put([Submit(buy())])
            task = asyncio.create_task(sender.run())
            for _ in range(60):
                desk.pass_to(desk.clock.now_ms() + 1_000)
                await asyncio.sleep(0.001)
            assert sender.idle
            task.cancel()
            assert len(desk.venue.orders("key")) == 1
            # What is out is counted in every window that opens.
            assert not desk.broker._budget._out

    asyncio.run(main())


def test_a_429_closes_the_address_until_it_is_over(files: TlsFiles) -> None:
    """The venue's limit is lower than we believe: one refusal, then nothing leaves before Retry-After has passed."""

    async def main() -> None:
        async with paced(files, venue_limits=Limits(weight_per_minute=50)) as desk:
            await desk.gateway.balances()
            with pytest.raises(VenueError):
                await desk.gateway.balances()
            limiter = desk.venue.limiter
            assert limiter is not None
            seen = limiter.requests.count("127.0.0.1", desk.venue.now_ms)
            waiting = asyncio.create_task(desk.gateway.balances())
            order = asyncio.create_task(desk.gateway.submit(buy()))
            assert not await settled(order)
            assert limiter.requests.count("127.0.0.1", desk.venue.now_ms) == seen
            closed_ms = (await desk.broker.snapshot()).closed_until_ms
            assert closed_ms == desk.clock.now_ms() + 40_000
            desk.pass_to(closed_ms)
            await asyncio.gather(order, waiting)

    asyncio.run(main())


def test_one_key_that_places_too_much_stops_nobody_else(files: TlsFiles) -> None:
    """429 with -1015: its next order waits for its window, its neighbours and its own cancels do not."""

    async def main() -> None:
        async with paced(files, venue_limits=Limits(orders_per_10_seconds=1)) as desk:
            limiter = desk.venue.limiter
            assert limiter is not None
            # Another client of the same key has used it up.
            limiter.orders[0].add("key", 1, desk.venue.now_ms)
            with pytest.raises(VenueError):
                await desk.gateway.submit(buy())
            assert (await desk.broker.snapshot()).closed_until_ms == 0
            await desk.gateway.balances()
            order = asyncio.create_task(desk.gateway.submit(buy()))
            assert not await settled(order)
            desk.pass_to(desk.clock.now_ms() // 10_000 * 10_000 + 11_000)
            assert await order

    asyncio.run(main())


def test_a_venue_nobody_knows_gets_one_request_every_half_second(files: TlsFiles) -> None:
    """The base pace, whoever asks."""

    async def main() -> None:
        async with paced(files, BASE_PACE) as desk:
            desk.pass_to(desk.clock.now_ms() + 10_000)
            times = list[int]()
            for _ in range(4):
                asked = asyncio.create_task(desk.feed.time_ms())
                async with asyncio.timeout(PATIENCE_S):
                    while not await settled(asked):
                        wake_ms = desk.clock.next_wake_ms()
                        if wake_ms is not None:
                            desk.pass_to(wake_ms)
                times.append(await asked)
            assert [after - before for before, after in pairwise(times)] == [500] * 3

    asyncio.run(main())
