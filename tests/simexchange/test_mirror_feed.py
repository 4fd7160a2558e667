"""The mirrored venue before a real one on real sockets: its books and prints, halts, and orders that fill against them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.captures import Truth, read_capture
from tests.contract.ccxt_kit import ToLoopback
from tests.nouns import BTC
from tests.replay_kit import ReplayVenue, replay_venue
from tests.simexchange.mirror_kit import DEPTH, START_MS, TRADE, Practice, practice
from tradepool.simexchange import errors
from tradepool.simexchange.codecs.binance.mirror_frames import BadMirrorFrame
from tradepool.simexchange.mirror_feed import mirrored_listings
from tradepool.simexchange.records import Kind, Side, Status
from tradepool.simexchange.tls import TlsFiles


def play(files: TlsFiles, story: Callable[[Practice], Awaitable[None]], **how: Any) -> None:
    """A story of practice."""

    async def tell() -> None:
        async with practice(files, **how) as at:
            await story(at)

    asyncio.run(tell())


def test_it_lists_what_the_real_venue_lists_and_shows_its_book(files: TlsFiles) -> None:
    async def story(at: Practice) -> None:
        market = at.venue.market("BTCUSDT").market
        assert (market.price_tick, market.quantity_step, market.notional_min) == (
            BTC.price_tick, BTC.quantity_step, Decimal(5)
        )  # fmt: skip
        assert at.levels()[0] == [(9_900, 100_000), (9_800, 200_000)], "an odd lot is floored to steps"
        await at.move(bids=[("99.5", "0.000001"), ("98", "0")], asks=[("100.5", "0.5")])
        await at.until(
            lambda: at.levels() == [[(9_900, 100_000)], [(10_050, 50_000), (10_100, 100_000), (10_200, 300_000)]]
        )

    play(files, story)


def test_what_we_took_is_remembered_until_the_real_level_changes(files: TlsFiles) -> None:
    async def story(at: Practice) -> None:
        order = at.place(Kind.MARKET, Side.BUY, 150_000)
        assert [(trade.ticks, trade.steps) for trade in at.venue.trades("key")] == [(10_100, 100_000), (10_200, 50_000)]
        assert order.status is Status.FILLED
        await at.move(bids=[("99.5", "1")])
        await at.until(lambda: at.levels()[0][0] == (9_950, 100_000))
        assert at.levels()[1] == [(10_200, 250_000)]
        await at.move(asks=[("101", "0.9")])
        await at.until(lambda: at.levels()[1] == [(10_100, 90_000), (10_200, 250_000)])

    play(files, story)


def test_a_resting_limit_is_filled_by_the_real_tape_behind_its_queue(files: TlsFiles) -> None:
    async def story(at: Practice) -> None:
        at.place(Kind.LIMIT, Side.BUY, 50_000, limit=9_900)
        await at.print(1, "99.00000000", "1.00000000", sold=True)
        await at.until(lambda: at.venue.market("BTCUSDT").price == 9_900)
        assert at.order().filled_steps == 0, "what stood there before us"
        await at.print(2, "99.00000000", "0.20000000", sold=True)
        await at.until(lambda: at.order().filled_steps == 20_000)
        await at.print(3, "98.99000000", "7.00000000", sold=True)
        await at.until(lambda: at.order().status is Status.FILLED)
        assert {trade.ticks for trade in at.venue.trades("key")} == {9_900}
        assert at.feed.prints_missed("BTCUSDT") == 0

    play(files, story)


def test_a_lost_frame_halts_the_market_until_its_book_is_whole(files: TlsFiles) -> None:
    async def story(at: Practice) -> None:
        at.place(Kind.LIMIT, Side.BUY, 50_000, limit=9_950)
        at.real.says = [(503, "busy"), (200, "<html>")]
        await at.move(asks=[("100.5", "1")], send=False)
        await at.move(asks=[("99.4", "0.2")])
        await at.until(lambda: at.status == "HALT")
        assert at.feed.why("BTCUSDT").startswith("gap: update 101 expected")
        with pytest.raises(errors.MarketClosed):
            at.place(Kind.MARKET, Side.BUY, 10_000, name="b")
        await at.print(1, "99.40000000", "1.00000000", sold=True)
        await at.until(lambda: at.feed.prints_missed("BTCUSDT") == 1)
        assert at.order().filled_steps == 0
        await at.until(lambda: at.status == "TRADING", jump_ms=10_000)
        assert at.order().filled_steps == 20_000, "the book has come to the limit meanwhile"
        assert at.place(Kind.MARKET, Side.BUY, 10_000, name="c").status is Status.FILLED

    play(files, story)


def test_a_lost_connection_halts_everything_until_it_is_back(files: TlsFiles) -> None:
    async def story(at: Practice) -> None:
        await at.real.drop_connections()
        await at.until(lambda: at.status == "HALT")
        assert at.feed.why("BTCUSDT").startswith("stream lost")
        await at.move(bids=[("99.5", "1")], send=False)
        await at.until_equal(jump_ms=10_000)
        await at.print(5, "99.50000000", "0.10000000", sold=True)
        await at.until(lambda: at.venue.market("BTCUSDT").price == 9_950)

    play(files, story)


@pytest.mark.parametrize("frame", ['{"e":"depthUpdate"}', '{"E":1,"U":101,"u":101,"b":[["99.001","1.0"]],"a":[]}'])
def test_a_frame_that_makes_no_sense_halts_its_market(files: TlsFiles, frame: str) -> None:
    async def story(at: Practice) -> None:
        at.real.says = [(503, "busy")]
        await at.real.send(DEPTH, frame)
        await at.until(lambda: at.status == "HALT")
        await at.until_equal(jump_ms=10_000)

    play(files, story)


def test_time_is_the_real_venues(files: TlsFiles) -> None:
    async def story(at: Practice) -> None:
        await at.print(1, "99.00000000", "0.10000000", sold=True, time_ms=START_MS + 7_500)
        await at.until(lambda: at.venue.now_ms == START_MS + 7_500)
        at.clock.advance_to(START_MS + 2_000)
        await at.until(lambda: at.venue.now_ms == START_MS + 9_500)

    play(files, story)


def test_symbols_the_real_venue_does_not_have_are_named(files: TlsFiles) -> None:
    async def tell() -> None:
        async with replay_venue([BTC], files) as (real, transport):
            connector = aiohttp.TCPConnector(
                ssl=files.client_context(), resolver=ToLoopback(transport.loopback_port or 0)
            )
            async with aiohttp.ClientSession(connector=connector) as http:
                real.markets = []
                with pytest.raises(BadMirrorFrame, match="NOPEUSDT"):
                    await mirrored_listings(http, ["NOPEUSDT"])

    asyncio.run(tell())


def test_the_recorded_book_and_tape_drive_the_venue(files: TlsFiles, real_data: Path | None, long: bool) -> None:
    """Recorded frames in the order they were received: our book is the real one, and resting limits on both sides are
    served by what was printed: never more than that, never at another price."""
    if real_data is None:
        pytest.skip("the recorded order book is not here")
    capture = read_capture(real_data, None if long else 300)

    def fill(real: ReplayVenue) -> None:
        truth = capture.snapshot
        real.truths["BTCUSDT"] = Truth(truth.last_id, dict(truth.bids), dict(truth.asks))

    async def story(at: Practice) -> None:
        truth = at.real.truths["BTCUSDT"]
        bid, ask = (side[0][0] for side in at.levels())
        at.place(Kind.LIMIT, Side.BUY, 10_000, limit=bid - 100, name="below")
        at.place(Kind.LIMIT, Side.SELL, 10_000, limit=ask + 100, name="above")
        tape = [*((time, DEPTH, f) for time, f in capture.diffs), *((time, TRADE, f) for time, f in capture.trades)]
        for _, stream, frame in sorted(tape, key=lambda each: each[0]):
            if stream == DEPTH and frame["u"] > truth.last_id:
                truth.apply(frame)
            await at.real.send(stream, frame)
        last = capture.trades[-1][1]
        await at.until(lambda: at.venue.market("BTCUSDT").price == round(float(last["p"]) * 100))
        await at.until(
            lambda: at.status == "TRADING" and at.feed._mirrored["BTCUSDT"].sync.book.last_id == truth.last_id
        )
        ours, real = at.levels(200), at.real_levels(201)
        taken = {trade.ticks for trade in at.venue.trades("key")}
        for mine, theirs in zip(ours, real, strict=True):
            assert [level for level in theirs[:200] if level not in mine and level[0] not in taken] == []
        assert at.feed.prints_missed("BTCUSDT") == 0
        printed = [(round(float(f["p"]) * 100), f["q"]) for _, f in capture.trades]
        for name, limit, reached in (
            ("below", bid - 100, min(printed)[0] < bid - 100),
            ("above", ask + 100, max(printed)[0] > ask + 100),
        ):
            order = at.order(name)
            assert (order.filled_steps == 10_000) if reached else True
            assert {trade.ticks for trade in at.venue.trades("key") if trade.client_id == name} <= {limit}
        assert taken, "at least one of them was reached"

    play(files, story, fill=fill)
