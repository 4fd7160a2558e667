"""The market's rules that an order must keep: the venue enforces exactly what its exchangeInfo tells."""

from __future__ import annotations

from tradepool.simexchange.accounts import Account
from tradepool.simexchange.errors import FilterFailed, StopWouldTrigger
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import Kind, NewOrder, stops_falling

ORDERS_MAX = 200


def check_filters(account: Account, market: ListedMarket, new: NewOrder, price: int) -> None:
    """FilterFailed names the first rule the order breaks; `price` is the market's, in ticks."""
    if not market.min_steps <= new.steps <= market.max_steps:
        raise FilterFailed(filter="LOT_SIZE")
    named = [
        ticks for has, ticks in ((new.kind.has_limit, new.limit_ticks), (new.kind.has_stop, new.stop_ticks)) if has
    ]
    if any(not 1 <= ticks <= market.max_ticks for ticks in named):
        raise FilterFailed(filter="PRICE_FILTER")
    worth = (new.limit_ticks or new.stop_ticks or price) * new.steps * market.units_per_tick_step
    if worth < market.min_notional:
        raise FilterFailed(filter="NOTIONAL")
    if new.kind is not Kind.MARKET and account.open_count[market.symbol] >= ORDERS_MAX:
        raise FilterFailed(filter="MAX_NUM_ORDERS")


def check_stop(new: NewOrder, price: int) -> None:
    """StopWouldTrigger when the price has reached or passed the stop already."""
    falling = stops_falling(new.side, new.kind)
    reached = new.stop_ticks >= price if falling else new.stop_ticks <= price
    if reached:
        raise StopWouldTrigger(stop=new.stop_ticks, price=price)
