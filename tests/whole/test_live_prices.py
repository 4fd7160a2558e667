"""Practice on live prices, end to end: Binance's recorded book and tape, served as Binance would, mirrored by our venue,
traded on by the trading process of a deployment with `prices = "mirror"`. All on virtual time.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.captures import Capture, read_capture, text
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

SHORT_DIFFS = 2_400
# Turns of the loop that each frame is given; how long its prices are remembered, and how far a fill may be from the best.
TURNS, FRAMES_KEPT, NEAR = 6, 20, 0.0005
# Best prices that were told with the last update of a frame, at least.
BESTS_MIN = 100
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


class LivePrices:
    """The recorded venue, ours that mirrors it, the trading process before ours, and the time they share."""

    def __init__(self, at: Practice, trading: Trading, running: asyncio.Task[None], capture: Capture) -> None:
        self.at, self.trading, self.running, self.capture = at, trading, running, capture
        self.seen = 0
        self.fills: list[Fill] = []
        self.off_book: list[Fill] = []
        self.compared, self.apart = 0, list[int]()

    def frames(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """Diffs and prints as they were received: when in ms, on which stream."""
        both = [(ns, DEPTH, frame) for ns, frame in self.capture.diffs]
        both += [(ns, TRADE, frame) for ns, frame in self.capture.trades]
        for ns, stream, frame in sorted(both, key=lambda each: each[0]):
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
        truth, recent = self.at.real.truths["BTCUSDT"], deque[set[str]](maxlen=FRAMES_KEPT)
        for time_ms, stream, frame in self.frames():
            if stream == DEPTH and frame["u"] > truth.last_id:
                truth.apply(frame)
                recent.append({price for side in ("a", "b") for price, _ in frame[side]})
            await self.at.real.send(stream, frame)
            for _ in range(TURNS):
                await asyncio.sleep(0)
            # Our venue has read it, however slowly the machine hands it over: its book is held against this update's.
            await self.settled(partial(self.mirrored, stream, frame))
            if stream == DEPTH:
                self.beside_the_recorded_best(frame["u"])
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

    def beside_the_recorded_best(self, update_id: int) -> None:
        """Our venue's best prices, and those that the real one told of the same update."""
        quoted = self.capture.quoted.at(update_id)
        if quoted is None or quoted[0] != update_id:
            return
        bid, _, ask, _ = quoted[1]
        ours = [side[0][0] for side in self.at.levels(1)]
        self.compared += 1
        if ours != [round(bid * 100), round(ask * 100)]:
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

    async def story(at: Practice) -> None:
        (seat,) = deployed.seats
        at.venue.pass_time(at.clock.now_ms())
        key = practice_key(deployed, seat.account_id)
        at.venue.open_account(key.key, key.secret, seat.account.cash)
        server = Server(at.venue, UnixSocket(str(tmp_path / "v")), files.server_context())
        place, books = await server.start(), books_of(deployed, "recorded")
        trading = Trading(deployed, books, at.clock, connection_of(place, files), lambda seat: key)
        running = asyncio.create_task(trading.run())
        live = LivePrices(at, trading, running, capture)
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
        async with practice(files, fill) as at:
            await story(at)

    asyncio.run(tell())
