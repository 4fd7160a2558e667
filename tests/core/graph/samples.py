"""What the tests of the compute core share: random bars of every temper, and a comparison of bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tradepool.core.market.bars import Bars

MINUTE_MS = 60_000
TEMPERS = ("walk", "flat", "steps", "jumps", "huge", "tiny", "gaps")


def examples(count: int) -> settings:
    """So many random cases, and as many times more as the loaded hypothesis profile asks for over the usual 100."""
    usual = settings().max_examples
    return settings(max_examples=count * max(1, usual // 100), deadline=None)


def bars_of(seed: int, count: int, temper: str = "walk") -> Bars:
    """Random bars: a walk, no movement at all, few distinct prices, jumps of 50 %, 1e12, 1e-9, or missing bars."""
    random = np.random.default_rng(seed)
    size = {"flat": 0.0, "jumps": 0.2}.get(temper, 0.003)
    level = {"huge": 1e12, "tiny": 1e-9}.get(temper, 100.0)
    close = level * np.exp(np.cumsum(random.normal(0.0, size, count)))
    if temper == "steps":
        close = np.round(close)
    open_ = np.concatenate((close[:1], close[:-1]))
    reach = 1.0 + np.abs(random.normal(0.0, size, (2, count)))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    step = random.integers(1, 400, count) if temper == "gaps" else np.ones(count, np.int64)
    open_time = (28_333_000 + int(random.integers(0, 2_000)) + np.cumsum(step)) * MINUTE_MS
    return Bars(MINUTE_MS, open_time, open_, high, low, close, random.exponential(1.0, count))


def changed_after(bars: Bars, index: int) -> Bars:
    """The same bars up to and with `index`, others after it."""
    other = bars_of(999, len(bars), "jumps")
    names = ("open", "high", "low", "close", "volume")
    columns = [np.where(np.arange(len(bars)) > index, getattr(other, name), getattr(bars, name)) for name in names]
    return Bars(bars.timeframe_ms, bars.open_time, *columns)


def bits(values: Any) -> NDArray[np.int64]:
    """Floats as integers of the same 64 bits; every nan alike, as its payload means nothing."""
    floats = np.array(values, dtype=np.float64)
    floats[np.isnan(floats)] = np.nan
    return np.atleast_1d(floats).view(np.int64)


tempers = st.sampled_from(TEMPERS)
seeds = st.integers(0, 2**32 - 1)
