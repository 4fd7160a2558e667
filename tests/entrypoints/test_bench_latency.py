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
        sent, cpu_ms = await crowd.candle()
        plain = await crowd.plain()
        sold, _ = await crowd.candle()
        await crowd.close()
        assert len(sent) == USERS
        assert sent[0] < sent[-1] / 2
        assert min(plain) > 0
        rows = figures(sent, cpu_ms, plain, sold)
        assert [row.ours for row in rows[:4]] == sorted(row.ours for row in rows[:4])
        assert [row.ours for row in rows[4:6]] == [sold[0], sold[-1]]
        assert rows[-1].ours == cpu_ms - plain.booked_ms

    try:
        asyncio.run(main())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
