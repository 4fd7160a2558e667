"""A second reading of the rules: what a period owes, out of its flows, its profit and the mark, in fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor

DAY_MS = 86_400_000
# When capital moved, and by how much; in order.
Moved = tuple[int, Fraction]


def bill(
    flows: Sequence[Moved],
    pnl: Fraction,
    mark: Fraction,
    begins: int,
    ends: int,
    *,
    joined: bool,
    window: int = DAY_MS,
) -> tuple[Fraction, Fraction, Fraction]:
    """The capital of the tier, the commission and the mark after it, by the standard rates."""
    first, last = begins if joined else begins - window, min(begins + window, ends - 1)
    times = [first, *(at for at, _ in flows if first < at <= last)]
    lowest = min(sum((n for at, n in flows if at <= moment), Fraction(0)) for moment in times)
    rate = Fraction(30, 100) if lowest < 1_000 else Fraction(25, 100) if lowest <= 5_000 else Fraction(20, 100)
    owed = Fraction(floor(max(Fraction(0), pnl - mark) * rate * 100), 100)
    return (lowest, owed, pnl) if owed >= 1 else (lowest, Fraction(0), mark)
