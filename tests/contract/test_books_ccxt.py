"""The data plane of order books, prints and best prices through unmodified ccxt, before a venue that loses frames.

What is dropped, repeated or reordered is what the test did not send, sent twice or sent late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.books_kit import ETH, Plane, plane
from tests.nouns import BTC
from tradepool.domain.order import Side
from tradepool.domain.trade_tick import TradeTick
from tradepool.services.market_books import BookSuspended
from tradepool.simexchange.tls import TlsFiles

SHORT_DIFFS = 400
DEPTH = "btcusdt@depth@100ms"
Story = Callable[[Plane], Awaitable[None]]


def play(files: TlsFiles, story: Story, **how: Any) -> None:
    """A story before a running data plane."""

    async def tell() -> None:
        async with plane(files, **how) as at:
            await story(at)

    asyncio.run(tell())


def test_c501_a_snapshot_and_the_diffs_after_it_are_the_venues_book(files: TlsFiles) -> None:
    async def story(at: Plane) -> None:
        at.assert_equal()
        await at.move(bids=[("99.5", "0.25"), ("98", "0")], asks=[("101", "3")])
        await at.until_whole()
        at.assert_equal()
        assert at.books.book(BTC.id).best_bid == (9950, 25_000_000)
        assert at.venue.depth_asked == ["BTCUSDT"]

    play(files, story)


def test_c502_a_lost_frame_is_found_and_mended(files: TlsFiles) -> None:
    async def story(at: Plane) -> None:
        await at.move(bids=[("99.1", "1")], send=False)
        await at.move(bids=[("99.2", "1")])
        await at.until_gaps(1)
        await at.until_whole()
        at.assert_equal()

    play(files, story)


def test_c503_a_repeated_frame_changes_nothing(files: TlsFiles) -> None:
    async def story(at: Plane) -> None:
        first = await at.move(bids=[("99.1", "1")])
        await at.move(bids=[("99.1", "0")])
        await at.venue.send(DEPTH, first)
        await at.move(asks=[("101", "2")])
        await at.until_whole()
        at.assert_equal()
        assert at.books.state(BTC.id).gaps == 0

    play(files, story)


def test_c504_frames_in_the_wrong_order_are_a_gap(files: TlsFiles) -> None:
    async def story(at: Plane) -> None:
        late = await at.move(bids=[("99.1", "1")], send=False)
        await at.move(bids=[("99.1", "0")])
        await at.venue.send(DEPTH, late)
        await at.until_gaps(1)
        await at.until_whole()
        at.assert_equal()

    play(files, story)


def test_c505_a_book_that_crosses_is_suspended_and_fetched_anew(files: TlsFiles) -> None:
    """A frame that the venue's own book does not hold: best bid above the best ask."""

    async def story(at: Plane) -> None:
        why: list[str] = []
        at.books.listen(BTC.id, on_change=lambda: why.append(at.why()))
        wrong = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": 101, "u": 101, "b": [["105.00", "1.0"]], "a": []}
        at.venue.truths["BTCUSDT"].last_id = 101
        await at.venue.send(DEPTH, wrong)
        await at.until(lambda: why)
        await at.until_whole()
        assert why[0].startswith("crossed")
        at.assert_equal()

    play(files, story)


def test_c506_a_lost_connection_suspends_every_book_until_it_is_whole_again(files: TlsFiles) -> None:
    async def story(at: Plane) -> None:
        await at.venue.drop_connections()
        await at.until(lambda: at.why(BTC) and at.why(ETH))
        with pytest.raises(BookSuspended, match="stream lost"):
            at.books.book(ETH.id)
        await at.move(ETH, asks=[("101", "9")], send=False)
        for market in (BTC, ETH):
            await at.until_whole(market, jump_ms=2_000)
        at.assert_equal(ETH)
        await at.move(ETH, asks=[("101", "8")])
        await at.until_whole(ETH)
        assert at.books.state(ETH.id).gaps == 0, "a lost connection is no gap of the stream"

    play(files, story, markets=(BTC, ETH))


@pytest.mark.parametrize(
    "answer",
    [(429, '{"code":-1003,"msg":"Too many requests"}'), (200, "<html>sorry</html>"), (200, '{"lastUpdateId":1')],
)
def test_c507_without_a_snapshot_a_book_stays_suspended_and_is_asked_for_again(
    files: TlsFiles, answer: tuple[int, str]
) -> None:
    async def story(at: Plane) -> None:
        at.venue.says = [answer] * 3
        await at.move(send=False)
        await at.move(asks=[("101", "4")])
        await at.until(lambda: len(at.venue.depth_asked) >= 3, jump_ms=2_000)
        assert at.why().startswith("gap")
        await at.until_whole(jump_ms=10_000)
        at.assert_equal()

    play(files, story)


