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


def at_next(life: Life, count: int) -> list[asyncio.Task[None]]:
    """Decide no more as soon as so many candles have come."""
    data, desk, ending = life.platform.market_data, life.platform.desk, list[asyncio.Task[None]]()
    on_candle, until = data.on_candle, data.candles + count - 1

    def came(candle: Candle) -> None:
        on_candle(candle)
        if data.candles == until and not ending:
            ending.append(asyncio.create_task(desk.decide_no_more()))

    data.on_candle = came
    return ending


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("lost", [False, True])
def test_no_candle_is_missed_whenever_trading_ends(
    plan: Plan, place: Path, told: Counter[tuple[int, str, str]], lost: bool, together: bool
) -> None:
    """As the last frame of a T comes; or after one market's, while the other's is lost and waited for: the steps of the first
    have gone over a candle that nobody has heard of, and must not be saved so."""

    async def story(lives: Lives) -> None:
        async with lives.life(together=together) as first:
            await first.until(lambda: held(first) >= 2 and first.platform.market_data.candles > 100)
            await first.bars(1)
            fault = Fault(kind="lost", stream=FRAMES, market="SOLUSDT" if lost else "NONE")
            rule = lives.server.faults.add(fault, lives.venue.now_ms)
            last_ms, ending = first.platform.market_data.known_ms, at_next(first, 1 if lost else 2)
            await first.bars(3)
            assert [task.done() for task in ending] == [True]
            assert max(told)[0] == last_ms + (0 if lost else MINUTE_MS)
            assert not any(lives.naked(seat) for seat in lives.seats)
            await first.do(first.platform.stop())
        lives.server.faults.remove(rule.number)
        async with lives.life(together=together) as second:
            await second.bars(20)
            assert second.platform.desk.halted == {}
        times, steps = {time_ms for time_ms, *_ in told}, {each[1:] for each in told}
        assert len(told) == len(steps) * len(times)
        assert max(times) - min(times) == (len(times) - 1) * MINUTE_MS

    tell(plan, place, story)
