"""Orders of our own that the journal does not know: it was restored from a backup that is older than they are.

What they filled is booked as it happened, without a word to the venue; then the slot is made to agree with what rests
there now, and what is held and has no stop is given one at the last level that any of our stops stood at; where none of
them ever stood, at the next close, as its strategy would.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradepool.core.account import account_step as step
from tradepool.core.account.protection import level_again, protect
from tradepool.core.account.slot import Slot, Working
from tradepool.core.compiler.vocabulary import floor_to_int
from tradepool.domain.event import OrdersAdopted
from tradepool.domain.ids import ClientOrderId, read_client_order_id
from tradepool.domain.order import OrderRequest, OrderStatus, OrderType, Purpose, Side
from tradepool.domain.signal import Signal

if TYPE_CHECKING:
    from tradepool.core.account.account import Account

# Nobody decided on an adopted entry here: its levels are those of the stops found with it. A stop that no order told of
# may still be decided on.
UNDECIDED = (step.FIRST_DISTANCE, step.SECOND_DISTANCE, step.BREAK_DISTANCE, step.WISH_LEAVE)
UNKNOWN = -1
LEVELS = (step.STOP, step.TARGET, step.NEXT_TARGET, step.PART, step.BREAK_AT)


def adopt(account: Account, event: OrdersAdopted) -> bool:
    """Take the orders on, and over; it is always news. BrokenLaw for a fill of an order that is none of ours."""
    slot, out = account.slots[event.market], account.outbox
    ours = [order.request for order in account.orders.values() if order.request.market == event.market]
    for request in event.requests:
        ours.append(request)
        account.orders[request.client_order_id] = Working(request, OrderStatus.ACCEPTED)
        read = read_client_order_id(request.client_order_id)
        out.numbered = max(out.numbered, read.order_number if read else 0)
        # Whoever made it had acted on the candles before it.
        account.as_of_ms = max(account.as_of_ms, request.time_ms)
    level = slot.row[step.STOP]
    _book(account, slot, event)
    for request in ours:
        order = account.orders.get(request.client_order_id)
        if order is not None and request.client_order_id not in event.resting:
            account._finish(order)
    _agree(account, slot, event, ours, level)
    return True


def _book(account: Account, slot: Slot, event: OrdersAdopted) -> None:
    """Nothing is ordered meanwhile: the slot has no orders, no level, and no distance that a fill would set one at."""
    slot.entry = slot.exit = None
    slot.stops, slot.targets, slot.passed = [], [], False
    slot.forget_wish()
    for field in (*LEVELS, *UNDECIDED):
        slot.row[field] = 0
    slot.row[step.STOP_DISTANCE], slot.row[step.WISH_SIDE] = UNKNOWN, step.LONG
    for fill in event.fills:
        account._filled(fill)


def arm(slot: Slot, signal: Signal) -> None:
    """At the first close after it was adopted, what is held and has no stop has the one that an entry there would have."""
    row, distance = slot.row, step.first_distance(signal.stop_distance, signal.trail_distance)
    ticks = min(floor_to_int(distance * slot.scale), step.FARTHEST * slot.mark)
    if row[step.STOP_DISTANCE] == UNKNOWN and not row[step.STOP] and ticks > 0:
        row[step.STOP_DISTANCE] = ticks
        average = row[step.ENTRY_COST] // (row[step.ENTRY_STEPS] * slot.terms[step.UNITS_PER_TICK_STEP])
        row[step.STOP] = max(average - ticks, 1)


def _agree(account: Account, slot: Slot, event: OrdersAdopted, ours: list[OrderRequest], level: int) -> None:
    """Let the slot's orders be those that rest, and protect what is held: at the last of our stops, else as before."""
    resting = [request for request in ours if request.client_order_id in event.resting]
    slot.entry = _last([r for r in resting if r.side is Side.BUY])
    slot.exit = _last([r for r in resting if r.side is Side.SELL and r.type is OrderType.MARKET])
    slot.stops = _in_charge(slot, [r for r in resting if r.type is OrderType.STOP_LOSS])
    slot.targets = [r.client_order_id for r in resting if r.side is Side.SELL and r.type is OrderType.LIMIT]
    _pair(account, slot)
    slot.leave_dust()
    stops = [r for r in ours if r.type is OrderType.STOP_LOSS and (not slot.stops or r.client_order_id in slot.stops)]
    row = slot.row
    row[step.STOP], row[step.RESTING] = level if slot.held else 0, 0
    if slot.held and stops and stops[-1].stop_price is not None:
        row[step.STOP] = slot.market.ticks(stops[-1].stop_price)
        row[step.TRAILED] = int(stops[-1].purpose is Purpose.TRAILING)
    if slot.stops:
        step.stop_rests(row)
    if slot.guards and (not slot.held or slot.targets or slot.covered(account.orders) < slot.steps()):
        # What protects nothing is taken away; a target that nobody here decided on makes room for the stop alone.
        level_again(account.outbox, slot, event.time_ms)
    elif slot.held and not slot.guards and slot.exit is None and row[step.STOP] > 0:
        protect(account.outbox, slot, event.time_ms)


def _in_charge(slot: Slot, stops: list[OrderRequest]) -> list[ClientOrderId]:
    """The youngest of the stops, and those before it as far as there is more to guard: the others were being replaced."""
    chosen, guarded = list[ClientOrderId](), 0
    for request in reversed(stops):
        steps = slot.market.steps(request.quantity)
        if not chosen or guarded + steps <= slot.steps():
            chosen, guarded = [request.client_order_id, *chosen], guarded + steps
    return chosen


def _pair(account: Account, slot: Slot) -> None:
    """A stop and a target that rest for the same coins are one pair: whatever ends one ends the other."""
    for name in slot.targets:
        target = account.orders[name]
        for other in slot.stops:
            stop = account.orders[other]
            if stop.partner is None and target.partner is None and stop.request.quantity == target.request.quantity:
                stop.partner, target.partner = name, other


def _last(requests: list[OrderRequest]) -> ClientOrderId | None:
    return requests[-1].client_order_id if requests else None
