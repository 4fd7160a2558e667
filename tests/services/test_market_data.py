"""Batches of candles: complete, late, missing, and what comes of a failure while one is worked on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.nouns import BTC, ETH
from tradepool.core.strategies import catalog
from tradepool.domain.candle import Candle
from tradepool.domain.ids import StrategyId
from tradepool.domain.market import Market
from tradepool.domain.signal import Signal
from tradepool.ports.exchange import OutcomeUnknown
from tradepool.ports.journal import Checkpoint
from tradepool.runtime.clock import VirtualClock
from tradepool.services import market_data
from tradepool.services.market_data import CANDLE_GRACE_S, MarketData
from tradepool.services.saved_steps import CHECKPOINT_BATCHES

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000
SOL = replace(BTC, base="SOL")


def candle(market: Market, number: int) -> Candle:
    """The n-th minute of a market that does not move."""
    return Candle(
        market=market,
        timeframe_ms=MINUTE_MS,
        open_time_ms=START_MS + number * MINUTE_MS,
        open=100.0,
        high=101.0,
        low=99.0,
        close=100.0,
        volume=1.0,
    )


class Feed:
    """A venue's candles by hand: what is streamed, and what history knows, cut at the venue's time."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.known: list[Candle] = []
        self.failures: list[Exception] = []
        self.unanswered: dict[Market, int] = {}
        self.subscribed = 0
        self.on_candle: Callable[[Candle], None] = lambda candle: None
        self.on_lost: Callable[[str], None] = lambda why: None
        self.while_asked: Callable[[], None] = lambda: None

    async def subscribe(self, markets: object, timeframe_ms: int, on_candle: Any, on_lost: Any) -> None:
        self.subscribed += 1
        self.on_candle, self.on_lost = on_candle, on_lost

    async def time_ms(self) -> int:
        if self.failures:
            raise self.failures.pop(0)
        return self.clock.now_ms()

    async def history(self, market: Market, timeframe_ms: int, since_ms: int) -> Sequence[Candle]:
        self.while_asked()
        if left := self.unanswered.get(market, 0):
            self.unanswered[market] = left - 1
            raise OutcomeUnknown(venue="v", request="klines", message="no")
        found = [c for c in self.known if c.market == market and c.open_time_ms >= since_ms]
        return [c for c in found if c.close_time_ms <= self.clock.now_ms()]


