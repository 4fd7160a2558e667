"""The levels of one order book, kept sorted: best prices, depth, and what an order of a size would meet.

Both sides are a dict of units by key and a list of keys in ascending order with the best price last: a bid's key is its
ticks, an ask's their negative. Nearly all changes are near the best, so what a list has to move for one is short.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass

from tradepool.domain.depth import BookDiff, BookSnapshot, Level, Levels
from tradepool.domain.order import Side


@dataclass(frozen=True, slots=True)
class Taken:
    """What a taker meets: `units` of the wanted (fewer where the book ends), their worth, and the worst price paid."""

    units: int
    tick_units: int
    worst_ticks: int


class _Levels:
    """One side; `sign` is 1 for bids, -1 for asks."""

    __slots__ = ("keys", "sign", "units")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.units: dict[int, int] = {}
        self.keys: list[int] = []

    def load(self, levels: Levels) -> None:
        self.units = {self.sign * ticks: units for ticks, units in levels if units}
        self.keys = sorted(self.units)

    def merge(self, levels: Levels) -> None:
        sign, held, keys = self.sign, self.units, self.keys
        for ticks, units in levels:
            key = sign * ticks
            if units:
                if key not in held:
                    insort(keys, key)
                held[key] = units
            elif held.pop(key, None) is not None:
                del keys[bisect_left(keys, key)]

    def best(self) -> Level | None:
        return (self.sign * self.keys[-1], self.units[self.keys[-1]]) if self.keys else None

    def from_best(self) -> Iterator[Level]:
        sign, held = self.sign, self.units
        return ((sign * key, held[key]) for key in reversed(self.keys))


class DepthBook:
    """The levels as of update `last_id`; continuity of updates is `BookSync`'s business.

    >>> book = DepthBook()
    >>> book.load(BookSnapshot(market="m", last_id=7, bids=((99, 5), (98, 1)), asks=((101, 2), (103, 4))))
    >>> book.apply(BookDiff(market="m", first_id=8, last_id=9, bids=((99, 0),), asks=((102, 1),)))
    >>> book.best_bid, book.best_ask, book.last_id, book.is_crossed
    ((98, 1), (101, 2), 9, False)
    >>> book.take(Side.BUY, 4), book.units_to(Side.BUY, 102)
    (Taken(units=4, tick_units=407, worst_ticks=103), 3)
    """

    __slots__ = ("_asks", "_bids", "last_id")

    def __init__(self) -> None:
        """Empty, as of no update."""
        self._bids, self._asks = _Levels(1), _Levels(-1)
        self.last_id = 0

    def load(self, snapshot: BookSnapshot) -> None:
        """Forget everything and begin with a snapshot."""
        self._bids.load(snapshot.bids)
        self._asks.load(snapshot.asks)
        self.last_id = snapshot.last_id

    def apply(self, diff: BookDiff) -> None:
        """Take over the levels of a diff, whatever its number."""
        self._bids.merge(diff.bids)
        self._asks.merge(diff.asks)
        self.last_id = diff.last_id

    @property
    def best_bid(self) -> Level | None:
        """Highest price somebody pays, None when nobody does."""
        return self._bids.best()

    @property
    def best_ask(self) -> Level | None:
        """Lowest price somebody asks, None when nobody does."""
        return self._asks.best()

    @property
    def is_crossed(self) -> bool:
        """Whether a bid is at or above an ask: no venue shows that, so something was missed."""
        bids, asks = self._bids.keys, self._asks.keys
        return bool(bids and asks and bids[-1] >= -asks[-1])

    @property
    def is_empty(self) -> bool:
        """Whether a side has no level."""
        return not (self._bids.keys and self._asks.keys)

    def bids(self) -> Iterator[Level]:
        """Bids from the best down; change nothing while reading."""
        return self._bids.from_best()

    def asks(self) -> Iterator[Level]:
        """Asks from the best up; change nothing while reading."""
        return self._asks.from_best()

    def units_at(self, side: Side, ticks: int) -> int:
        """What rests at one price: bids for BUY, asks for SELL."""
        levels = self._bids if side is Side.BUY else self._asks
        return levels.units.get(levels.sign * ticks, 0)

    def units_to(self, taker: Side, limit_ticks: int) -> int:
        """How much a taker finds no worse than a limit price."""
        levels = self._asks if taker is Side.BUY else self._bids
        first = bisect_left(levels.keys, levels.sign * limit_ticks)
        return sum(levels.units[key] for key in levels.keys[first:])

    def take(self, taker: Side, units: int) -> Taken:
        """What an order of a size would get, level by level; the book stays as it is."""
        left, worth, worst = units, 0, 0
        for ticks, held in self.asks() if taker is Side.BUY else self.bids():
            if left <= 0:
                break
            part = min(left, held)
            left, worth, worst = left - part, worth + part * ticks, ticks
        return Taken(units - left, worth, worst)
