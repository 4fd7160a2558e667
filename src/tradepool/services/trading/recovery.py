"""Starting and recovering are one path: journal, then the venue's fills, then what was commanded and never answered.

Nothing that the journal commanded is sent again unasked: the venue is asked by client order id, and only after a start
does an order it does not know go out, under the same name. While the platform runs, every order that the sender no
longer holds was answered once: a venue that denies it then is never sent it again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

from tradepool.core.account import account_step as step
from tradepool.core.account import reconcile
from tradepool.core.risk.review import review
from tradepool.core.risk.symbols import listed_market
from tradepool.domain.balance import Balance
from tradepool.domain.command import Cancel, Submit
from tradepool.domain.errors import InvalidInput, VenueError
from tradepool.domain.event import (
    OFF_NEW_GRID,
    AccountOpened,
    Event,
    InstanceBegan,
    MandateChanged,
    OrderFilled,
    OrderRejected,
    StreamLost,
    StreamRestored,
    TermsSeen,
)
from tradepool.domain.fill import Fill
from tradepool.domain.ids import AccountId, MarketId
from tradepool.domain.mandate import Mandate
from tradepool.domain.market import Market
from tradepool.domain.order import ApprovedOrder, Order, OrderRequest, OrderStatus, Refusal
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import OutcomeUnknown
from tradepool.ports.journal import Journal
from tradepool.runtime import telemetry
from tradepool.services.backoff import URGENT, patiently
from tradepool.services.trading.account_actor import CLOCK_BACK_MS, AccountActor
from tradepool.services.trading.lost_orders import hear, lost_orders

# Of ten markets' fills, 2,400 of the 6,000 that Binance weighs in a minute.
ASK_S = 5.0

T = TypeVar("T")
Ready = Callable[[], Awaitable[None]]


class InstanceTooOld(InvalidInput):
    """Account {account} was taken over by instance {newer} of this deployment; this is instance {epoch}: stop it."""


class Asking(Protocol):
    """How a question is asked."""

    async def __call__(self, ask: Callable[[], Awaitable[T]], /) -> T:
        """The answer."""
        ...


log = telemetry.logger(__name__)


async def start(actor: AccountActor, journal: Journal, clock: Clock, ready: Ready | None = None) -> None:
    """Bring an actor up to date with its journal and its venue; afterwards `run` and the sender may start."""
    revive(actor, journal, clock)
    await finish(actor, clock, ready)


def revive(actor: AccountActor, journal: Journal, clock: Clock) -> None:
    """What the journal says, and nothing of the venue. InstanceTooOld, GridsApart, and what reading raises."""
    account, now_ms = actor.account, clock.now_ms()
    mandate, markets = account.mandate, tuple(slot.listed for slot in account.slots.values())
    remember(actor, journal)
    if actor.epoch < account.naming.epoch:
        raise InstanceTooOld(account=account.account.id, epoch=actor.epoch, newer=account.naming.epoch)
    actor.taken_over = actor.recovered and actor.epoch != account.naming.epoch
    actor.begins = (
        InstanceBegan(time_ms=now_ms, epoch=actor.epoch),
        # What the journal holds was decided under what held then; from here on this holds.
        TermsSeen(time_ms=now_ms, markets=tuple(actor.with_fees(market) for market in markets)),
        MandateChanged(time_ms=now_ms, mandate=mandate),
    )
    _begin(actor)


def _begin(actor: AccountActor) -> None:
    """Hear what holds in this life. Again it is no news, as far as it was heard."""
    for event in actor.begins:
        actor.handle(event)


async def resume(actor: AccountActor, clock: Clock, ready: Ready | None = None) -> None:
    """The rest of a start that failed after the journal was read: what closed since that began was not kept."""
    _begin(actor)
    if actor.account.opened:
        actor.handle(StreamLost(time_ms=actor.begins[0].time_ms, why="its start failed"))
    await finish(actor, clock, ready)


def remember(actor: AccountActor, journal: Journal) -> None:
    """The journal's state: the newest snapshot, and the events after it."""
    account, found = actor.account.account.id, journal.snapshot(actor.account.account.id)
    if found is not None:
        actor.put_back(*found)
    actor.replay(list(journal.read(account, actor.sequence)))


def markets_of(
    account: AccountId, mandate: Mandate, listed: Mapping[MarketId, Market], journal: Journal
) -> list[Market]:
    """What a mandate trades, as the venue lists it; what has left its list, as the account saw it last. UnknownMarket where it
    never did, and what reading raises."""
    seen = dict[MarketId, Market]()
    if not listed.keys() >= set(mandate.markets):
        found = journal.snapshot(account)
        sequence, terms = (0, []) if found is None else (found[0], [found[1].state.seen])
        terms += [event.markets for _, _, event in journal.read(account, sequence) if isinstance(event, TermsSeen)]
        seen = {market.id: market for each in terms for market in each}
    return [
        seen[each] if each in seen and each not in listed else listed_market(listed, each) for each in mandate.markets
    ]


