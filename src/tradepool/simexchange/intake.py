"""May a request become an order? Every rule of the venue, asked before anything is changed."""

from __future__ import annotations

from tradepool.simexchange.accounts import Account
from tradepool.simexchange.errors import DuplicateOrder, MarketClosed, PairsNotTaken, PricesNotRelated
from tradepool.simexchange.filters import check_stop
from tradepool.simexchange.liquidity import Level
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import NewList, NewOrder, Order, Side


class Intake:
    """Turns what users ask for into orders. With `strict_ids` a client order id is good once, for ever."""

    def __init__(self, *, strict_ids: bool) -> None:
        """See `Venue`."""
        self._strict_ids = strict_ids

    def order(self, account: Account, market: ListedMarket, new: NewOrder, now_ms: int) -> Order:
        """The order a request makes; `Refused` says why it makes none."""
        price = _price(market)
        if new.quote_units:
            new = new._replace(steps=_steps_for(market, new))
        market.filters.check(account, market, new, price)
        self._check_id(account, new.client_id)
        if new.kind.has_stop:
            check_stop(new, price)
        return _order(account.history.next_order_id(), market, new, now_ms)

    def pair(
        self, account: Account, market: ListedMarket, new: NewList, now_ms: int, list_id: int
    ) -> tuple[Order, Order]:
        """Both orders of a list: the price lies between them, each keeps every rule of its own."""
        price = _price(market)
        if not market.filters.rules.pairs:
            raise PairsNotTaken(symbol=market.symbol)
        for leg in (new.below, new.above):
            market.filters.check(account, market, leg, price, opens=2)
            self._check_id(account, leg.client_id)
        if new.below.client_id == new.above.client_id:
            raise DuplicateOrder(client_id=new.above.client_id)
        open_list = account.order_list(account.list_ids.get(new.client_id, 0))
        if open_list is not None and (self._strict_ids or not open_list.is_done):
            raise DuplicateOrder(client_id=new.client_id)
        below, above = (leg.stop_ticks or leg.limit_ticks for leg in (new.below, new.above))
        if not below < price < above:
            raise PricesNotRelated(price=price, below=below, above=above)
        first = account.history.next_order_id()
        legs = (_order(first, market, new.below, now_ms), _order(first + 1, market, new.above, now_ms))
        return legs[0]._replace(list_id=list_id), legs[1]._replace(list_id=list_id)

    def _check_id(self, account: Account, client_id: str) -> None:
        if client_id in account.open_ids or (self._strict_ids and account.history.knows_client_id(client_id)):
            raise DuplicateOrder(client_id=client_id)


def _price(market: ListedMarket) -> int:
    if market.price is None or market.status != "TRADING":
        raise MarketClosed(symbol=market.symbol)
    return market.price


def _order(order_id: int, market: ListedMarket, new: NewOrder, now_ms: int) -> Order:
    return Order(
        order_id, new.client_id, market, new.side, new.kind, new.steps, new.limit_ticks, new.stop_ticks, now_ms,
        updated_ms=now_ms, tif=new.tif, working_ms=-1 if new.stop_ticks else now_ms, asked_units=new.quote_units,
    )  # fmt: skip


def _steps_for(market: ListedMarket, new: NewOrder) -> int:
    """How much an amount of quote buys, or takes to be had by selling: whole steps of the market's filter, rounded down."""
    left, steps = new.quote_units // market.units_per_tick_step, 0
    for ticks, offered in _offers(market, new.side):
        part = min(offered, left // ticks)
        steps += part
        left -= part * ticks
        if part < offered:
            break
    return steps // market.filters.step * market.filters.step


def _offers(market: ListedMarket, taker: Side) -> list[Level]:
    return market.liquidity.offered(taker, 0, market.max_steps)
