"""New terms in the middle of a life: fees, grids and least amounts that a venue changes, a mandate that its user changes.

Both are events, so a journal replays under what held when each of its decisions was made. An account goes on counting in
the finest grid it has seen on a market, in which every price and quantity is whole, those of orders from before too; only
what is ordered is rounded to the grid that the venue asks for now.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from tradepool.core.account import account_step as step
from tradepool.core.account import limit_step
from tradepool.core.account.adopt import adopt
from tradepool.core.account.by_hand import cap_terms
from tradepool.core.account.flows import entries_off, hear
from tradepool.core.account.grid import in_units_of, recount, whole_in_both, whole_with
from tradepool.core.account.protection import protect
from tradepool.core.account.slot import Slot
from tradepool.core.account.terms import price_scale, terms_of
from tradepool.domain.charge import Charge
from tradepool.domain.denial import Denial
from tradepool.domain.errors import OffGrid, TradepoolError
from tradepool.domain.event import EntriesResumed, MandateChanged, OrdersAdopted, TermsSeen
from tradepool.domain.flow import MoneyNews, Quarantined
from tradepool.domain.ids import MarketId
from tradepool.domain.market import Market

if TYPE_CHECKING:
    from tradepool.core.account.account import Account


class GridsApart(TradepoolError):
    """{market} went over to ticks of {tick} and steps of {step} while something is held or ordered there, which can't be counted exactly in both; its protection rests: sell it at the venue, then start again."""


Heard = TermsSeen | MandateChanged | OrdersAdopted | EntriesResumed | MoneyNews | Charge


def take(account: Account, event: Heard) -> bool:
    """What is heard at a start, of a person, or beside trading: whether it is news. GridsApart, BrokenLaw."""
    match event:
        case MoneyNews():
            if isinstance(event, Quarantined):
                account.batch.drop(account.outbox, Denial.QUARANTINED)
            return hear(account, event)
        case TermsSeen():
            return take_terms(account, event)
        case MandateChanged():
            return take_mandate(account, event)
        case EntriesResumed():
            return resume(account, event)
        case Charge():
            # Of an account that only holds a bill.
            return False
    return adopt(account, event)


def resume(account: Account, event: EntriesResumed) -> bool:
    """Enter again although somebody else had ordered on the account, its balances had jumped, or a limit on losses was
    reached."""
    for market, close in event.closes:
        account.mark(market, close)
    if event.limits:
        limit_step.person_resumed(account.wallet, account.equity_units())
        return True
    was_off = entries_off(account) is not None
    account.foreign, account.flows.quarantine = None, ""
    return was_off


def take_terms(account: Account, event: TermsSeen) -> bool:
    """Trade by these terms from now on; whether any of them is news. GridsApart."""
    changed = False
    for listed in event.markets:
        known = account.seen.get(listed.id)
        slot = account.slots.get(listed.id)
        if listed != known:
            account.seen[listed.id], changed = listed, True
            if slot is not None:
                _list(account, slot, listed, _counted(account, slot, listed) if known is not None else listed)
        if (
            event.anew
            and slot is not None
            and slot.held
            and not slot.tied(account.orders)
            and slot.bare(account.orders)
        ):
            protect(account.outbox, slot, event.time_ms)
    return changed


def _counted(account: Account, slot: Slot, listed: Market) -> Market:
    """The market to count in: as it is listed now, on a grid on which the one before is whole too."""
    try:
        return whole_in_both(slot.market, listed)
    except OffGrid as error:
        if slot.held or any(order.request.market == listed.id for order in account.orders.values()):
            raise GridsApart(market=listed.id, tick=listed.price_tick, step=listed.quantity_step) from error
        return in_units_of(slot.market, listed)


def count(account: Account, slot: Slot, quantity: Decimal, price: Decimal = Decimal(0)) -> tuple[int, int]:
    """The steps and ticks of what the venue has told. Where they are not whole it trades on a finer grid than was heard of
    yet: then the slot is counted on one from here on. OffGrid where no money is whole in that."""
    market = slot.market
    if quantity % market.quantity_step or price % market.price_tick:
        _list(account, slot, slot.listed, whole_with(market, quantity, price))
        account.changed = True
    return slot.market.steps(quantity), slot.market.ticks(price)


def _list(account: Account, slot: Slot, listed: Market, market: Market) -> None:
    """Count the slot in `market` and order by `listed`."""
    before, row = slot.market, slot.row
    slot.relist(listed, market)
    mandate = account.mandate
    slot.scale = price_scale(market)
    slot.terms = terms_of(market, mandate.weight, mandate.limits, entry=mandate.entry)
    cap_terms(account)
    recount(row, before, market)
    ticks, steps = before.price_tick / market.price_tick, before.quantity_step / market.quantity_step
    slot.mark, slot.release_ticks = int(slot.mark * ticks), int(slot.release_ticks * ticks)
    slot.sell_steps, slot.release_steps = int(slot.sell_steps * steps), int(slot.release_steps * steps)
    for order in account.orders.values():
        if order.request.market == market.id:
            order.filled_steps, order.told_steps = int(order.filled_steps * steps), int(order.told_steps * steps)
    slot.keep_whole()


def take_mandate(account: Account, event: MandateChanged) -> bool:
    """Trade by this mandate from now on; whether it is news. Capital that is given or taken is cash; a market that it
    names no more stays as long as something is held or ordered there."""
    before, mandate = account.mandate, event.mandate
    account.trade_under(mandate)
    if mandate == account.agreed:
        return False
    account.agreed = mandate
    # What waits was decided under another mandate, and its market may go.
    account.batch.drop(account.outbox, Denial.EXIT_NOT_FINAL)
    given = int((mandate.capital - before.capital) / account.quote_unit)
    account.wallet[step.CASH] += given
    limit_step.money_moved(account.wallet, given)
    account.slots = dict(_slots(account))
    for slot in account.slots.values():
        slot.terms = terms_of(slot.market, mandate.weight, mandate.limits, entry=mandate.entry)
    cap_terms(account)
    first = next(iter(account.slots.values())).market
    account.quote, account.quote_unit = first.quote, first.quote_unit
    return True


def _slots(account: Account) -> Iterator[tuple[MarketId, Slot]]:
    """The mandate's markets in its order, then what is left on others."""
    mandate = account.mandate
    for market in mandate.markets:
        known = account.slots.get(market)
        yield market, known or Slot(account.seen[market], [])
    used = {order.request.market for order in account.orders.values()}
    for market, slot in account.slots.items():
        if market not in mandate.markets and (slot.held or market in used):
            yield market, slot
