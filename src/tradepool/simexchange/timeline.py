"""The clock of a bar: which market does what, when. Time passes here and nowhere else.

Candle k of a market lives through five stages; markets in the same stage at the same time move together:

    TURN   open_time[k-1] + timeframe (k = 0: open_time[0])   price = open[k], candle k-1 is published
    OPEN   open_time[k]                                        resting orders meet the open
    LOW    open_time[k] + timeframe / 4                        price walks to the low
    HIGH   open_time[k] + timeframe / 2                        price walks to the high
    CLOSE  open_time[k] + timeframe * 3 / 4                    price walks to the close

Over a hole in the candles TURN comes at the end of the last candle before it, with the price the next candle opens
at; OPEN waits until that candle begins. The last candle has no successor: it is walked and never published.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from tradepool.simexchange.listing import ListedMarket


class Stage(IntEnum):
    """Where in its bar a market is; at one time, lower stages come first."""

    TURN = 0
    OPEN = 1
    LOW = 2
    HIGH = 3
    CLOSE = 4


class Phase(NamedTuple):
    """What happens next: (market, index of its candle) for all that reach the stage at this time, in listing order."""

    time_ms: int
    stage: Stage
    moves: list[tuple[ListedMarket, int]]


class Timeline:
    """All phases of all markets in order of time, then stage."""

    def __init__(self, markets: Sequence[ListedMarket]) -> None:
        """Begin before every market's first open."""
        self._markets = markets
        self._heap = [
            (int(market.open_time[0]), Stage.TURN, market.index, 0) for market in markets if not market.is_mirrored
        ]
        heapq.heapify(self._heap)

    def next_time_ms(self) -> int | None:
        """When the next phase is; None at the end of the candles."""
        return self._heap[0][0] if self._heap else None

    def pop(self) -> Phase | None:
        """Take the next phase; None at the end of the candles."""
        heap = self._heap
        if not heap:
            return None
        time_ms, stage, _, _ = heap[0]
        moves = []
        while heap and heap[0][0] == time_ms and heap[0][1] is stage:
            _, _, index, bar = heap[0]
            market = self._markets[index]
            moves.append((market, bar))
            following = self._following(market, bar, stage)
            if following is None:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(heap, following)
        return Phase(time_ms, stage, moves)

    @staticmethod
    def _following(market: ListedMarket, bar: int, stage: Stage) -> tuple[int, Stage, int, int] | None:
        start, length = int(market.open_time[bar]), market.timeframe_ms
        if stage is not Stage.CLOSE:
            after = Stage(stage + 1)
            return start + (after - 1) * length // 4, after, market.index, bar
        if bar + 1 == len(market.open_time):
            return None
        return start + length, Stage.TURN, market.index, bar + 1
