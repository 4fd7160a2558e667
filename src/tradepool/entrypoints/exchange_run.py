"""Serving a venue alone: doors open, time paced by the machine's clock, until somebody says that it is enough."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live

from tradepool.domain.candle import timeframe_name
from tradepool.entrypoints.exchange import CASH, ServePlan
from tradepool.entrypoints.exchange_mirror import mirrored
from tradepool.entrypoints.exchange_place import PLACE_FILE, Served, write_place
from tradepool.ports.clock import Clock
from tradepool.presentation.exchange_guide import JAVASCRIPT, PYTHON, Opened, Status, guide, program, status_line
from tradepool.runtime.clock import RealClock
from tradepool.simexchange.control import Control
from tradepool.simexchange.door import LOOPBACK, TcpPort
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import make_tls_files

TICK_S = 0.05
DRAW_S = 0.5
LEAST_WORTH = 20


class PacedClock:
    """The venue's time: the machine's, faster or slower, from a start of its own."""

    def __init__(self, real: Clock, start_ms: int, speed: float, began_ms: int | None = None) -> None:
        """It is `start_ms` now, or was at the machine's `began_ms`."""
        self._real, self._start_ms, self._speed = real, start_ms, speed
        self.began_ms = real.now_ms() if began_ms is None else began_ms

    def now_ms(self) -> int:
        """Virtual ms UTC."""
        return self._start_ms + int((self._real.now_ms() - self.began_ms) * self._speed)

    async def sleep(self, seconds: float) -> None:
        """Wait for virtual seconds."""
        await self._real.sleep(seconds / self._speed)


def serve(plan: ServePlan, limits: str) -> None:
    """Serve until SIGINT or SIGTERM, or until the candles are over. PortInUse, CannotListen."""
    with _folder(plan.folder) as folder:
        asyncio.run(_serve(plan, folder, limits))


@contextmanager
def _folder(asked: Path | None) -> Iterator[Path]:
    """Where the authority and the clients are written; one of our own is gone afterwards."""
    if asked is not None:
        asked.mkdir(parents=True, exist_ok=True)
        yield asked
        return
    folder = Path(tempfile.mkdtemp(prefix="tradepool-exchange-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _serve(plan: ServePlan, folder: Path, limits: str) -> None:
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    real, files, venue = RealClock(), make_tls_files(folder), plan.venue
    began_s = time.time()
    clock = PacedClock(real, plan.start_ms, plan.speed)
    server = Server(venue, TcpPort(plan.port), files.server_context(), plan.scenario, clock)
    # A client's clock is never ahead of the venue's, however fast time passes.
    server.before_request = lambda: _catch_up(plan, clock)
    token = secrets.token_hex(16)
    control = Control(venue, server, TcpPort(plan.control_port), token, steps=False)
    place = await server.start()
    try:
        control_place = await control.start()
        assert isinstance(place, TcpPort)
        assert isinstance(control_place, TcpPort)
        async with mirrored(venue, plan.wire, real, over.set):
            opened = _opened(plan, (place.port, control_place.port, token), files.ca_file, folder, limits, began_s)
            (folder / "client.py").write_text(program(PYTHON, opened), encoding="utf-8")
            (folder / "client.mjs").write_text(program(JAVASCRIPT, opened), encoding="utf-8")
            place_file = folder / PLACE_FILE
            write_place(place_file, _served(opened, clock))
            print(guide(opened), flush=True)
            try:
                await _go(plan, server, clock, real, over)
            finally:
                place_file.unlink(missing_ok=True)
    finally:
        await control.stop()
        await server.stop()


async def _go(plan: ServePlan, server: Server, clock: PacedClock, real: Clock, over: asyncio.Event) -> None:
    screen = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
    live = sys.stderr.isatty()
    if live:
        screen.start()
    try:
        draw_ms = 0
        while _catch_up(plan, clock) and not over.is_set():
            if live and real.now_ms() >= draw_ms:
                draw_ms = real.now_ms() + int(DRAW_S * 1000)
                screen.update(status_line(_status(plan, server)), refresh=True)
            await real.sleep(TICK_S)
    finally:
        screen.stop()
    print("The exchange is closed." if over.is_set() else "The candles are over; the exchange is closed.", flush=True)


def _catch_up(plan: ServePlan, clock: Clock) -> bool:
    """Let the venue's time pass to now; False when the candles are over. Live prices never are."""
    return plan.venue.run_until(clock.now_ms()) or plan.wire is not None


def _served(opened: Opened, clock: PacedClock) -> Served:
    return Served(
        world=f"{opened.start_ms}-{os.getpid()}",
        pid=os.getpid(),
        port=opened.port,
        control_port=opened.control_port,
        token=opened.token,
        ca_file=opened.ca_file,
        start_ms=opened.start_ms,
        began_ms=clock.began_ms,
        speed=opened.speed,
    )


def _status(plan: ServePlan, server: Server) -> Status:
    venue, market = plan.venue, plan.venue.markets[0]
    weight = venue.limiter.weight.count(LOOPBACK, venue.now_ms) if venue.limiter else None
    return Status(
        time_ms=venue.now_ms,
        symbol=market.market.symbol,
        price=market.price_text.text(market.price or 0),
        requests=server.requests,
        weight=weight,
        connections=server.connections,
        faults=sum(rule.struck.total() for rule in server.faults),
    )


def _opened(
    plan: ServePlan, doors: tuple[int, int, str], ca_file: Path, folder: Path, limits: str, began_s: float
) -> Opened:
    port, control_port, token = doors
    first = plan.venue.markets[0]
    quotes = dict.fromkeys(market.quote for market in plan.venue.markets)
    return Opened(
        port=port,
        control_port=control_port,
        token=token,
        ca_file=str(ca_file),
        folder=str(folder),
        users=[(user.name, user.key, user.secret) for user in plan.users],
        symbols=[market.market.symbol for market in plan.venue.markets],
        timeframe=timeframe_name(plan.venue.timeframe_ms),
        quote=first.quote,
        quantity=_small_quantity(plan),
        cash=", ".join(f"{CASH:,} {quote}" for quote in quotes),
        scenario=plan.scenario.name,
        limits=limits,
        rules=plan.rules,
        books=_books(plan),
        start_ms=plan.start_ms,
        end_ms=plan.end_ms,
        began_s=began_s,
        speed=plan.speed,
    )


def _books(plan: ServePlan) -> str:
    if plan.wire is not None:
        return "live"
    if plan.depth is None:
        return f"endless, {plan.venue.slippage_bp} bp worse than the price"
    return f"{plan.depth.levels} levels of about {plan.depth.level_notional:,} a side, {plan.depth.spread_bp} bp apart"


def _small_quantity(plan: ServePlan) -> str:
    """A quantity of the first market that is worth a few times the least order."""
    market = plan.venue.markets[0]
    worth = (market.price or 1) * market.units_per_tick_step
    least = market.market.quote_units(market.market.notional_min)
    return market.quantity_text.text(max(market.min_steps, LEAST_WORTH * least // worth + 1))
