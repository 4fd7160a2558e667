"""One subscription for all readers: what is suspended, for what reason, and how it becomes whole again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.nouns import BTC, ETH
from tradepool.domain.depth import BookDiff, BookSnapshot, Levels
from tradepool.domain.errors import VenueError
from tradepool.domain.ids import MarketId
from tradepool.domain.market import Market
from tradepool.domain.order import Side
from tradepool.domain.trade_tick import TradeTick
from tradepool.ports.exchange import OnLost, OutcomeUnknown
from tradepool.ports.market_stream import MarketEars
from tradepool.runtime.clock import VirtualClock
from tradepool.services.market_books import PRINTS_HELD_MAX, BookSuspended, MarketBooks, NotFollowed

START_MS = 1_000_000


def failure(message: str = "no answer") -> VenueError:
    return OutcomeUnknown(venue="binance", request="depth", message=message)


def tick(number: int) -> TradeTick:
    return TradeTick(
        market=BTC.id, trade_id=number, time_ms=number, price=Decimal(1), quantity=Decimal(1), taker=Side.BUY
    )


class Stream:
    """A venue's books by hand: the update each stands at, and what goes wrong next."""

    def __init__(self) -> None:
        self.last_id = {BTC.id: 10, ETH.id: 10}
        self.asks: Levels = ((101, 1),)
        self.asked: list[MarketId] = []
        self.failures: list[VenueError] = []
        self.tape: Sequence[int] = ()
        self.refusals: list[VenueError] = []
        self.while_asked: Callable[[], None] = lambda: None
        self.subscribed = 0
        self.markets: Sequence[Market] = ()
        self.ears = MarketEars(on_bad=lambda market, why: None)
        self.on_lost: OnLost = lambda why: None

    async def subscribe(self, markets: Sequence[Market], ears: MarketEars, on_lost: OnLost) -> None:
        self.subscribed += 1
        if self.refusals:
            raise self.refusals.pop(0)
        self.markets, self.ears, self.on_lost = markets, ears, on_lost

    async def snapshot(self, market: Market) -> BookSnapshot:
        self.asked.append(market.id)
        self.while_asked()
        if self.failures:
            raise self.failures.pop(0)
        last_id, depth = self.last_id[market.id], len(self.asks)
        return BookSnapshot(market=market.id, last_id=last_id, bids=((99, 1),), asks=self.asks, depth=max(depth, 2))

    async def prints(self, market: Market) -> Sequence[TradeTick]:
        self.asked.append(market.id)
        if self.failures:
            raise self.failures.pop(0)
        return [tick(number) for number in self.tape]

    async def close(self) -> None:
        pass

    def move(self, market: Market = BTC, *, lose: bool = False) -> None:
        number = self.last_id[market.id] = self.last_id[market.id] + 1
        if not lose and self.ears.on_diff is not None:
            self.ears.on_diff(
                BookDiff(market=market.id, first_id=number, last_id=number, bids=((98, number),), asks=())
            )