def test_c508_a_snapshot_older_than_the_diffs_is_not_taken_for_the_book(files: TlsFiles) -> None:
    async def story(at: Plane) -> None:
        old = at.venue.truths["BTCUSDT"].answer(1_000)
        await at.move(bids=[("99.1", "1")], send=False)
        at.venue.stale = [old, old]
        await at.move(bids=[("99.2", "1")])
        await at.until_whole(jump_ms=5_000)
        at.assert_equal()
        assert len(at.venue.depth_asked) == 4
        assert at.books.state(BTC.id).gaps == 1

    play(files, story)


def test_c509_silence_is_proven_harmless_by_the_venues_own_number(files: TlsFiles) -> None:
    async def story(at: Plane) -> None:
        connections = at.venue.connections
        at.clock.advance_to(at.clock.now_ms() + 31_000)
        await at.until(lambda: at.books.state(BTC.id).age_ms == 0)
        assert (at.why(), at.venue.depth_asked, at.venue.connections) == ("", ["BTCUSDT"] * 2, connections)
        await at.move(bids=[("99.1", "1")])
        await at.until_whole()

    play(files, story)


def test_c510_a_stream_that_is_silent_while_the_book_moves_is_given_up(files: TlsFiles) -> None:
    async def story(at: Plane) -> None:
        connections = at.venue.connections
        await at.move(bids=[("99.1", "1")], send=False)
        at.clock.advance_to(at.clock.now_ms() + 31_000)
        await at.until(lambda: at.venue.connections > connections, jump_ms=3_000)
        await at.until_whole(jump_ms=3_000)
        at.assert_equal()

    play(files, story)


def test_c511_a_frame_that_makes_no_sense_suspends_its_own_market_only(files: TlsFiles) -> None:
    """The tick was changed on the way: a price that is no whole number of ticks."""

    async def story(at: Plane) -> None:
        why: list[str] = []
        at.books.listen(BTC.id, on_change=lambda: why.append(at.why()))
        frame = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": 101, "u": 101, "b": [["99.001", "1.0"]], "a": []}
        await at.venue.send(DEPTH, frame)
        await at.move(ETH, bids=[("99.1", "1")])
        await at.until(lambda: any("makes no sense" in each for each in why))
        await at.until_whole(ETH)
        await at.until_whole(BTC)
        assert at.books.state(ETH.id).gaps == 0
        assert at.venue.connections == 3

    play(files, story, markets=(BTC, ETH))


def test_c512_every_print_once_and_in_order_through_a_burst(files: TlsFiles) -> None:
    """ccxt's own list keeps the last thousand. What the stream leaves out is asked for; what cannot be had is counted."""

    async def story(at: Plane) -> None:
        heard: list[TradeTick] = []
        at.books.listen(BTC.id, on_trade=heard.append)
        numbers = [*range(1, 3_001), 3_000, 2_999, 3_003, 3_004]
        at.venue.tapes["BTCUSDT"] = [tape_row(number) for number in (2_998, 2_999, 3_000, 3_002, 3_003)]
        for number in numbers:
            await at.venue.send("btcusdt@trade", print_frame(number))
        await at.until(lambda: heard and heard[-1].trade_id == 3_004)
        assert [each.trade_id for each in heard] == [*range(1, 3_001), 3_002, 3_003, 3_004]
        assert heard[0] == TradeTick(
            market=BTC.id, trade_id=1, time_ms=7, price=Decimal("99.5"), quantity=Decimal("0.01"), taker=Side.SELL
        )
        assert heard[3_000] == replace(heard[0], trade_id=3_002)
        assert at.books.state(BTC.id).prints_missed == 1

    play(files, story)


def test_c513_two_hundred_markets_take_one_connection_a_kind(files: TlsFiles) -> None:
    markets = [replace(BTC, base=f"A{number}") for number in range(200)]

    async def story(at: Plane) -> None:
        assert at.venue.connections == 3
        await at.move(markets[199], bids=[("99.1", "1")])
        await at.until_whole(markets[199])
        assert at.venue.depth_asked.count("A199USDT") == 1

    play(files, story, markets=markets)


def test_c514_any_number_of_readers_share_one_subscription(files: TlsFiles) -> None:
    async def story(at: Plane) -> None:
        heard = [0] * 1_000
        for number in range(1_000):

            def count(number: int = number) -> None:
                heard[number] += 1

            at.books.listen(BTC.id, on_change=count)
        await at.move(bids=[("99.1", "1")])
        await at.until_whole()
        assert heard == [1] * 1_000
        assert (at.venue.connections, len(at.venue.depth_asked)) == (3, 1)

    play(files, story)


def print_frame(number: int) -> dict[str, Any]:
    """A trade by a seller."""
    return {
        "e": "trade", "E": 7, "s": "BTCUSDT", "t": number, "p": "99.50000000", "q": "0.01000000", "T": 7, "m": True,
        "M": True,
    }  # fmt: skip


def tape_row(number: int) -> dict[str, Any]:
    """The same by REST."""
    return {"id": number, "price": "99.50000000", "qty": "0.01000000", "quoteQty": "0", "time": 7, "isBuyerMaker": True,
            "isBestMatch": True}  # fmt: skip
