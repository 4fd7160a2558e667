"""What is taken down of an entry when it is decided, and what fills make of a position: words of the account part.

Rows, units and signs are `account_step`'s.
"""

from __future__ import annotations

from tradepool.core.account.account_step import (
    ALL_PPM,
    BREAK_AT,
    BREAK_DISTANCE,
    BREAK_EVEN,
    CASH,
    DUST,
    ENTRY_COST,
    ENTRY_FEE,
    ENTRY_STEPS,
    ENTRY_TIME,
    EXIT_FEE,
    EXIT_PROCEEDS,
    EXIT_REASON,
    EXIT_STEPS,
    EXIT_TIME,
    FARTHEST,
    FEE_IN_QUOTE,
    FIRST_DISTANCE,
    HOLDING,
    LEAVE_TIME,
    NEXT_TARGET,
    PART,
    RESTING,
    SECOND_DISTANCE,
    SHARE_PPM,
    SIDE,
    SMALLEST_SELL,
    STEPS,
    STEPS_MIN,
    STOP,
    STOP_DISTANCE,
    TARGET,
    TARGETS,
    TIMED,
    TRAILED,
    UNITS_PER_STEP,
    UNITS_PER_TICK_STEP,
    UNSELLABLE,
    WISH_LEAVE,
    WISH_SIDE,
    side_of,
)
from tradepool.core.account.limit_step import COUNTS_LATER, LOSS_STREAK_MAX, note_result
from tradepool.core.compiler.vocabulary import Ints, ceil_to_int, floor_div, maximum, minimum, round_to_int
from tradepool.core.matching.bar_fill import share_units


def decide_targets(slot: Ints, scale: float, close_ticks: int, first: float, second: float, share: float) -> None:
    """Take down an entry's targets: distances rounded outward, the share in parts per million.

    A second target that is no farther than the first leaves only itself.
    """
    slot[FIRST_DISTANCE] = minimum(ceil_to_int(first * scale), FARTHEST * close_ticks)
    slot[SECOND_DISTANCE] = minimum(ceil_to_int(second * scale), FARTHEST * close_ticks)
    slot[SHARE_PPM] = round_to_int(share * 1_000_000.0)
    if slot[SECOND_DISTANCE] > 0 and slot[SECOND_DISTANCE] <= slot[FIRST_DISTANCE]:
        slot[FIRST_DISTANCE] = 0


def decide_levels(slot: Ints, scale: float, close_ticks: int, time_ms: int, break_even: float, hold_ms: float) -> None:
    """Take down from which gain on an entry's stop is at its price, and the T at which it is left; 0 means never."""
    if BREAK_EVEN == 1:
        slot[BREAK_DISTANCE] = minimum(ceil_to_int(break_even * scale), FARTHEST * close_ticks)
    if TIMED == 1:
        slot[WISH_LEAVE] = time_ms + round_to_int(minimum(hold_ms, 1e15)) if hold_ms > 0.0 else 0


def open_slot(slot: Ints, time_ms: int) -> None:
    """Start a round trip: what an earlier one left over joins the holding."""
    slot[HOLDING] = slot[DUST]
    slot[DUST] = 0
    slot[SIDE] = slot[WISH_SIDE]
    if TIMED == 1:
        slot[LEAVE_TIME] = slot[WISH_LEAVE]
    slot[STOP] = 0
    slot[RESTING] = 0
    slot[TRAILED] = 0
    slot[UNSELLABLE] = 0
    slot[ENTRY_TIME] = time_ms
    slot[ENTRY_STEPS] = 0
    slot[ENTRY_COST] = 0
    slot[ENTRY_FEE] = 0
    slot[EXIT_STEPS] = 0
    slot[EXIT_PROCEEDS] = 0
    slot[EXIT_FEE] = 0


