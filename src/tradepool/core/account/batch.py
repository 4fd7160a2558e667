"""The candles of one T as an account acts on them: they may come apart, and entries wait for exits elsewhere to be final."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tradepool.core.account import account_step as step
from tradepool.core.account import booking
from tradepool.core.account.outbox import Outbox
from tradepool.core.account.slot import Entry, Slot, note_others
from tradepool.core.account.terms import REFUSALS
from tradepool.domain.ids import MarketId
from tradepool.domain.order import OrderType, Purpose, Side
from tradepool.domain.signal import Signal


@dataclass(slots=True)
class Batch:
    """A T, the markets that were acted on at it, and the entries that wait for the exits of the batch."""

    time_ms: int = 0
    acted: set[MarketId] = field(default_factory=set)
    waiting: list[Entry] = field(default_factory=list)

    def begin(self, time_ms: int) -> None:
        """Of another T from now on; what waits is the caller's to drop."""
        self.time_ms, self.acted = time_ms, set()

    def news(self, signals: Mapping[MarketId, Signal]) -> dict[MarketId, Signal]:
        """Those on whose markets nothing was done yet at this T; from now on something was."""
        found = {market: signal for market, signal in signals.items() if market not in self.acted}
        self.acted.update(found)
        return found

    def drop(self, out: Outbox, reason: str) -> None:
        """Refuse what waits."""
        for entry in self.waiting:
            out.refuse(entry.slot, entry.signal.time_ms, reason)
        self.waiting = []

    def enter(self, out: Outbox, slots: Mapping[MarketId, Slot]) -> None:
        """Size what waits and send it, beside all that is held in `slots`."""
        for entry in self.waiting:
            slot, s = entry.slot, entry.signal
            if slot.held or slot.busy:  # by a person's hand, since
                continue
            distance = step.first_distance(s.stop_distance, s.trail_distance)
            note_others(out.wallet, slot, slots.values(), s.time_ms)
            steps = step.decide_entry(
                out.wallet, slot.row, slot.terms, slot.scale, entry.equity, slot.mark, distance, step.LONG
            )
            if not steps:
                out.refuse(slot, s.time_ms, REFUSALS[slot.row[step.REFUSAL]])
                continue
            booking.decide_levels(slot.row, slot.scale, slot.mark, s.time_ms, s.break_even, s.hold_ms)
            booking.decide_targets(slot.row, slot.scale, slot.mark, s.first_target, s.second_target, s.target_share)
            limit = step.entry_limit(slot.terms, slot.mark, step.LONG)
            kind = OrderType.LIMIT if limit else OrderType.MARKET
            order = out.submit(slot, Side.BUY, kind, steps, Purpose.ENTRY, s.time_ms, limit)
            if order is not None:
                slot.entry = order.request.client_order_id
                order.reserved = step.entry_cash(steps * slot.mark * slot.terms[step.UNITS_PER_TICK_STEP], slot.terms)
                out.wallet[step.RESERVED] += order.reserved
        self.waiting = []
