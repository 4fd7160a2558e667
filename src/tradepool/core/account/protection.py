"""What stands between a position and the market: stops and targets at the venue, and what waits for them to leave the book.

A stop and a target for the same coins are one pair at the venue: the coins are held once, and the order that trades ends
the other. With two targets there are two pairs, the part that leaves at the first and the rest. Where the venue has no
pairs the stop rests for all, and a target is a price that is watched.
"""

from __future__ import annotations

from decimal import Decimal

from tradepool.core.account import account_step as step
from tradepool.core.account import booking
from tradepool.core.account.outbox import Outbox
from tradepool.core.account.release import RELEASE, let_go
from tradepool.core.account.slot import Slot, Working
from tradepool.domain.denial import Denial
from tradepool.domain.ids import ClientOrderId
from tradepool.domain.order import OrderStatus, OrderType, Purpose, Side


def leave(out: Outbox, slot: Slot, wish: int, time_ms: int) -> None:
    """Do what is wished once stops and targets have left the book, and a sale that is on its way has ended; the cancels
    may be on the way for another wish."""
    if slot.guards:
        if not slot.after_cancel:
            for name in heads(out, slot):
                out.cancel(slot, name)
        slot.after_cancel = wish
    elif slot.exit is not None:
        slot.after_cancel = wish
    else:
        after_cancel(out, slot, wish, time_ms)


def heads(out: Outbox, slot: Slot) -> list[ClientOrderId]:
    """The orders to cancel so that all stops and targets leave the book: of a pair its stop."""
    return [name for name in slot.guards if out.orders[name].partner not in slot.stops]


def level_again(out: Outbox, slot: Slot, time_ms: int, *, moves: bool = False) -> None:
    """Place stops and targets anew, where they are, for what is held now; or where they were going, if it `moves`."""
    if not moves:
        slot.row[step.NEXT_STOP] = slot.row[step.STOP]
    leave(out, slot, slot.after_cancel or step.RELEVEL, time_ms)


def after_cancel(out: Outbox, slot: Slot, wish: int, time_ms: int) -> None:
    """No stop and no target is in the book: sell, or protect what is left."""
    slot.after_cancel = step.NOTHING
    slot.row[step.RESTING] = 0
    if wish == step.SELL:
        sell(out, slot, slot.take_sell_purpose(), slot.take_sell_steps(), time_ms)
        return
    if wish == RELEASE:
        let_go(out, slot, time_ms)
    if wish == step.RELEVEL:
        step.relevel(slot.row)
    if slot.held:
        protect(out, slot, time_ms)


def protect(out: Outbox, slot: Slot, time_ms: int) -> None:
    """Let stops and targets rest for all that is held and that none stands for; a part with a target of its own apart
    from the rest."""
    row, bare = slot.row, slot.steps() - slot.guarded(out.orders)
    if row[step.PART] > slot.steps() or (row[step.PART] and not slot.guards and not _apart(slot)):
        # Some of it was sold, or more of the entry came, meanwhile: what can't be closed apart waits for the far target.
        booking.next_target(row)
    whole = any(out.orders[name].part for name in slot.guards) or (row[step.STOP] and not slot.listed.pairs)
    part = 0 if whole else min(row[step.PART], bare)
    if part:
        for order in _guard(out, slot, part, row[step.TARGET], time_ms):
            order.part = True
    _guard(out, slot, bare - part, row[step.NEXT_TARGET] if row[step.PART] else row[step.TARGET], time_ms)


def bought(out: Outbox, slot: Slot, ticks: int, steps: int, base: int, quote: int, time_ms: int) -> None:
    """Book a fill of an entry, which was charged so much in base and in quote, and protect what it brought."""
    row, stop = slot.row, slot.row[step.STOP]
    moves = slot.after_cancel == step.RELEVEL and row[step.NEXT_STOP] > stop
    booking.book_entry(out.wallet, row, slot.terms, ticks, steps, base, time_ms)
    slot.pay_in_quote(out.wallet, quote)
    # What a candle has raised, or is raising, stays: a lower one would not do so again.
    row[step.STOP] = max(row[step.STOP], stop) if row[step.TRAILED] else row[step.STOP]
    slot.keep_whole()
    if slot.guards:
        level_again(out, slot, time_ms, moves=moves and row[step.NEXT_STOP] > row[step.STOP])
    elif slot.exit is None:
        # What comes while a part is being sold is protected, or sold, when that sale has ended.
        protect(out, slot, time_ms)


def _apart(slot: Slot) -> bool:
    """Whether the part with a target of its own, and the rest beside it, can each be sold at the stop."""
    row, terms = slot.row, slot.terms
    least = min(row[step.PART], slot.steps() - row[step.PART])
    amount = least * (row[step.STOP] or row[step.TARGET]) * terms[step.UNITS_PER_TICK_STEP]
    return least >= terms[step.STEPS_MIN] and amount >= terms[step.SMALLEST_SELL]


def _guard(out: Outbox, slot: Slot, steps: int, target: int, time_ms: int) -> tuple[Working, ...]:
    if steps <= 0:
        return ()
    stop = slot.row[step.STOP]
    orders: tuple[Working | None, ...] = ()
    if stop and target and slot.listed.pairs:
        orders = out.submit_pair(slot, steps, stop, target, _purpose(slot), time_ms) or ()
    elif stop:
        orders = (out.submit(slot, Side.SELL, OrderType.STOP_LOSS, steps, _purpose(slot), time_ms, stop),)
    elif target:
        orders = (out.submit(slot, Side.SELL, OrderType.LIMIT, steps, Purpose.TARGET, time_ms, target),)
    sent = tuple(order for order in orders if order is not None)
    for order in sent:
        names = slot.stops if order.request.type is OrderType.STOP_LOSS else slot.targets
        names.append(order.request.client_order_id)
    return sent