def book_entry(wallet: Ints, slot: Ints, terms: Ints, ticks: int, steps: int, fee: int, time_ms: int) -> None:
    """Book a fill of an entry (fee in base units, or in quote units with FEE_IN_QUOTE); set its levels.

    Levels stand at their distance from the average entry price.
    """
    if slot[HOLDING] == 0:
        open_slot(slot, time_ms)
    side = side_of(slot)
    cost = ticks * steps * terms[UNITS_PER_TICK_STEP]
    fee_in_quote = fee * terms[FEE_IN_QUOTE]
    wallet[CASH] -= side * cost + fee_in_quote
    slot[HOLDING] += side * steps * terms[UNITS_PER_STEP] - (fee - fee_in_quote)
    slot[STEPS] = floor_div(side * slot[HOLDING], terms[UNITS_PER_STEP])
    slot[ENTRY_STEPS] += steps
    slot[ENTRY_COST] += cost
    slot[ENTRY_FEE] += fee
    average = ticks
    if slot[ENTRY_STEPS] != steps:
        average = floor_div(slot[ENTRY_COST], slot[ENTRY_STEPS] * terms[UNITS_PER_TICK_STEP])
    if slot[STOP_DISTANCE] > 0:
        slot[STOP] = maximum(average - side * slot[STOP_DISTANCE], 1)
    if BREAK_EVEN == 1:
        slot[BREAK_AT] = maximum(average + side * slot[BREAK_DISTANCE], 1) if slot[BREAK_DISTANCE] > 0 else 0
    if TARGETS == 1:
        level_targets(slot, terms, average, side)


def level_targets(slot: Ints, terms: Ints, average: int, side: int) -> None:
    """The next target, and the one after it, for an average entry price.

    A first target whose part, or what would be left, is too small to be sold at the stop is none: all waits for the
    second.
    """
    first = maximum(average + side * slot[FIRST_DISTANCE], 1)
    slot[TARGET] = maximum(average + side * slot[SECOND_DISTANCE], 1) if slot[SECOND_DISTANCE] > 0 else 0
    slot[NEXT_TARGET] = 0
    slot[PART] = 0
    if slot[FIRST_DISTANCE] > 0 and slot[SHARE_PPM] == ALL_PPM:
        slot[TARGET] = first
    elif slot[FIRST_DISTANCE] > 0:
        # Of what an entry fills further on, no more is the part than was not closed yet.
        part = maximum(share_units(slot[ENTRY_STEPS], slot[SHARE_PPM]) - slot[EXIT_STEPS], 0)
        least = minimum(part, slot[STEPS] - part)
        at = minimum(first, slot[STOP] if slot[STOP] > 0 else average)
        if least >= terms[STEPS_MIN] and least * at * terms[UNITS_PER_TICK_STEP] >= terms[SMALLEST_SELL]:
            slot[NEXT_TARGET] = slot[TARGET]
            slot[TARGET] = first
            slot[PART] = part


def next_target(slot: Ints) -> None:
    """The part is closed: what is left waits for the target after it, if there is one."""
    slot[TARGET] = slot[NEXT_TARGET]
    slot[NEXT_TARGET] = 0
    slot[PART] = 0


def close_part(slot: Ints, steps: int) -> None:
    """So many steps of the part that has a target of its own were closed, at that target or before."""
    slot[PART] = maximum(slot[PART] - steps, 0)
    if slot[PART] == 0:
        next_target(slot)


def book_exit(
    wallet: Ints, slot: Ints, terms: Ints, ticks: int, steps: int, fee: int, time_ms: int, reason: int
) -> bool:
    """Book a fill of an exit (fee in quote units); True when the position is closed: what is left can't be sold."""
    side = side_of(slot)
    amount = ticks * steps * terms[UNITS_PER_TICK_STEP]
    wallet[CASH] += side * amount - fee
    slot[HOLDING] -= side * steps * terms[UNITS_PER_STEP]
    slot[STEPS] -= steps
    slot[EXIT_STEPS] += steps
    slot[EXIT_PROCEEDS] += amount
    slot[EXIT_FEE] += fee
    slot[EXIT_TIME] = time_ms
    slot[EXIT_REASON] = reason
    if slot[STEPS] > 0:
        return False
    slot[DUST] = slot[HOLDING]
    slot[HOLDING] = 0
    slot[STOP] = 0
    slot[RESTING] = 0
    slot[TARGET] = 0
    if terms[LOSS_STREAK_MAX] > 0 and wallet[COUNTS_LATER] == 0:
        note_result(wallet, terms, profit(slot, terms), time_ms)
    return True


def profit(slot: Ints, terms: Ints) -> int:
    """Change of cash over the round trip in the slot, in quote units."""
    gained = side_of(slot) * (slot[EXIT_PROCEEDS] - slot[ENTRY_COST])
    return gained - slot[EXIT_FEE] - slot[ENTRY_FEE] * terms[FEE_IN_QUOTE]
