"""Practice on live prices, end to end: Binance's recorded book, trades and best prices, served as Binance would, mirrored by
our venue, traded on by the trading process of a deployment with `prices = "mirror"`. All on virtual time. Beside it a plain
ccxt client watches the best prices, as anybody could; our book is held against what it hears.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.pro
import pytest

from tests.captures import Capture, read_capture, text
from tests.contract.ccxt_kit import OPTIONS, ToLoopback
from tests.replay_kit import SPIN_S, ReplayVenue, files_in, spins
from tests.simexchange.mirror_kit import DEPTH, TRADE, Practice, practice
from tradepool.domain.event import OrderFilled
from tradepool.domain.fill import Fill
from tradepool.domain.ids import AccountId
from tradepool.domain.order import Side
from tradepool.entrypoints.deployment import Deployed, deployed_from
from tradepool.entrypoints.init import Wanted, init
from tradepool.entrypoints.practice import practice_key
from tradepool.entrypoints.replay import connection_of
from tradepool.entrypoints.running import books_of
from tradepool.entrypoints.trading import Trading
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import TlsFiles

SHORT_DIFFS = 2_400
# Turns of the loop that each frame is given; how long its prices are remembered, and how far a fill may be from the best.
TURNS, FRAMES_KEPT, NEAR = 6, 20, 0.0005
# Best prices that were told with the last update of a frame, at least.
BESTS_MIN, BESTS = 100, "btcusdt@bookTicker"
CHURN = """\
name: churn
version: 1

enter: close < open
exit: close > open
stop: 0.05 percent
"""


@pytest.fixture(scope="module")
def capture(real_data: Path | None, long: bool) -> Capture:
    """The first four minutes of the recorded book; with `--long` all eleven."""
    if real_data is None:
        pytest.skip("the recorded order book is not here")
    return read_capture(real_data, None if long else SHORT_DIFFS)


def configured(folder: Path) -> Deployed:
    """Ann trades one market on the mirrored exchange."""
    (folder / "churn.strategy").write_text(CHURN)
    file = folder / "tradepool.toml"
    init(Wanted(file=file, folder=folder / "d", prices="mirror", users=["ann"], yes=True))
    written = re.sub(r"markets = .*", 'markets = ["BTC/USDT"]', file.read_text())
    file.write_text(re.sub(r'strategy = "\w+"', f'strategy = "{folder}/churn.strategy"', written))
    return deployed_from(file)


class BestPrices:
    """The recorded venue's best prices, as a plain ccxt client hears of them."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def tells(self, update_id: int) -> bool:
        """Whether they are those of an update."""
        return self.now()[0] == update_id

    def now(self) -> tuple[int, list[int]]:
        """Of which update they are (0 before the first), and the best bid and ask in ticks."""
        heard = self.client.bidsasks.get("BTC/USDT")
        if heard is None:
            return 0, []
        return int(heard["info"]["u"]), [round(float(heard[side]) * 100) for side in ("bid", "ask")]


@asynccontextmanager
async def best_prices(at: Practice, files: TlsFiles) -> AsyncIterator[BestPrices]:
    """Watched from now on."""
    assert at.real.transport.loopback_port is not None
    connector = aiohttp.TCPConnector(ssl=files.client_context(), resolver=ToLoopback(at.real.transport.loopback_port))
    async with aiohttp.ClientSession(connector=connector) as http:
        client = ccxt.pro.binance(
            {"session": http, "ssl_context": files.client_context(), "enableRateLimit": False, "options": OPTIONS}
        )
        watching = asyncio.create_task(client.watch_bids_asks(["BTC/USDT"]))
        try:
            await at.until(lambda: at.real.reads(BESTS))
            yield BestPrices(client)
        finally:
            watching.cancel()
            await client.close()


