"""From a candle's close to the orders' bytes on the wire, for many users in one process; the exchange is another process.

A deployment's own trading process is what runs, from a configuration: limits at every level, halts, suspensions, pauses and
rungs read before each entry, the journal synced to the disk with a reserve beside it, users in turn. What goes on beside
candles is left out (looks at accounts, keys and alarms, the beat of twice a second, commands), and the venue's own limits and
the seal; time is what frames say.
Beside it, plain ccxt sends as many orders and hears of as many fills. Every second candle buys, the others sell.

Time counts from when the candle's frame is heard to when an order's last byte is given to the kernel; CPU until every answer
and fill is booked. A candle finds the connections that the one before left open; the last of a round comes after a rest, when
they are closed, as between a minute's candles.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from string import Template
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import aiohttp
import ccxt.pro
import numpy as np
from aiohttp.abc import AbstractResolver, ResolveResult

from tradepool.adapters.exchanges.rate_limits import limits_of
from tradepool.adapters.exchanges.transport import Transport
from tradepool.core.market.bars import Bars
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.bench import Figure, Measure
from tradepool.entrypoints.deployment import deployed_from
from tradepool.entrypoints.practice import practice_key
from tradepool.entrypoints.replay import FOREVER_MS, on_our_venue
from tradepool.entrypoints.running import books_of
from tradepool.entrypoints.trading import Trading
from tradepool.entrypoints.wiring import Wiring
from tradepool.ports.clock import Clock
from tradepool.ports.weights import Limit
from tradepool.runtime.clock import RealClock, VirtualClock
from tradepool.runtime.collector import keep_what_stands
from tradepool.runtime.throttle import Throttle
from tradepool.simexchange.door import TcpPort, UnixSocket
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.market_model import model_market
from tradepool.simexchange.process import write_config

USERS, CANDLES, BARS, START_MS, MINUTE_MS = 1_000, 20, 400, 1_640_995_200_000, 60_000
REACH_FIRST_MS, REACH_LAST_MS, REACH_CPU_MS = 5.0, 1_500.0, 0.6
ROOMY, AT_ONCE, PLAIN_TIMEOUT_S = 10_000, 100, 120
# Asking all accounts whether they are busy takes some ms itself. aiohttp closes a connection that was idle for 15 s.
LOOK_S, IDLE_S, REAL = 0.1, 16.0, RealClock()
CASH = {"USDT": Decimal(10_000)}

CHURN = """\
name: bench_churn
version: 1

enter: close > open
exit: close < open
"""
# Limits of every scope, none of which is ever reached.
DEPLOYMENT = Template("""\
[deployment]
id = "bench000"
kind = "practice"
folder = "$folder"

[venue]
id = "binance"
timeframe = "1m"
prices = "model"
symbols = ["BTC/USDT"]

[risk.platform]
exposure_max = 100000000
orders_per_minute_max = 100000
price_age_max_s = 600
drawdown_max = 0.9

[risk.markets."BTC/USDT"]
positions_max = 100000

[risk.strategies.bench_churn]
exposure_max = 100000000

[risk.clusters.majors]
markets = ["BTC/USDT"]
exposure_max = 100000
""")
USER = Template("""
[users.$user]
name = "$user"

[accounts.$user-main]
user = "$user"
cash = { USDT = 10000 }

[mandates.$user-first]
account = "$user-main"
strategy = "$folder/churn.strategy"
markets = ["BTC/USDT"]
capital = 5000
weight = 0.45
mode = "practice"
active = true

[risk.users.$user]
weekly_loss_max = 0.9

[mandates.$user-first.limits]
order_notional_max = 2500
daily_loss_max = 0.9
""")


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


@dataclass(frozen=True, slots=True)
class Told:
    """One candle: wall ms from its frame to each order's last byte, and CPU ms an order until all is booked."""

    sent_ms: Sequence[float]
    cpu_ms: float


