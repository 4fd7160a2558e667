"""A million pooled trades filtered by two columns and a time and grouped by market."""

from __future__ import annotations

import time

import numpy as np
import polars as pl

from tradepool.entrypoints.bench import Figure, Measure
from tradepool.learning.features import NAMES
from tradepool.learning.pool import SCHEMA, Pool

ROWS = 1_000_000
REACH_MS = 20.0
DAY_MS = 86_400_000


def rounds() -> Measure:
    """Fill the pool once for all rounds."""
    pool = _pool(ROWS)

    def once() -> list[Figure]:
        since_ms, until_ms = 100 * DAY_MS, 300 * DAY_MS
        begun = time.process_time()
        groups = pool.where(since_ms, until_ms, origin="real", strategy="strategy 3").grouped("market")
        taken_s = time.process_time() - begun
        assert groups
        return [Figure("trade pool: filter and group 1M trades", "ms", 1e3 * taken_s, peers={"reach": REACH_MS})]

    once()
    return once


def _pool(count: int) -> Pool:
    random = np.random.default_rng(1)
    closed = np.sort(random.integers(0, 365 * DAY_MS, count))
    pick = random.integers(0, 1 << 30, count)
    texts = {
        "pseudonym": [f"user {number}" for number in range(1_000)],
        "strategy": [f"strategy {number}" for number in range(9)],
        "market": [f"market {number}" for number in range(301)],
        "timeframe": ["1m"],
        "side": ["buy"],
        "exit_reason": ["stop", "target", "signal_exit"],
        "origin": ["real", "backtest"],
    }
    columns = {name: pl.Series(words).gather(pick % len(words)) for name, words in texts.items()}
    columns["id"] = pl.Series(np.arange(count)).cast(pl.String)
    columns |= {"entry_time_ms": pl.Series(closed - 60_000), "exit_time_ms": pl.Series(closed)}
    columns |= {"return_bp": pl.Series(random.normal(0.0, 80.0, count)), "fees_bp": pl.Series(np.full(count, 20.0))}
    columns |= {name: pl.Series(random.normal(0.0, 1.0, count)) for name in NAMES}
    return Pool.checked(pl.DataFrame({name: columns[name].cast(kind) for name, kind in SCHEMA.items()}))
