"""The live account: order life around the account step. `apply(event) -> commands`; it never re-sizes and never waits.

Deterministic: the same events give the same commands and the same state, so a restart is the journal applied again
with its commands ignored. An event that says nothing new leaves `changed` false and is not journaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import assert_never

from tradepool.core.account import account_step as step
from tradepool.core.account import booking, by_hand, limit_step
from tradepool.core.account.adopt import arm
from tradepool.core.account.batch import Batch
from tradepool.core.account.flows import KnownFlows, entries_off
from tradepool.core.account.new_terms import count, take
from tradepool.core.account.outbox import Outbox
from tradepool.core.account.protection import (
    anew,
    bought,
    ended,
    frees,
    guards_again,
    heads,
    leave,
    level_again,
    passed_target,
    protect,
    settle,
    stop_alone,
    watched,
    withdraw,
)
from tradepool.core.account.slot import Entry, Slot, Working
from tradepool.core.account.terms import REASON_CODES, terms_of
from tradepool.core.compiler.vocabulary import round_to_int
from tradepool.domain.by_hand import ByHand
from tradepool.domain.charge import Charge
from tradepool.domain.command import Cancel, Command, RecordRefusal
from tradepool.domain.denial import Denial
from tradepool.domain.errors import BrokenLaw
from tradepool.domain.event import (
    OFF_NEW_GRID,
    AccountOpened,
    CancelRefused,
    CandlesClosed,
    EntriesResumed,
    Event,
    ForeignOrder,
    InstanceBegan,
    MandateChanged,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrdersAdopted,
    PriceSeen,
    StreamLost,
    StreamRestored,
    TermsSeen,
)
from tradepool.domain.fill import Fill
from tradepool.domain.flow import MoneyNews
from tradepool.domain.ids import REPLAY_NAMING, FillId, MarketId, Naming
from tradepool.domain.mandate import Mandate
from tradepool.domain.market import Market
from tradepool.domain.order import OrderRequest, OrderStatus, OrderType, Purpose, Refusal, Side
from tradepool.domain.position import Position
from tradepool.domain.signal import Signal
from tradepool.domain.trade import Origin
from tradepool.domain.user import Account as AccountNoun

# An entry that is filled so long after the open of a bar has part of it behind it: one that rests may soon, one that takes
# at once is only held up by candles and exits of other markets.
RESTS_FROM_MS = 1_000
OPENS_UNTIL_MS = 10_000


class Account:
    """One exchange account under one mandate.

    `as_of_ms` is the T of the last candles it acted on; `changed` tells whether the last event was news; `foreign` is the
    first order of somebody else: nothing is entered until it is resumed. `agreed` and `seen` are the journaled terms.
    """

    def __init__(
        self,
        account: AccountNoun,
        mandate: Mandate,
        markets: Sequence[Market],
        origin: Origin,
        mark: str = REPLAY_NAMING.mark,
    ) -> None:
        """`markets` are the mandate's, in the mandate's order; all share one quote asset. `mark` is the deployment's."""
        self.account, self.mandate, self.as_of_ms = account, mandate, 0
        self.agreed: Mandate | None = None
        self.seen: dict[MarketId, Market] = {}
        self.origin = origin
        self.slots = {m.id: Slot(m, terms_of(m, mandate.weight, mandate.limits, entry=mandate.entry)) for m in markets}
        self.quote, self.quote_unit = markets[0].quote, markets[0].quote_unit
        self.wallet = [0] * step.WALLET_SIZE
        self.wallet[step.CASH] = markets[0].quote_units(mandate.capital)
        self.outbox = Outbox(account, mandate, self.wallet, Naming(mark), origin)
        self.orders = self.outbox.orders
        self.foreign: ForeignOrder | None = None
        self.order_cap: Decimal | None = None
        self.flows = KnownFlows()
        self.listening, self.opened, self.changed = True, False, False
        self._fills: set[tuple[MarketId, FillId]] = set()
        self.batch = Batch()

    def apply(self, event: Event) -> list[Command]:
        """Take in one event; what is to be done and remembered because of it."""
        self.outbox.commands, self.changed = [], False
        match event:
            case CandlesClosed():
                self._candles_closed(event)
            case OrderFilled(fill=fill):
                self._filled(fill)
            case OrderAccepted():
                self._accepted(event)
            case OrderRejected():
                self._rejected(event)
            case OrderCancelled():
                self._cancelled(event)
            case CancelRefused():
                self._cancel_refused(event)
            case AccountOpened():
                self._opened(event)
            case InstanceBegan(epoch=epoch):
                self.changed = epoch != self.naming.epoch
                self.outbox.naming = Naming(self.naming.mark, epoch)
            case StreamLost():
                self.listening, self.changed = False, self.listening
            case StreamRestored():
                self.listening, self.changed = True, not self.listening
            case ForeignOrder():
                self._order_of_others(event)
            case PriceSeen(time_ms=time_ms, market=market, price=price):
                if market in self.slots:
                    watched(self.outbox, self.slots[market], price, time_ms)
            case TermsSeen() | MandateChanged() | OrdersAdopted() | EntriesResumed() | MoneyNews() | Charge():
                self.changed = take(self, event)
            case ByHand():
                self.changed = by_hand.wished(self, self.outbox, event)
            case _:
                assert_never(event)
        if self.batch.waiting and not any(slot.settling(self.orders) for slot in self.slots.values()):
            self.batch.enter(self.outbox, self.slots)
        self.changed = self.changed or bool(self.outbox.commands)
        return self.outbox.commands

    # ---- what it holds

    @property
    def naming(self) -> Naming:
        """Who names its orders."""
        return self.outbox.naming

    @property
    def cash(self) -> Decimal:
        """Cash of the mandate, in the quote asset."""
        return self.wallet[step.CASH] * self.quote_unit

    def equity_units(self) -> int:
        """Cash and positions at their last closes, in quote units."""
        return self.wallet[step.CASH] + sum(slot.worth() for slot in self.slots.values())

    def mark(self, market: MarketId, close: float) -> None:
        """Note a close without acting on it (a candle that was acted on before a restart)."""
        self.slots[market].mark = round_to_int(close * self.slots[market].scale)

    def rereads(self, event: Event) -> None:
        """The journal has this event, to be applied again: of its candles it was news, be they the rest of a T."""
        if isinstance(event, CandlesClosed) and event.time_ms == self.as_of_ms != self.batch.time_ms:
            self.batch.begin(event.time_ms)

    def unanswered(self) -> list[OrderRequest]:
        """Orders the venue owes a word on, in the order they were made."""
        return [w.request for _, w in sorted(self.orders.items()) if w.owing]

    def partner_of(self, request: OrderRequest) -> OrderRequest | None:
        """The other order of its pair, while both may trade."""
        partner = self.orders[request.client_order_id].partner
        return self.orders[partner].request if partner is not None and partner in self.orders else None

    def cancelling(self) -> list[Cancel]:
        """Cancels the venue has not answered."""
        waiting = [slot for slot in self.slots.values() if slot.after_cancel]
        return [Cancel(name, slot.market.id) for slot in waiting for name in heads(self.outbox, slot)]

    def booked(self, market: MarketId, fill: FillId) -> bool:
        """Whether a fill is in the books."""
        return (market, fill) in self._fills

    def positions(self) -> list[Position]:
        """Open positions, in the mandate's order of markets."""
        return [slot.position(self.mandate) for slot in self.slots.values() if slot.held]

    def trade_under(self, mandate: Mandate) -> None:
        """Orders are made under this mandate from now on."""
        self.mandate = self.outbox.mandate = mandate

    def _opened(self, event: AccountOpened) -> None:
        """Candles that closed before the account was taken over are history: nothing is entered late."""
        if not self.opened:
            self.opened, self.changed, self.as_of_ms = True, True, event.time_ms

    # ---- candles

    def _candles_closed(self, event: CandlesClosed) -> None:
        signals = {signal.market: signal for signal in event.signals}
        for market, close in (*event.closes, *((signal.market, signal.close) for signal in event.signals)):
            self.mark(market, close)
        if event.time_ms > self.as_of_ms:
            self.as_of_ms = event.time_ms
            self.batch.begin(event.time_ms)
            self.batch.drop(self.outbox, Denial.EXIT_NOT_FINAL)
            for slot in self.slots.values():
                withdraw(self.outbox, slot)
        elif not event.time_ms == self.as_of_ms == self.batch.time_ms:
            return
        signals = self.batch.news(signals)
        before = (list(self.wallet), [list(slot.row) for slot in self.slots.values()])
        equity = self.equity_units()
        limit_step.note_equity(self.wallet, next(iter(self.slots.values())).terms, equity, event.time_ms)
        for slot in sorted(self.slots.values(), key=lambda s: s.market.symbol):
            if slot.held and not slot.tied(self.orders) and slot.market.id in signals:
                self._decide_held(slot, signals[slot.market.id])
        for market, slot in self.slots.items():
            if market in signals and signals[market].enters and not slot.held and not slot.busy:
                off = Denial.AGED_OUT if event.late else event.off or entries_off(self)
                if off := off or (None if self.listening else Denial.STREAM_DOWN):
                    self.outbox.refuse(slot, event.time_ms, off)
                else:
                    self.batch.waiting.append(Entry(slot, signals[market], equity))
        self.changed = before != (self.wallet, [slot.row for slot in self.slots.values()]) or bool(self.batch.waiting)

    def _decide_held(self, slot: Slot, s: Signal) -> None:
        arm(slot, s)
        best = slot.best(s, RESTS_FROM_MS if self.mandate.entry.kind.rests else OPENS_UNTIL_MS)
        wish = step.decide_held(
            slot.row, slot.terms, slot.scale, s.exposure, best, slot.mark, s.trail_distance, s.trail_step, s.time_ms
        )
        slot.sell_steps = 0
        slot.sell_purpose = Purpose.TIME_EXIT if wish == step.TIME_UP else Purpose.SIGNAL_EXIT
        if wish != step.NOTHING:
            leave(self.outbox, slot, step.SELL if wish == step.TIME_UP else wish, s.time_ms)
        elif (slot.stops and slot.covered(self.orders) < slot.steps()) or slot.lacks_target(self.orders):
            level_again(self.outbox, slot, s.time_ms)

    # ---- the venue's answers

    def _order_of_others(self, event: ForeignOrder) -> None:
        """Sizes and balances are no longer ours alone: protections and exits go on, nothing is entered any more."""
        if self.foreign is None and not self.naming.whose(event.name, self.account.number).known:
            self.foreign, self.changed = event, True
            account, why = self.account.id, Denial.FOREIGN_ORDER
            self.batch.drop(self.outbox, why)
            refusal = Refusal(account=account, market=event.market, time_ms=event.time_ms, reason=why)
            self.outbox.commands.append(RecordRefusal(refusal))

    def _accepted(self, event: OrderAccepted) -> None:
        order = self.orders.get(event.client_order_id)
        if order is None:
            market = MarketId(self.account.venue)
            self._order_of_others(ForeignOrder(time_ms=event.time_ms, name=event.client_order_id, market=market))
            return
        slot = self.slots[order.request.market]
        told, _ = count(self, slot, event.filled_quantity)
        order.told_steps = max(order.told_steps, told)
        # What takes at once has not ended with that: until its end is heard, it is asked for.
        if order.request.takes_at_once or not order.accepted():
            return
        self.changed = True
        if order.request.adds_risk and order.request.time_ms < self.as_of_ms:
            withdraw(self.outbox, slot)
        if order.request.type is OrderType.STOP_LOSS:
            step.stop_rests(slot.row)
        elif order.request.side is Side.SELL:
            slot.row[step.UNSELLABLE] = 0
        settle(self.outbox, slot, event.time_ms, again=False)

    def _rejected(self, event: OrderRejected) -> None:
        order = self.orders.get(event.client_order_id)
        if order is None or not order.rejected():
            return
        slot, self.changed = self._finish(order), True
        partner = self.orders.get(order.partner) if order.partner is not None else None
        if partner is not None:
            # The venue has both orders of a pair or none: the other refusal is only not heard yet.
            partner.refused = event.reason
        if order.request.type is not OrderType.MARKET and event.reason == Denial.WOULD_TRIGGER:
            slot.passed = True
        elif order.request.side is Side.SELL and (event.reason == OFF_NEW_GRID or not slot.on_grid(order.request)):
            anew(self.outbox, slot, order, event.time_ms)
            return
        elif not order.refused:
            if order.request.side is Side.SELL:
                slot.row[step.UNSELLABLE] = 1
            self.outbox.refuse(slot, order.request.time_ms, event.reason)
        if event.reason == Denial.VENUE_REJECTED:
            stop_alone(self.outbox, slot, order, event.time_ms)
        settle(self.outbox, slot, event.time_ms, again=guards_again(self.outbox, slot, order, event.reason))

    def _cancelled(self, event: OrderCancelled) -> None:
        order = self.orders.get(event.client_order_id)
        if order is None:
            return
        slot, name, filled = self.slots[order.request.market], event.client_order_id, event.filled_quantity
        order.told_steps, _ = count(self, slot, filled or Decimal(0))
        order.ended = order.told_steps > order.filled_steps
        if order.ended or not order.cancelled():
            return
        bares = name in slot.guards or (name == slot.exit and bool(slot.after_cancel or frees(order)))
        _, self.changed = self._finish(order), True
        slot.leave_dust()
        if order.request.adds_risk and order.request.type is OrderType.LIMIT and not order.filled_steps:
            self.outbox.refuse(slot, order.request.time_ms, order.missed(self.as_of_ms))
        # A sale that ended short leaves the rest bare.
        if bares or (order.filled_steps > 0 and order.request.side is Side.SELL):
            ended(self.outbox, slot, order, event.time_ms)

    def _cancel_refused(self, event: CancelRefused) -> None:
        """The stop stays, and what it is too small for has one of its own; the next candle decides anew."""
        for slot in self.slots.values():
            if event.client_order_id in slot.guards and slot.after_cancel != step.NOTHING:
                slot.forget_wish()
                self.changed = True
                self.outbox.refuse(slot, event.time_ms, Denial.CANCEL_REFUSED)
                if slot.held and slot.exit is None:
                    protect(self.outbox, slot, event.time_ms)

    def _finish(self, order: Working) -> Slot:
        slot, name = self.slots[order.request.market], order.request.client_order_id
        del self.orders[name]
        self.wallet[step.RESERVED] -= order.reserved
        if slot.entry == name:
            slot.entry = None
        elif slot.exit == name:
            slot.exit = None
        elif name in slot.stops:
            slot.stops.remove(name)
            slot.row[step.RESTING] = int(bool(slot.stops) and slot.row[step.RESTING])
        elif name in slot.targets:
            slot.targets.remove(name)
        return slot

    def _filled(self, fill: Fill) -> None:
        if (fill.market, fill.fill_id) in self._fills:
            return
        order = self.orders.get(fill.client_order_id)
        if order is None and self.naming.whose(fill.client_order_id, self.account.number).known:
            raise BrokenLaw(law="every fill has our intent", facts=f"{fill.fill_id} on {fill.market} has none")
        # What can't be counted is raised before anything is noted: it can be told again.
        slot = self.slots[fill.market]
        steps, ticks = count(self, slot, fill.quantity, fill.price)
        base = slot.market.base_units(fill.fee_in(slot.market.base))
        quote = slot.market.quote_units(fill.fee_in(slot.market.quote))
        self._fills.add((fill.market, fill.fill_id))
        self.changed = True
        if order is None:
            self._order_of_others(ForeignOrder(time_ms=fill.time_ms, name=fill.client_order_id, market=fill.market))
            return
        unheard = order.status is OrderStatus.INTENT
        if order.filled(steps, slot.market.steps(order.request.quantity)):
            self._finish(order)
        if order.partner is not None and order.partner in self.orders:
            # One order of a pair trades: so the other is no more.
            self._finish(self.orders[order.partner])
        if fill.side is Side.BUY:
            bought(self.outbox, slot, ticks, steps, base, quote, fill.time_ms)
            if order.status.final:
                slot.leave_dust()
            if unheard and order.request.time_ms < self.as_of_ms:
                withdraw(self.outbox, slot)
        else:
            slot.pay_in_base(base, steps + slot.open_steps(order))
            self._sold(slot, fill, steps, ticks, quote, order)

    def _sold(self, slot: Slot, fill: Fill, steps: int, ticks: int, fee: int, order: Working) -> None:
        reason = REASON_CODES[Purpose.TARGET if passed_target(slot, order, ticks) else order.request.purpose]
        if booking.book_exit(self.wallet, slot.row, slot.terms, ticks, steps, fee, fill.time_ms, reason):
            slot.forget_wish()
            slot.passed = False
            self.outbox.closed(slot)
            withdraw(self.outbox, slot)
            return
        if order.part and slot.row[step.PART]:
            booking.close_part(slot.row, steps)
        if order.partner is not None and order.request.type is OrderType.LIMIT and not order.status.final:
            # The part that is left at the target lost its stop when the first of it was sold.
            level_again(self.outbox, slot, fill.time_ms, moves=slot.after_cancel == step.RELEVEL)
        else:
            settle(self.outbox, slot, fill.time_ms)
