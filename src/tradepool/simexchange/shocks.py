"""Prices that fall at a scenario's word: candles are changed before the venue opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tradepool.core.market.bars import Bars
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.scenario import Shock


def shocked(listings: Sequence[Listing], shocks: Sequence[Shock], start_ms: int) -> list[Listing]:
    """The listings with the shocks in their candles; times count from `start_ms` (virtual)."""
    return [_shocked(listing, shocks, start_ms) for listing in listings]


def _shocked(listing: Listing, shocks: Sequence[Shock], start_ms: int) -> Listing:
    symbol = f"{listing.market.base}{listing.market.quote}"
    bars = listing.bars
    before, after = np.ones(len(bars.open_time)), np.ones(len(bars.open_time))
    for shock in shocks:
        if shock.market in ("", symbol):
            before *= share_left(bars.open_time, shock, start_ms)
            after *= share_left(bars.open_time + bars.timeframe_ms, shock, start_ms)
    low, high = np.minimum(before, after), np.maximum(before, after)
    tick = float(listing.market.price_tick)
    opened, top, bottom, closed = (
        np.maximum(column * factor, tick)
        for column, factor in ((bars.open, before), (bars.high, high), (bars.low, low), (bars.close, after))
    )
    return replace(listing, bars=Bars(bars.timeframe_ms, bars.open_time, opened, top, bottom, closed, bars.volume))


def share_left(time_ms: NDArray[np.int64], shock: Shock, start_ms: int) -> NDArray[np.float64]:
    """What a shock leaves of a price at each time.

    >>> share_left(np.array([0, 10, 15, 20]), Shock(10, "", 0.5, 10), 0).tolist()
    [1.0, 0.5, 0.75, 1.0]
    """
    since = (time_ms - start_ms - shock.at_ms) / max(1, shock.recovers_ms)
    missing = np.where(since < 0, 0.0, np.clip(1.0 - since, 0.0, 1.0))
    left: NDArray[np.float64] = 1.0 - shock.depth * missing
    return left