class Checkpoints:
    """Remembers, or fails, as told."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.saved: list[list[int]] = []

    def checkpoints(self) -> Sequence[Checkpoint]:
        return []

    def save_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> None:
        if self.failure is not None:
            raise self.failure
        self.saved.append([each.time_ms for each in checkpoints])


class Scene:
    """Market data over a hand-driven feed; `batches` are (minute, markets) in the order they were given out."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START_MS)
        self.feed = Feed(self.clock)
        self.journal = Checkpoints()
        self.batches: list[tuple[int, list[str]]] = []
        name = StrategyId("s")
        self.data = MarketData(
            self.feed,  # type: ignore[arg-type]
            self.clock,
            self.journal,  # type: ignore[arg-type]
            MINUTE_MS,
            {name: catalog.named("moving_average_cross")},
            [(name, market) for market in (BTC, ETH, SOL)],
            self.on_batch,
        )
        self.task: asyncio.Task[None]

    def on_batch(self, time_ms: int, signals: Sequence[Signal]) -> None:
        self.batches.append(((time_ms - START_MS) // MINUTE_MS, [s.market.split(":")[1][:3] for s in signals]))

    async def start(self) -> None:
        await self.data.start()
        await self.data.catch_up()
        self.task = asyncio.create_task(self.data.run())

    async def minute(self, number: int, *streamed: Market, known: Sequence[Market] = (BTC, ETH, SOL)) -> None:
        """A minute ends; these candles are streamed, those are known to history."""
        self.clock.advance_to(START_MS + (number + 1) * MINUTE_MS)
        self.feed.known += [candle(market, number) for market in known]
        for market in streamed:
            self.feed.on_candle(candle(market, number))
        await self.settle()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def grace(self) -> None:
        self.clock.advance_to(self.clock.now_ms() + int(CANDLE_GRACE_S * 1000))
        await self.settle()


def play(story: Callable[[Scene], Awaitable[None]]) -> None:
    """Start a scene, tell a story, end it."""

    async def tell() -> None:
        scene = Scene()
        await scene.start()
        await asyncio.wait_for(story(scene), 60)
        scene.task.cancel()

    asyncio.run(tell())


def test_a_batch_waits_for_every_market_and_no_longer_than_the_grace() -> None:
    async def story(scene: Scene) -> None:
        await scene.minute(0, SOL, BTC)
        assert scene.batches == []
        scene.feed.on_candle(candle(ETH, 0))
        await scene.settle()
        assert scene.batches == [(1, ["SOL", "BTC", "ETH"])]
        await scene.minute(1, BTC, ETH, known=(BTC, ETH))
        await scene.grace()
        await scene.minute(2, ETH, BTC)
        assert scene.batches[1:] == [(2, ["BTC", "ETH"]), (3, ["ETH", "BTC"])]

    play(story)


def test_steps_are_saved_once_all_they_went_over_is_decided_on() -> None:
    """Whoever starts from there is not told of it again."""

    async def story(scene: Scene) -> None:
        settled = [False]
        scene.data.steps.settled = lambda: settled[0]
        for number in range(CHECKPOINT_BATCHES + 1):
            await scene.minute(number, BTC, ETH, SOL)
        assert scene.journal.saved == []
        settled[0] = True
        await scene.minute(CHECKPOINT_BATCHES + 1, BTC)
        assert scene.journal.saved == []
        scene.data.save()
        # One of them has gone over a candle of a batch that is waited for: where they stood before.
        [times] = scene.journal.saved
        assert times == [START_MS + CHECKPOINT_BATCHES * MINUTE_MS] * 3
        await scene.grace()
        scene.data.save()
        assert scene.journal.saved[1:] == [[START_MS + (CHECKPOINT_BATCHES + 2) * MINUTE_MS] * 3]

    play(story)


def test_a_late_candle_is_given_out_at_once_and_makes_nobody_else_late() -> None:
    """Before, it started a batch of its own in which all others were missing."""

    async def story(scene: Scene) -> None:
        await scene.minute(0, BTC, ETH)
        await scene.grace()
        scene.feed.on_candle(candle(SOL, 0))
        await scene.settle()
        await scene.minute(1, BTC)
        assert scene.batches == [(1, ["BTC", "ETH"]), (1, ["SOL"])]
        scene.feed.on_candle(candle(SOL, 1))
        scene.feed.on_candle(candle(ETH, 1))
        await scene.settle()
        assert scene.batches[2:] == [(2, ["BTC", "SOL", "ETH"])]

    play(story)


def test_a_market_that_is_back_is_part_of_the_batch_it_comes_with() -> None:
    """Nobody waits for it, but what has come already belongs to it: an account acts on a whole T."""

    async def story(scene: Scene) -> None:
        await scene.minute(0, BTC, known=(BTC,))
        await scene.grace()
        await scene.minute(1, BTC, ETH, SOL)
        assert scene.batches == [(1, ["BTC"]), (2, ["BTC", "ETH", "SOL"])]

    play(story)


def test_a_loss_in_the_middle_of_a_batch_does_not_tear_it() -> None:
    """One candle came, the stream broke, history knows the other two: one batch, given out once."""

    async def story(scene: Scene) -> None:
        await scene.minute(0, BTC)
        scene.feed.on_lost("gone")
        await scene.settle()
        assert scene.batches == [(1, ["BTC", "ETH", "SOL"])]
        await scene.grace()
        await scene.minute(1, BTC, ETH, SOL)
        assert scene.batches[1:] == [(2, ["BTC", "ETH", "SOL"])]

    play(story)


def test_a_minute_that_ends_while_history_is_asked_comes_by_the_stream() -> None:
    """The first market's history was asked before it, the others' after it: still one batch."""

    async def story(scene: Scene) -> None:
        await scene.minute(0)
        asked = 0

        def while_asked() -> None:
            nonlocal asked
            asked += 1
            if asked == 2:
                scene.clock.advance_to(START_MS + 2 * MINUTE_MS)
                scene.feed.known += [candle(market, 1) for market in (BTC, ETH, SOL)]
                for market in (BTC, ETH, SOL):
                    scene.feed.on_candle(candle(market, 1))

        scene.feed.while_asked = while_asked
        scene.feed.on_lost("gone")
        await scene.settle()
        assert scene.batches == [(1, ["BTC", "ETH", "SOL"]), (2, ["BTC", "ETH", "SOL"])]

    play(story)


def test_a_venue_that_is_down_is_asked_again_later_and_later() -> None:
    """Each try with a new subscription; what was streamed meanwhile is not lost."""

    async def story(scene: Scene) -> None:
        scene.feed.failures = [OutcomeUnknown(venue="v", request="time", message="down")] * 3
        await scene.minute(0)
        scene.feed.on_lost("gone")
        await scene.settle()
        began_ms, tries = scene.clock.now_ms(), list[int]()
        while (wake_ms := scene.clock.next_wake_ms()) is not None:
            before = scene.feed.subscribed
            scene.clock.advance_to(wake_ms)
            await scene.settle()
            tries += [wake_ms - began_ms] * (scene.feed.subscribed - before)
        assert tries == [500, 1_500, 3_500]
        assert scene.feed.subscribed == 5
        await scene.minute(1, BTC, ETH, SOL)
        assert [minute for minute, _ in scene.batches] == [1, 2]

    play(story)


def test_a_market_that_can_never_be_asked_again_keeps_nobody_else_from_theirs() -> None:
    """Before, every catching up failed over it: no account heard of any market until a restart."""

    async def story(scene: Scene) -> None:
        scene.feed.unanswered[ETH] = 10**9
        for number in range(10):
            await scene.minute(number, BTC, SOL, known=(BTC, SOL))
            end_ms = scene.clock.now_ms() + MINUTE_MS
            while (wake_ms := scene.clock.next_wake_ms()) is not None and wake_ms < end_ms:
                scene.clock.advance_to(wake_ms)
                await scene.settle()
        assert scene.batches == [(minute, ["BTC", "SOL"]) for minute in range(1, 11)]

    play(story)


def test_a_venue_whose_history_answers_nobody_is_not_asked_for_each_market_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each question may hang for a minute, and no candle of the stream is taken in meanwhile."""
    monkeypatch.setattr(market_data, "ASKED_AT_ONCE", 1)

    async def story(scene: Scene) -> None:
        await scene.minute(0)
        scene.feed.unanswered = dict.fromkeys((BTC, ETH, SOL), 10)
        scene.feed.on_lost("gone")
        await scene.settle()
        assert sorted(scene.feed.unanswered.values()) == [9, 10, 10]

    play(story)


@pytest.mark.parametrize("failures", [1, 2])
def test_a_market_that_can_not_be_asked_once_is_waited_for_and_loses_none_of_its_candles(failures: int) -> None:
    """After the second time the others hear of theirs; its own come in order all the same."""
    others, late, all_three = ["BTC", "SOL"], ["ETH"], ["BTC", "SOL", "ETH"]

    async def story(scene: Scene) -> None:
        for number in range(3):
            await scene.minute(number)
        scene.feed.unanswered[ETH] = failures
        scene.feed.on_lost("gone")
        await scene.settle()
        assert scene.batches == []
        for _ in range(2):
            scene.clock.advance_to(scene.clock.now_ms() + 1_000)
            await scene.settle()
        given = [all_three] if failures == 1 else [others, late]
        assert scene.batches == [(minute, markets) for markets in given for minute in (1, 2, 3)]

    play(story)


def test_a_failure_ends_the_task_that_is_watched_and_not_the_stream_reader() -> None:
    """The handler only fills an inbox: what goes wrong over a candle is raised where the supervisor hears it."""

    async def story(scene: Scene) -> None:
        scene.journal.failure = OSError("disk is full")
        for number in range(CHECKPOINT_BATCHES + 1):
            await scene.minute(number, BTC, ETH, SOL)
        with pytest.raises(OSError, match="disk is full"):
            await scene.task

    play(story)
