"""Orders, lists of orders, trades and balances as Binance writes them; amounts are decimal strings."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import orjson

from tradepool.simexchange.accounts import Account
from tradepool.simexchange.history import History
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import Order, OrderList, Side, Trade

STP = "NONE"


def order_fields(order: Order) -> dict[str, object]:
    """What every answer about an order has in common."""
    market = order.market
    fields: dict[str, object] = {
        "symbol": market.symbol,
        "orderId": order.id,
        "orderListId": order.list_id or -1,
        "clientOrderId": order.client_id,
        "price": market.price_text.text(order.limit_ticks),
        "origQty": market.quantity_text.text(order.steps),
        "executedQty": market.quantity_text.text(order.filled_steps),
        "origQuoteOrderQty": market.quote_text.text(order.asked_units),
        "cummulativeQuoteQty": market.quote_text.text(order.quote_units),
        "status": order.status.name,
        "timeInForce": order.tif.name,
        "type": order.kind.name,
        "side": order.side.name,
        "selfTradePreventionMode": STP,
    }
    if order.kind.has_stop:
        fields["stopPrice"] = market.price_text.text(order.stop_ticks)
    return fields


def placed(order: Order, history: History, response_type: str) -> dict[str, object]:
    """Answer to a new order: ACK, RESULT or FULL."""
    if response_type == "ACK":
        return {
            "symbol": order.market.symbol,
            "orderId": order.id,
            "orderListId": order.list_id or -1,
            "clientOrderId": order.client_id,
            "transactTime": order.updated_ms,
        }
    fields = order_fields(order) | {"transactTime": order.updated_ms, "workingTime": order.working_ms}
    if response_type == "FULL":
        fields["fills"] = [_fill(trade) for trade in history.fills(order)]
    return fields


def looked_up(order: Order) -> dict[str, object]:
    """An order in a look-up or a list."""
    return order_fields(order) | {
        "stopPrice": order.market.price_text.text(order.stop_ticks),
        "icebergQty": order.market.quantity_text.text(0),
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": order.working_ms != -1,
        "workingTime": order.working_ms,
    }


def cancelled(order: Order, request_id: str) -> dict[str, object]:
    """Answer to a cancel: the request has an id of its own, the order's moves to origClientOrderId."""
    return order_fields(order) | {
        "origClientOrderId": order.client_id,
        "clientOrderId": request_id,
        "transactTime": order.updated_ms,
    }


def list_fields(order_list: OrderList, history: History) -> dict[str, object]:
    """What every answer about a list of orders has in common."""
    done = order_list.is_done
    return {
        "orderListId": order_list.id,
        "contingencyType": "OCO",
        "listStatusType": "ALL_DONE" if done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if done else "EXECUTING",
        "listClientOrderId": order_list.client_id,
        "transactionTime": order_list.updated_ms,
        "symbol": order_list.market.symbol,
        "orders": [
            {"symbol": order.market.symbol, "orderId": order.id, "clientOrderId": order.client_id}
            for order in list_orders(order_list, history)
        ],
    }


def list_orders(order_list: OrderList, history: History) -> list[Order]:
    """The two orders of a list as they stand."""
    return [history.known(each) for each in order_list.order_ids]


def list_placed(order_list: OrderList, history: History, response_type: str) -> dict[str, object]:
    """Answer to a new list."""
    reports = [placed(order, history, response_type) for order in list_orders(order_list, history)]
    return list_fields(order_list, history) | {"orderReports": reports}


def list_cancelled(order_list: OrderList, history: History, request_id: str) -> dict[str, object]:
    """Answer to the cancel of a list, or of one of its orders."""
    reports = [cancelled(order, request_id) for order in list_orders(order_list, history)]
    return list_fields(order_list, history) | {"orderReports": reports}


def trade_fields(trade: Trade, history: History) -> dict[str, object]:
    """A trade in myTrades."""
    market = trade.market
    return {
        "symbol": market.symbol,
        "id": trade.id,
        "orderId": trade.order_id,
        "orderListId": history.known(trade.order_id).list_id or -1,
        "price": market.price_text.text(trade.ticks),
        "qty": market.quantity_text.text(trade.steps),
        "quoteQty": market.quote_text.text(trade.quote_units),
        "commission": fee_text(trade),
        "commissionAsset": trade.fee_asset,
        "time": trade.time_ms,
        "isBuyer": trade.side is Side.BUY,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def fee_text(trade: Trade) -> str:
    """A trade's fee in its own asset."""
    market = trade.fee_market or trade.market
    texts = market.base_text if trade.fee_market or trade.side is Side.BUY else market.quote_text
    return texts.text(trade.fee_units)


def account_body(
    account: Account, market: ListedMarket, unit: Callable[[str], Decimal], now_ms: int, *, omit_zero: bool = False
) -> bytes:
    """Balances and fees; `market` gives the fees, `unit` the smallest amount of an asset."""
    maker, taker = (account.fees.rate_ppm(market, is_maker=is_maker) for is_maker in (True, False))
    rates = {side: f"{ppm / 1_000_000:.8f}" for side, ppm in (("maker", maker), ("taker", taker))}
    balances = [
        {"asset": asset, "free": f"{free * unit(asset):f}", "locked": f"{account.locked[asset] * unit(asset):f}"}
        for asset, free in account.free.items()
        if not omit_zero or free or account.locked[asset]
    ]
    return orjson.dumps(
        {
            "makerCommission": maker // 100,
            "takerCommission": taker // 100,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {**rates, "buyer": "0.00000000", "seller": "0.00000000"},
            "canTrade": account.can_trade,
            "canWithdraw": account.can_withdraw,
            "canDeposit": account.can_deposit,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": now_ms,
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
            "uid": account.index + 1,
        }
    )


def _fill(trade: Trade) -> dict[str, object]:
    market = trade.market
    return {
        "price": market.price_text.text(trade.ticks),
        "qty": market.quantity_text.text(trade.steps),
        "commission": fee_text(trade),
        "commissionAsset": trade.fee_asset,
        "tradeId": trade.id,
    }
