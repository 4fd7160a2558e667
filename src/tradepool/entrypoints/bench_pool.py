"""A million pooled trades filtered by two columns and a time and grouped by market."""

from __future__ import annotations

import time

import numpy as np

from tradepool.entrypoints.bench import Figure, Measure
from tradepool.learning.pool import Pool, PooledTrade

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
    closed = np.sort(random.integers(0, 365 * DAY_MS, count)).tolist()
    returns = random.normal(0.0, 80.0, count).tolist()
    picks = random.integers(0, 1 << 30, count).tolist()
    return Pool.of(
        [
            PooledTrade(
                pseudonym=f"user {pick % 1_000}",
                strategy=f"strategy {pick % 9}",
                market=f"market {pick % 301}",
                side="buy",
                exit_reason=("stop", "target", "signal_exit")[pick % 3],
                origin=("real", "backtest")[pick % 2],
                entry_time_ms=at - 60_000,
                exit_time_ms=at,
                return_bp=gain,
                fees_bp=20.0,
            )
            for at, gain, pick in zip(closed, returns, picks, strict=True)
        ]
    )
