"""The data plane of order books, prints and best prices through unmodified ccxt, before a venue that loses frames.

The recorded hours are Binance's own (2024-08-08 BTC/USDT, 30 s of 2021 on many symbols); what is dropped, repeated or
reordered is what the test did not send, sent twice or sent late.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.books_kit import ETH, Plane, plane
from tests.captures import Capture, Truth, read_capture, wire_frames
from tests.nouns import BTC
from tests.replay_kit import ReplayVenue, files_in, symbol_of
from tradepool.adapters.exchanges.ccxt_books import CcxtBooks
from tradepool.adapters.exchanges.transport import Session
from tradepool.domain.depth import BookDiff
from tradepool.domain.market import Market
from tradepool.domain.order import Side
from tradepool.domain.quote import Quote
from tradepool.domain.trade_tick import TradeTick
from tradepool.ports.market_stream import MarketEars
from tradepool.runtime.clock import VirtualClock
from tradepool.services.market_books import BookSuspended
from tradepool.simexchange.tls import TlsFiles

SHORT_DIFFS = 400
DEPTH = "btcusdt@depth@100ms"
Story = Callable[[Plane], Awaitable[None]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """One authority for all."""
    return files_in(tmp_path_factory.mktemp("tls"))


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


def test_c501_a_snapshot_and_the_diffs_after_it_are_the_venues_book(files: TlsFiles) -> None:
    async def story(at: Plane) -> None:
        at.assert_equal()
        await at.move(bids=[("99.5", "0.25"), ("98", "0")], asks=[("101", "3")])
        await at.until_whole()
        at.assert_equal()
        assert at.books.book(BTC.id).best_bid == (9950, 25_000)
        assert at.venue.depth_asked == ["BTCUSDT"]

    play(files, story)


def test_c502_a_lost_frame_is_found_and_mended(files: TlsFiles) -> None:
    async def story(at: Plane) -> None:
        await at.move(bids=[("99.1", "1")], send=False)
        await at.move(bids=[("99.2", "1")])
        await at.until(lambda: at.books.state(BTC.id).gaps == 1)
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
        await at.until(lambda: at.books.state(BTC.id).gaps == 1)
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
    "answer", [(429, '{"code":-1003,"msg":"Too many requests"}'), (200, "<html>sorry</html>"), (200, '{"lastUpdateId":1')]
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
    """ccxt's own list keeps the last thousand."""

    async def story(at: Plane) -> None:
        heard: list[TradeTick] = []
        at.books.listen(BTC.id, on_trade=heard.append)
        numbers = [*range(1, 3_001), 3_000, 2_999, 3_003]
        for number in numbers:
            await at.venue.send("btcusdt@trade", print_frame(number))
        await at.until(lambda: heard and heard[-1].trade_id == 3_003)
        assert [each.trade_id for each in heard] == [*range(1, 3_001), 3_003]
        assert heard[0] == TradeTick(
            market=BTC.id, trade_id=1, time_ms=7, price=Decimal("99.5"), quantity=Decimal("0.01"), taker=Side.SELL
        )
        assert at.books.state(BTC.id).prints_missed == 2

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


# ---- the recorded book


def test_c515_the_recorded_book_is_whole_uncrossed_and_its_best_prices_are_the_recorded_ones(
    files: TlsFiles, capture: Capture
) -> None:
    """Rule: after a diff the best prices and quantities are those of the newest bookTicker whose id is not after it.

    Where both carry one id they must be equal. Between ids a few may differ: Binance cuts its depth frames every 100 ms,
    also between the updates of one order on its way through the book, and bookTicker speaks when that order is through.
    So a difference lies between two recorded ids, and is gone with the next frame.
    """

    async def story(at: Plane) -> None:
        states = watch(at)
        for _, frame in follow(at.venue, capture):
            await at.venue.send(DEPTH, frame)
        await at.until_whole()
        assert [last_id for last_id, *_ in states] == [f["u"] for _, f in capture.diffs if f["u"] > 50_093_239_218]
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
        true_best: dict[int, tuple[float, float, float, float]] = {}
        states = watch(at)
        frames = follow(at.venue, capture, true_best)
        faults = 0
        for _, frame in frames:
            fate = rng.random()
            if fate >= 0.09:
                await at.venue.send(DEPTH, frame)
                continue
            faults += fate < 0.06
            await at.until(lambda before=frame["U"] - 1: not at.why() and at.last_id() >= before)
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
            await at.until(lambda wanted=faults: at.books.state(BTC.id).gaps == wanted)
            await at.until_whole()
        await at.until_whole()
        at.assert_equal(count=500)
        assert at.books.state(BTC.id).gaps == faults > 10
        assert all(best == true_best[last_id] for last_id, best in states)

    play(files, story, venue=at_snapshot(capture))