def stop_alone(out: Outbox, slot: Slot, order: Working, time_ms: int) -> None:
    """A pair that the venue will not have, as its target may be farther from the price than it lets an order be, leaves the
    stop to rest without it; the target is watched."""
    if order.partner is None or order.partner in out.orders or slot.exit is not None or slot.after_cancel:
        return
    steps = min(slot.open_steps(order), slot.steps() - slot.covered(out.orders))
    for stop in _guard(out, slot, steps, 0, time_ms):
        stop.part = order.part


def _purpose(slot: Slot) -> Purpose:
    return Purpose.TRAILING if slot.row[step.TRAILED] else Purpose.STOP


def sell(out: Outbox, slot: Slot, purpose: Purpose, steps: int, time_ms: int) -> None:
    """Sell so many steps at market."""
    order = out.submit(slot, Side.SELL, OrderType.MARKET, steps, purpose, time_ms)
    if order is not None:
        slot.exit, order.part = order.request.client_order_id, steps == slot.row[step.PART]


def watched(out: Outbox, slot: Slot, price: Decimal, time_ms: int) -> None:
    """A price that was seen: what it has passed the stop of, and no stop stands for, is sold, as the stop would have; not at
    a price of nothing, which is none, and not what is too small to be sold there. At a target that the venue does not hold,
    what was to be sold there is, once the stop has made way."""
    row, ticks = slot.row, int(price / slot.market.price_tick)
    if slot.awaits_target(out.orders) and ticks >= row[step.TARGET]:
        if slot.sellable(row[step.PART] or slot.steps(), ticks):
            slot.sell_purpose, slot.sell_steps = Purpose.TARGET, row[step.PART]
            leave(out, slot, step.SELL, time_ms)
        return
    bare = slot.held and not slot.tied(out.orders) and not slot.asked(out.orders) and slot.bare(out.orders)
    missing = slot.steps() - slot.guarded(out.orders)
    if bare and 0 < price <= slot.market.price(row[step.STOP]) and slot.sellable(missing, ticks):
        sell(out, slot, _purpose(slot), missing, time_ms)


def withdraw(out: Outbox, slot: Slot) -> None:
    """Take back what rests of an entry, if some does. What is not answered yet may not have left: that is too old by then, or
    is taken back when it is accepted."""
    order = out.orders[slot.entry] if slot.entry is not None else None
    if order is not None and order.status is OrderStatus.ACCEPTED and not order.request.takes_at_once:
        out.cancel(slot, order.request.client_order_id)


def settle(out: Outbox, slot: Slot, time_ms: int, *, again: bool = True) -> None:
    """The venue told of a stop or a target: once it has answered for all of them, do what waited for that.

    What the price had passed already is sold, in one order; where nothing is left in the book the wish is done that
    waited for it or, if `again`, what is held is protected anew. Where nothing is held there is nothing to wish.
    """
    if not slot.held and not slot.guards:
        slot.forget_wish()
        slot.passed = False
    if not slot.held or slot.asked(out.orders):
        return
    passed, slot.passed = slot.passed and not slot.after_cancel, False
    bare = not slot.guards and slot.exit is None
    if passed and slot.exit is None:
        sell(out, slot, _purpose(slot), slot.steps() - slot.covered(out.orders), time_ms)
    elif bare and (slot.after_cancel or again):
        after_cancel(out, slot, slot.after_cancel, time_ms)


def ended(out: Outbox, slot: Slot, order: Working, time_ms: int) -> None:
    """A stop or a target left the book without (the rest of) its fill; where its partner is at work, that one tells on."""
    if order.partner in out.orders:
        return
    if slot.held and slot.guards and slot.exit is None and not slot.after_cancel:
        level_again(out, slot, time_ms)
    else:
        settle(out, slot, time_ms)


def in_place(order: Working) -> bool:
    """Whether an order is a sale in place of a stop that the price had passed."""
    return order.request.type is OrderType.MARKET and order.request.purpose in (Purpose.STOP, Purpose.TRAILING)


def frees(order: Working) -> bool:
    """Whether what a sale leaves unsold is guarded again at once; in place of a stop that was passed it would go in circles."""
    return order.request.type is OrderType.MARKET and order.request.side is Side.SELL and not in_place(order)


def guards_again(out: Outbox, slot: Slot, order: Working, reason: str) -> bool:
    """Whether what a refused order leaves is guarded again at once: where it was to sell more than is left, as some was sold
    meanwhile, and where it freed what it could not sell. What is too large for one order at market is refused by the same
    filter as what is too small."""
    if order.request.side is Side.SELL and slot.open_steps(order) > slot.steps() - slot.covered(out.orders):
        return True
    return frees(order) and (reason != Denial.BELOW_MINIMUM or slot.bare(out.orders))


def anew(out: Outbox, slot: Slot, order: Working, time_ms: int) -> None:
    """What was made before the market's grid changed is made anew, on the grid it has now."""
    steps = min(slot.open_steps(order), slot.steps() - slot.covered(out.orders))
    if order.request.type is not OrderType.MARKET or slot.after_cancel or steps < slot.lot:
        settle(out, slot, time_ms)
        return
    sell(out, slot, order.request.purpose, steps, time_ms)
    if slot.exit is not None:
        out.orders[slot.exit].part = order.part


def passed_target(slot: Slot, order: Working, ticks: int) -> bool:
    """Whether a sale in place of a pair that the price had passed shows by its price that it was the target: it is nearer."""
    stop, target = slot.row[step.STOP], slot.row[step.TARGET]
    return in_place(order) and target > 0 and 2 * ticks > stop + target
