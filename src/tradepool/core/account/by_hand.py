"""What a person does to an account, beside its strategy: sell now, take over, give away, cap; and what he did past us.

What becomes a mandate's, or leaves it, does so at a price, as if it had been paid for and the money put in or taken out:
a trade's pnl stays the change of what the mandate has, whoever ended it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from tradepool.core.account import account_step as step
from tradepool.core.account import booking, limit_step
from tradepool.core.account.outbox import Outbox
from tradepool.core.account.protection import leave, withdraw
from tradepool.core.account.release import RELEASE
from tradepool.core.account.slot import Slot, Working
from tradepool.domain.by_hand import (
    BookCorrected,
    ByHand,
    CloseAsked,
    FlattenAsked,
    LotShrunk,
    OrdersCapped,
    PositionAdopted,
    PositionReleased,
)
from tradepool.domain.ids import ClientOrderId, MarketId
from tradepool.domain.mandate import Mandate
from tradepool.domain.order import Purpose


class Steered(Protocol):
    """What of an account a person's deed is about."""

    mandate: Mandate
    wallet: list[int]
    order_cap: Decimal | None

    @property
    def slots(self) -> Mapping[MarketId, Slot]:
        """Its positions."""
        ...

    def mark(self, market: MarketId, close: float) -> None:
        """Note a close."""
        ...


def wished(account: Steered, out: Outbox, event: ByHand) -> bool:
    """Do what a person wants, as far as it can be done; whether that changed anything."""
    for market, close in event.closes:
        account.mark(market, close)
    match event:
        case FlattenAsked():
            for slot in account.slots.values():
                if slot.market.id in event.markets:
                    withdraw(out, slot)
            found = [s for s in account.slots.values() if s.market.id in event.markets and _sellable(s, out)]
            for slot in found:
                _sell(slot, 0, Purpose.FLATTEN, event.time_ms, out)
            return bool(found)
        case OrdersCapped():
            return _cap(account, event)
        case BookCorrected():
            # News of the books only: what the mandate has stays.
            return True
        case CloseAsked() | PositionAdopted() | PositionReleased() | LotShrunk():
            return event.market in account.slots and _to(account, account.slots[event.market], event, out)
    return False


def _to(
    account: Steered,
    slot: Slot,
    event: CloseAsked | PositionAdopted | PositionReleased | LotShrunk,
    out: Outbox,
) -> bool:
    match event:
        case CloseAsked():
            if why_not_close(slot, event.share, out.orders):
                return False
            withdraw(out, slot)
            if event.share < 1 and slot.row[step.PART]:
                # What is left has one target, the far one: the part that had its own is not what it was.
                booking.next_target(slot.row)
            _sell(slot, _part(slot, event.share), Purpose.MANUAL, event.time_ms, out)
            return True
        case PositionAdopted():
            return _adopt(account, slot, event, out)
        case PositionReleased():
            if not slot.held or slot.tied(out.orders):
                return False
            withdraw(out, slot)
            return _release(slot, 0, event, out)
        case LotShrunk():
            lost = slot.steps() - int(event.held / slot.market.quantity_step)
            if not slot.held or slot.tied(out.orders) or lost <= 0:
                return False
            withdraw(out, slot)
            return _release(slot, lost, event, out)


# ---- selling


def _sellable(slot: Slot, out: Outbox) -> bool:
    return slot.held and not slot.leaving(out.orders) and _large_enough(slot, slot.steps(), last_ticks(slot))


def _sell(slot: Slot, steps: int, purpose: Purpose, time_ms: int, out: Outbox) -> None:
    slot.sell_purpose, slot.sell_steps = purpose, steps
    leave(out, slot, step.SELL, time_ms)


def _part(slot: Slot, share: Decimal) -> int:
    return int(slot.steps() * share)


def why_not_close(slot: Slot, share: Decimal, orders: Mapping[ClientOrderId, Working]) -> str:
    """Why a share of a position can't be sold now; "" if it can. Neither the part nor the rest may be too small to sell."""
    if not slot.held:
        return "nothing is held there"
    if slot.tied(orders):
        return "an order is on its way there; ask again in a moment"
    part = _part(slot, share)
    last = last_ticks(slot)
    if not _large_enough(slot, slot.steps(), last):
        return "what is held is too small to be sold"
    if not _large_enough(slot, part, last):
        return "that part is too small to be sold"
    # What is left is sold at its stop, if not before.
    if part < slot.steps() and not _large_enough(slot, slot.steps() - part, slot.row[step.STOP] or last):
        return "what would be left is too small to be sold; close all of it"
    return ""


def last_ticks(slot: Slot) -> int:
    """The last close that was heard; before one, a position's average entry price."""
    bought = slot.row[step.ENTRY_STEPS] * slot.terms[step.UNITS_PER_TICK_STEP]
    return slot.mark or (slot.row[step.ENTRY_COST] // bought if bought else 0)


def _large_enough(slot: Slot, steps: int, ticks: int) -> bool:
    amount = steps * ticks * slot.terms[step.UNITS_PER_TICK_STEP]
    return steps >= slot.terms[step.STEPS_MIN] and amount >= slot.terms[step.SMALLEST_SELL]


# ---- taking over, giving away


def _adopt(account: Steered, slot: Slot, event: PositionAdopted, out: Outbox) -> bool:
    if slot.held or slot.busy:
        return False
    market, row = slot.market, slot.row
    ticks, steps = market.ticks(event.price), market.steps(event.quantity)
    row[step.STOP_DISTANCE] = ticks - market.ticks(event.stop_price)
    row[step.FIRST_DISTANCE] = row[step.SECOND_DISTANCE] = row[step.BREAK_DISTANCE] = row[step.WISH_LEAVE] = 0
    row[step.WISH_SIDE] = step.LONG
    put_in = ticks * steps * slot.terms[step.UNITS_PER_TICK_STEP]
    account.wallet[step.CASH] += put_in
    limit_step.money_moved(account.wallet, put_in)
    booking.book_entry(account.wallet, row, slot.terms, ticks, steps, 0, event.time_ms)
    leave(out, slot, step.NOTHING, event.time_ms)
    return True


def _release(slot: Slot, steps: int, event: PositionReleased | LotShrunk, out: Outbox) -> bool:
    """Let go of so many steps (0: all); what is left is protected anew, with one target, the far one."""
    if steps and slot.row[step.PART]:
        booking.next_target(slot.row)
    slot.release_steps, slot.release_ticks = steps, slot.market.ticks(event.price)
    slot.row[step.UNSELLABLE] = 0
    leave(out, slot, RELEASE, event.time_ms)
    return True


# ---- limits


def _cap(account: Steered, event: OrdersCapped) -> bool:
    if account.order_cap == event.order_notional_max:
        return False
    account.order_cap = event.order_notional_max
    cap_terms(account)
    return True


def cap_terms(account: Steered) -> None:
    """Let the cap stand in the terms of every position, whatever made them anew."""
    limit = account.mandate.limits.order_notional_max
    wanted = [each for each in (account.order_cap, limit) if each is not None]
    for slot in account.slots.values():
        most = min(wanted, default=Decimal(0))
        slot.terms[limit_step.ORDER_NOTIONAL_MAX] = int(most / slot.market.quote_unit)
