"""A market's order book as a venue tells it: a snapshot, then changes that are numbered without a hole.

Prices are whole ticks and quantities whole base units of the `Market`: a book of thousands of levels changes ten times a
second, and ints are exact, small and quick to compare. Units and not steps, since real books hold odd lots: a recorded
hour of Binance's BTC/USDT has amounts of a millionth where its step is a hundred-thousandth. A level is (ticks, units).
"""

from __future__ import annotations

from dataclasses import dataclass

from tradepool.domain.ids import MarketId

Level = tuple[int, int]
Levels = tuple[Level, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSnapshot:
    """All levels the venue shows, as of update `last_id`; in any order. It was asked for `depth` levels a side (0: all): a
    side that has fewer is all there is."""

    market: MarketId
    last_id: int
    bids: Levels
    asks: Levels
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BookDiff:
    """What updates `first_id` to `last_id` left behind at the levels they touched; zero units remove a level.

    An adapter numbers its venue's updates so that the next diff's `first_id` is this one's `last_id` + 1.
    """

    market: MarketId
    first_id: int
    last_id: int
    bids: Levels
    asks: Levels