class Story:
    """The service on a stream by hand; time jumps when it is told to."""

    def __init__(self) -> None:
        self.stream, self.clock = Stream(), VirtualClock(START_MS)
        self.books = MarketBooks(self.stream, self.clock, [BTC, ETH])

    async def run(self) -> None:
        """As far as it goes without waiting for time."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def wait(self, seconds: float) -> None:
        """So much time goes by, everybody waking when due."""
        until_ms = self.clock.now_ms() + int(seconds * 1_000)
        await self.run()
        while (wake_ms := self.clock.next_wake_ms()) is not None and wake_ms <= until_ms:
            self.clock.advance_to(wake_ms)
            await self.run()
        self.clock.advance_to(until_ms)
        await self.run()

    def why(self, market: Market = BTC) -> str:
        return self.books.state(market.id).why


def tell(story: Callable[[Story], Awaitable[None]], *, start: bool = True, asks: Levels = ((101, 1),)) -> None:
    async def all_of_it() -> None:
        at = Story()
        at.stream.asks = asks
        running = asyncio.create_task(at.books.run())
        if start:
            await at.run()
        await story(at)
        assert not running.done(), running
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(all_of_it())


def test_a_start_subscribes_once_and_asks_for_each_book_once() -> None:
    async def story(at: Story) -> None:
        assert (at.stream.subscribed, at.stream.asked, list(at.stream.markets)) == (1, [BTC.id, ETH.id], [BTC, ETH])
        assert (at.why(BTC), at.why(ETH)) == ("", "")
        assert at.books.book(BTC.id).last_id == 10

    tell(story)


def test_before_the_snapshot_a_book_is_suspended_and_says_why() -> None:
    async def story(at: Story) -> None:
        with pytest.raises(BookSuspended, match="binance:BTC/USDT is suspended: no snapshot yet"):
            at.books.book(BTC.id)
        with pytest.raises(NotFollowed, match="SOL"):
            at.books.book(replace(BTC, base="SOL").id)

    tell(story, start=False)


def test_a_venue_that_refuses_the_subscription_is_asked_again_later_and_later() -> None:
    async def story(at: Story) -> None:
        at.stream.refusals = [failure()] * 3
        await at.run()
        assert (at.stream.subscribed, at.why()) == (1, f"stream lost: {failure()}")
        await at.wait(0.4)
        assert at.stream.subscribed == 1
        await at.wait(3.2)
        assert (at.stream.subscribed, at.why()) == (4, "")

    tell(story, start=False)


def test_one_market_without_a_snapshot_does_not_hold_up_the_others() -> None:
    async def story(at: Story) -> None:
        at.stream.move(BTC, lose=True)
        at.stream.failures = [failure()] * 2
        at.stream.move(BTC)
        await at.run()
        assert at.why().startswith("gap")
        at.stream.move(ETH)
        assert at.books.book(ETH.id).last_id == 11
        await at.wait(2)
        assert (at.why(), at.books.book(BTC.id).last_id, at.books.state(BTC.id).gaps) == ("", 12, 1)

    tell(story)


def test_a_snapshot_that_arrives_after_the_stream_broke_is_not_believed() -> None:
    """It would be whole, and stand still."""

    async def story(at: Story) -> None:
        at.stream.move(lose=True)
        at.stream.while_asked = lambda: at.stream.on_lost("gone")
        at.stream.move()
        await at.run()
        at.stream.while_asked = lambda: None
        assert at.why() == "stream lost: gone"
        await at.wait(2)
        assert (at.stream.subscribed, at.why(BTC), at.why(ETH)) == (2, "", "")
        assert at.books.book(BTC.id).last_id == 12

    tell(story)


@pytest.mark.parametrize(("tape", "missed"), [(range(1, 9), 0), (range(4, 6), 1), ((), 3), (None, 3)])
def test_prints_of_a_gap_are_told_in_their_place_or_counted(tape: Sequence[int] | None, missed: int) -> None:
    async def story(at: Story) -> None:
        heard: list[int] = []
        at.books.listen(BTC.id, on_trade=lambda trade: heard.append(trade.trade_id))
        on_trade = at.stream.ears.on_trade
        assert on_trade is not None
        at.stream.tape = tape or ()
        at.stream.failures = [] if tape is not None else [failure()]
        for number in (1, 2, 6, 7):
            on_trade(tick(number))
        assert heard == [1, 2]
        await at.run()
        on_trade(tick(8))
        wanted = [number for number in (1, 2, 3, 4, 5, 6, 7, 8) if number not in (3, 4, 5) or number in (tape or ())]
        assert (heard, at.books.state(BTC.id).prints_missed) == (wanted, missed)

    tell(story)


def test_best_prices_are_the_books_until_the_venue_tells_newer_ones_and_unknown_after_a_loss() -> None:
    async def story(at: Story) -> None:
        first = at.books.quote(BTC.id)
        assert first is not None
        assert (first.bid_price, first.bid_quantity, first.ask_price) == (
            Decimal("0.99"),
            Decimal("1e-8"),
            Decimal("1.01"),
        )
        assert at.stream.ears.on_quote is not None
        newer = replace(first, time_ms=START_MS + 5, bid_price=Decimal("1.00"))
        at.stream.ears.on_quote(newer)
        assert at.books.quote(BTC.id) == newer
        at.stream.on_lost("gone")
        assert at.books.quote(BTC.id) is None
        await at.wait(2)
        again = at.books.quote(BTC.id)
        assert again is not None
        assert again.bid_price == Decimal("0.99")

    tell(story)


def test_a_stream_that_breaks_at_once_again_is_not_hammered() -> None:
    async def story(at: Story) -> None:
        for _ in range(5):
            at.stream.on_lost("gone")
            await at.wait(1)
        assert at.stream.subscribed <= 4

    tell(story)


def test_a_bad_frame_suspends_its_market_until_the_next_snapshot() -> None:
    async def story(at: Story) -> None:
        heard: list[str] = []
        at.books.listen(BTC.id, on_change=lambda: heard.append(at.why()))
        at.stream.ears.on_bad(BTC.id, "off its grid")
        assert (at.why(BTC), at.why(ETH)) == ("off its grid", "")
        await at.run()
        assert heard == ["off its grid", ""]

    tell(story)


def test_silence_is_suspended_compared_and_resumed() -> None:
    async def story(at: Story) -> None:
        await at.wait(20)
        at.stream.move(ETH)
        assert at.books.state(BTC.id).age_ms == 20_000
        asked = len(at.stream.asked)
        why: list[str] = []
        at.stream.while_asked = lambda: why.append(at.why(BTC))
        await at.wait(11)
        assert (at.stream.asked[asked:], why, at.why(BTC)) == ([BTC.id], ["silent for 30 s"], "")
        assert at.books.state(BTC.id).age_ms == 1_000

    tell(story)


def test_a_diff_that_was_on_its_way_proves_that_the_stream_is_alive() -> None:
    async def story(at: Story) -> None:
        at.stream.while_asked = at.stream.move
        await at.wait(30)
        at.stream.while_asked = lambda: None
        await at.wait(2)
        assert (at.stream.subscribed, at.why(BTC)) == (1, "")
        assert at.books.book(BTC.id).last_id == at.stream.last_id[BTC.id]

    tell(story)


def test_a_silent_stream_whose_book_moved_is_opened_anew() -> None:
    async def story(at: Story) -> None:
        at.stream.move(BTC, lose=True)
        await at.wait(31)
        await at.wait(2)
        assert (at.stream.subscribed, at.why(BTC), at.books.book(BTC.id).last_id) == (2, "", 11)

    tell(story)


def test_a_silent_book_that_cannot_be_compared_stays_suspended() -> None:
    async def story(at: Story) -> None:
        at.stream.failures = [failure()] * 4
        await at.wait(30)
        assert at.why(BTC) == "silent for 30 s"
        await at.wait(5)
        assert (at.why(BTC), at.why(ETH)) == ("", "")

    tell(story)


def test_prints_are_not_held_for_ever() -> None:
    """A hole that is not answered for: at the limit they go on without it."""

    async def story(at: Story) -> None:
        heard: list[int] = []
        at.books.listen(BTC.id, on_trade=lambda trade: heard.append(trade.trade_id))
        assert at.stream.ears.on_trade is not None
        for number in (1, *range(3, 3 + PRINTS_HELD_MAX)):
            at.stream.ears.on_trade(tick(number))
        assert heard == [1, *range(3, 3 + PRINTS_HELD_MAX)]
        assert at.books.state(BTC.id).prints_missed == 1

    tell(story)


def test_a_book_whose_price_nears_its_edge_is_renewed_without_a_break() -> None:
    """Ten asks known, eight lifted: another snapshot is asked for, and readers never see the book suspended."""

    async def story(at: Story) -> None:
        book = at.books.book(BTC.id)
        asked = len(at.stream.asked)
        for number in range(11, 19):
            lifted = ((number + 90, 0),)
            at.stream.last_id[BTC.id] = number
            assert at.stream.ears.on_diff is not None
            at.stream.ears.on_diff(BookDiff(market=BTC.id, first_id=number, last_id=number, bids=(), asks=lifted))
            assert at.why() == ""
        at.stream.asks = tuple((109 + n, 1) for n in range(10))
        await at.run()
        assert (at.stream.asked[asked:], at.why()) == ([BTC.id], "")
        assert len(list(book.asks())) == 10

    asks = tuple((101 + n, 1) for n in range(10))
    tell(story, asks=asks)
