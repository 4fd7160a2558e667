"""A position's row counted on another grid: a market's ticks and steps change while something of it is remembered."""

from __future__ import annotations

from collections.abc import MutableSequence
from dataclasses import replace
from decimal import Decimal

from tradepool.core.account import account_step as step
from tradepool.domain.market import Market

# What of a slot's row is a price or a distance in ticks, and what a count of steps; all else is units, times and words.
TICKS = (
    step.STOP,
    step.NEXT_STOP,
    step.STOP_DISTANCE,
    step.TARGET,
    step.NEXT_TARGET,
    step.FIRST_DISTANCE,
    step.SECOND_DISTANCE,
    step.BREAK_DISTANCE,
    step.BREAK_AT,
)
STEPS = (step.STEPS, step.PART, step.ENTRY_STEPS, step.EXIT_STEPS)


def in_units_of(held: Market, listed: Market) -> Market:
    """A market as it is listed, its money counted in the units it was counted in before. OffGrid."""
    return replace(listed, base_unit=held.base_unit, quote_unit=held.quote_unit)


def whole_in_both(held: Market, listed: Market) -> Market:
    """A market as it is listed, on the coarsest grid on which the one before is whole too. OffGrid."""
    tick, size = _common(held.price_tick, listed.price_tick), _common(held.quantity_step, listed.quantity_step)
    return replace(in_units_of(held, listed), price_tick=tick, quantity_step=size)


def whole_with(held: Market, quantity: Decimal, price: Decimal) -> Market:
    """A market on the coarsest grid on which this quantity and this price are whole too. OffGrid."""
    tick, size = _common(held.price_tick, price), _common(held.quantity_step, quantity)
    return replace(held, price_tick=tick, quantity_step=size)


def _common(one: Decimal, other: Decimal) -> Decimal:
    """The largest grid that holds both.

    >>> _common(Decimal("0.01"), Decimal("0.1")), _common(Decimal("0.25"), Decimal("0.1"))
    (Decimal('0.01'), Decimal('0.05'))
    """
    while other:
        one, other = other, one % other
    return one


def recount(row: MutableSequence[int], before: Market, market: Market) -> None:
    """Count a slot's row, which is counted in one market's grid, in that of another; what is not whole there is cut."""
    ticks, steps = before.price_tick / market.price_tick, before.quantity_step / market.quantity_step
    for field in TICKS:
        # Below zero is a word: a distance that is not known yet.
        row[field] = int(row[field] * ticks) if row[field] > 0 else row[field]
    for field in STEPS:
        row[field] = int(row[field] * steps)
