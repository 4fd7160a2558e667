"""The live account: order life around the account step. `apply(event) -> commands`; it never re-sizes and never waits.

Deterministic: the same events give the same commands and the same state, so a restart is the journal applied again
with its commands ignored. An event that says nothing new leaves `changed` false and is not journaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import assert_never

from tradepool.core.account import account_step as step
from tradepool.core.account.round_trip import position_of
from tradepool.core.account.slot import Entry, Slot, Working, to_flatten
from tradepool.core.account.terms import REASON_CODES, REFUSALS, terms_of
from tradepool.core.compiler.vocabulary import round_to_int
from tradepool.core.risk.review import review
from tradepool.domain.command import Cancel, Command, RecordRefusal, RecordTrade, Submit
from tradepool.domain.errors import BrokenLaw
from tradepool.domain.event import (
    AccountOpened,
    CancelRefused,
    CandlesClosed,
    EntriesResumed,
    Event,
    FlattenAsked,
    ForeignOrder,
    InstanceBegan,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    StreamLost,
    StreamRestored,
)
from tradepool.domain.fill import Fill
from tradepool.domain.ids import REPLAY_NAMING, ClientOrderId, FillId, MarketId, Naming, client_order_id
from tradepool.domain.mandate import Mandate
from tradepool.domain.market import Market
from tradepool.domain.order import ApprovedOrder, OrderRequest, OrderStatus, OrderType, Purpose, Refusal, Side
from tradepool.domain.position import Position
from tradepool.domain.signal import Signal
from tradepool.domain.trade import Origin
from tradepool.domain.user import Account as AccountNoun


class Account:
    """One exchange account under one mandate.

    `as_of_ms` is the T of the last candles it acted on; `changed` tells whether the last event changed anything;
    `foreign` is the first order somebody else made on it: nothing is entered from then on, until it is resumed.
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
        self.account = account
        self.mandate = mandate
        self.origin = origin
        self.slots = {m.id: Slot(m, terms_of(m, mandate.weight, mandate.limits)) for m in markets}
        self.quote = markets[0].quote
        self.quote_unit = markets[0].quote_unit
        self.wallet = [0] * step.WALLET_SIZE
        self.wallet[step.CASH] = markets[0].quote_units(mandate.capital)
        self.orders: dict[ClientOrderId, Working] = {}
        self.as_of_ms = 0
        self.naming = Naming(mark)
        self.foreign: ForeignOrder | None = None
        self.listening = True
        self.opened = False
        self.changed = False
        self._fills: set[tuple[MarketId, FillId]] = set()
        self._order_number = 0
        self._waiting: list[Entry] = []
        self._commands: list[Command] = []

    def apply(self, event: Event) -> list[Command]:
        """Take in one event; what is to be done and remembered because of it."""
        self._commands, self.changed = [], False
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
                self.naming = Naming(self.naming.mark, epoch)
            case StreamLost():
                self.listening, self.changed = False, self.listening
            case StreamRestored():
                self.listening, self.changed = True, not self.listening
            case ForeignOrder():
                self._order_of_others(event)
            case EntriesResumed():
                self.foreign, self.changed = None, self.foreign is not None
            case FlattenAsked():
                for slot in to_flatten(self.slots.values(), event.markets):
                    self.changed = True
                    self._leave(slot, step.SELL, event.time_ms)
            case _:
                assert_never(event)
        if self._waiting and not any(slot.exiting for slot in self.slots.values()):
            self._enter_waiting()
        self.changed = self.changed or bool(self._commands)
        return self._commands

    # ---- what it holds

    @property
    def cash(self) -> Decimal:
        """Cash of the mandate, in the quote asset."""
        return self.wallet[step.CASH] * self.quote_unit

    def equity_units(self) -> int:
        """Cash and positions at their last closes, in quote units."""
        return self.wallet[step.CASH] + sum(slot.worth() for slot in self.slots.values())

    def mark(self, market: MarketId, close: float) -> None:
        """Note a close without acting on it (a candle that was acted on before a restart)."""
        slot = self.slots[market]
        slot.mark = round_to_int(close * slot.scale)

    def unanswered(self) -> list[OrderRequest]:
        """Intents the venue has not answered, in the order they were made."""
        return [w.request for _, w in sorted(self.orders.items()) if w.status is OrderStatus.INTENT]

    def cancelling(self) -> list[Cancel]:
        """Cancels the venue has not answered."""
        return [Cancel(s.stop, s.market.id) for s in self.slots.values() if s.after_cancel and s.stop is not None]

    def booked(self, market: MarketId, fill: FillId) -> bool:
        """Whether a fill is in the books."""
        return (market, fill) in self._fills

    def positions(self) -> list[Position]:
        """Open positions, in the mandate's order of markets."""
        m = self.mandate
        return [
            position_of(slot.row, account=m.account, mandate=m.id, strategy_id=m.strategy_id, market=slot.market)
            for slot in self.slots.values()
            if slot.held
        ]

    def _opened(self, event: AccountOpened) -> None:
        """Candles that closed before the account was taken over are history: nothing is entered late."""
        if not self.opened:
            self.opened, self.changed, self.as_of_ms = True, True, event.time_ms

    # ---- candles

    def _candles_closed(self, event: CandlesClosed) -> None:
        signals = {signal.market: signal for signal in event.signals}
        for market, close in (*event.closes, *((signal.market, signal.close) for signal in event.signals)):
            self.mark(market, close)
        if event.time_ms <= self.as_of_ms:
            return
        self.as_of_ms = event.time_ms
        before = (list(self.wallet), [list(slot.row) for slot in self.slots.values()])
        equity = self.equity_units()
        step.start_of_day(self.wallet, equity, event.time_ms)
        self._drop_waiting(event.time_ms, "exit_not_final")
        for slot in sorted(self.slots.values(), key=lambda s: s.market.symbol):
            if slot.held and not slot.busy and slot.market.id in signals:
                self._decide_held(slot, signals[slot.market.id])
        for market, slot in self.slots.items():
            if market in signals and signals[market].enters and not slot.held and not slot.busy:
                if event.late or self.foreign:
                    self._refuse(slot, event.time_ms, "aged_out" if event.late else "foreign_order")
                else:
                    self._waiting.append(Entry(slot, signals[market], equity))
        self.changed = before != (self.wallet, [slot.row for slot in self.slots.values()]) or bool(self._waiting)

    def _decide_held(self, slot: Slot, s: Signal) -> None:
        best = round_to_int(s.high * slot.scale)
        wish = step.decide_held(
            slot.row, slot.terms, slot.scale, s.exposure, best, slot.mark, s.trail_distance, s.trail_step
        )
        if wish == step.NOTHING and slot.stop is not None and slot.covered_by(self.orders[slot.stop]) < slot.steps():
            wish, slot.row[step.NEXT_STOP] = step.RELEVEL, slot.row[step.STOP]
        if wish != step.NOTHING:
            self._leave(slot, wish, s.time_ms)

    def _leave(self, slot: Slot, wish: int, time_ms: int) -> None:
        """Do what is wished once the stop has left the book; its cancel may be on its way for another wish."""
        if slot.stop is not None:
            if not slot.after_cancel:
                self._commands.append(Cancel(slot.stop, slot.market.id))
            slot.after_cancel = wish
        else:
            self._after_cancel(slot, wish, time_ms)

    def _drop_waiting(self, time_ms: int, reason: str) -> None:
        for entry in self._waiting:
            self._refuse(entry.slot, time_ms, reason)
        self._waiting = []

    def _enter_waiting(self) -> None:
        for entry in self._waiting:
            slot, s = entry.slot, entry.signal
            distance = step.first_distance(s.stop_distance, s.trail_distance)
            steps = step.decide_entry(
                self.wallet, slot.row, slot.terms, slot.scale, entry.equity, slot.mark, distance, step.LONG
            )
            if not steps:
                self._refuse(slot, s.time_ms, REFUSALS[slot.row[step.REFUSAL]])
                continue
            order = self._submit(slot, Side.BUY, OrderType.MARKET, steps, Purpose.ENTRY, s.time_ms)
            if order is not None:
                slot.entry = order.request.client_order_id
                order.reserved = step.entry_cash(steps * slot.mark * slot.terms[step.UNITS_PER_TICK_STEP], slot.terms)
                self.wallet[step.RESERVED] += order.reserved
        self._waiting = []

    # ---- orders out

    def _submit(
        self, slot: Slot, side: Side, kind: OrderType, steps: int, purpose: Purpose, time_ms: int
    ) -> Working | None:
        self._order_number += 1
        request = OrderRequest(
            client_order_id=client_order_id(self.account.number, self._order_number, self.naming),
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
            self._commands.append(RecordRefusal(verdict))
            return None
        return self._send(verdict)

    def _send(self, order: ApprovedOrder) -> Working:
        working = Working(order.request)
        self.orders[order.request.client_order_id] = working
        self._commands.append(Submit(order))
        return working

    def _sell(self, slot: Slot, purpose: Purpose, time_ms: int) -> None:
        order = self._submit(slot, Side.SELL, OrderType.MARKET, slot.steps(), purpose, time_ms)
        slot.exit = order.request.client_order_id if order is not None else None

    def _protect(self, slot: Slot, time_ms: int) -> None:
        purpose = Purpose.TRAILING if slot.row[step.TRAILED] else Purpose.STOP
        order = self._submit(slot, Side.SELL, OrderType.STOP_LOSS, slot.steps(), purpose, time_ms)
        slot.stop = order.request.client_order_id if order is not None else None

    def _after_cancel(self, slot: Slot, wish: int, time_ms: int) -> None:
        slot.after_cancel = step.NOTHING
        slot.row[step.RESTING] = 0
        if wish == step.SELL:
            self._sell(slot, slot.take_sell_purpose(), time_ms)
            return
        if wish == step.RELEVEL:
            step.relevel(slot.row)
        if slot.row[step.STOP] > 0:
            self._protect(slot, time_ms)

    def _refuse(self, slot: Slot, time_ms: int, reason: str) -> None:
        refusal = Refusal(account=self.account.id, market=slot.market.id, time_ms=time_ms, reason=reason)
        self._commands.append(RecordRefusal(refusal))

    # ---- the venue's answers

    def _order_of_others(self, event: ForeignOrder) -> None:
        """Sizes and balances are no longer ours alone: protections and exits go on, nothing is entered any more."""
        if self.foreign is None and not self.naming.whose(event.name, self.account.number).known:
            self.foreign, self.changed = event, True
            self._drop_waiting(event.time_ms, "foreign_order")
            refusal = Refusal(
                account=self.account.id, market=event.market, time_ms=event.time_ms, reason="foreign_order"
            )
            self._commands.append(RecordRefusal(refusal))

    def _accepted(self, event: OrderAccepted) -> None:
        order = self.orders.get(event.client_order_id)
        if order is None:
            market = MarketId(self.account.venue)
            self._order_of_others(ForeignOrder(time_ms=event.time_ms, name=event.client_order_id, market=market))
            return
        if order.request.type is OrderType.MARKET or not order.accepted():
            return
        self.changed = True
        step.stop_rests(self.slots[order.request.market].row)

    def _rejected(self, event: OrderRejected) -> None:
        order = self.orders.get(event.client_order_id)
        if order is None or not order.rejected():
            return
        slot, self.changed = self._finish(order), True
        if order.request.type is OrderType.STOP_LOSS and event.reason == "would_trigger":
            self._sell(slot, order.request.purpose, event.time_ms)
            return
        if order.request.side is Side.SELL:
            slot.row[step.UNSELLABLE] = 1
        self._refuse(slot, event.time_ms, event.reason)

    def _cancelled(self, event: OrderCancelled) -> None:
        order = self.orders.get(event.client_order_id)
        if order is None:
            return
        filled, market = event.filled_quantity, self.slots[order.request.market].market
        order.owed = filled is not None and market.steps(filled) > order.filled_steps
        if order.owed or not order.cancelled():
            return
        slot, self.changed = self._finish(order), True
        ended_short = order.filled_steps > 0 and order.request.side is Side.SELL and slot.held and slot.stop is None
        if order.request.type is OrderType.STOP_LOSS or ended_short:
            self._after_cancel(slot, slot.after_cancel, event.time_ms)

    def _cancel_refused(self, event: CancelRefused) -> None:
        """The stop stays; the next candle decides anew, and a stop that is too small for the position is wished again."""
        for slot in self.slots.values():
            if slot.stop == event.client_order_id and slot.after_cancel != step.NOTHING:
                slot.after_cancel, self.changed = step.NOTHING, True
                self._refuse(slot, event.time_ms, "cancel_refused")

    def _finish(self, order: Working) -> Slot:
        slot, name = self.slots[order.request.market], order.request.client_order_id
        del self.orders[name]
        self.wallet[step.RESERVED] -= order.reserved
        if slot.entry == name:
            slot.entry = None
        elif slot.exit == name:
            slot.exit = None
        elif slot.stop == name:
            slot.stop, slot.row[step.RESTING] = None, 0
        return slot

    def _filled(self, fill: Fill) -> None:
        if (fill.market, fill.fill_id) in self._fills:
            return
        order = self.orders.get(fill.client_order_id)
        if order is None:
            raise BrokenLaw(law="every fill has our intent", facts=f"{fill.fill_id} on {fill.market} has none")
        self._fills.add((fill.market, fill.fill_id))
        self.changed = True
        slot = self.slots[fill.market]
        steps = slot.market.steps(fill.quantity)
        if order.filled(steps, slot.market.steps(order.request.quantity)):
            self._finish(order)
        if fill.side is Side.BUY:
            self._bought(slot, fill, steps)
        else:
            self._sold(slot, fill, steps, order.request.purpose)

    def _bought(self, slot: Slot, fill: Fill, steps: int) -> None:
        market = slot.market
        fee = market.base_units(self._fee_in(fill, market.base))
        step.book_entry(self.wallet, slot.row, slot.terms, market.ticks(fill.price), steps, fee, fill.time_ms)
        if slot.stop is not None:
            slot.after_cancel = slot.after_cancel or step.RELEVEL
            slot.row[step.NEXT_STOP] = slot.row[step.STOP]
            self._commands.append(Cancel(slot.stop, market.id))
        elif slot.row[step.STOP] > 0 and slot.exit is None:
            # What comes while a part is being sold is protected, or sold, when that sale has ended.
            self._protect(slot, fill.time_ms)

    def _sold(self, slot: Slot, fill: Fill, steps: int, purpose: Purpose) -> None:
        market = slot.market
        fee = market.quote_units(self._fee_in(fill, market.quote))
        ticks, reason = market.ticks(fill.price), REASON_CODES[purpose]
        if not step.book_exit(self.wallet, slot.row, slot.terms, ticks, steps, fee, fill.time_ms, reason):
            # A stop for an earlier part of an entry was hit before its cancel: what is left is protected, or sold, now.
            if slot.stop is None and slot.exit is None:
                self._after_cancel(slot, slot.after_cancel, fill.time_ms)
            return
        slot.after_cancel = step.NOTHING
        trade = slot.round_trip().trade(self.account.id, self.mandate.strategy_id, market, self.origin)
        self._commands.append(RecordTrade(trade))

    def _fee_in(self, fill: Fill, asset: str) -> Decimal:
        """What a fee takes from what is received; one in another asset (BNB) is in the ledger and lessens no position."""
        return fill.fee if fill.fee_asset == asset else Decimal(0)
