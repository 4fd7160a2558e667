"""In which order accounts act on one T: whoever is first meets the best prices, so the first place goes round.

Users begin at a place that follows from T alone: the same T gives the same order, on every machine and in a replay.
A count from T to T would not do: strategies that act once an hour would find the same user first each time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from zlib import crc32

from tradepool.domain.event import CandlesClosed
from tradepool.domain.ids import AccountId

Told = tuple[AccountId, CandlesClosed]
InTurn = Callable[[int, Sequence[Told]], Sequence[Told]]


def as_they_came(time_ms: int, told: Sequence[Told]) -> Sequence[Told]:
    """Always in the order accounts were expected in: a replay's, where nobody takes a price from anybody."""
    return told


class Rotation:
    """Users in turn; the house's own accounts after all of them.

    >>> told = [(AccountId(name), CandlesClosed(time_ms=0, signals=())) for name in ("operator", "ann", "ben", "cem")]
    >>> rotation = Rotation([AccountId("operator")])
    >>> [" ".join(name for name, _ in rotation(minute * 60_000, told)) for minute in range(3)]
    ['cem ann ben operator', 'cem ann ben operator', 'ann ben cem operator']
    """

    def __init__(self, last: Collection[AccountId] = ()) -> None:
        """`last` are accounts of people who work here."""
        self._last = frozenset(last)

    def __call__(self, time_ms: int, told: Sequence[Told]) -> Sequence[Told]:
        """The same, in the order of this T."""
        users = [each for each in told if each[0] not in self._last]
        house = [each for each in told if each[0] in self._last]
        return [*_from(time_ms, users), *_from(time_ms, house)]


def _from(time_ms: int, told: Sequence[Told]) -> Sequence[Told]:
    first = crc32(b"%d" % time_ms) % len(told) if told else 0
    return [*told[first:], *told[:first]]
