"""From a candle's close to the orders' bytes on the wire, for many users in one process; the exchange is another process.

The platform is wired as live trading wires it: journal synced to the disk, weight broker, halts and suspensions read before
each entry, users in turn; beside it, plain ccxt sends as many orders and hears of as many fills. Every second candle buys,
the others sell: each round is one of both. Time counts from when the candle's frame is heard to when an order's last byte
is given to the kernel; CPU until every answer and fill is booked. Each round's buys find the connections that the sales before
left open; before its sales they stand idle until they are closed, as between a minute's candles.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import aiohttp
import ccxt.pro
import numpy as np
from aiohttp.abc import AbstractResolver, ResolveResult
from sqlalchemy import Connection

from tradepool.adapters.database.deployment import DatabaseDeployment, FencedJournal
from tradepool.adapters.database.engine import open_store
from tradepool.adapters.database.suspensions import DatabaseSuspensions
from tradepool.adapters.exchanges.rate_limits import limits_of
from tradepool.adapters.exchanges.transport import Transport
from tradepool.core.graph.expr import close, open_
from tradepool.core.market.bars import Bars
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.deployment import Deployment, Kind
from tradepool.domain.order import OrderRequest
from tradepool.domain.trade import Origin
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.bench import Figure, Measure
from tradepool.entrypoints.replay import FOREVER_MS, VENUE, Plan, Player, on_our_venue
from tradepool.entrypoints.wiring import Wiring
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import AccountGateway
from tradepool.ports.weights import Limit
from tradepool.runtime.clock import RealClock, VirtualClock
from tradepool.runtime.collector import keep_what_stands
from tradepool.runtime.throttle import Throttle
from tradepool.services.gated_gateway import GatedGateway
from tradepool.services.trading.fan_out import Rotation
from tradepool.simexchange.door import TcpPort, UnixSocket
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.market_model import model_market
from tradepool.simexchange.process import write_config

USERS, BARS, START_MS, MINUTE_MS = 1_000, 400, 1_640_995_200_000, 60_000
ACCOUNTS_PER_STREAM = 50
REACH_FIRST_MS, REACH_LAST_MS, REACH_CPU_MS = 5.0, 1_500.0, 0.6
ROOMY, AT_ONCE, PLAIN_TIMEOUT_S = 10_000, 100, 120
# Asking all accounts whether they are busy takes some ms itself. aiohttp closes a connection that was idle for 15 s.
LOOK_S, IDLE_S, REAL = 0.1, 16.0, RealClock()


def churn() -> Strategy:
    """Buys after a candle that rose, sells after one that fell."""
    return Strategy("bench_churn", 1, enter=close > open_, exit=close < open_)


def listing() -> Listing:
    """One market whose candles rise and fall in turn."""
    times = START_MS + MINUTE_MS * np.arange(BARS, dtype=np.int64)
    low, high = np.full(BARS, 60_000.0), np.full(BARS, 60_060.0)
    rises = np.arange(BARS) % 2 == 0
    opens, closes = np.where(rises, low, high), np.where(rises, high, low)
    market = model_market("BTC/USDT")
    return on_our_venue(Listing(market, Bars(MINUTE_MS, times, opens, high, low, closes, np.full(BARS, 10.0))))


class Plain(NamedTuple):
    """CPU ms of an order of ccxt alone: until it is answered, and until its own stream has told of the fill as well."""

    sent_ms: float
    booked_ms: float


class Crowd:
    """So many users, their platform, and the exchange they trade on."""

    def __init__(self, users: int, folder: Path) -> None:
        """`open` starts it all."""
        self.folder, self._users = folder, users
        listed = listing()
        player = Player(
            name="u",
            strategy=churn(),
            markets=(listed.market.id,),
            capital=Decimal(10_000),
            weight=Decimal("0.5"),
        )
        self._plan = Plan(listings=[listed], players=[player] * users)
        self._seats = self._plan.seats()
        self.clock = VirtualClock(START_MS)
        self.sent: list[float] = []
        self.answered = 0
        self._heard = self._armed = 0.0
        self._all = asyncio.Event()

    # ---- both processes

    def serve(self) -> None:
        """Start the exchange."""
        accounts: dict[str, tuple[str, dict[str, Decimal]]] = {"plain": ("plain", {"USDT": Decimal(10**7)})}
        accounts |= {s.credentials.key: (s.credentials.secret, {"USDT": Decimal(10_000)}) for s in self._seats}
        places = (TcpPort(0), UnixSocket(str(self.folder / "c")))
        config = write_config(self.folder / "venue.json", self._plan.listings, accounts, places, tls_folder=self.folder)
        command = [sys.executable, "-m", "tradepool.simexchange.process", str(config)]
        self._venue = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._venue.stdout is not None, "it was asked for"
        port = int(self._venue.stdout.readline().partition("tcp:")[2].partition('"')[0])
        self.transport = Transport(ca_file=self.folder / "ca.pem", loopback_port=port)

    async def open(self) -> None:
        """Bring every account up."""
        self._control = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.folder / "c")))
        self._connection = open_store(self.folder / "tradepool.sqlite")
        await self._bars(1)
        self._platform = Platform(self._wiring(self._connection))
        await self._platform.start()
        # A candle that closes at the very time an account was opened is history to it.
        await self._bars(1)
        while not self._platform.market_data.candles:
            await REAL.sleep(LOOK_S)

    def _wiring(self, connection: Connection) -> Wiring:
        rows = DatabaseDeployment(connection, Deployment(id="bench000", kind=Kind.PRACTICE))
        suspensions = DatabaseSuspensions(connection)

        def may_enter(request: OrderRequest) -> str:
            held = suspensions.why_not(request.market, "bench_churn", request.time_ms)
            return "off" if rows.epoch or rows.halts() or held is not None else ""

        def gated(gateway: AccountGateway) -> AccountGateway:
            return cast("AccountGateway", GatedGateway(gateway, may_enter, self.clock))

        return Wiring(
            venue=VENUE,
            timeframe_ms=MINUTE_MS,
            transport=self.transport,
            clock=self.clock,
            connection=connection,
            journal=FencedJournal(connection, 0),
            strategies=self._plan.strategies(),
            seats=self._seats,
            origin=Origin.PRACTICE,
            on_time=self._on_time,
            traces=[self._trace()],
            keep_alive_ms=FOREVER_MS,
            accounts_per_stream=ACCOUNTS_PER_STREAM,
            wrap_gateway=gated,
            in_turn=Rotation(),
            together=True,
            broker=Throttle([_roomy(limit) for limit in limits_of(VENUE)], cast("Clock", self.clock)),
        )

    async def close(self) -> None:
        """End both."""
        await self._platform.close()
        await self._control.close()
        self._venue.terminate()
        self._venue.wait()

    async def _bars(self, count: int) -> None:
        async with self._control.post(f"http://x/bars?count={count}") as answer:
            await answer.read()

    async def warm(self) -> None:
        """Two candles that are not counted: connections, caches, machine code."""
        for _ in range(2):
            await self.candle()

    # ---- what is measured

    def _on_time(self, time_ms: int) -> None:
        if self._armed and not self._heard:
            self._heard = time.perf_counter()
        self.clock.advance_to(max(time_ms, self.clock.now_ms()))

    def _trace(self) -> aiohttp.TraceConfig:
        trace = aiohttp.TraceConfig()

        async def written(session: aiohttp.ClientSession, context: SimpleNamespace, params: Any) -> None:
            if params.method == "POST" and params.url.path.endswith("/order"):
                self.sent.append(time.perf_counter())

        trace.on_request_chunk_sent.append(written)
        return trace

    async def candle(self) -> tuple[list[float], float]:
        """One candle closes: ms from its frame to each order's last byte, and CPU ms an order until all is booked."""
        self.sent.clear()
        self._heard, self._armed = 0.0, 1.0
        before = time.process_time()
        await self._bars(1)
        while len(self.sent) < self._users or self._platform.desk.busy:
            await REAL.sleep(LOOK_S)
        spent = time.process_time() - before
        self._armed = 0.0
        return [1_000 * (at - self._heard) for at in sorted(self.sent)], 1_000 * spent / self._users

    async def plain(self) -> Plain:
        """What ccxt alone needs for as many orders, by one client of its own, so many at once."""
        tls = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        port = self.transport.loopback_port or 0
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, resolver=_Here(port), limit=AT_ONCE),
            # Looked at as ours are: what that costs is nobody's.
            trace_configs=[self._trace()],
        ) as http:
            client = ccxt.pro.binance({"apiKey": "plain", "secret": "plain", "enableRateLimit": False, "session": http})
            client.milliseconds = self.clock.now_ms
            client.options["fetchMarkets"] = {"types": ["spot"]}
            await client.load_markets()
            # Its connections stand, as ours do.
            await asyncio.gather(*(client.fetch_time() for _ in range(AT_ONCE)))
            sent_ms = await self._ordered(client, asyncio.sleep(0))
            fills = _Fills(client, self._users)
            async with asyncio.timeout(PLAIN_TIMEOUT_S):
                await fills.open()
                booked_ms = await self._ordered(client, fills.all.wait())
            await client.close()
        return Plain(sent_ms, booked_ms)

    async def _ordered(self, client: Any, until: Awaitable[object]) -> float:
        """CPU ms of an order of so many, until every answer is here, and something else."""
        before = time.process_time()
        orders = (client.create_order("BTC/USDT", "market", "buy", 0.001) for _ in range(self._users))
        await asyncio.gather(*orders, until)
        return 1_000 * (time.process_time() - before) / self._users