class Crowd:
    """So many users, their platform, and the exchange they trade on."""

    def __init__(self, users: int, folder: Path) -> None:
        """`open` starts it all."""
        self.folder, self._users = folder, users
        (folder / "churn.strategy").write_text(CHURN, encoding="utf-8")
        file = folder / "tradepool.toml"
        sections = (USER.substitute(folder=folder, user=f"u{number:04}") for number in range(users))
        file.write_text("".join([DEPLOYMENT.substitute(folder=folder), *sections]), encoding="utf-8")
        self._deployed = deployed_from(file)
        self.clock = VirtualClock(START_MS)
        self.sent: list[float] = []
        self._heard = self._armed = 0.0

    # ---- both processes

    def serve(self) -> None:
        """Start the exchange."""
        accounts: dict[str, tuple[str, dict[str, Decimal]]] = {"plain": ("plain", {"USDT": Decimal(10**7)})}
        keys = [practice_key(self._deployed, seat.account_id) for seat in self._deployed.seats]
        accounts |= {key.key: (key.secret, CASH) for key in keys}
        places = (TcpPort(0), UnixSocket(str(self.folder / "c")))
        config = write_config(self.folder / "venue.json", [listing()], accounts, places, tls_folder=self.folder)
        command = [sys.executable, "-m", "tradepool.simexchange.process", str(config)]
        self._venue = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._venue.stdout is not None, "it was asked for"
        port = int(self._venue.stdout.readline().partition("tcp:")[2].partition('"')[0])
        self.transport = Transport(ca_file=self.folder / "ca.pem", loopback_port=port)

    async def open(self) -> None:
        """Bring every account up."""
        self._control = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.folder / "c")))
        await self._bars(1)
        deployed, books = self._deployed, books_of(self._deployed, "bench")

        Trading(
            deployed,
            books,
            cast("Clock", self.clock),
            self.transport,
            lambda seat: practice_key(deployed, seat.account_id),
            self._timed,
        )
        await self._platform.start()
        # A candle that closes at the very time an account was opened is history to it.
        await self._bars(1)
        while not self._platform.market_data.candles:
            await REAL.sleep(LOOK_S)

    def _timed(self, wiring: Wiring) -> Platform:
        """The trading process's platform, heard and looked at; without what would disturb the clock."""
        limits = [_roomy(limit) for limit in limits_of(wiring.venue)]
        self._platform = Platform(
            replace(
                wiring,
                on_time=self._on_time,
                traces=[self._trace()],
                keep_alive_ms=FOREVER_MS,
                broker=Throttle(limits, cast("Clock", self.clock)),
                sealed=False,
                watched=False,
                beside=False,
            )
        )
        return self._platform

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

    async def candle(self) -> Told:
        """One candle closes."""
        self.sent.clear()
        self._heard, self._armed = 0.0, 1.0
        before = time.process_time()
        await self._bars(1)
        while len(self.sent) < self._users or self._platform.desk.busy:
            await REAL.sleep(LOOK_S)
        spent = time.process_time() - before
        self._armed = 0.0
        return Told([1_000 * (at - self._heard) for at in sorted(self.sent)], 1_000 * spent / self._users)

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


def figures(candles: Sequence[Told], plain: Plain, rested: Told) -> list[Figure]:
    """What so many candles say, plain ccxt beside them, and the one after a rest; times are of the wall clock."""
    name = f"candle to wire, {len(rested.sent_ms):,} users"
    found = list[Figure]()
    for who, at, reach in (("first", 0, REACH_FIRST_MS), ("last", -1, REACH_LAST_MS)):
        every, peers = [candle.sent_ms[at] for candle in candles], {"reach": reach}
        for share in (50, 99):
            figure = float(np.percentile(every, share))
            found.append(Figure(f"{name}: {who}, p{share} of {len(candles)} candles", "wall ms", figure, peers=peers))
        after = f"{name}: {who}, after 16 s without an order, over new connections"
        found.append(Figure(after, "wall ms", rested.sent_ms[at], peers=peers))
    cpu_ms = statistics.mean(candle.cpu_ms for candle in candles)
    alone = {"ccxt alone": plain.booked_ms, "ccxt alone, its fill not heard of": plain.sent_ms}
    return [
        *found,
        Figure("an order, until its fill is booked", "ms CPU", cpu_ms, peers=alone),
        Figure("an order, beyond ccxt's own", "ms CPU", cpu_ms - plain.booked_ms, peers={"reach": REACH_CPU_MS}),
    ]


def rounds(users: int = USERS) -> Measure:
    """Bring everybody up once; each round is so many candles, plain ccxt, and a candle after a rest."""
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
            candles, plain = [runner.run(crowd.candle()) for _ in range(CANDLES)], runner.run(crowd.plain())
            runner.run(REAL.sleep(IDLE_S))
            rested = runner.run(crowd.candle())
        finally:
            gc.set_threshold(*before)
        return figures(candles, plain, rested)

    return once
