"""One actor an account: events one by one, each applied, journaled and only then acted on. It never awaits the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from tradepool.core.account import account_step as step
from tradepool.core.account.account import Account
from tradepool.core.account.flows import entries_off
from tradepool.core.account.slot import with_closes
from tradepool.core.account.snapshot import put_back, taken
from tradepool.core.ledger.booked import entries_of
from tradepool.domain.command import Cancel, Command, RecordRefusal, RecordTrade, Submit
from tradepool.domain.denial import Denial, sentence_of
from tradepool.domain.errors import BrokenLaw, TradepoolError
from tradepool.domain.event import (
    AccountOpened,
    CancelRefused,
    CandlesClosed,
    Event,
    OrderFilled,
    OrderRejected,
    OrdersAdopted,
    StreamLost,
)
from tradepool.domain.fill import Fill
from tradepool.domain.ids import ClientOrderId, FillId, MarketId, Whose
from tradepool.domain.market import FeeSchedule, Market
from tradepool.domain.order import OrderRequest, OrderStatus, Purpose, Refusal
from tradepool.ports.exchange import AccountGateway, OnBalances
from tradepool.ports.journal import Journal, Record, Snapshot
from tradepool.runtime import telemetry
from tradepool.services.backoff import Backoff, Reconnecting
from tradepool.services.trading.sender import Sender, command_name

# A snapshot is written with every so many events of an account: a restart reads one, and fewer events than that.
SNAPSHOT_EVERY = 256
# A venue's clock and its candles' may differ by so much; a fill that is older than its order by more tells of a broken one.
CLOCK_BACK_MS = 10_000
STOPS = (Purpose.STOP, Purpose.TRAILING)

log = telemetry.logger(__name__)


@dataclass(frozen=True, slots=True)
class _StreamLost:
    """The user stream broke: what it would have told is asked for."""

    why: str


class AnotherInstance(TradepoolError):
    """Another, newer instance trades account {account}: order {order} is its; this one, {epoch}, stops: see that only one of them runs."""


class JournalRefuses(BrokenLaw):
    """The journal will never take what account {account} has just done ({why}): it is stopped, its stops go on and nothing else is sent; run tradepool stop and start, which goes on from where the journal ends, and please report it."""


class ClockBackwards(TradepoolError):
    """Fill {fill} of account {account} is dated {seconds} s before its order was made: a clock has gone backwards; it is booked and protected, and nothing is entered: look at the clocks (tradepool doctor), then start again."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What an event did, and what is wanted because of it; `odd` stops the account once that is written down."""

    record: Record
    commands: Sequence[Command]
    odd: TradepoolError | None = None


