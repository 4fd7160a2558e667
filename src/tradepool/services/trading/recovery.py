"""Starting and recovering are one path: journal, then the venue's fills, then what was commanded and never answered.

Nothing that the journal commanded is sent again unasked: the venue is asked by client order id, and only an order it
does not know goes out, under the same name.
"""

from __future__ import annotations

from tradepool.core.risk.review import review
from tradepool.domain.command import Submit
from tradepool.domain.errors import VenueError
from tradepool.domain.event import AccountOpened, OrderCancelled, OrderFilled, OrderRejected
from tradepool.domain.order import ApprovedOrder, OrderRequest, OrderStatus, Refusal
from tradepool.ports.clock import Clock
from tradepool.ports.journal import Journal
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.sender import AGED_OUT, RETRY_FIRST_S, RETRY_MAX_S, answer_of


async def start(actor: AccountActor, journal: Journal, clock: Clock) -> None:
    """Bring an actor up to date with its journal and its venue; afterwards `run` and the sender may start."""
    actor.replay(list(journal.read(actor.account.account.id)))
    await actor.gateway.open(actor.post, actor.lost)
    if not actor.account.opened:
        balances = tuple(await actor.gateway.balances())
        actor.handle(AccountOpened(time_ms=clock.now_ms(), balances=balances))
    await catch_up(actor)


async def reconnect(actor: AccountActor, clock: Clock) -> None:
    """Open the user stream again, as often as it takes, and ask for what it did not tell."""
    wait_s = RETRY_FIRST_S
    while True:
        try:
            await actor.gateway.open(actor.post, actor.lost)
            await catch_up(actor)
            return
        except VenueError as error:
            if not error.transient:
                raise
        await clock.sleep(wait_s)
        wait_s = min(2 * wait_s, RETRY_MAX_S)


async def catch_up(actor: AccountActor) -> None:
    """Ask the venue for all that the stream may not have told: fills first, then each unanswered order and cancel."""
    pending = actor.account.unanswered()
    cancels = actor.account.cancelling()
    for slot in actor.account.slots.values():
        for fill in await actor.gateway.fills(slot.market, actor.last_fills.get(slot.market.id)):
            actor.handle(OrderFilled(fill=fill))
    for request in pending:
        await _settle(actor, request)
    for cancel in cancels:
        order = actor.account.orders.get(cancel.client_order_id)
        if order is None:
            continue
        found = await actor.gateway.look_up(order.request)
        if found is not None and found.status is OrderStatus.CANCELLED:
            actor.handle(OrderCancelled(time_ms=found.updated_ms, client_order_id=cancel.client_order_id))
        else:
            actor.sender.put([cancel])


async def _settle(actor: AccountActor, request: OrderRequest) -> None:
    """An intent without an answer: take the venue's word, or send it now, or let an entry age out."""
    if request.client_order_id not in actor.account.orders:
        return
    found = await actor.gateway.look_up(request)
    if found is not None:
        answer = answer_of(found)
        if answer is not None:
            actor.handle(answer)
    elif actor.sender.too_old(request):
        now = actor.sender.now_ms()
        actor.handle(OrderRejected(time_ms=now, client_order_id=request.client_order_id, reason=AGED_OUT))
    else:
        actor.sender.put([Submit(_approved(actor, request))])


def _approved(actor: AccountActor, request: OrderRequest) -> ApprovedOrder:
    """The intent was approved before it was journaled; it is reviewed again, for what is held now."""
    slot = actor.account.slots[request.market]
    verdict = review(request, slot.market, held_steps=slot.steps(), spendable_units=1)
    assert not isinstance(verdict, Refusal), verdict
    return verdict
