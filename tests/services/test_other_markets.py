"""A strategy that reads another market, live: whatever comes late, breaks or is started again, the bits of a backtest.

The venue is a day of two markets with holes. Each candle is streamed at once, within the grace, after it, or is on the
way when the stream breaks or the platform dies; every signal given out must be the row of one pass over all candles.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.nouns import BTC, ETH
from tests.services.test_market_data import MINUTE_MS, SOL, START_MS, Feed
from tradepool.core.graph.expr import close
from tradepool.core.graph.primitives import ema, lag, sma
from tradepool.core.graph.scope import of, on
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import MarketStep
from tradepool.core.strategies.exits import Exits
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.candle import Candle
from tradepool.domain.ids import StrategyId
from tradepool.domain.market import Market
from tradepool.domain.signal import Signal
from tradepool.ports.exchange import OutcomeUnknown
from tradepool.ports.journal import Checkpoint
from tradepool.runtime.clock import VirtualClock
from tradepool.services.market_data import CANDLE_GRACE_S, MarketData
from tradepool.services.reader import bars_of

BARS = 120
GRACE_MS = int(CANDLE_GRACE_S * 1000)
NAME = StrategyId("s")
ALONE = StrategyId("alone")

up = of("BTC/USDT", close > lag(close, 3))
# What differs in one bit of either market, or sees one bar of the other a bar late, differs in a distance.
READS = Strategy(
    name="reads",
    version=1,
    enter=up & (close > sma(close, 5)),
    exit=~up,
    exits=Exits(
        stop_distance=ema(of("BTC/USDT", sma(close, 4)), 9) * 0.01,
        trail_distance=of("BTC/USDT", close) + on("5m", ema(close, 3)) * 0.01,
    ),
)
PLAIN = Strategy(name="alone", version=1, enter=close > sma(close, 5), exit=close < sma(close, 5))


def candles_of(market: Market, dice: random.Random, holes: float) -> list[Candle]:
    """A walk, some of its minutes missing."""
    found, price = list[Candle](), 100.0
    for number in range(BARS):
        opened, price = price, price * (1 + dice.uniform(-0.01, 0.01))
        if dice.random() >= holes:
            found.append(
                Candle(
                    market=market,
                    timeframe_ms=MINUTE_MS,
                    open_time_ms=START_MS + number * MINUTE_MS,
                    open=opened,
                    high=max(opened, price),
                    low=min(opened, price),
                    close=price,
                    volume=dice.uniform(1, 2),
                )
            )
    return found


class Memory:
    """The saved states, over all lives."""

    def __init__(self) -> None:
        self.saved: dict[tuple[StrategyId, str], Checkpoint] = {}

    def checkpoints(self) -> Sequence[Checkpoint]:
        return list(self.saved.values())

    def save_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> None:
        self.saved.update({(each.strategy_id, each.market): each for each in checkpoints})


class RoughFeed(Feed):
    """Refuses some questions; counts them."""

    def __init__(self, clock: VirtualClock, dice: random.Random, refuses: float) -> None:
        super().__init__(clock)
        self.dice, self.refuses, self.asked = dice, refuses, 0

    async def history(self, market: Market, timeframe_ms: int, since_ms: int) -> Sequence[Candle]:
        self.asked += 1
        if self.dice.random() < self.refuses:
            raise OutcomeUnknown(venue="v", request="klines", message="down")
        return await super().history(market, timeframe_ms, since_ms)


class World:
    """A venue, and one platform after the other; `given` holds every signal with the virtual time it came at."""

    def __init__(self, seed: int, holes: float = 0.1, refuses: float = 0.0) -> None:
        self.dice = random.Random(seed)
        self.clock = VirtualClock(START_MS)
        self.feed = RoughFeed(self.clock, self.dice, refuses)
        self.memory = Memory()
        self.given: list[tuple[Signal, int]] = []
        self.tape = {market: candles_of(market, self.dice, holes) for market in (ETH, BTC)}
        self.strategies = {NAME: READS, ALONE: PLAIN}
        self.follows = [(NAME, ETH), (ALONE, SOL)]
        self.data: MarketData | None = None
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.data = MarketData(
            self.feed,  # type: ignore[arg-type]
            self.clock,
            self.memory,  # type: ignore[arg-type]
            MINUTE_MS,
            self.strategies,
            self.follows,
            self.on_batch,
            [BTC],
        )
        refuses, self.feed.refuses = self.feed.refuses, 0.0
        await self.data.start()
        await self.data.catch_up()
        self.feed.refuses = refuses
        self.task = asyncio.create_task(self.data.run())

    def on_batch(self, time_ms: int, signals: Sequence[Signal]) -> None:
        self.given += [(signal, self.clock.now_ms()) for signal in signals]

    async def kill(self, *, save: bool) -> None:
        assert self.data is not None
        assert self.task is not None
        if save:
            self.data.save()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.feed.on_candle = lambda candle: None

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    async def until(self, time_ms: int) -> None:
        """Time passes; whoever sleeps wakes when he wanted to."""
        await self.settle()
        while (wake_ms := self.clock.next_wake_ms()) is not None and wake_ms <= time_ms:
            self.clock.advance_to(max(wake_ms, self.clock.now_ms()))
            await self.settle()
        self.clock.advance_to(max(time_ms, self.clock.now_ms()))
        await self.settle()

    async def minute(self, number: int, delays_ms: dict[Market, int]) -> None:
        """A minute ends: the venue knows its candles at once and streams each after its delay."""
        end_ms = START_MS + (number + 1) * MINUTE_MS
        await self.until(end_ms)
        closed = [c for tape in self.tape.values() for c in tape if c.close_time_ms == end_ms]
        self.feed.known += closed
        for candle in sorted(closed, key=lambda c: delays_ms[c.market]):
            await self.until(end_ms + delays_ms[candle.market])
            self.feed.on_candle(candle)
        await self.settle()

    def expected(self) -> dict[int, tuple[float, ...]]:
        """Each row of one pass over all candles, by the time it is of."""
        own, other = (bars_of(self.tape[market], MINUTE_MS) for market in (ETH, BTC))
        rows = MarketStep(READS, MINUTE_MS, "reference").advance(own, others={"BTC/USDT": other})
        return {own.close_time(k): tuple(row) for k, row in enumerate(rows.tolist())}

    def check(self) -> None:
        """Every bar was given out, and as often as it was it had the same bits."""
        expected, seen = self.expected(), set[int]()
        for signal, _ in self.given:
            if signal.strategy_id == NAME:
                row = (signal.exposure, signal.previous_exposure, signal.stop_distance)
                assert (*row, signal.trail_distance, signal.trail_step) == expected[signal.time_ms]
                seen.add(signal.time_ms)
        assert seen == expected.keys()


def play(world: World, story: Callable[[World, int], object]) -> None:
    """Every minute with delays of its own; `story` may say what else happens after it."""

    async def tell() -> None:
        await world.start()
        for number in range(BARS):
            late = {market: world.dice.choice([0, 0, 5, 900, GRACE_MS + 900, 9_000]) for market in (ETH, BTC)}
            await world.minute(number, late)
            told = story(world, number)
            if asyncio.iscoroutine(told):
                await told
        await world.until(START_MS + (BARS + 2) * MINUTE_MS)
        await world.kill(save=False)

    asyncio.run(asyncio.wait_for(tell(), 60))
    world.check()


@pytest.mark.parametrize("seed", range(4))
def test_late_and_missing_candles_of_either_market_change_no_bit(seed: int) -> None:
    world = World(seed)
    play(world, lambda world, number: None)
    assert world.feed.asked > 5


@pytest.mark.parametrize("seed", range(4))
def test_a_stream_that_breaks_and_questions_that_fail_change_no_bit(seed: int) -> None:
    def story(world: World, number: int) -> None:
        if world.dice.random() < 0.2:
            world.feed.on_lost("gone")

    play(World(seed, refuses=0.3), story)


@pytest.mark.parametrize("seed", range(4))
def test_a_start_goes_on_with_the_others_candles_that_were_not_taken_in(seed: int) -> None:
    """Killed after some minutes, saved then or earlier, and away for some; the saved row alone says what it holds."""

    async def story(world: World, number: int) -> None:
        if world.dice.random() < 0.2:
            await world.kill(save=world.dice.random() < 0.5)
            await world.start()

    play(World(seed, holes=0.3), story)


def times(world: World) -> list[int]:
    """How long after its T each signal of the reading strategy came."""
    return [now_ms - signal.time_ms for signal, now_ms in world.given if signal.strategy_id == NAME]


def test_a_candle_that_never_was_costs_the_grace_and_one_question() -> None:
    """And nobody but the strategy that reads it: the other one's signals come at T."""
    world = World(1, holes=0.0)
    del world.tape[BTC][10:]
    world.tape[SOL] = [replace(candle, market=SOL) for candle in world.tape[ETH]]

    async def tell() -> None:
        await world.start()
        # It begins at the end of a bar that the venue does not have yet: that is asked for once more.
        await world.minute(0, {ETH: 0, BTC: 0, SOL: 0})
        asked = world.feed.asked
        for number in range(1, 20):
            await world.minute(number, {ETH: 0, BTC: 0, SOL: 0})
        await world.until(START_MS + 21 * MINUTE_MS)
        await world.kill(save=False)
        assert world.feed.asked - asked == 10

    asyncio.run(tell())
    assert times(world) == [0] * 10 + [GRACE_MS] * 10
    alone = [now_ms - signal.time_ms for signal, now_ms in world.given if signal.strategy_id == ALONE]
    # The first time everybody waits: until then the missing market was prompt.
    assert alone == [0] * 10 + [GRACE_MS] + [0] * 9