class _Fills:
    """Set once ccxt's own `watch_orders` has read of so many fills; nothing else looks at what it reads."""

    def __init__(self, client: Any, wanted: int) -> None:
        """Listens in front of ccxt's handlers, which do what they do."""
        self.all, self._open, self._client = asyncio.Event(), asyncio.Event(), client
        read, subscribed = client.handle_order_update, client.handle_user_data_stream_subscribe
        left = wanted

        def on_report(connection: Any, report: Any) -> None:
            nonlocal left
            read(connection, report)
            left -= report["X"] == "FILLED"
            if not left:
                self.all.set()

        def on_subscribed(connection: Any, answer: Any) -> None:
            subscribed(connection, answer)
            self._open.set()

        client.handle_order_update, client.handle_user_data_stream_subscribe = on_report, on_subscribed

    async def open(self) -> None:
        """Return once the venue streams."""
        self._watching = asyncio.create_task(self._client.watch_orders())
        await self._open.wait()


class _Here(AbstractResolver):
    """Every name is this machine, at one port."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _roomy(limit: Limit) -> Limit:
    """The same with room for everybody at once: what is measured is the work, not the venue's patience."""
    return replace(limit, amount=limit.amount * ROOMY)


def figures(sent_ms: list[float], cpu_ms: float, plain: Plain, rested_ms: list[float]) -> list[Figure]:
    """What one candle says, plain ccxt beside it, and a candle after a rest; times are of the wall clock."""
    users, after = len(sent_ms), "after 16 s without an order, over new connections"
    name = f"candle to wire, {users:,} users"
    ccxt_alone = {"ccxt alone": plain.booked_ms, "ccxt alone, its fill not heard of": plain.sent_ms}
    half, most = sent_ms[len(sent_ms) // 2], sent_ms[int(len(sent_ms) * 0.99)]
    return [
        Figure(f"{name}: first", "wall ms", sent_ms[0], peers={"reach": REACH_FIRST_MS}),
        Figure(f"{name}: half of them", "wall ms", half),
        Figure(f"{name}: 99 %", "wall ms", most),
        Figure(f"{name}: last", "wall ms", sent_ms[-1], peers={"reach": REACH_LAST_MS}),
        Figure(f"{name}: first, {after}", "wall ms", rested_ms[0]),
        Figure(f"{name}: last, {after}", "wall ms", rested_ms[-1], peers={"reach": REACH_LAST_MS}),
        Figure("an order, until its fill is booked", "ms CPU", cpu_ms, peers=ccxt_alone),
        Figure("an order, beyond ccxt's own", "ms CPU", cpu_ms - plain.booked_ms, peers={"reach": REACH_CPU_MS}),
    ]


def rounds(users: int = USERS) -> Measure:
    """Bring everybody up once; each round is one candle that buys and one that sells, and plain ccxt between them."""
    runner = asyncio.Runner()
    crowd = Crowd(users, Path(tempfile.mkdtemp(prefix="tradepool-")))

    def end() -> None:
        runner.run(crowd.close())
        runner.close()
        shutil.rmtree(crowd.folder)

    atexit.register(end)
    crowd.serve()
    runner.run(crowd.open())
    runner.run(crowd.warm())

    def once() -> list[Figure]:
        before = gc.get_threshold()
        # As the trading process does.
        keep_what_stands()
        try:
            bought, plain = runner.run(crowd.candle()), runner.run(crowd.plain())
            runner.run(REAL.sleep(IDLE_S))
            sold = runner.run(crowd.candle())
        finally:
            gc.set_threshold(*before)
        return figures(*bought, plain, sold[0])

    return once