def test_c517_recorded_prints_and_best_prices_come_through_word_for_word(files: TlsFiles, capture: Capture) -> None:
    async def story(at: Plane) -> None:
        trades: list[TradeTick] = []
        quotes: list[Quote | None] = []
        at.books.listen(BTC.id, on_trade=trades.append)
        for _, frame in capture.trades:
            await at.venue.send("btcusdt@trade", frame)
        for number, (_, frame) in enumerate(capture.quotes):
            await at.venue.send("btcusdt@bookTicker", frame)
            if number % 500 == 0:
                await at.until(lambda wanted=frame: quote_words(at.books.quote(BTC.id)) == quote_words_of(wanted))
                quotes.append(at.books.quote(BTC.id))
        await at.until(lambda: len(trades) == len(capture.trades))
        assert [trade_words(each) for each in trades] == [trade_words_of(frame) for _, frame in capture.trades]
        assert at.books.state(BTC.id).prints_missed == 0
        assert len(quotes) > 1

    play(files, story)


def test_c518_every_word_of_the_wire_capture_becomes_a_noun(real_data: Path | None, files: TlsFiles) -> None:
    """177 changes of books, 84 best prices, 2 prints of 2021; the two candles are not for this feed."""
    if real_data is None:
        pytest.skip("the wire captures are not here")
    words = [json.loads(each) for each in wire_frames(real_data)]
    frames = [each for each in words if "kline" not in each["stream"]]
    markets = markets_of([each["data"] for each in frames])

    async def tell() -> None:
        heard: list[BookDiff | TradeTick | Quote] = []
        bad: list[str] = []
        ears = MarketEars(
            on_bad=lambda market, why: bad.append(f"{market} {why}"),
            on_diff=heard.append,
            on_trade=heard.append,
            on_quote=heard.append,
        )
        async with plane(files, markets[:1]) as at:
            at.venue.markets = markets
            session = Session(await_transport(at))
            clock = VirtualClock(1)
            stream = CcxtBooks("binance", session, clock)
            await stream.subscribe(markets, ears, bad.append)
            for each in frames:
                name = each["stream"].replace("@aggTrade", "@trade")
                await at.venue.send(name, each["data"])
                wanted = len(heard) + 1
                await at.until(lambda wanted=wanted: len(heard) == wanted)
            await stream.close()
            await session.close()
        assert bad == []
        named = {market.id: market for market in markets}
        assert [words_of(noun, named[noun.market]) for noun in heard] == [wire_words(each["data"]) for each in frames]

    asyncio.run(tell())


# ---- what the tests share


def await_transport(at: Plane) -> Any:
    """The way to a venue that runs already."""
    return at.venue.transport


def at_snapshot(capture: Capture) -> Callable[[ReplayVenue], None]:
    """The venue stands where the recorded snapshot was taken."""

    def start(venue: ReplayVenue) -> None:
        truth = capture.snapshot
        venue.truths["BTCUSDT"] = Truth(truth.last_id, dict(truth.bids), dict(truth.asks))

    return start


