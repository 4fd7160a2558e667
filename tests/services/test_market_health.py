"""Markets that stand still while others go on are suspended, and lifted when they are back; a silent stream is opened anew."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.nouns import BTC, ETH
from tests.services.test_market_data import MINUTE_MS, SOL, START_MS, Scene, candle, play
from tradepool.core.risk.suspension import Suspensions, Trouble
from tradepool.services.market_health import LOOK_S, STALE_BARS, look_at_data


async def pass_time(scene: Scene, until_ms: int) -> None:
    while (wake_ms := scene.clock.next_wake_ms()) is not None and wake_ms <= until_ms:
        scene.clock.advance_to(max(wake_ms, scene.clock.now_ms()))
        await scene.settle()
    scene.clock.advance_to(max(until_ms, scene.clock.now_ms()))
    await scene.settle()


def test_a_market_without_candles_is_suspended_while_others_have_them_and_lifted_when_it_is_back() -> None:
    async def story(scene: Scene) -> None:
        listed = Suspensions()
        looking = asyncio.create_task(look_at_data(scene.data, listed, scene.clock))
        await scene.minute(0, BTC, ETH, SOL)
        for number in range(1, STALE_BARS + 1):
            await pass_time(scene, START_MS + (number + 1) * MINUTE_MS)
            assert listed.all(scene.clock.now_ms()) == []
            await scene.minute(number, BTC, ETH, known=(BTC, ETH))
        await pass_time(scene, scene.clock.now_ms() + int(LOOK_S * 1_000))
        (held,) = listed.all(scene.clock.now_ms())
        assert (held.market, held.trouble, held.note) == (SOL.id, Trouble.STALE, "no candle since 195 s")
        scene.feed.known += [candle(SOL, number) for number in range(1, STALE_BARS + 1)]
        await pass_time(scene, START_MS + (STALE_BARS + 2) * MINUTE_MS)
        await scene.minute(STALE_BARS + 1, SOL, BTC, ETH)
        await pass_time(scene, scene.clock.now_ms() + int(LOOK_S * 1_000))
        assert listed.all(scene.clock.now_ms()) == []
        (back,) = [each for each in scene.data.state().markets if each.market == SOL.id]
        assert (back.gaps, back.filled) == (1, 3)
        looking.cancel()

    play(story)


def test_a_market_that_never_had_a_candle_is_suspended_too() -> None:
    """Halted since before a start, say: nobody waits for it, so that this is all that is said of it."""

    async def story(scene: Scene) -> None:
        listed = Suspensions()
        looking = asyncio.create_task(look_at_data(scene.data, listed, scene.clock))
        for number in range(STALE_BARS):
            await pass_time(scene, START_MS + (number + 1) * MINUTE_MS)
            assert listed.all(scene.clock.now_ms()) == []
            await scene.minute(number, BTC, ETH, known=(BTC, ETH))
        await pass_time(scene, scene.clock.now_ms() + int(LOOK_S * 1_000))
        assert [held.market for held in listed.all(scene.clock.now_ms())] == [SOL.id]
        looking.cancel()

    play(story)


def test_a_market_that_nobody_waits_for_makes_the_data_no_older_and_a_silence_of_all_does() -> None:
    """Before, one halted market was stale data for as long as it lasted, and hid that the stream had gone silent."""

    async def story(scene: Scene) -> None:
        def age_ms() -> int:
            return scene.clock.now_ms() - scene.data.known_ms

        await scene.minute(0, BTC, ETH, SOL)
        for number in range(1, 6):
            await pass_time(scene, START_MS + (number + 1) * MINUTE_MS - 1)
            assert age_ms() < MINUTE_MS
            await scene.minute(number, BTC, ETH, known=(BTC, ETH))
        await pass_time(scene, START_MS + 9 * MINUTE_MS)
        assert age_ms() == 3 * MINUTE_MS

    play(story)


def test_another_trouble_of_a_market_is_not_lifted_by_its_candles() -> None:
    async def story(scene: Scene) -> None:
        listed = Suspensions()
        listed.suspend(BTC.id, Trouble.DELISTED, scene.clock.now_ms())
        looking = asyncio.create_task(look_at_data(scene.data, listed, scene.clock))
        await scene.minute(0, BTC, ETH, SOL)
        await pass_time(scene, scene.clock.now_ms() + int(LOOK_S * 1_000))
        assert [each.trouble for each in listed.all(scene.clock.now_ms())] == [Trouble.DELISTED]
        looking.cancel()

    play(story)


def test_a_stream_that_stands_and_says_nothing_is_opened_anew() -> None:
    async def story(scene: Scene) -> None:
        looking = asyncio.create_task(look_at_data(scene.data, Suspensions(), scene.clock))
        await scene.minute(0, BTC, ETH, SOL)
        assert scene.data.state().oldest_ms == 0
        await pass_time(scene, START_MS + 2 * MINUTE_MS)
        scene.feed.known += [candle(market, 1) for market in (BTC, ETH, SOL)]
        await pass_time(scene, START_MS + 2 * MINUTE_MS + 2 * int(LOOK_S * 1_000))
        assert scene.feed.subscribed == 2
        assert [minute for minute, _ in scene.batches] == [1, 2]
        assert {each.newest_ms for each in scene.data.state().markets} == {START_MS + 2 * MINUTE_MS}
        looking.cancel()

    play(story)


def test_a_corrected_candle_is_counted_once() -> None:
    async def story(scene: Scene) -> None:
        await scene.minute(0, BTC, ETH, SOL)
        for _ in range(2):
            scene.feed.on_candle(replace(candle(BTC, 0), volume=2.0))
            await scene.settle()
        assert {each.market: each.corrected for each in scene.data.state().markets} == {BTC.id: 1, ETH.id: 0, SOL.id: 0}

    play(story)
