"""The recorded order book, prints and best prices through the data plane: whole, lossless, and true to the record.

Binance's own hours (2024-08-08 BTC/USDT; 30 s of 2021 on many symbols) go over real sockets through unmodified ccxt;
what is dropped, repeated or reordered is what a test did not send, sent twice or sent late.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.book_words import Words, markets_of, wire_words, words_of
from tests.books_kit import Plane, plane
from tests.captures import Capture, Truth, read_capture, wire_frames
from tests.nouns import BTC
from tests.replay_kit import SPIN_S, ReplayVenue, replay_venue, spins
from tradepool.adapters.exchanges.ccxt_books import CcxtBooks
from tradepool.adapters.exchanges.transport import Session
from tradepool.domain.depth import BookDiff
from tradepool.domain.market import Market
from tradepool.domain.quote import Quote
from tradepool.domain.trade_tick import TradeTick
from tradepool.ports.market_stream import MarketEars
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.tls import TlsFiles

SHORT_DIFFS = 400
DEPTH = "btcusdt@depth@100ms"
Best = tuple[float, float, float, float]
Story = Callable[[Plane], Awaitable[None]]


@pytest.fixture(scope="module")
def capture(real_data: Path | None, long: bool) -> Capture:
    """The first 40 s of the recorded book; with `--long` all eleven minutes."""
    if real_data is None:
        pytest.skip("the recorded order book is not here")
    return read_capture(real_data, None if long else SHORT_DIFFS)


def play(files: TlsFiles, story: Story, **how: Any) -> None:
    """A story before a running data plane."""

    async def tell() -> None:
        async with plane(files, **how) as at:
            await story(at)

    asyncio.run(tell())


def test_c515_the_recorded_book_is_whole_uncrossed_and_its_best_prices_are_the_recorded_ones(
    files: TlsFiles, capture: Capture
) -> None:
    """Rule: after a diff the best prices and quantities are those of the newest bookTicker whose id is not after it.

    Where both carry one id they must be equal. Between ids a few may differ: Binance cuts its depth frames every 100 ms,
    also between the updates of one order on its way through the book, and bookTicker speaks when that order is through.
    So a difference lies between two recorded ids, and is gone with the next frame. On the way the price nears the end of
    what the snapshot knew, and the book is renewed: a venue that was frames ahead of its stream would make it skip them.
    """

    async def story(at: Plane) -> None:
        states = watch(at)
        for _, frame in follow(at.venue, capture):
            await at.venue.send(DEPTH, frame)
            await at.until_whole()
        assert [last_id for last_id, _ in states] == [
            capture.snapshot.last_id,
            *(f["u"] for _, f in capture.diffs if f["u"] > capture.snapshot.last_id),
        ]
        assert at.books.state(BTC.id).gaps == 0
        at.assert_equal(count=500)
        quoted = [(last_id, best, capture.quoted.at(last_id)) for last_id, best in states]
        known = [(last_id, best, *found) for last_id, best, found in quoted if found is not None]
        differ = [number for number, (_, best, _, row) in enumerate(known) if best != row]
        assert len(known) == len(states)
        assert sum(last_id == quote_id for last_id, _, quote_id, _ in known) > len(known) / 10
        assert len(differ) <= len(known) * 0.001
        assert all(known[number][0] != known[number][2] for number in differ)
        assert not any(number + 1 in differ for number in differ)

    play(files, story, venue=at_snapshot(capture))


@pytest.mark.parametrize("seed", range(2))
def test_c516_the_recorded_book_with_frames_lost_repeated_and_reordered(
    files: TlsFiles, capture: Capture, seed: int
) -> None:
    """Each lost frame and each pair in the wrong order is found, one gap each, and every whole state is the true one."""

    async def story(at: Plane) -> None:
        rng = Random(seed)
        true_best: dict[int, Best] = {}
        states = watch(at)
        frames = follow(at.venue, capture, true_best)
        faults = 0
        for _, frame in frames:
            fate = rng.random()
            if fate >= 0.09 or frame["u"] <= capture.snapshot.last_id:
                await at.venue.send(DEPTH, frame)
                continue
            faults += fate < 0.06
            await at.until_update(frame["U"] - 1)
            if fate >= 0.06:
                await at.venue.send(DEPTH, frame)
                await at.venue.send(DEPTH, frame)
                continue
            following = next(frames, None)
            if following is None:
                faults -= 1
                await at.venue.send(DEPTH, frame)
                break
            await at.venue.send(DEPTH, following[1])
            if fate < 0.03:
                await at.venue.send(DEPTH, frame)
            await at.until_gaps(faults)
            await at.until_whole()
        await at.until_whole()
        at.assert_equal(count=500)
        assert at.books.state(BTC.id).gaps == faults > 10
        assert states[0][0] == capture.snapshot.last_id
        assert all(best == true_best[last_id] for last_id, best in states[1:])

    play(files, story, venue=at_snapshot(capture))


def test_c517_recorded_prints_and_best_prices_come_through_word_for_word(files: TlsFiles, capture: Capture) -> None:
    """Every one of them, in order; of the prints none is missing by its number."""
    frames = [("btcusdt@trade", frame) for _, frame in capture.trades]
    frames += [("btcusdt@bookTicker", frame) for _, frame in capture.quotes]
    heard = hear(files, [BTC], frames)
    assert sorted_by_kind(heard) == sorted_by_kind([wire_words(frame) for _, frame in frames])
    numbers = [frame["t"] for _, frame in capture.trades]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_c518_every_word_of_the_wire_capture_becomes_a_noun(real_data: Path | None, files: TlsFiles) -> None:
    """177 changes of books, 84 best prices, 2 prints of 2021; the two candles are not for this feed."""
    if real_data is None:
        pytest.skip("the wire captures are not here")
    words = [json.loads(each) for each in wire_frames(real_data)]
    frames = [(each["stream"], each["data"]) for each in words if "kline" not in each["stream"]]
    markets = markets_of([frame for _, frame in frames])
    heard = hear(files, markets, [(name.replace("@aggTrade", "@trade"), frame) for name, frame in frames])
    assert len(heard) == 177 + 84 + 2
    assert sorted_by_kind(heard) == sorted_by_kind([wire_words(frame) for _, frame in frames])


def hear(files: TlsFiles, markets: Sequence[Market], frames: Sequence[tuple[str, dict[str, Any]]]) -> list[Words]:
    """What our adapter makes of frames on their streams, in words; nothing of it may make no sense."""
    heard: list[BookDiff | TradeTick | Quote] = []
    bad: list[str] = []
    ears = MarketEars(
        on_bad=lambda market, why: bad.append(f"{market} {why}"),
        on_diff=heard.append,
        on_trade=heard.append,
        on_quote=heard.append,
    )

    async def tell() -> None:
        async with replay_venue(markets, files) as (venue, transport):
            session = Session(transport)
            stream = CcxtBooks("binance", session, VirtualClock(1))
            await stream.subscribe(markets, ears, bad.append)
            for name, frame in frames:
                await venue.send(name, frame)
            for _ in spins():
                if bad or len(heard) == len(frames):
                    break
                await asyncio.sleep(SPIN_S)
            await stream.close()
            await session.close()

    asyncio.run(tell())
    assert bad == []
    named = {market.id: market for market in markets}
    return [words_of(noun, named[noun.market]) for noun in heard]


def sorted_by_kind(words: Sequence[Words]) -> list[Words]:
    """The three kinds come by three connections: order holds within each."""
    return sorted(words, key=lambda each: str(each[0]))


def at_snapshot(capture: Capture) -> Callable[[ReplayVenue], None]:
    """The venue stands where the recorded snapshot was taken."""

    def start(venue: ReplayVenue) -> None:
        truth = capture.snapshot
        venue.truths["BTCUSDT"] = Truth(truth.last_id, dict(truth.bids), dict(truth.asks))

    return start


def follow(
    venue: ReplayVenue, capture: Capture, best: dict[int, Best] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each recorded diff after the venue's own book has taken it; `best` remembers its best prices by update."""
    truth = venue.truths["BTCUSDT"]
    for time_ns, frame in capture.diffs:
        if frame["u"] > truth.last_id:
            truth.apply(frame)
            if best is not None:
                bid, ask = max(truth.bids, key=float), min(truth.asks, key=float)
                best[truth.last_id] = (float(bid), float(truth.bids[bid]), float(ask), float(truth.asks[ask]))
        yield time_ns, frame


def watch(at: Plane) -> list[tuple[int, Best]]:
    """Every whole state of the book: update id and best prices, as the recording has them."""
    states: list[tuple[int, Best]] = []

    def look() -> None:
        if at.why():
            return
        book = at.books.book(BTC.id)
        assert not book.is_crossed
        assert book.best_bid
        assert book.best_ask
        (bid, bid_units), (ask, ask_units) = book.best_bid, book.best_ask
        row = (bid / 100, bid_units / 10**8, ask / 100, ask_units / 10**8)
        if not states or states[-1][0] != book.last_id:
            states.append((book.last_id, row))

    at.books.listen(BTC.id, on_change=look)
    return states
