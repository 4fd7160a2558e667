"""What an account sends: each order is named, reviewed and remembered here before it becomes a command."""

from __future__ import annotations

from dataclasses import dataclass, field

from tradepool.core.account import account_step as step
from tradepool.core.account.slot import Slot, Working
from tradepool.core.risk.review import review
from tradepool.domain.command import Cancel, Command, RecordRefusal, RecordTrade, Submit
from tradepool.domain.ids import ClientOrderId, Naming, client_order_id
from tradepool.domain.mandate import Mandate
from tradepool.domain.order import ApprovedOrder, OrderRequest, OrderType, Purpose, Refusal, Side, TimeInForce
from tradepool.domain.trade import Origin
from tradepool.domain.user import Account


@dataclass(slots=True)
class Outbox:
    """The orders of one account that are not final, by name, and what the event at hand commands so far."""

    account: Account
    mandate: Mandate
    wallet: list[int]
    naming: Naming
    origin: Origin
    orders: dict[ClientOrderId, Working] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    numbered: int = 0

    def submit(
        self, slot: Slot, side: Side, kind: OrderType, steps: int, purpose: Purpose, time_ms: int, level: int = 0
    ) -> Working | None:
        """Send an order of so many steps, a stop or a limit at a level in ticks; None and a recorded refusal if review
        says no."""
        order = self._reviewed(slot, self._request(slot, side, kind, steps, purpose, time_ms, level))
        return self._send(Submit(order)) if order is not None else None

    def submit_pair(
        self, slot: Slot, steps: int, stop: int, target: int, purpose: Purpose, time_ms: int
    ) -> tuple[Working, Working] | None:
        """Send a stop and a target, levels in ticks, of which the venue lets one trade; neither if review says no to one."""
        low = self._request(slot, Side.SELL, OrderType.STOP_LOSS, steps, purpose, time_ms, stop)
        high = self._request(slot, Side.SELL, OrderType.LIMIT, steps, Purpose.TARGET, time_ms, target)
        orders = [self._reviewed(slot, low), self._reviewed(slot, high)]
        if orders[0] is None or orders[1] is None:
            return None
        working = self._send(Submit(orders[0], orders[1]))
        other = self.orders[high.client_order_id] = Working(high, partner=low.client_order_id)
        working.partner = high.client_order_id
        return working, other

    def _request(
        self, slot: Slot, side: Side, kind: OrderType, steps: int, purpose: Purpose, time_ms: int, level: int
    ) -> OrderRequest:
        self.numbered += 1
        return OrderRequest(
            client_order_id=client_order_id(self.account.number, self.numbered, self.naming),
            account=self.account.id,
            mandate=self.mandate.id,
            strategy_id=self.mandate.strategy_id,
            market=slot.market.id,
            side=side,
            type=kind,
            quantity=slot.quantity(steps),
            purpose=purpose,
            time_ms=time_ms,
            price=slot.price(level, side) if kind is OrderType.LIMIT else None,
            stop_price=slot.price(level, side) if kind is OrderType.STOP_LOSS else None,
            time_in_force=self.mandate.entry.time_in_force if side is Side.BUY else TimeInForce.GTC,
        )

    def _reviewed(self, slot: Slot, request: OrderRequest) -> ApprovedOrder | None:
        free = self.wallet[step.CASH] - self.wallet[step.RESERVED]
        verdict = review(request, slot.listed, held_steps=slot.steps() // slot.lot, spendable_units=free)
        if isinstance(verdict, Refusal):
            self.commands.append(RecordRefusal(verdict))
            return None
        return verdict

    def _send(self, command: Submit) -> Working:
        request = command.order.request
        working = self.orders[request.client_order_id] = Working(request)
        self.commands.append(command)
        return working

    def cancel(self, slot: Slot, name: ClientOrderId) -> None:
        """Take an order of the slot from the book."""
        self.commands.append(Cancel(name, slot.market.id))

    def closed(self, slot: Slot) -> None:
        """Remember the round trip that has just ended."""
        trade = slot.round_trip().trade(self.account.id, self.mandate.strategy_id, slot.market, self.origin)
        self.commands.append(RecordTrade(trade))

    def refuse(self, slot: Slot, time_ms: int, reason: str) -> None:
        """Remember a wish of this time that is not carried out."""
        refusal = Refusal(account=self.account.id, market=slot.market.id, time_ms=time_ms, reason=reason)
        self.commands.append(RecordRefusal(refusal))
