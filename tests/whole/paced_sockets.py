"""Real ccxt clients of many accounts, one broker, and the simulated venue's server, in one process on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import aiohttp

from tests.simexchange.exchange_kit import flat, small_venue
from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.adapters.exchanges.ccxt_gateway import CcxtGateway
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.domain.command import Cancel
from tradepool.domain.ids import AccountId, client_order_id
from tradepool.entrypoints.lock_step import IdleSelector, run_in_lock_step
from tradepool.ports.exchange import AccountGateway
from tradepool.ports.weights import Limit, Priority
from tradepool.runtime.clock import VirtualClock
from tradepool.runtime.throttle import Throttle
from tradepool.services.account_reads import AccountReads, Exposure, Schedule
from tradepool.simexchange.door import TcpPort
from tradepool.simexchange.limits import Limiter, Limits
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import make_tls_files

MINUTE_MS = 60_000
NEVER = client_order_id(1, 9)


@dataclass
class SocketsSeen:
    """What is measured."""

    requests: int = 0
    refused: int = 0
    exit_waits: list[int] = field(default_factory=list)
    reads_waited_ms: int = 0


class Sockets:
    """Counts what is out, so that time stands still until it is back, and what came back refused."""

    def __init__(self, seen: SocketsSeen) -> None:
        """Nothing is out."""
        self.out = 0
        self._seen = seen

    def trace(self) -> aiohttp.TraceConfig:
        """Hears every request of the session."""
        config = aiohttp.TraceConfig()

        async def begin(*_: object) -> None:
            self.out += 1

        async def end(_: object, __: object, said: aiohttp.TraceRequestEndParams) -> None:
            self.out -= 1
            self._seen.requests += 1
            self._seen.refused += said.response.status in (418, 429)

        async def fail(*_: object) -> None:
            self.out -= 1

        config.on_request_start.append(begin)
        config.on_request_end.append(end)
        config.on_request_exception.append(fail)
        return config


def sockets_day(users: int, minutes: int, ours: Sequence[Limit], theirs: Limits, folder: Path) -> SocketsSeen:
    """So many accounts for so many virtual minutes: reads by exposure, and an exit every few seconds."""

    async def main(selector: IdleSelector) -> SocketsSeen:
        seen = SocketsSeen()
        sockets = Sockets(seen)
        files = make_tls_files(folder)
        venue = small_venue(flat(30))
        for n in range(users):
            venue.open_account(f"key{n}", "secret", {"USDT": Decimal(1_000)})
        venue.limiter = Limiter(theirs)
        server = Server(venue, TcpPort(), files.server_context())
        place = await server.start()
        assert isinstance(place, TcpPort)
        session = Session(Transport(ca_file=files.ca_file, loopback_port=place.port), [sockets.trace()])
        clock = VirtualClock(venue.now_ms)
        broker = Throttle(ours, clock)
        feed = CcxtFeed("binance", session, clock, lambda time_ms: None, broker=broker)

        def on_idle() -> bool:
            wake_ms = clock.next_wake_ms()
            if sockets.out or wake_ms is None:
                return False
            venue.pass_time(wake_ms)
            clock.advance_to(wake_ms)
            return True

        selector.on_idle = on_idle
        markets = await feed.markets()
        gateways = dict[AccountId, AccountGateway]()
        for n in range(users):
            name, key = AccountId(f"{n:032}"), Credentials(f"key{n}", "secret")
            gateways[name] = CcxtGateway(
                name, key, feed.client, markets, session, clock, lambda time_ms: None, broker=broker
            )
        reads = AccountReads(gateways, clock, Schedule())
        for n, account in enumerate(gateways):
            reads.watch(account, Exposure(n % len(Exposure)))
        reading = asyncio.create_task(reads.run())
        end_ms = clock.now_ms() + minutes * MINUTE_MS
        names = list(gateways)
        while clock.now_ms() < end_ms:
            await clock.sleep(3)
            began_ms = clock.now_ms()
            await gateways[names[began_ms // 1_000 % users]].cancel(Cancel(client_order_id=NEVER, market=markets[0].id))
            seen.exit_waits.append(clock.now_ms() - began_ms)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        seen.reads_waited_ms = (await broker.snapshot()).waits[Priority.READ].below_ms(50)
        await asyncio.gather(*(gateway.close() for gateway in gateways.values()), feed.close())
        selector.on_idle = None
        await session.close()
        await server.stop()
        return seen

    return run_in_lock_step(main)
