"""Orders that bear our name and are not in the journal: it was restored from a backup, and the venue knows better."""

from __future__ import annotations

from collections.abc import Sequence

from tradepool.domain.command import Submit
from tradepool.domain.event import ForeignOrder, OrdersAdopted
from tradepool.domain.fill import Fill
from tradepool.domain.ids import read_client_order_id
from tradepool.domain.market import Market
from tradepool.domain.order import Order, OrderRequest, OrderStatus, OrderType, Purpose, Side
from tradepool.runtime import telemetry
from tradepool.services.trading.account_actor import AccountActor

# Why a sale of a kind is made, as far as that can be told.
SALES = {OrderType.STOP_LOSS: Purpose.STOP, OrderType.LIMIT: Purpose.TARGET, OrderType.MARKET: Purpose.SIGNAL_EXIT}

log = telemetry.logger(__name__)


async def lost_orders(
    actor: AccountActor, market: Market, fills: Sequence[Fill], open_orders: Sequence[Order]
) -> list[OrdersAdopted]:
    """What is to be adopted on a market, by the fills that were not booked and the orders that rest.

    One event a round trip, the last one with what rests: a crash in between leaves the others to be found again.
    VenueError. Where the venue's list of past orders does not reach back to one of them, its fill breaks the law.
    """
    names = [fill.client_order_id for fill in fills] + [order.client_order_id for order in open_orders]
    if not any(_is_lost(actor, name) for name in names):
        return []
    past = await actor.gateway.past_orders(market)
    there = {rest.client_order_id for rest in await actor.gateway.open_orders(market)}
    # While the venue was asked, the stream may have told of some.
    fills = [fill for fill in fills if not actor.account.booked(market.id, fill.fill_id)]
    wanted = there | {fill.client_order_id for fill in fills}
    # What ended without a fill tells where a stop stood, if it is none that the journal made.
    found = [
        o for o in past if _is_lost(actor, o.client_order_id) and (o.client_order_id in wanted or _later(actor, o))
    ]
    requests = [request for order in found if (request := _request(actor, order))]
    if not requests:
        return []
    log.warning("orders that the journal does not know", account=actor.account.account.id, orders=len(requests))
    # What is on its way is not there yet.
    rests = tuple(sorted(there | {name for name in actor.account.orders if actor.sender.holds(Submit, name)}))
    trips, left, events = _round_trips(fills), requests, list[OrdersAdopted]()
    for number, trip in enumerate(trips, 1):
        later = {fill.client_order_id for each in trips[number:] for fill in each}
        is_last = number == len(trips)
        here = {fill.client_order_id for fill in trip} - later
        mine = [request for request in left if is_last or request.client_order_id in here]
        left = [request for request in left if request not in mine]
        events.append(
            OrdersAdopted(
                time_ms=actor.sender.now_ms(),
                market=market.id,
                requests=tuple(mine),
                fills=tuple(trip),
                resting=rests if is_last else tuple(sorted(later & actor.account.orders.keys())),
            )
        )
    return events


def _round_trips(fills: Sequence[Fill]) -> list[list[Fill]]:
    """Bought, then sold; a purchase after a sale begins the next one."""
    trips: list[list[Fill]] = [[]]
    for fill in fills:
        if fill.side is Side.BUY and trips[-1] and trips[-1][-1].side is Side.SELL:
            trips.append([])
        trips[-1].append(fill)
    return trips


def hear(actor: AccountActor, open_orders: Sequence[Order]) -> None:
    """Tell the account of orders of others. AnotherInstance."""
    for order in open_orders:
        name = order.client_order_id
        actor.refuse_newer(name)
        actor.handle(ForeignOrder(time_ms=order.time_ms, name=name, market=order.market))


def _is_lost(actor: AccountActor, name: str) -> bool:
    account = actor.account
    return account.naming.whose(name, account.account.number).known and name not in account.orders


def _later(actor: AccountActor, order: Order) -> bool:
    """Whether an order was made after the last one that the journal knows."""
    read = read_client_order_id(order.client_order_id)
    return read is not None and read.order_number > actor.account.outbox.numbered


def _request(actor: AccountActor, order: Order) -> OrderRequest | None:
    """The intent that an order must have had; why a sale was wished is not known any more."""
    mandate = actor.account.mandate
    if order.side is None or order.type is None or order.quantity is None or order.status is OrderStatus.REJECTED:
        return None
    purpose = Purpose.ENTRY if order.side is Side.BUY else SALES[order.type]
    return OrderRequest(
        client_order_id=order.client_order_id,
        account=mandate.account,
        mandate=mandate.id,
        strategy_id=mandate.strategy_id,
        market=order.market,
        side=order.side,
        type=order.type,
        quantity=order.quantity,
        purpose=purpose,
        time_ms=order.time_ms,
        price=order.price if order.type is OrderType.LIMIT else None,
        stop_price=order.stop_price,
    )
