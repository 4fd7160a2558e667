"""Orders that wait for a price in one market, in the order a moving price reaches them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import count

from tradepool.simexchange.records import Order, Side, stops_falling

Entry = tuple[int, int, Order]


class Resting:
    """Two queues: what a falling price reaches (sell stops, buy limits, buy take-profits) and what a rising one does (the others).

    Each is sorted in the order of being reached: nearest price first, then who came first. Entries are (price, rank,
    order), the price negated in the falling queue. An order is kept as it was when it came; the account knows how it
    stands. Who is met stays until somebody removes it.

    With endless depth nobody takes from anybody, and the rank is the order's id: a replay of many accounts is then the
    same whoever was quicker.
    """

    __slots__ = ("_arrivals", "_falling", "_ranks", "_rising")

    def __init__(self, *, by_arrival: bool) -> None:
        """Nobody waits."""
        self._arrivals = count() if by_arrival else None
        self._ranks: dict[int, int] = {}
        self._falling: list[Entry] = []
        self._rising: list[Entry] = []

    def __len__(self) -> int:
        """How many orders wait."""
        return len(self._ranks)

    def add(self, order: Order) -> None:
        """Let an order wait, behind everybody who waits for the same price."""
        queue, price = self._place(order)
        rank = self._ranks[order.id] = order.id if self._arrivals is None else next(self._arrivals)
        insort(queue, (price, rank, order))

    def remove(self, order: Order) -> None:
        """Take back an order that waits."""
        queue, price = self._place(order)
        del queue[bisect_left(queue, (price, self._ranks.pop(order.id)))]

    def reached_falling(self, ticks: int) -> Iterator[Order]:
        """In order, what a price that falls to `ticks` reaches; orders may come and go meanwhile."""
        return _reached(self._falling, -ticks)

    def reached_rising(self, ticks: int) -> Iterator[Order]:
        """In order, what a price that rises to `ticks` reaches; orders may come and go meanwhile."""
        return _reached(self._rising, ticks)

    def _place(self, order: Order) -> tuple[list[Entry], int]:
        if order.waits:
            ticks, falling = order.stop_ticks, stops_falling(order.side, order.kind)
        else:
            ticks, falling = order.limit_ticks, order.side is Side.BUY
        return (self._falling, -ticks) if falling else (self._rising, ticks)


def _reached(queue: list[Entry], price: int) -> Iterator[Order]:
    at = 0
    while at < len(queue) and queue[at][0] <= price:
        near, rank, order = queue[at]
        yield order
        at = bisect_left(queue, (near, rank + 1))
