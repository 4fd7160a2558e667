"""A position, or a part of it, becomes its person's own: it leaves at a price, as if it had been paid for and taken out."""

from __future__ import annotations

from tradepool.core.account import account_step as step
from tradepool.core.account import booking, limit_step
from tradepool.core.account.outbox import Outbox
from tradepool.core.account.slot import Slot
from tradepool.core.account.terms import RELEASED
from tradepool.domain.command import RecordRelease

# A wish beside the account step's own: what waits for stops and targets to leave the book.
RELEASE = 16


def let_go(out: Outbox, slot: Slot, time_ms: int) -> None:
    """Nothing is in the book any more: the coins leave the mandate, and what they are worth with them. Less than a step
    can't be given away."""
    if not slot.steps():
        slot.leave_dust()
        return
    steps, slot.release_steps = min(slot.release_steps, slot.steps()) or slot.steps(), 0
    if slot.steps() - steps < slot.lot:
        steps = slot.steps()
    ticks = slot.release_ticks
    booking.book_exit(out.wallet, slot.row, slot.terms, ticks, steps, 0, time_ms, RELEASED)
    taken_out = ticks * steps * slot.terms[step.UNITS_PER_TICK_STEP]
    out.wallet[step.CASH] -= taken_out
    limit_step.money_moved(out.wallet, -taken_out)
    out.commands.append(RecordRelease(slot.market.id, slot.market.quantity(steps), time_ms))
    slot.keep_whole()
    if not slot.held:
        out.closed(slot)