class AccountActor:
    """Owns one account's state. `post` takes events from anywhere in the loop; `run` handles them until cancelled."""

    def __init__(
        self, account: Account, gateway: AccountGateway, journal: Journal, sender: Sender, epoch: int = 0
    ) -> None:
        """The parts, and the instance's epoch; `recovery.start` brings the actor up to date before `run`.

        `recovered`: the journal knew it; `taken_over`: from another instance. `begins` is what it is told first in this life.
        `fees`, where they are not known, are asked for later: those of the journal hold until then.
        """
        self.account = account
        self.gateway = gateway
        self.sender = sender
        self.reconnecting = Reconnecting(sender.clock)
        self.epoch = epoch
        self.sequence = 0
        self.recovered = self.taken_over = False
        self.begins: Sequence[Event] = ()
        self.fees: FeeSchedule | None = None
        self.opened_ms = 0
        self.on_change: Callable[[AccountActor], None] = lambda actor: None
        self.on_applied: Callable[[AccountActor], None] = lambda actor: None
        self.on_odd: Callable[[TradepoolError], None] = lambda error: sender.halt()
        self.on_balances: OnBalances = lambda balances, time_ms: None
        self.together: Callable[[AccountActor, Event], Awaitable[None]] | None = None
        self._last_fills: dict[MarketId, FillId] = {}
        self._fills_before: dict[ClientOrderId, FillId | None] = {}
        self._lost = False
        self._journal = journal
        self._inbox: asyncio.Queue[Event | _StreamLost] = asyncio.Queue()
        # What was taken from the inbox and is not taken in yet: what was decided before it must be written first.
        self._next: Event | _StreamLost | None = None
        self._unwritten: Decided | None = None
        self._cut_off = False
        self._again = Backoff(sender.clock)
        sender.wanted, sender.on_done = self._wants, self._settled

    @property
    def busy(self) -> bool:
        """Whether something it was told or sent is not answered yet."""
        waiting = self.deciding or not self.sender.idle
        return waiting or bool(self.account.unanswered() or self.cancelling())

    @property
    def deciding(self) -> bool:
        """Whether something it was told is not decided on and written down yet."""
        return self._next is not None or not self._inbox.empty() or self.refused

    @property
    def refused(self) -> bool:
        """Whether the journal has not taken what was decided last: its commands have not gone out."""
        return self._unwritten is not None

    @property
    def entries_off(self) -> Denial | None:
        """Why nothing is entered until a person resumes the account; None where entries are on."""
        return entries_off(self.account)

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
            if self.refused:
                await self._again.wait()
                self.write()
                self._again.reset()
            self._next = self._next or await self._inbox.get()
            self.write()
            event = self._next
            if isinstance(event, _StreamLost):
                self._next = None
                log.warning("user stream lost", account=self.account.account.id, why=event.why)
                self._lost = False
                self.handle(StreamLost(time_ms=self.sender.now_ms(), why=event.why))
                await on_lost(self)
            elif isinstance(event, OrderFilled) and self._older(event.fill):
                self._next = None
                self.lost(f"an older instance has ordered {event.fill.client_order_id}")
            elif self.together is not None:
                await self.together(self, event)
            else:
                self.handle(event)
            if self.account.changed or not isinstance(event, CandlesClosed):
                self._settled()

    def put_back(self, sequence: int, snapshot: Snapshot) -> None:
        """Be as the journal up to there comes to; what came after it is replayed."""
        put_back(self.account, snapshot.state)
        self.sequence, self.recovered, self.opened_ms = sequence, True, snapshot.opened_ms
        self._last_fills, self._fills_before = dict(snapshot.last_fills), dict(snapshot.fills_before)

    def replay(self, events: Sequence[tuple[int, int, Event]]) -> None:
        """Apply what the journal holds; its commands were sent before, or are found unanswered later."""
        for sequence, as_of_ms, event in events:
            self.account.rereads(event)
            commands = self.account.apply(event)
            self.account.as_of_ms = max(self.account.as_of_ms, as_of_ms)
            self.sequence, self.recovered = sequence, True
            self._note(event, commands)

    def handle(self, event: Event) -> None:
        """Apply an event; if it is news, write it down with all that follows from it, then queue its commands.

        What the journal refuses is applied all the same: it is offered again, before anything else is taken in, until it
        is written; only then its commands go out. Raises what the journal raised.
        """
        if self.decide(event) is not None:
            self.write()

    def decide(self, event: Event) -> Decided | None:
        """Apply an event; what is to be written down before anything is done about it, None when it is no news. Raises what
        the journal raises about what was decided before."""
        self.write()
        if event is self._next:
            self._next = None
        event, odd = with_closes(event, self.account.slots.values()), self._backwards(event)
        foreign, commands = self.account.foreign, self.account.apply(event)
        if not self.account.changed:
            return None
        if self.account.foreign is not foreign and self.account.foreign is not None:
            log.critical("somebody else orders on this account", account=self.account.account.id, heard=repr(event))
        if self._cut_off:
            self._protect(commands)
            return None
        self._note(event, commands)
        decided = Decided(self._record(self.sequence + 1, event, commands), commands, odd)
        self.sequence += 1
        self._unwritten = decided
        return decided

    def write(self) -> None:
        """Write down what was decided and is not yet, then queue its commands. AnotherInstance, JournalRefuses for what the
        journal will never take, and what else it raises."""
        if self._unwritten is not None:
            try:
                self._journal.write(self._unwritten.record)
            except BrokenLaw as error:
                self._cut_off_now(self._unwritten)
                why = str(error.__cause__ or error).splitlines()[0]
                raise JournalRefuses(account=self.account.account.id, why=why) from error
            self.release()

    def _cut_off_now(self, decided: Decided) -> None:
        """Nothing more is written of this account, whose journal would have a hole: it protects what it holds, and a
        restart goes on from where the journal ends, with what the venue says."""
        self._unwritten, self._cut_off = None, True
        self.sequence -= 1
        self.sender.halt()
        self._protect(decided.commands)

    def _protect(self, commands: Sequence[Command]) -> None:
        """Queue stops, and cancels that a stop of all that is held takes the place of; nothing else: what rests at the venue
        stays, and an exit would leave no trace of itself. The rest counts as refused: what its stop had made way for gets a
        stop again, and no stop is to make way for it any more."""
        now_ms = self.sender.now_ms()
        for each in commands:
            refused: Sequence[Event] = ()
            if isinstance(each, Submit | Cancel) and self._protects(each):
                self.sender.put([each])
            elif isinstance(each, Submit):
                names = [order.request.client_order_id for order in each.orders]
                refused = [OrderRejected(time_ms=now_ms, client_order_id=n, reason=Denial.STOPPED) for n in names]
            elif isinstance(each, Cancel):
                name = each.client_order_id
                refused = [CancelRefused(time_ms=now_ms, client_order_id=name, reason=Denial.STOPPED)]
            for event in refused:
                self._protect(self.account.apply(event))

    def _protects(self, command: Submit | Cancel) -> bool:
        if isinstance(command, Submit):
            return command.order.request.purpose in STOPS
        slot = self.account.slots[command.market]
        return slot.after_cancel == step.RELEVEL and slot.row[step.STOP] > 0

    def release(self) -> None:
        """What was decided last is written down: queue its commands. AnotherInstance."""
        decided, self._unwritten = self._unwritten, None
        if self.account.foreign is not None:
            self.refuse_newer(self.account.foreign.name)
        commands = decided.commands if decided is not None else ()
        for each in commands:
            if isinstance(each, RecordRefusal):
                _tell(each.refusal)
        self.sender.put(command for command in commands if isinstance(command, Submit | Cancel))
        if decided is not None and decided.odd is not None:
            log.error("an event makes no sense", account=self.account.account.id, why=str(decided.odd))
            self.on_odd(decided.odd)

    def _backwards(self, event: Event) -> TradepoolError | None:
        """A fill that is older than its order. It is a fact all the same: what was bought has to be booked and protected."""
        order = self.account.orders.get(event.fill.client_order_id) if isinstance(event, OrderFilled) else None
        early_ms = order.request.time_ms - event.time_ms if order is not None else 0
        if early_ms <= CLOCK_BACK_MS or not isinstance(event, OrderFilled):
            return None
        return ClockBackwards(fill=event.fill.fill_id, account=self.account.account.id, seconds=early_ms // 1_000)

    def with_fees(self, market: Market) -> Market:
        """A market as it is listed, with this account's fees as far as they are known."""
        seen = self.account.seen.get(market.id)
        return replace(market, fees=self.fees or (seen or market).fees)

    def _older(self, fill: Fill) -> bool:
        """Whether an older instance, which is not over yet, made this order behind the journal's back: the venue is asked."""
        account, name = self.account, fill.client_order_id
        older = account.naming.whose(name, account.account.number) is Whose.OLDER_INSTANCE
        return older and name not in account.orders and not account.booked(fill.market, fill.fill_id)

    def refuse_newer(self, name: str) -> None:
        """Raise AnotherInstance for an order that a newer instance made: two must not trade one account."""
        account = self.account.account
        if self.account.naming.whose(name, account.number) is Whose.NEWER_INSTANCE:
            raise AnotherInstance(account=account.id, order=name, epoch=self.epoch)

    def _record(self, sequence: int, event: Event, commands: Sequence[Command]) -> Record:
        return Record(
            account=self.account.account.id,
            sequence=sequence,
            as_of_ms=self.account.as_of_ms,
            event=event,
            entries=entries_of(self.account, event, commands),
            trades=[c.trade for c in commands if isinstance(c, RecordTrade)],
            refusals=[c.refusal for c in commands if isinstance(c, RecordRefusal)],
            intents=[order.request for c in commands if isinstance(c, Submit) for order in c.orders],
            snapshot=self._snapshot() if sequence % SNAPSHOT_EVERY == 0 else None,
        )

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            state=taken(self.account),
            opened_ms=self.opened_ms,
            last_fills=dict(self._last_fills),
            fills_before=dict(self._fills_before),
        )

    def _note(self, event: Event, commands: Sequence[Command]) -> None:
        if isinstance(event, OrderFilled):
            self._last_fills[event.fill.market] = event.fill.fill_id
        elif isinstance(event, AccountOpened):
            self.opened_ms = event.time_ms
        elif isinstance(event, OrdersAdopted):
            before = self._last_fills.get(event.market)
            self._fills_before |= dict.fromkeys((each.client_order_id for each in event.requests), before)
            self._last_fills |= {fill.market: fill.fill_id for fill in event.fills}
        for command in commands:
            if isinstance(command, Submit):
                orders = self.account.orders
                self._fills_before = {name: fill for name, fill in self._fills_before.items() if name in orders}
                for order in command.orders:
                    self._fills_before[order.request.client_order_id] = self._last_fills.get(order.request.market)

    def _settled(self) -> None:
        """Tell of a change when nothing waits that may change it again at once; limits are told of each."""
        self.on_applied(self)
        if self._inbox.empty():
            self.on_change(self)

    # ---- what is still open

    def working(self) -> list[OrderRequest]:
        """Orders that are not final yet, by name."""
        return [order.request for _, order in sorted(self.account.orders.items())]

    @property
    def awaits(self) -> bool:
        """Whether the venue owes an answer, or fills, that the sender does not ask for (any more)."""
        orders, holds = self.account.orders.items(), self.sender.holds
        if any(order.owed or (order.owing and not holds(Submit, name)) for name, order in orders):
            return True
        return any(not holds(Cancel, cancel.client_order_id) for cancel in self.cancelling())

    def cancelling(self) -> list[Cancel]:
        """Cancels that the venue has not answered; who is cut off takes nothing off the book for a sale."""
        return [each for each in self.account.cancelling() if not self._cut_off or self._protects(each)]

    def fills_after(self, market: MarketId) -> FillId | None:
        """A fill on a market that all which may not be booked come after; None where any may be missing.

        What is missing belongs to an order that is not final here, and the oldest of those was made after that fill. The
        last one booked would not do: fills may overtake each other, and one of two that come together may be lost.
        """
        orders = self.account.orders
        open_here = [name for name, order in orders.items() if order.request.market == market]
        last = self._last_fills.get(market)
        # Of who is cut off neither goes on: what is sent then came after the last fill that is written down.
        return self._fills_before.get(min(open_here), last) if open_here else last

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
        return any(self.unanswered(order.request) for order in command.orders)


def _tell(refusal: Refusal) -> None:
    """A refusal, for the log: the word, and what it says to its user."""
    log.info(
        "refused",
        account=refusal.account,
        market=refusal.market,
        reason=str(refusal.reason),
        why=sentence_of(refusal.reason),
    )
