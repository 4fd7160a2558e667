"""What stands between a position and the market: its stop at the venue, and what waits for it to leave the book."""

from __future__ import annotations

from tradepool.core.account import account_step as step
from tradepool.core.account.outbox import Outbox
from tradepool.core.account.slot import Slot
from tradepool.domain.order import OrderType, Purpose, Side


def leave(out: Outbox, slot: Slot, wish: int, time_ms: int) -> None:
    """Do what is wished once the stop has left the book; its cancel may be on its way for another wish."""
    if slot.stop is not None:
        if not slot.after_cancel:
            out.cancel(slot, slot.stop)
        slot.after_cancel = wish
    else:
        after_cancel(out, slot, wish, time_ms)


def after_cancel(out: Outbox, slot: Slot, wish: int, time_ms: int) -> None:
    """No stop is in the book: sell, or protect what is left."""
    slot.after_cancel = step.NOTHING
    slot.row[step.RESTING] = 0
    if wish == step.SELL:
        sell(out, slot, slot.take_sell_purpose(), time_ms)
        return
    if wish == step.RELEVEL:
        step.relevel(slot.row)
    if slot.row[step.STOP] > 0:
        protect(out, slot, time_ms)


def protect(out: Outbox, slot: Slot, time_ms: int) -> None:
    """Let a stop rest for all that is held."""
    purpose = Purpose.TRAILING if slot.row[step.TRAILED] else Purpose.STOP
    order = out.submit(slot, Side.SELL, OrderType.STOP_LOSS, slot.steps(), purpose, time_ms)
    slot.stop = order.request.client_order_id if order is not None else None


def sell(out: Outbox, slot: Slot, purpose: Purpose, time_ms: int) -> None:
    """Sell all that is held at market."""
    order = out.submit(slot, Side.SELL, OrderType.MARKET, slot.steps(), purpose, time_ms)
    slot.exit = order.request.client_order_id if order is not None else None
