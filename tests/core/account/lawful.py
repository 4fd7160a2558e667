"""An account that checks itself after each event of a story: what is true of every account, whatever it is told."""

from __future__ import annotations

from dataclasses import replace

from tradepool.core.account import account_step as step
from tradepool.core.account.account import Account
from tradepool.core.account.slot import Slot
from tradepool.core.account.snapshot import AccountState, put_back, taken
from tradepool.domain.command import Cancel, Command, RecordRefusal, RecordRelease, RecordTrade, Submit
from tradepool.domain.event import Event
from tradepool.domain.order import OrderRequest, OrderType, Purpose, Side
from tradepool.domain.trade import Trade


class Lawful(Account):
    """As any other, only slower."""

    def apply(self, event: Event) -> list[Command]:
        """Take in one event, and look at all that came of it."""
        before = lasting(taken(self))
        commands = super().apply(event)
        for command in commands:
            self._commands_in_our_name(command, event)
        self._is_whole()
        assert self.changed or (lasting(taken(self)) == before and not commands), (
            "what is not journaled changes nothing"
        )
        self._is_its_snapshot()
        return commands

    def _commands_in_our_name(self, command: Command, event: Event) -> None:
        match command:
            case Submit():
                self._orders(command.order.request)
                if command.target is not None:
                    self._orders(command.target.request)
            case Cancel(market=market):
                assert market in self.slots
            case RecordTrade(trade=trade):
                self._traded(trade, event)
            case RecordRefusal(refusal=refusal):
                assert refusal.account == self.account.id
                assert type(refusal.time_ms) is int
                assert refusal.market.startswith(self.account.venue)
            case RecordRelease():
                assert (command.market in self.slots, command.time_ms) == (True, event.time_ms)

    def _orders(self, request: OrderRequest) -> None:
        mandate = self.mandate
        assert (request.account, request.mandate) == (self.account.id, mandate.id)
        assert (request.strategy_id, request.market in self.slots) == (mandate.strategy_id, True)
        assert request.side is (Side.BUY if request.purpose is Purpose.ENTRY else Side.SELL)
        assert type(request.time_ms) is int
        assert (request.price is not None) is (request.type is OrderType.LIMIT)
        assert (request.stop_price is not None) is (request.type is OrderType.STOP_LOSS)

    def _traded(self, trade: Trade, event: Event) -> None:
        who = (trade.account, trade.strategy_id, trade.origin)
        assert who == (self.account.id, self.mandate.strategy_id, self.origin)
        assert (trade.market in self.slots, trade.exit_time_ms) == (True, event.time_ms)
        assert 0 < trade.entry_time_ms <= trade.exit_time_ms

    def _is_whole(self) -> None:
        """Numbers are whole, each order has one place, what is reserved is the orders', and a stop that rests is there."""
        rows = [self.wallet, *(slot.row for slot in self.slots.values())]
        assert all(type(number) is int for row in rows for number in row)
        assert self.wallet[step.RESERVED] == sum(order.reserved for order in self.orders.values())
        named = [name for slot in self.slots.values() for name in places(slot)]
        assert sorted(named) == sorted(set(named))
        assert set(named) <= set(self.orders)
        for slot in self.slots.values():
            assert not slot.row[step.RESTING] or slot.stops
            assert slot.passed in (True, False)
            assert not slot.after_cancel or slot.guards or slot.exit, "a wish waits for an order"
            assert slot.held or slot.guards or not (slot.after_cancel or slot.sell_steps or slot.passed)
        for position in self.positions():
            who = (position.account, position.mandate, position.strategy_id)
            assert who == (self.account.id, self.mandate.id, self.mandate.strategy_id)
            assert position.market in self.slots
            assert position.opened_time_ms > 0
            bought = self.slots[position.market].row[step.ENTRY_STEPS]
            assert 0 <= position.entry_fee < self.slots[position.market].market.quantity(bought)

    def _is_its_snapshot(self) -> None:
        """The law of snapshots: one that is put back is the same account."""
        state = taken(self)
        markets = [slot.market for slot in self.slots.values()]
        again = Account(self.account, self.mandate, markets, self.origin, self.naming.mark)
        put_back(again, state)
        for one, other in zip(again.slots.values(), self.slots.values(), strict=True):
            one.terms = other.terms  # which a story may have changed by hand; else they follow from the mandate
        assert all_of(again) == all_of(self)


def places(slot: Slot) -> list[str]:
    """The names of the orders that a slot knows of."""
    return [name for name in (slot.entry, slot.exit, *slot.guards) if name is not None]


def lasting(state: AccountState) -> AccountState:
    """A state without what the next candles tell anew."""
    slots = tuple(replace(slot, mark=0) for slot in state.slots)
    return replace(state, slots=slots, as_of_ms=0, acted=(0, ()))


def all_of(account: Account) -> dict[str, object]:
    """Every field but what one event leaves behind for its caller."""
    return vars(account) | {"outbox": replace(account.outbox, commands=[]), "changed": None}
