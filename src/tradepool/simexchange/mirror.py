"""A real venue's book, pushed in level by level: what stands there, less what our own orders took of it.

Taking does not change the real book, so it is remembered per level until that level changes. An order that rests at a
level queues behind what stood there when it came: prints at that price serve the queue first, and the queue is never
longer than the level.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from tradepool.simexchange.liquidity import FiniteBook, Level
from tradepool.simexchange.records import Order, Side


class Mirror(FiniteBook):
    """The pushed book of one market."""

    def __init__(self) -> None:
        """Empty: nobody can trade before the first push."""
        super().__init__()
        self._steps: dict[Side, dict[int, int]] = {side: {} for side in Side}
        self._ticks: dict[Side, list[int]] = {side: [] for side in Side}
        self._ahead: dict[tuple[Side, int], dict[int, int]] = {}

    def replace(self, side: Side, levels: Iterable[Level]) -> None:
        """The side is exactly this now; levels that did not change keep what was taken of them."""
        new = dict(levels)
        gone = [(ticks, 0) for ticks in self._ticks[side] if ticks not in new]
        self.update(side, [*gone, *new.items()])

    def update(self, side: Side, levels: Iterable[Level]) -> None:
        """These levels changed; 0 steps takes one away."""
        standing, order = self._steps[side], self._ticks[side]
        for ticks, steps in levels:
            before = standing.get(ticks, 0)
            if steps == before:
                continue
            self._taken.pop((side, ticks), None)
            if not before:
                insort(order, ticks)
            if steps:
                standing[ticks] = steps
            else:
                del standing[ticks], order[bisect_left(order, ticks)]
            if ahead := self._ahead.get((side, ticks)):
                for order_id, queue in ahead.items():
                    ahead[order_id] = min(queue, steps)

    def move(self, ticks: int) -> bool:
        """Prices come with pushes."""
        return False

    def follow(self, ticks: int) -> None:
        """Prices come with pushes."""

    def standing(self, side: Side) -> Iterator[Level]:
        """Levels as the real venue tells them, best first."""
        steps, ticks = self._steps[side], self._ticks[side]
        return ((each, steps[each]) for each in (reversed(ticks) if side is Side.BUY else ticks))

    def reached(self, order: Order, ticks: int, steps: int) -> int:
        """All that was printed beyond the limit; of what was printed at it, what the queue ahead leaves."""
        if order.limit_ticks != ticks:
            return steps
        ahead = self._ahead[order.side, order.limit_ticks]
        served = min(steps, ahead[order.id])
        ahead[order.id] -= served
        return steps - served

    def join(self, order: Order) -> None:
        """Queue behind what stands at the order's price."""
        place = order.side, order.limit_ticks
        self._ahead.setdefault(place, {})[order.id] = self._steps[order.side].get(order.limit_ticks, 0)

    def leave(self, order: Order) -> None:
        """Give up the place."""
        place = order.side, order.limit_ticks
        del self._ahead[place][order.id]
        if not self._ahead[place]:
            del self._ahead[place]
