"""An account's whole state as one noun, and back: what its journal up to an event comes to.

The law: a snapshot and the events after it give the same account as the whole journal. Whoever adds state to the account
adds it here and raises SCHEMA; a test compares all of it, field by field.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradepool.core.account.account import Account
from tradepool.core.account.batch import Batch
from tradepool.core.account.by_hand import cap_terms
from tradepool.core.account.flows import KnownFlows
from tradepool.core.account.slot import Entry, Slot, Working
from tradepool.core.account.terms import terms_of
from tradepool.domain.event import ForeignOrder
from tradepool.domain.ids import ClientOrderId, FillId, MarketId, Naming
from tradepool.domain.mandate import Mandate
from tradepool.domain.market import Market
from tradepool.domain.order import Purpose
from tradepool.domain.signal import Signal

SCHEMA = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotState:
    """A slot, without what follows from the rest: its scale, lot and terms."""

    market: Market
    listed: Market
    row: tuple[int, ...]
    mark: int
    entry: ClientOrderId | None
    stops: tuple[ClientOrderId, ...]
    targets: tuple[ClientOrderId, ...]
    exit: ClientOrderId | None
    after_cancel: int
    sell_purpose: Purpose
    passed: bool
    sell_steps: int
    release_steps: int
    release_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingState:
    """An entry that waits for the exits of its batch."""

    market: MarketId
    signal: Signal
    equity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowState:
    """What is known of coins that moved without an order."""

    keys: tuple[str, ...]
    nameless: tuple[str, ...]
    last_ms: int
    begun: bool
    quarantine: str
    unpriced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """All that decides what an account does next."""

    mandate: Mandate
    agreed: Mandate | None
    seen: tuple[Market, ...]
    wallet: tuple[int, ...]
    slots: tuple[SlotState, ...]
    orders: tuple[Working, ...]
    as_of_ms: int
    acted: tuple[int, tuple[MarketId, ...]]
    naming: Naming
    foreign: ForeignOrder | None
    listening: bool
    opened: bool
    fills: tuple[tuple[MarketId, FillId], ...]
    order_number: int
    waiting: tuple[WaitingState, ...]
    order_cap: Decimal | None
    flows: FlowState


def taken(account: Account) -> AccountState:
    """The state now."""
    return AccountState(
        mandate=account.mandate,
        agreed=account.agreed,
        seen=tuple(account.seen.values()),
        wallet=tuple(account.wallet),
        slots=tuple(_slot_state(slot) for slot in account.slots.values()),
        orders=tuple(account.orders.values()),
        as_of_ms=account.as_of_ms,
        acted=(account.batch.time_ms, tuple(sorted(account.batch.acted))),
        naming=account.naming,
        foreign=account.foreign,
        listening=account.listening,
        opened=account.opened,
        fills=tuple(sorted(account._fills)),
        order_number=account.outbox.numbered,
        waiting=tuple(
            WaitingState(market=entry.slot.market.id, signal=entry.signal, equity=entry.equity)
            for entry in account.batch.waiting
        ),
        order_cap=account.order_cap,
        flows=FlowState(
            keys=tuple(sorted(account.flows.keys)),
            nameless=tuple(sorted(account.flows.nameless)),
            last_ms=account.flows.last_ms,
            begun=account.flows.begun,
            quarantine=account.flows.quarantine,
            unpriced=tuple(sorted(account.flows.unpriced)),
        ),
    )


def put_back(account: Account, state: AccountState) -> None:
    """Be as it was then."""
    account.trade_under(state.mandate)
    account.agreed = state.agreed
    account.seen = {market.id: market for market in state.seen}
    account.wallet[:] = state.wallet
    account.slots = {each.market.id: _slot(each, state.mandate) for each in state.slots}
    first = state.slots[0].market
    account.quote, account.quote_unit = first.quote, first.quote_unit
    account.orders.clear()
    account.orders.update({order.request.client_order_id: order for order in state.orders})
    account.as_of_ms, account.foreign = state.as_of_ms, state.foreign
    account.outbox.naming, account.outbox.numbered = state.naming, state.order_number
    account.listening, account.opened = state.listening, state.opened
    account._fills = set(state.fills)
    account.order_cap = state.order_cap
    flows = state.flows
    account.flows = KnownFlows(
        set(flows.keys), set(flows.nameless), flows.last_ms, flows.begun, flows.quarantine, set(flows.unpriced)
    )
    cap_terms(account)
    waiting = [Entry(account.slots[each.market], each.signal, each.equity) for each in state.waiting]
    account.batch = Batch(state.acted[0], set(state.acted[1]), waiting)


def _slot_state(slot: Slot) -> SlotState:
    return SlotState(
        market=slot.market,
        listed=slot.listed,
        row=tuple(slot.row),
        mark=slot.mark,
        entry=slot.entry,
        stops=tuple(slot.stops),
        targets=tuple(slot.targets),
        exit=slot.exit,
        after_cancel=slot.after_cancel,
        sell_purpose=slot.sell_purpose,
        passed=slot.passed,
        sell_steps=slot.sell_steps,
        release_steps=slot.release_steps,
        release_ticks=slot.release_ticks,
    )


def _slot(state: SlotState, mandate: Mandate) -> Slot:
    terms = terms_of(state.market, mandate.weight, mandate.limits, entry=mandate.entry)
    slot = Slot(state.market, terms, row=list(state.row))
    slot.relist(state.listed, state.market)
    slot.mark, slot.entry, slot.exit = state.mark, state.entry, state.exit
    slot.stops, slot.targets, slot.passed = list(state.stops), list(state.targets), state.passed
    slot.after_cancel, slot.sell_purpose = state.after_cancel, state.sell_purpose
    slot.sell_steps, slot.release_steps, slot.release_ticks = state.sell_steps, state.release_steps, state.release_ticks
    return slot