def follow(
    venue: ReplayVenue, capture: Capture, best: dict[int, tuple[float, float, float, float]] | None = None
) -> Any:
    """Each recorded diff after the venue's own book has taken it; `best` remembers its best prices by update."""
    truth = venue.truths["BTCUSDT"]
    for time_ns, frame in capture.diffs:
        if frame["u"] > truth.last_id:
            truth.apply(frame)
            if best is not None:
                (bid, bid_quantity), (ask, ask_quantity) = (
                    (max(truth.bids, key=float), ""), (min(truth.asks, key=float), "")
                )
                best[truth.last_id] = (float(bid), float(truth.bids[bid]), float(ask), float(truth.asks[ask]))
        yield time_ns, frame


def watch(at: Plane) -> list[tuple[int, tuple[float, float, float, float]]]:
    """Every whole state of the book: update id and best prices, as the recording has them."""
    states: list[tuple[int, tuple[float, float, float, float]]] = []

    def look() -> None:
        if at.why():
            return
        book = at.books.book(BTC.id)
        assert not book.is_crossed
        assert book.best_bid and book.best_ask
        (bid, bid_steps), (ask, ask_steps) = book.best_bid, book.best_ask
        row = (bid / 100, bid_steps / 100_000, ask / 100, ask_steps / 100_000)
        if not states or states[-1][0] != book.last_id:
            states.append((book.last_id, row))

    at.books.listen(BTC.id, on_change=look)
    return states


def print_frame(number: int) -> dict[str, Any]:
    """A trade by a seller."""
    return {
        "e": "trade", "E": 7, "s": "BTCUSDT", "t": number, "p": "99.50000000", "q": "0.01000000", "T": 7, "m": True,
        "M": True,
    }  # fmt: skip


def quote_words(quote: Quote | None) -> tuple[Decimal, ...]:
    """The four numbers of a quote."""
    return (quote.bid_price, quote.bid_quantity, quote.ask_price, quote.ask_quantity) if quote else ()


def quote_words_of(frame: dict[str, Any]) -> tuple[Decimal, ...]:
    """The four numbers of a bookTicker."""
    return tuple(Decimal(frame[name]) for name in "bBaA")


def trade_words(trade: TradeTick) -> tuple[object, ...]:
    """All that a print says."""
    return trade.trade_id, trade.time_ms, trade.price, trade.quantity, trade.taker is Side.SELL


def trade_words_of(frame: dict[str, Any]) -> tuple[object, ...]:
    """All that a trade or aggTrade says."""
    number = frame["t"] if "t" in frame else frame["a"]
    return number, frame["T"], Decimal(frame["p"]), Decimal(frame["q"]), frame["m"]


def words_of(noun: BookDiff | TradeTick | Quote, market: Market) -> object:
    """All that a noun says, as the wire would."""
    if isinstance(noun, BookDiff):
        bids, asks = (
            [(market.price(ticks), market.quantity(steps)) for ticks, steps in side] for side in (noun.bids, noun.asks)
        )
        return symbol_of(market), noun.first_id, noun.last_id, bids, asks
    words = trade_words(noun) if isinstance(noun, TradeTick) else quote_words(noun)
    return symbol_of(market), *words


def wire_words(frame: dict[str, Any]) -> object:
    """All that a frame says of what a noun keeps."""
    if "U" in frame:
        bids, asks = ([(Decimal(p), Decimal(q)) for p, q in frame[side]] for side in "ba")
        return frame["s"], frame["U"], frame["u"], bids, asks
    return frame["s"], *(trade_words_of(frame) if "p" in frame else quote_words_of(frame))


def markets_of(frames: list[dict[str, Any]]) -> list[Market]:
    """The markets frames speak of, on a grid as fine as the venue writes."""
    quotes = ("USDT", "EUR", "BTC", "ETH", "BNB", "BUSD", "TRY")
    symbols = sorted({frame["s"] for frame in frames})
    split = [(symbol, next(quote for quote in quotes if symbol.endswith(quote))) for symbol in symbols]
    return [
        replace(
            BTC, base=symbol.removesuffix(quote), quote=quote, price_tick=Decimal("1e-8"),
            quantity_step=Decimal(1), quantity_min=Decimal(1),
        )
        for symbol, quote in split
    ]  # fmt: skip
