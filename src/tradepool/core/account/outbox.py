"""What an account sends: each order is named, reviewed and remembered here before it becomes a command."""

from __future__ import annotations

from dataclasses import dataclass, field

from tradepool.core.account import account_step as step
from tradepool.core.account.slot import Slot, Working
from tradepool.core.risk.review import review
from tradepool.domain.command import Cancel, Command, RecordRefusal, Submit
from tradepool.domain.ids import ClientOrderId, Naming, client_order_id
from tradepool.domain.mandate import Mandate
from tradepool.domain.order import OrderRequest, OrderType, Purpose, Refusal, Side
from tradepool.domain.user import Account


@dataclass(slots=True)
class Outbox:
    """The orders of one account that are not final, by name, and what the event at hand commands so far."""

    account: Account
    mandate: Mandate
    wallet: list[int]
    naming: Naming
    orders: dict[ClientOrderId, Working] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    numbered: int = 0

    def submit(
        self, slot: Slot, side: Side, kind: OrderType, steps: int, purpose: Purpose, time_ms: int
    ) -> Working | None:
        """Send an order of so many steps, a stop at the slot's level; None and a recorded refusal if review says no."""
        self.numbered += 1
        request = OrderRequest(
            client_order_id=client_order_id(self.account.number, self.numbered, self.naming),
            account=self.account.id,
            mandate=self.mandate.id,
            strategy_id=self.mandate.strategy_id,
            market=slot.market.id,
            side=side,
            type=kind,
            quantity=slot.market.quantity(steps),
            purpose=purpose,
            time_ms=time_ms,
            stop_price=slot.market.price(slot.row[step.STOP]) if kind is OrderType.STOP_LOSS else None,
        )
        free = self.wallet[step.CASH] - self.wallet[step.RESERVED]
        verdict = review(request, slot.market, held_steps=slot.steps(), spendable_units=free)
        if isinstance(verdict, Refusal):
            self.commands.append(RecordRefusal(verdict))
            return None
        working = self.orders[request.client_order_id] = Working(request)
        self.commands.append(Submit(verdict))
        return working

    def cancel(self, slot: Slot, name: ClientOrderId) -> None:
        """Take an order of the slot from the book."""
        self.commands.append(Cancel(name, slot.market.id))

    def refuse(self, slot: Slot, time_ms: int, reason: str) -> None:
        """Remember a wish that is not carried out."""
        refusal = Refusal(account=self.account.id, market=slot.market.id, time_ms=time_ms, reason=reason)
        self.commands.append(RecordRefusal(refusal))
