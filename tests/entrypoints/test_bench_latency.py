"""The bench of latency runs, and its first order does not wait for the last one's decision."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from tradepool.entrypoints.bench_latency import Crowd, figures

USERS = 40


def test_every_user_orders_and_the_first_does_not_wait_for_the_others() -> None:
    """No time is asked for: a machine may be busy. But who is first has sent long before the last one has."""
    folder = Path(tempfile.mkdtemp(prefix="tradepool-"))
    crowd = Crowd(USERS, folder)
    crowd.serve()

    async def main() -> None:
        await crowd.open()
        await crowd.warm()
        candles = [await crowd.candle() for _ in range(2)]
        plain = await crowd.plain()
        rested = await crowd.candle()
        assert crowd._platform.risk is not None
        standings = list(crowd._platform.risk.limits.standings())
        await crowd.close()
        # Each of them bought, as live trading lets him: past limits that count.
        assert len(standings) == USERS
        assert all(standing.held for standing in standings)
        for told in (*candles, rested):
            assert len(told.sent_ms) == USERS
            assert told.sent_ms[0] < told.sent_ms[-1] / 2
        assert min(plain) > 0
        rows = figures(candles, plain, rested)
        firsts, lasts = ([told.sent_ms[at] for told in candles] for at in (0, -1))
        for half, most, after, every in ((0, 1, 2, firsts), (3, 4, 5, lasts)):
            assert min(every) <= rows[half].ours <= rows[most].ours <= max(every)
            assert rows[after].ours in (rested.sent_ms[0], rested.sent_ms[-1])
        assert rows[-1].ours == rows[-2].ours - plain.booked_ms

    try:
        asyncio.run(main())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