async def secure(actor: AccountActor, journal: Journal, clock: Clock) -> None:
    """The first part of a start: each protection is seen at the venue, or made again, ahead of all that can wait.

    Who holds something and is not protected as the journal says asks for everything at once: what it then commands
    goes out as soon as the sender runs.
    """
    revive(actor, journal, clock)
    # After another instance the journal may not know of what is held.
    asking = partial(patiently, clock, pace=URGENT)
    if actor.taken_over or not await _protected(actor, asking):
        log.warning("an account is not protected as it was", account=actor.account.account.id)
        await actor.gateway.urgently(catch_up(actor, asking, resend=True))


async def _protected(actor: AccountActor, asking: Asking) -> bool:
    """Whether each exit that works rests as it did, and all that is held has one."""
    for request in actor.working():
        if not request.adds_risk:
            order = await asking(partial(actor.gateway.look_up, request))
            rests = order is not None and order.status is OrderStatus.ACCEPTED and not order.filled_quantity
            if not rests or actor.unanswered(request):
                return False
    slots = actor.account.slots.values()
    return not any(slot.held and slot.row[step.STOP] > 0 and not slot.stop and not slot.exit for slot in slots)


async def finish(actor: AccountActor, clock: Clock, ready: Ready | None = None) -> None:
    """The last part: the stream, and, once it is `ready`, what happened while nobody listened."""
    await _connect(actor, clock, partial(patiently, clock), resend=True, ready=ready)


async def finish_by_asking(actor: AccountActor, clock: Clock) -> None:
    """The last part for who needs no stream, as `ask_on` goes on: what happened while nobody listened."""
    await _caught_up(actor, clock, resend=True)


async def ask_on(actor: AccountActor, clock: Clock) -> None:
    """Ask every ASK_S what became of orders, until cancelled: in place of a stream, for a command that is soon done."""
    while True:
        await clock.sleep(ASK_S)
        try:
            await catch_up(actor, resend=False)
        except VenueError as error:
            if not error.transient:
                raise
            log.warning("the venue does not answer", account=actor.account.account.id, error=str(error))


async def reconnect(actor: AccountActor, clock: Clock) -> None:
    """Open the user stream again, as often as it takes, and ask for what it did not tell."""
    while True:
        await actor.reconnecting.before_try()
        try:
            await _connect(actor, clock, _once, resend=False)
            return
        except VenueError as error:
            if not error.transient:
                raise
            log.warning("user stream is down", account=actor.account.account.id, error=str(error))


