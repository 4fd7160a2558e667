"""A canary's cap: what an entry would put at stake, with all that is at stake already."""

from __future__ import annotations

from decimal import Decimal

from tradepool.core.account.account import Account
from tradepool.core.account.slot import Slot
from tradepool.domain.mandate import CanaryCap
from tradepool.domain.order import OrderRequest, OrderStatus

ORDER, POSITIONS, EXPOSURE = "canary_order", "canary_positions", "canary_exposure"


def beyond(cap: CanaryCap, account: Account, request: OrderRequest) -> str:
    """Why an entry is more than a canary may risk, in one word; "" if it is not. Amounts are at the last close."""
    wanted, notional = account.slots[request.market], notional_of(account, request)
    if notional > cap.order_notional_max:
        return ORDER
    others = [slot for slot in account.slots.values() if slot is not wanted]
    if sum(slot.held or _enters_before(account, slot, request) for slot in others) + 1 > cap.positions_max:
        return POSITIONS
    return EXPOSURE if at_stake_with(account, request) > cap.exposure_max else ""


def notional_of(account: Account, request: OrderRequest) -> Decimal:
    """What an order is worth at its market's last close, in the quote asset."""
    slot = account.slots[request.market]
    return request.quantity * slot.market.price(slot.mark)


def at_stake_with(account: Account, request: OrderRequest) -> Decimal:
    """What all that is held is worth at the last closes, with what entries on their way cost and an order to it, in the
    quote asset."""
    slots = account.slots.values()
    stakes = (slot.stake() if _enters_before(account, slot, request) else slot.worth() for slot in slots)
    return sum(stakes) * account.quote_unit + notional_of(account, request)


def _enters_before(account: Account, slot: Slot, request: OrderRequest) -> bool:
    """Whether an entry is on its way there that counts for an order: of two that the venue has said nothing of, the older one
    counts for the younger, so that they do not refuse each other."""
    if slot.entry is None or slot.entry == request.client_order_id:
        return False
    heard = account.orders[slot.entry].status is not OrderStatus.INTENT
    return heard or slot.entry < request.client_order_id
