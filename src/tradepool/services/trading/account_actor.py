"""One actor an account: events one by one, each applied, journaled and only then acted on. It never awaits the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tradepool.core.account.account import Account
from tradepool.core.account.slot import with_closes
from tradepool.core.ledger.posting import fill_entry, opening_entry
from tradepool.domain.command import Cancel, Command, RecordRefusal, RecordTrade, Submit
from tradepool.domain.event import AccountOpened, CandlesClosed, Event, OrderFilled, StreamLost
from tradepool.domain.ids import ClientOrderId, FillId, MarketId
from tradepool.domain.ledger import LedgerEntry
from tradepool.domain.order import OrderRequest, OrderStatus
from tradepool.ports.exchange import AccountGateway, OnBalances
from tradepool.ports.journal import Journal, Record
from tradepool.runtime import telemetry
from tradepool.services.backoff import Backoff, Reconnecting
from tradepool.services.trading.sender import Sender, command_name

log = telemetry.logger(__name__)


@dataclass(frozen=True, slots=True)
class _StreamLost:
    """The user stream broke: what it would have told is asked for."""

    why: str


class AccountActor:
    """Owns one account's state. `post` takes events from anywhere in the loop; `run` handles them until cancelled."""

    def __init__(
        self, account: Account, gateway: AccountGateway, journal: Journal, sender: Sender, epoch: int = 0
    ) -> None:
        """The parts, and the instance's epoch; `recovery.start` brings the actor up to date before `run`."""
        self.account = account
        self.gateway = gateway
        self.sender = sender
        self.reconnecting = Reconnecting(sender.clock)
        self.epoch = epoch
        self.sequence = 0
        self.opened_ms = 0
        self.on_change: Callable[[AccountActor], None] = lambda actor: None
        self.on_balances: OnBalances = lambda balances, time_ms: None
        self._last_fills: dict[MarketId, FillId] = {}
        self._fills_before: dict[ClientOrderId, FillId | None] = {}
        self._lost = False
        self._journal = journal
        self._inbox: asyncio.Queue[Event | _StreamLost] = asyncio.Queue()
        # What was taken from the inbox and waits until what was applied before it is written.
        self._next: Event | _StreamLost | None = None
        self._unwritten: tuple[Record, Sequence[Command]] | None = None
        self._again = Backoff(sender.clock)
        sender.wanted, sender.on_done = self._wants, self._settled

    @property
    def busy(self) -> bool:
        """Whether something it was told or sent is not answered yet."""
        waiting = not self._inbox.empty() or not self.sender.idle
        return waiting or self._unwritten is not None or bool(self.account.unanswered() or self.account.cancelling())

    @property
    def refused(self) -> bool:
        """Whether the journal has not taken what was applied last."""
        return self._unwritten is not None

    def post(self, event: Event) -> None:
        """Put an event in the inbox."""
        self._inbox.put_nowait(event)

    def lost(self, why: str) -> None:
        """Hear that the user stream broke, or that it has kept something to itself; once, until that is mended."""
        if not self._lost:
            self._lost = True
            self._inbox.put_nowait(_StreamLost(why))

    async def run(self, on_lost: Callable[[AccountActor], Awaitable[None]]) -> None:
        """Handle events until cancelled; any error ends this actor, and only this one. `on_lost` mends the stream."""
        while True:
            if self._unwritten is not None:
                await self._again.wait()
                self.write()
                self._again.reset()
            if self._next is None:
                self._next = await self._inbox.get()
            self.write()
            event, self._next = self._next, None
            if isinstance(event, _StreamLost):
                log.warning("user stream lost", account=self.account.account.id, why=event.why)
                self._lost = False
                self.handle(StreamLost(time_ms=self.sender.now_ms(), why=event.why))
                await on_lost(self)
            else:
                self.handle(event)
            if self.account.changed or not isinstance(event, CandlesClosed):
                self._settled()

    def replay(self, events: Sequence[tuple[int, int, Event]]) -> None:
        """Apply what the journal holds; its commands were sent before, or are found unanswered later."""
        for sequence, as_of_ms, event in events:
            commands = self.account.apply(event)
            self.account.as_of_ms = max(self.account.as_of_ms, as_of_ms)
            self.sequence = sequence
            self._note(event, commands)

    def handle(self, event: Event) -> None:
        """Apply an event; if it is news, write it down with all that follows from it, then queue its commands.

        What the journal refuses is applied all the same: it is offered again, before anything else is taken in, until it
        is written; only then its commands go out. Raises what the journal raised.
        """
        self.write()
        if isinstance(event, CandlesClosed):
            event = with_closes(event, self.account.slots.values())
        foreign, commands = self.account.foreign, self.account.apply(event)
        if not self.account.changed:
            return
        if self.account.foreign is not foreign and self.account.foreign is not None:
            log.critical("somebody else orders on this account", account=self.account.account.id, heard=repr(event))
        self.sequence += 1
        self._unwritten = self._record(event, commands), commands
        self.write()

    def write(self) -> None:
        """Write down what is not yet, then queue its commands. Raises what the journal raises."""
        if self._unwritten is None:
            return
        record, commands = self._unwritten
        self._journal.write(record)
        self._unwritten = None
        self._note(record.event, commands)
        self.sender.put(command for command in commands if isinstance(command, Submit | Cancel))

    def _record(self, event: Event, commands: Sequence[Command]) -> Record:
        return Record(
            account=self.account.account.id,
            sequence=self.sequence,
            as_of_ms=self.account.as_of_ms,
            event=event,
            entries=self._entries(event),
            trades=[c.trade for c in commands if isinstance(c, RecordTrade)],
            refusals=[c.refusal for c in commands if isinstance(c, RecordRefusal)],
            intents=[c.order.request for c in commands if isinstance(c, Submit)],
        )

    def _entries(self, event: Event) -> list[LedgerEntry]:
        match event:
            case AccountOpened():
                return [opening_entry(self.account.account.id, event.time_ms, event.balances)]
            case OrderFilled(fill=fill):
                return [fill_entry(fill, self.account.slots[fill.market].market)]
        return []

    def _note(self, event: Event, commands: Sequence[Command]) -> None:
        if isinstance(event, OrderFilled):
            self._last_fills[event.fill.market] = event.fill.fill_id
        elif isinstance(event, AccountOpened):
            self.opened_ms = event.time_ms
        for command in commands:
            if isinstance(command, Submit):
                request, orders = command.order.request, self.account.orders
                self._fills_before = {name: fill for name, fill in self._fills_before.items() if name in orders}
                self._fills_before[request.client_order_id] = self._last_fills.get(request.market)

    def _settled(self) -> None:
        """Tell of a change when nothing waits that may change it again at once."""
        if self._inbox.empty():
            self.on_change(self)

    # ---- what is still open

    def told(self) -> list[OrderRequest]:
        """Working orders the venue was told of, by name: those whose sending the sender has no hand in (any more)."""
        working = sorted(self.account.orders.items())
        return [order.request for name, order in working if not self.sender.holds(Submit, name)]

    @property
    def awaits(self) -> bool:
        """Whether the venue owes an answer, or fills, that the sender does not ask for (any more)."""
        orders, holds = self.account.orders.items(), self.sender.holds
        if any(
            order.owed or (order.status is OrderStatus.INTENT and not holds(Submit, name)) for name, order in orders
        ):
            return True
        return any(not holds(Cancel, cancel.client_order_id) for cancel in self.account.cancelling())

    def fills_after(self, market: MarketId) -> FillId | None:
        """A fill on a market that all which may not be booked come after; None where any may be missing.

        What is missing belongs to an order that is not final here, and the oldest of those was made after that fill. The
        last one booked would not do: fills may overtake each other, and one of two that come together may be lost.
        """
        orders = self.account.orders
        open_here = [name for name, order in orders.items() if order.request.market == market]
        return self._fills_before[min(open_here)] if open_here else self._last_fills.get(market)

    def waits_for(self, request: OrderRequest) -> bool:
        """Whether an order is not final yet."""
        return request.client_order_id in self.account.orders

    def unanswered(self, request: OrderRequest) -> bool:
        """Whether an order is an intent to which the venue has said nothing."""
        order = self.account.orders.get(request.client_order_id)
        return order is not None and order.status is OrderStatus.INTENT

    def _wants(self, command: Submit | Cancel) -> bool:
        if isinstance(command, Cancel):
            return command_name(command) in self.account.orders
        return self.unanswered(command.order.request)