async def _once(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()


async def _connect(
    actor: AccountActor, clock: Clock, opening: Asking, *, resend: bool, ready: Ready | None = None
) -> None:
    def heard(balances: Sequence[Balance], time_ms: int) -> None:
        actor.on_balances(balances, time_ms)

    await opening(lambda: actor.gateway.open(actor.post, actor.lost, heard))
    actor.reconnecting.connected()
    if ready is not None:
        await ready()
    await _caught_up(actor, clock, resend=resend)
    actor.handle(StreamRestored(time_ms=clock.now_ms()))


async def _caught_up(actor: AccountActor, clock: Clock, *, resend: bool) -> None:
    if not actor.account.opened:
        balances = tuple(await patiently(clock, actor.gateway.balances))
        actor.handle(AccountOpened(time_ms=clock.now_ms(), balances=balances))
    # An entry that nobody here knows the end of may be a position without a stop.
    await catch_up(actor, partial(patiently, clock, pace=URGENT), resend=resend)


async def catch_up(actor: AccountActor, asking: Asking = _once, *, resend: bool) -> None:
    """Ask the venue for all that the stream may not have told; `asking` is how patiently each question is asked: with
    many of them, patience with all together would be patience with none.

    Orders are looked up before the fills are asked for and settled after them, so that whatever a look-up counts as
    filled is booked before its order ends.
    """
    # What is not written has not been sent, and must not be taken for an order that the venue denies.
    actor.write()
    # An order of ours is older than the books only where the clock was set back since. Of what is older still nobody
    # asks whose it is: the owner's own past may be long.
    ours_ms = min([actor.opened_ms, *(request.time_ms for request in actor.working())]) - CLOCK_BACK_MS

    def known(fill: Fill) -> bool:
        return fill.time_ms < ours_ms or actor.account.booked(fill.market, fill.fill_id)

    gateway, found = actor.gateway, await _looked_up(actor, asking)
    gone = {request.market for request, order in found if order is None or order.status is OrderStatus.CANCELLED}
    for slot in actor.account.slots.values():
        market = slot.market.id
        fills = await asking(partial(gateway.fills, slot.market, actor.fills_after(market), known))
        # Who was cut off from the journal may have sent a stop that it does not know, for what it knows or does not.
        bare = bool(fills) or (slot.held and not slot.guards)
        looks = resend and (actor.taken_over or market in gone or bare)
        rest = await asking(partial(gateway.open_orders, slot.market)) if looks else []
        hear(actor, rest)
        # Some may have come by the stream while the others were asked for.
        fills = [fill for fill in fills if not known(fill) and not _history(actor, fill)]
        lost = await asking(partial(lost_orders, actor, slot.market, fills, rest))
        events: Sequence[Event] = lost or [OrderFilled(fill=fill) for fill in fills]
        for event in events:
            actor.handle(event)
    for request, order in found:
        if order is not None:
            _settle(actor, request, order)
        elif actor.waits_for(request):
            _absent(actor, request, resend=resend)


async def _looked_up(actor: AccountActor, asking: Asking) -> list[tuple[OrderRequest, Order | None]]:
    """What the venue says of each order that works here. One that the sender still holds may have come and gone while no
    stream told of it; that the venue does not know it says nothing: it may be on its way."""
    found = list[tuple[OrderRequest, Order | None]]()
    # Seen before anything is asked: what is sent and answered meanwhile may not be shown yet.
    working = [(request, actor.sender.holds(Submit, request.client_order_id)) for request in actor.working()]
    for request, held in working:
        order = await asking(partial(actor.gateway.look_up, request))
        if order is not None or not held:
            found.append((request, order))
    return found


def _history(actor: AccountActor, fill: Fill) -> bool:
    """Whether a fill is older than our books, and not ours: the opening balances hold it already."""
    return fill.time_ms < actor.opened_ms and fill.client_order_id not in actor.account.orders


def _settle(actor: AccountActor, request: OrderRequest, order: Order) -> None:
    """Take the venue's word on an order; its fills are booked by now."""
    name = request.client_order_id
    if actor.waits_for(request):
        actor.handle(reconcile.answer(order))
    for cancel in actor.cancelling():
        if cancel.client_order_id == name and not actor.sender.holds(Cancel, name):
            actor.sender.put([cancel])


def _absent(actor: AccountActor, request: OrderRequest, *, resend: bool) -> None:
    """An order the venue does not know: after a start it is sent under its name, or an entry ages out."""
    if not resend:
        # Its refusal may wait in the inbox; and right after an order was taken a venue may not show it yet.
        log.warning("the venue does not show an order it was sent", order=request.client_order_id)
    elif not actor.unanswered(request):
        name = f"order {request.client_order_id}"
        raise OutcomeUnknown(venue=request.market, request=name, message="it was accepted and is denied now")
    elif refused := actor.account.orders[request.client_order_id].refused:
        name, now_ms = request.client_order_id, actor.sender.now_ms()
        actor.handle(OrderRejected(time_ms=now_ms, client_order_id=name, reason=refused))
    elif not actor.sender.holds(Submit, request.client_order_id):
        # A request of the life before may still be carried out, and the venue takes the name of a filled order again: the
        # sender waits until that is over. A stop can't wait, and need not: it rests, and the name of what rests is refused; the
        # stop of a pair comes first, and takes its target along.
        unsure = request.takes_at_once or request.adds_risk
        partner = actor.account.partner_of(request)
        orders = [_approved(actor, each) for each in (request, partner) if each is not None]
        approved = [order for order in orders if order is not None]
        if len(approved) == len(orders):
            actor.sender.put([Submit(*approved)], unsure=unsure)


def _approved(actor: AccountActor, request: OrderRequest) -> ApprovedOrder | None:
    """The intent was approved before it was journaled; it is reviewed again, for what is held now. One that was made
    before the market's grid changed never goes out: the account makes it anew. Where less is held than when it was
    intended, the next candle decides anew."""
    slot, name = actor.account.slots[request.market], request.client_order_id
    verdict = review(request, slot.listed, held_steps=slot.steps() // slot.lot, spendable_units=1)
    if isinstance(verdict, Refusal):
        reason = OFF_NEW_GRID if slot.listed != slot.market else verdict.reason
        actor.handle(OrderRejected(time_ms=actor.sender.now_ms(), client_order_id=name, reason=reason))
        return None
    return verdict