def test_a_new_strategy_beside_a_saved_one_is_warmed_up() -> None:
    """Before, it began where the other one stood, with nothing in its windows."""
    world = World(2)

    async def tell() -> None:
        world.follows = [(ALONE, ETH), (ALONE, BTC)]
        await world.start()
        for number in range(BARS):
            await world.minute(number, {ETH: 0, BTC: 0})
        await world.kill(save=True)
        world.given.clear()
        world.follows = [(NAME, ETH), *world.follows]
        await world.start()
        await world.kill(save=True)

    asyncio.run(tell())
    world.check()
    assert {signal.strategy_id for signal, _ in world.given} == {NAME}
    assert world.memory.saved[NAME, ETH.id].time_ms == world.memory.saved[ALONE, ETH.id].time_ms


def test_a_saved_state_of_another_program_is_made_anew_from_history() -> None:
    """An upgrade that changes a step, or a damaged row, costs a warm-up and not the platform."""
    world = World(2)

    async def tell() -> None:
        await world.start()
        for number in range(BARS // 2):
            await world.minute(number, {ETH: 0, BTC: 0})
        await world.kill(save=True)
        saved = world.memory.saved[NAME, ETH.id]
        world.memory.saved[NAME, ETH.id] = replace(saved, state=saved.state[:-1] + b"x")
        await world.start()
        for number in range(BARS // 2, BARS):
            await world.minute(number, {ETH: 0, BTC: 0})
        await world.kill(save=True)

    asyncio.run(tell())
    world.check()


def live_from(world: World, strategy: Strategy, begin: int) -> set[int]:
    """A platform that starts at minute `begin` with everything to be asked for; the times that differ from one pass.

    What it gives out of the time before its start is warm-up.
    """
    world.strategies[NAME] = strategy
    world.feed.known = [
        c for tape in world.tape.values() for c in tape if c.close_time_ms <= START_MS + begin * MINUTE_MS
    ]
    world.clock.advance_to(START_MS + begin * MINUTE_MS)

    async def tell() -> None:
        await world.start()
        for number in range(begin, BARS):
            await world.minute(number, {ETH: 0, BTC: 0})
        await world.until(START_MS + (BARS + 2) * MINUTE_MS)
        await world.kill(save=False)

    asyncio.run(tell())
    own, other = (bars_of(world.tape[market], MINUTE_MS) for market in (ETH, BTC))
    rows = MarketStep(strategy, MINUTE_MS, "reference").advance(own, others={"BTC/USDT": other})
    entries = {own.close_time(k): row[2] for k, row in enumerate(rows.tolist()) if row[0] > row[1]}
    given = {
        signal.time_ms: signal.stop_distance for signal, _ in world.given if signal.exposure > signal.previous_exposure
    }
    live = {time_ms: stop for time_ms, stop in entries.items() if time_ms > START_MS + begin * MINUTE_MS}
    return {time_ms for time_ms, stop in live.items() if given.get(time_ms) != stop}


def test_warm_up_is_counted_in_bars_that_exist() -> None:
    """Nine bars of its own market, and more of the other one before the first of those; holes are looked behind."""
    world = World(5, holes=0.4)
    strategy = Strategy(name="short", version=1, enter=up & (close > lag(close, 9)), exit=~up)
    assert MarketStep(strategy, MINUTE_MS).history == 9
    live_from(world, strategy, BARS - 1)
    first_ms = min(signal.time_ms for signal, _ in world.given) - MINUTE_MS
    closed = START_MS + (BARS - 1) * MINUTE_MS
    assert sum(first_ms <= candle.open_time_ms < closed for candle in world.tape[ETH]) == 9


@pytest.mark.parametrize("seed", range(6))
def test_a_market_far_rarer_than_the_one_it_reads_trades_live_as_in_a_backtest(seed: int) -> None:
    """Before, the other market was asked for by its own count of bars: the rare one's first bars found nothing there."""
    world = World(seed, holes=0.0)
    world.tape[ETH] = world.tape[ETH][::8]
    base = of("BTC/USDT", lag(close, 2))
    rare = Strategy(name="rare", version=1, enter=up, exit=~up, exits=Exits(stop_distance=lag(base, 3)))
    assert live_from(world, rare, 60) == set()


def test_columns_of_no_candles_are_empty() -> None:
    assert isinstance(bars_of([], MINUTE_MS), Bars)
    assert bars_of([], MINUTE_MS).close.dtype == np.float64
