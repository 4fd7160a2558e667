"""A gateway that lets an entry through only while somebody says that it may; what reduces risk always goes through."""

from __future__ import annotations

from collections.abc import Callable

from tradepool.domain.event import Event, OrderRejected
from tradepool.domain.order import ApprovedOrder, OrderRequest
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import AccountGateway, Still

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

    async def submit(self, order: ApprovedOrder, still: Still) -> Event:
        """OrderRejected for an order that adds risk and may not go out; else the gateway's answer. It is asked again when
        the order has waited for its leave."""
        request = order.request
        reason = self._may_enter(request) if request.adds_risk else ""
        if reason:
            name = request.client_order_id
            return OrderRejected(time_ms=self._clock.now_ms(), client_order_id=name, reason=reason)
        return await self._gateway.submit(
            order, lambda: still() and not (request.adds_risk and self._may_enter(request))
        )
