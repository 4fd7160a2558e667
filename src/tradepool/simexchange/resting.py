"""Orders that wait for a price in one market, in the order a moving price reaches them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from tradepool.simexchange.records import Order, Side, stops_falling


class Resting:
    """Two queues: what a falling price reaches (sell stops, buy limits, buy take-profits) and what a rising one does (the others).

    Each is sorted in the order of being reached: nearest price first, then order id. Entries are (price, id, order),
    the price negated in the falling queue. An order is kept as it was when it came; the account knows how it stands.
    """

    __slots__ = ("_falling", "_rising")

    def __init__(self) -> None:
        """Nobody waits."""
        self._falling: list[tuple[int, int, Order]] = []
        self._rising: list[tuple[int, int, Order]] = []

    def __len__(self) -> int:
        """How many orders wait."""
        return len(self._falling) + len(self._rising)

    def add(self, order: Order) -> None:
        """Let an order wait."""
        queue, price = self._place(order)
        insort(queue, (price, order.id, order))

    def remove(self, order: Order) -> None:
        """Take back an order that waits."""
        queue, price = self._place(order)
        at = bisect_left(queue, (price, order.id))
        assert queue[at][1] == order.id, "an open order is in its market's queue"
        del queue[at]

    def reached_falling(self, ticks: int) -> Iterator[Order]:
        """Take out, in order, what a price that falls to `ticks` reaches."""
        queue = self._falling
        while queue and -queue[0][0] >= ticks:
            yield queue.pop(0)[2]

    def reached_rising(self, ticks: int) -> Iterator[Order]:
        """Take out, in order, what a price that rises to `ticks` reaches."""
        queue = self._rising
        while queue and queue[0][0] <= ticks:
            yield queue.pop(0)[2]

    def _place(self, order: Order) -> tuple[list[tuple[int, int, Order]], int]:
        if order.waits:
            ticks, falling = order.stop_ticks, stops_falling(order.side, order.kind)
        else:
            ticks, falling = order.limit_ticks, order.side is Side.BUY
        return (self._falling, -ticks) if falling else (self._rising, ticks)
