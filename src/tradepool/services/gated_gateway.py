"""A gateway that lets an entry through only while somebody says that it may; what reduces risk always goes through."""

from __future__ import annotations

from collections.abc import Callable

from tradepool.domain.event import Event, OrderRejected
from tradepool.domain.order import ApprovedOrder, OrderRequest, Purpose
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import AccountGateway

MayEnter = Callable[[OrderRequest], str]


class GatedGateway:
    """`may_enter` is asked at the last moment before an entry leaves: "" or the word it is rejected with. The intent is
    journaled by then, and so is its rejection: a restart does not ask again."""

    def __init__(self, gateway: AccountGateway, may_enter: MayEnter, clock: Clock) -> None:
        """Everything but `submit` is the gateway's own."""
        self._gateway, self._may_enter, self._clock = gateway, may_enter, clock

    def __getattr__(self, name: str) -> object:
        """What is not asked here is asked there."""
        return getattr(self._gateway, name)

    async def submit(self, order: ApprovedOrder) -> Event:
        """OrderRejected for an entry that may not go out; else the gateway's answer."""
        request = order.request
        reason = self._may_enter(request) if request.purpose is Purpose.ENTRY else ""
        if reason:
            name = request.client_order_id
            return OrderRejected(time_ms=self._clock.now_ms(), client_order_id=name, reason=reason)
        return await self._gateway.submit(order)
