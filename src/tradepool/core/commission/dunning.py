"""R26: what an unpaid invoice does, and what it never does: no forced sale, no blocked exit, stop or export."""

from __future__ import annotations

from enum import StrEnum

from tradepool.core.commission.schedule import DAY_MS

ENTRIES_OFF_DAYS = 14
REDUCE_ONLY_DAYS = 30


class Standing(StrEnum):
    """What a user may still do. In every one of them exits, stops, cancels and exports go on."""

    GOOD = "good"
    ENTRIES_OFF = "entries_off"
    REDUCE_ONLY = "reduce_only"


def standing(invoiced_ms: int, now_ms: int, *, paid: bool) -> Standing:
    """R26: how the oldest invoice leaves its user: from day 14 nothing new, from day 30 until flat by his own exits.

    >>> day = 86_400_000
    >>> [standing(0, days * day, paid=False).value for days in (13, 14, 29, 30, 400)]
    ['good', 'entries_off', 'entries_off', 'reduce_only', 'reduce_only']
    >>> standing(0, 400 * day, paid=True).value
    'good'
    """
    days = days_unpaid(invoiced_ms, now_ms)
    if paid or days < ENTRIES_OFF_DAYS:
        return Standing.GOOD
    return Standing.ENTRIES_OFF if days < REDUCE_ONLY_DAYS else Standing.REDUCE_ONLY


def days_unpaid(invoiced_ms: int, now_ms: int) -> int:
    """Whole days since an invoice."""
    return (now_ms - invoiced_ms) // DAY_MS
