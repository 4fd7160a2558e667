"""Starting and recovering are one path: journal, then the venue's fills, then what was commanded and never answered.

Nothing that the journal commanded is sent again unasked: the venue is asked by client order id, and only after a start
does an order it does not know go out, under the same name. While the platform runs, every order that the sender no
longer holds was answered once: a venue that denies it then is never sent it again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from tradepool.core.account import reconcile
from tradepool.core.risk.review import review
from tradepool.domain.balance import Balance
from tradepool.domain.command import Cancel, Submit
from tradepool.domain.errors import InvalidInput, VenueError
from tradepool.domain.event import AccountOpened, InstanceBegan, OrderFilled, OrderRejected, StreamRestored
from tradepool.domain.fill import Fill
from tradepool.domain.order import ApprovedOrder, Order, OrderRequest, OrderType, Refusal
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import OutcomeUnknown
from tradepool.ports.journal import Journal
from tradepool.runtime import telemetry
from tradepool.services.backoff import patiently
from tradepool.services.trading.account_actor import AccountActor

T = TypeVar("T")


class InstanceTooOld(InvalidInput):
    """Account {account} was taken over by instance {newer} of this deployment; this is instance {epoch}: stop it."""


class Asking(Protocol):
    """How a question is asked."""

    async def __call__(self, ask: Callable[[], Awaitable[T]], /) -> T:
        """The answer."""
        ...


log = telemetry.logger(__name__)


async def start(actor: AccountActor, journal: Journal, clock: Clock) -> None:
    """Bring an actor up to date with its journal and its venue; afterwards `run` and the sender may start."""
    actor.replay(list(journal.read(actor.account.account.id)))
    if actor.epoch < actor.account.naming.epoch:
        raise InstanceTooOld(account=actor.account.account.id, epoch=actor.epoch, newer=actor.account.naming.epoch)
    actor.handle(InstanceBegan(time_ms=clock.now_ms(), epoch=actor.epoch))
    await resume(actor, clock)


async def resume(actor: AccountActor, clock: Clock) -> None:
    """The rest of a start, again if it failed: each question to the venue is asked with patience."""
    await _connect(actor, clock, partial(patiently, clock), resend=True)


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


async def _connect(actor: AccountActor, clock: Clock, opening: Asking, *, resend: bool) -> None:
    asking = partial(patiently, clock)

    def heard(balances: Sequence[Balance], time_ms: int) -> None:
        actor.on_balances(balances, time_ms)

    await opening(lambda: actor.gateway.open(actor.post, actor.lost, heard))
    actor.reconnecting.connected()
    if not actor.account.opened:
        balances = tuple(await asking(actor.gateway.balances))
        actor.handle(AccountOpened(time_ms=clock.now_ms(), balances=balances))
    await catch_up(actor, asking, resend=resend)
    actor.handle(StreamRestored(time_ms=clock.now_ms()))


async def catch_up(actor: AccountActor, asking: Asking = _once, *, resend: bool) -> None:
    """Ask the venue for all that the stream may not have told; `asking` is how patiently each question is asked: with
    many of them, patience with all together would be patience with none.

    Orders are looked up before the fills are asked for and settled after them, so that whatever a look-up counts as
    filled is booked before its order ends.
    """
    # What is not written has not been sent, and must not be taken for an order that the venue denies.
    actor.write()
    look_up, fills_of = actor.gateway.look_up, actor.gateway.fills
    found = [(request, await asking(partial(look_up, request))) for request in actor.told()]
    for slot in actor.account.slots.values():
        market = slot.market.id
        known = partial(actor.account.booked, market)
        for fill in await asking(partial(fills_of, slot.market, actor.fills_after(market), known)):
            if not _history(actor, fill):
                actor.handle(OrderFilled(fill=fill))
    for request, order in found:
        if order is not None:
            _settle(actor, request, order)
        elif actor.waits_for(request):
            _absent(actor, request, resend=resend)


def _history(actor: AccountActor, fill: Fill) -> bool:
    """Whether a fill is older than our books, and not ours: the opening balances hold it already."""
    return fill.time_ms < actor.opened_ms and fill.client_order_id not in actor.account.orders


def _settle(actor: AccountActor, request: OrderRequest, order: Order) -> None:
    """Take the venue's word on an order; its fills are booked by now."""
    name = request.client_order_id
    answer = reconcile.answer(order)
    if answer is not None:
        actor.handle(answer)
    for cancel in actor.account.cancelling():
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
    else:
        verdict = _reviewed(actor, request)
        if isinstance(verdict, Refusal):
            # Less is held than when it was intended. The next candle decides anew.
            name = request.client_order_id
            actor.handle(OrderRejected(time_ms=actor.sender.now_ms(), client_order_id=name, reason=verdict.reason))
            return
        # A request of the life before may still be carried out, and the venue takes the name of a filled order again: the
        # sender waits until that is over. A stop can't wait, and need not: it rests, and the name of what rests is refused.
        unsure = request.type is not OrderType.STOP_LOSS
        actor.sender.put([Submit(verdict)], unsure=unsure)


def _reviewed(actor: AccountActor, request: OrderRequest) -> ApprovedOrder | Refusal:
    """The intent was approved before it was journaled; it is reviewed again, for what is held now."""
    slot = actor.account.slots[request.market]
    return review(request, slot.market, held_steps=slot.steps(), spendable_units=1)
