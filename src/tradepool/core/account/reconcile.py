"""Ours against theirs: what a look-up at the venue makes of an intent that was never answered."""

from __future__ import annotations

from tradepool.domain.denial import Denial
from tradepool.domain.event import VENUE_REJECTED, Event, OrderAccepted, OrderCancelled, OrderRejected
from tradepool.domain.order import Order, OrderRequest, OrderStatus

AGED_OUT = Denial.AGED_OUT


def too_old(request: OrderRequest, now_ms: int, entry_age_ms: int) -> bool:
    """Whether the time of an order that adds risk has passed; what reduces risk is never too old."""
    return request.adds_risk and now_ms - request.time_ms >= entry_age_ms


def aged_out(request: OrderRequest, now_ms: int) -> OrderRejected:
    """An entry that was not placed in time never will be."""
    return OrderRejected(time_ms=now_ms, client_order_id=request.client_order_id, reason=AGED_OUT)


def answer(order: Order) -> Event:
    """The event a known order stands for. One that is filled was accepted: its fills, which are owed from then on, end it."""
    name, filled = order.client_order_id, order.filled_quantity
    match order.status:
        case OrderStatus.CANCELLED:
            return OrderCancelled(time_ms=order.updated_ms, client_order_id=name, filled_quantity=filled)
        case OrderStatus.REJECTED:
            return OrderRejected(time_ms=order.updated_ms, client_order_id=name, reason=VENUE_REJECTED)
    there = order.venue_order_id
    return OrderAccepted(time_ms=order.time_ms, client_order_id=name, venue_order_id=there, filled_quantity=filled)
