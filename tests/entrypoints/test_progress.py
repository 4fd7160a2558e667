"""A paced run keeps its pace by the clock it is given."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

from tradepool.entrypoints.progress import Pace
from tradepool.entrypoints.replay import Replay


def test_a_step_waits_for_its_time() -> None:
    now_s, next_ms = [100.0], [5_000]
    shown: list[object] = []
    run = cast(Replay, SimpleNamespace(venue=SimpleNamespace(next_time_ms=lambda: next_ms[0])))

    async def drive() -> None:
        pace = Pace(1000.0, shown.append, lambda: now_s[0])
        assert pace(run)  # the first step is the origin
        next_ms[0] += 2_000  # two seconds at a thousandfold: due at 100.002
        assert not pace(run)
        assert not pace(run)
        assert len(shown) == 2  # while the alarm is set, nothing is drawn
        await asyncio.sleep(0.02)
        assert not pace(run)  # the loop woke, the clock stood still
        await asyncio.sleep(0.02)
        now_s[0] += 0.0021
        assert pace(run)

    asyncio.run(drive())


def test_nothing_is_held_back_at_the_end_of_the_candles() -> None:
    run = cast(Replay, SimpleNamespace(venue=SimpleNamespace(next_time_ms=lambda: None)))
    assert Pace(1.0, lambda _: None, lambda: 0.0)(run)
