"""The last look at an order before it leaves: the only place that makes an ApprovedOrder."""

from __future__ import annotations

from tradepool.domain.denial import Denial
from tradepool.domain.market import Market
from tradepool.domain.order import ApprovedOrder, OrderRequest, OrderType, Refusal, Side, TimeInForce


def review(request: OrderRequest, market: Market, *, held_steps: int, spendable_units: int) -> ApprovedOrder | Refusal:
    """Approve an order that is well formed and covered by what the mandate holds, else say why not.

    `held_steps` is what may be sold, `spendable_units` the quote units that may be spent. The rules that change what is
    traded (sizing, minimum sells, mandate limits) ran before, in the account step; a refusal here is about one order.
    """
    reason = _malformed(request, market) or _uncovered(request, market, held_steps, spendable_units)
    if reason:
        return Refusal(account=request.account, market=market.id, time_ms=request.time_ms, reason=reason)
    return ApprovedOrder(request)


def _malformed(request: OrderRequest, market: Market) -> str:
    if request.market != market.id:
        return Denial.WRONG_MARKET
    if request.quantity < market.quantity_min or request.quantity % market.quantity_step:
        return Denial.QUANTITY_OFF_GRID
    if request.type is OrderType.STOP_LOSS:
        if request.stop_price is None or request.stop_price <= 0 or request.stop_price % market.price_tick:
            return Denial.STOP_PRICE_OFF_GRID
    elif request.stop_price is not None:
        return Denial.STOP_PRICE_WITHOUT_STOP
    if request.type is OrderType.LIMIT:
        if request.price is None or request.price <= 0 or request.price % market.price_tick:
            return Denial.PRICE_OFF_GRID
    elif request.price is not None:
        return Denial.PRICE_WITHOUT_LIMIT
    elif request.time_in_force is not TimeInForce.GTC:
        return Denial.TIME_IN_FORCE_WITHOUT_LIMIT
    return ""


def _uncovered(request: OrderRequest, market: Market, held_steps: int, spendable_units: int) -> str:
    if request.side is Side.SELL and market.steps(request.quantity) > held_steps:
        return Denial.SELLS_MORE_THAN_HELD
    if request.side is Side.BUY and spendable_units <= 0:
        return Denial.NOTHING_TO_SPEND
    return ""
