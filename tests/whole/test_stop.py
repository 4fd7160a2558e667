"""A platform that is told to end while candles come: what has come is carried out, what comes later is the next start's."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.whole.feed_kit import FRAMES, MINUTE_MS, START_MS
from tests.whole.lives import Life, Lives, held, tell
from tests.whole.test_faults import NAMES, place, player
from tests.whole.test_parity import WEIGHT
from tradepool.domain.candle import Candle
from tradepool.domain.signal import Signal
from tradepool.entrypoints.replay import Plan
from tradepool.services.trading.desk import TradingDesk
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.market_model import model_listings

__all__ = ["place"]


@pytest.fixture
def plan() -> Plan:
    """Two markets, three users of both."""
    listings = model_listings(["BTC/USDT", "SOL/USDT"], MINUTE_MS, START_MS, 1_000, 7)
    return Plan(listings=listings, players=[player(name, listings, WEIGHT / 2) for name in NAMES])


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[int, str, str]]:
    """Each T, market and strategy, and how often the accounts were told of it."""
    found, on_batch = Counter[tuple[int, str, str]](), TradingDesk.on_batch

    def heard(desk: TradingDesk, time_ms: int, signals: Sequence[Signal]) -> None:
        found.update((time_ms, each.market, each.strategy_id) for each in signals)
        on_batch(desk, time_ms, signals)

    monkeypatch.setattr(TradingDesk, "on_batch", heard)
    return found


def at_next(life: Life) -> list[asyncio.Task[None]]:
    """Decide no more as soon as the next candle comes."""
    data, desk, ending = life.platform.market_data, life.platform.desk, list[asyncio.Task[None]]()
    on_candle = data.on_candle

    def came(candle: Candle) -> None:
        on_candle(candle)
        if not ending:
            ending.append(asyncio.create_task(desk.decide_no_more()))

    data.on_candle = came
    return ending


def test_each_candle_is_told_once_whenever_trading_ends(
    plan: Plan, place: Path, told: Counter[tuple[int, str, str]]
) -> None:
    """One market's frame is lost just then: the other's candle has been stepped over, and others wait for the grace."""

    async def story(lives: Lives) -> None:
        async with lives.life() as first:
            await first.until(lambda: held(first) >= 2 and first.platform.market_data.candles > 100)
            await first.bars(1)
            lost = Fault(kind="lost", stream=FRAMES, market="SOLUSDT")
            fault = lives.server.faults.add(lost, lives.venue.now_ms)
            last_ms, ending = first.platform.market_data.known_ms, at_next(first)
            await first.bars(3)
            assert [task.done() for task in ending] == [True]
            assert {each[:2] for each in told if each[0] > last_ms} == {(last_ms + MINUTE_MS, "binance:BTC/USDT")}
            assert not first.platform.desk.busy
            assert not any(lives.naked(seat) for seat in lives.seats)
            await first.do(first.platform.stop())
        lives.server.faults.remove(fault.number)
        async with lives.life() as second:
            await second.bars(20)
        times, steps = {time_ms for time_ms, *_ in told}, {each[1:] for each in told}
        assert set(told.values()) == {1}
        assert len(told) == len(steps) * len(times)
        assert max(times) - min(times) == (len(times) - 1) * MINUTE_MS

    tell(plan, place, story)