class LivePrices:
    """The recorded venue, ours that mirrors it, the trading process before ours, and the time they share."""

    def __init__(
        self, at: Practice, trading: Trading, running: asyncio.Task[None], capture: Capture, best: BestPrices
    ) -> None:
        self.at, self.trading, self.running, self.capture, self.best = at, trading, running, capture, best
        self.seen = 0
        self.fills: list[Fill] = []
        self.off_book: list[Fill] = []
        self.compared, self.apart = 0, list[int]()

    def frames(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """Diffs, prints and best prices as they were received: when in ms, on which stream."""
        every = [(ns, DEPTH, frame) for ns, frame in self.capture.diffs]
        every += [(ns, TRADE, frame) for ns, frame in self.capture.trades]
        every += [(ns, BESTS, frame) for ns, frame in self.capture.quotes]
        for ns, stream, frame in sorted(every, key=lambda each: each[0]):
            yield ns // 1_000_000, stream, frame

    async def settled(self, done: Callable[[], object] = lambda: True) -> None:
        """Until the mirror is whole and nobody waits for an answer; no time passes but what somebody sleeps for."""
        for _ in spins():
            if self.running.done():
                await self.running
            busy = self.trading._standing.ready and self.trading._platform.desk.busy
            if not busy and self.at.status == "TRADING" and done():
                return
            await asyncio.sleep(SPIN_S)

    async def play(self) -> None:
        """The recording, from the first diff to the last; each fill is held against the recorded book of its moment."""
        truth, recent, told = self.at.real.truths["BTCUSDT"], deque[set[str]](maxlen=FRAMES_KEPT), 0
        for time_ms, stream, frame in self.frames():
            if stream == DEPTH and frame["u"] > truth.last_id:
                truth.apply(frame)
                recent.append({price for side in ("a", "b") for price, _ in frame[side]})
            await self.at.real.send(stream, frame)
            if stream == BESTS:
                told = frame["u"]
                continue
            for _ in range(TURNS):
                await asyncio.sleep(0)
            # Our venue has read it, however slowly the machine hands it over: its book is held against this update's.
            await self.settled(partial(self.mirrored, stream, frame))
            if stream == DEPTH and frame["u"] == told:
                await self.settled(partial(self.best.tells, told))
                self.beside_the_best(told)
            for fill in self.new_fills():
                levels = truth.asks if fill.side is Side.BUY else truth.bids
                best = min(levels, key=float) if fill.side is Side.BUY else max(levels, key=float)
                known = text(float(fill.price)) in levels or any(text(float(fill.price)) in each for each in recent)
                if not known or abs(float(best) / float(fill.price) - 1) > NEAR:
                    self.off_book.append(fill)
            self.at.clock.advance_to(max(time_ms, self.at.clock.now_ms()))

    def mirrored(self, stream: str, frame: dict[str, Any]) -> bool:
        """Whether our venue's feed has come to this frame."""
        market = self.at.feed._mirrored["BTCUSDT"]
        if stream == DEPTH:
            return market.sync.book.last_id >= int(frame["u"])
        return market.last_print is not None and market.last_print >= int(frame["t"])

    def beside_the_best(self, update_id: int) -> None:
        """Our venue's best prices, and those that the real one tells of the same update."""
        ours = [side[0][0] for side in self.at.levels(1)]
        self.compared += 1
        if self.best.now() != (update_id, ours):
            self.apart.append(update_id)

    def new_fills(self) -> list[Fill]:
        """What the account has heard of since it was asked last."""
        sequence = self.trading._platform.desk.actors[0].sequence
        if sequence == self.seen:
            return []
        self.seen = sequence
        events = self.trading._platform.journal.read(AccountId("ann-main"))
        every = [event.fill for _, _, event in events if isinstance(event, OrderFilled)]
        fresh = every[len(self.fills) :]
        self.fills = every
        return fresh


def test_a_deployment_trades_on_the_mirrored_book(tmp_path: Path, capture: Capture) -> None:
    deployed, files = configured(tmp_path), files_in(tmp_path)

    def fill(real: ReplayVenue) -> None:
        real.truths["BTCUSDT"] = capture.snapshot

    async def story(at: Practice, best: BestPrices) -> None:
        (seat,) = deployed.seats
        at.venue.pass_time(at.clock.now_ms())
        key = practice_key(deployed, seat.account_id)
        at.venue.open_account(key.key, key.secret, seat.account.cash)
        server = Server(at.venue, UnixSocket(str(tmp_path / "v")), files.server_context())
        place, books = await server.start(), books_of(deployed, "recorded")
        trading = Trading(deployed, books, at.clock, connection_of(place, files), lambda seat: key)
        running = asyncio.create_task(trading.run())
        live = LivePrices(at, trading, running, capture, best)
        try:
            await live.settled(lambda: trading._standing.ready)
            await live.play()
            await live.settled()
            status = await trading._standing.status()
            assert status.worries == []
            sides = [fill.side for fill in live.fills]
            assert Side.BUY in sides
            assert Side.SELL in sides
            assert live.off_book == []
            assert live.compared > BESTS_MIN
            assert live.apart == []
            # The stop rested on the mirrored book, and a recorded print set it off.
            assert "stop" in [trade.exit_reason for trade in trading._platform.books.trades(seat.account_id)]
            (row,) = status.accounts
            assert (row.difference, row.unprotected, row.unknown_orders) == ({}, [], [])
        finally:
            trading._over.set()
            await running
            await server.stop()

    async def tell() -> None:
        # Who watches is connected before the trading process lets nobody else.
        async with practice(files, fill) as at, best_prices(at, files) as best:
            await story(at, best)

    asyncio.run(tell())
