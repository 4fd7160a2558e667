"""What a client asks for: one order, or two of which one cancels the other."""

from __future__ import annotations

from collections.abc import Mapping

from tradepool.simexchange.accounts import Account
from tradepool.simexchange.codecs.binance.rejection import Rejection
from tradepool.simexchange.codecs.binance.request import Parameters
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import Kind, NewList, NewOrder, Side, Tif

SIDES = {side.name: side for side in Side}
KINDS = {kind.name: kind for kind in Kind}
TIFS = {tif.name: tif for tif in Tif}
CLIENT_ID = r"^[a-zA-Z0-9-_.:/]{1,36}$"
RESPONSES = ("ACK", "RESULT", "FULL")

_OF_KIND = {
    Kind.MARKET: {"quoteOrderQty"},
    Kind.LIMIT: {"price", "timeInForce"},
    Kind.LIMIT_MAKER: {"price"},
    Kind.STOP_LOSS: {"stopPrice"},
    Kind.TAKE_PROFIT: {"stopPrice"},
    Kind.STOP_LOSS_LIMIT: {"price", "stopPrice", "timeInForce"},
    Kind.TAKE_PROFIT_LIMIT: {"price", "stopPrice", "timeInForce"},
}
_STOPS = (Kind.STOP_LOSS, Kind.STOP_LOSS_LIMIT)
_TARGETS = (Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_LIMIT)
_UNSUPPORTED = {
    "icebergQty": "Iceberg orders are not supported for this symbol.",
    "trailingDelta": "Trailing stop orders are not supported for this symbol.",
}


def new_order(parameters: Parameters, market: ListedMarket, generated_id: str) -> NewOrder:
    """Read an order; `generated_id` is its client id when the client names none."""
    side, kind = _side(parameters), KINDS.get(parameters.text("type"))
    if kind is None:
        raise Rejection(-1116, "Invalid orderType.")
    return _order(parameters, market, side, kind, generated_id, {})


def response_type(parameters: Parameters, kind: Kind | None = None) -> str:
    """How much of a new order is told: everything of a market or limit order, else (a list: RESULT) only its ids."""
    default = "RESULT" if kind is None else "FULL" if kind in (Kind.MARKET, Kind.LIMIT) else "ACK"
    wanted = parameters.optional("newOrderRespType", default)
    if wanted not in RESPONSES:
        raise Rejection(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
    return wanted


def new_list(parameters: Parameters, market: ListedMarket, account: Account) -> NewList:
    """Read an OCO as `orderList/oco` takes it: the order above the price, and the one below."""
    side = _side(parameters)
    kinds = [KINDS.get(parameters.text(name)) for name in ("belowType", "aboveType")]
    below, above = kinds
    if below is None or above is None or {below, above} & {Kind.MARKET, Kind.LIMIT}:
        raise Rejection(-1158, "Order type not supported in OCO.")
    _check_places(side, below, above)
    names = ("price", "stopPrice", "timeInForce", "icebergQty", "trailingDelta")
    legs = [
        _order(parameters, market, side, kind, generated_id(account, number), {
            "newClientOrderId": f"{where}ClientOrderId",
            **{name: f"{where}{name[0].upper()}{name[1:]}" for name in names},
        })
        for number, (where, kind) in enumerate((("below", below), ("above", above)))
    ]  # fmt: skip
    return NewList(_list_id(parameters, account), legs[0], legs[1])


def old_list(parameters: Parameters, market: ListedMarket, account: Account) -> NewList:
    """Read an OCO as the deprecated `order/oco` takes it: a limit, and a stop with or without a limit."""
    side = _side(parameters)
    stop_kind = Kind.STOP_LOSS_LIMIT if "stopLimitPrice" in parameters else Kind.STOP_LOSS
    stop_names = {
        "newClientOrderId": "stopClientOrderId", "price": "stopLimitPrice", "timeInForce": "stopLimitTimeInForce",
        "icebergQty": "stopIcebergQty",
    }  # fmt: skip
    limit_names = {
        "newClientOrderId": "limitClientOrderId", "stopPrice": "", "timeInForce": "", "icebergQty": "limitIcebergQty",
    }  # fmt: skip
    stop_number = 0 if side is Side.SELL else 1
    stop = _order(parameters, market, side, stop_kind, generated_id(account, stop_number), stop_names)
    limit = _order(parameters, market, side, Kind.LIMIT_MAKER, generated_id(account, 1 - stop_number), limit_names)
    below, above = (stop, limit) if side is Side.SELL else (limit, stop)
    return NewList(_list_id(parameters, account), below, above)


def generated_id(account: Account, ahead: int = 0) -> str:
    """A name for the order that comes `ahead` orders after the next one; none that the account has ever used."""
    name = f"sim{account.history.next_order_id() + ahead}"
    while account.history.knows_client_id(name):
        name += "x"
    return name


def client_id(parameters: Parameters, name: str, generated_id: str) -> str:
    """A client's own name for something, or a generated one."""
    given = parameters.optional(name, generated_id)
    return parameters.matching(name, CLIENT_ID) if given != generated_id else given


def _side(parameters: Parameters) -> Side:
    side = SIDES.get(parameters.text("side"))
    if side is None:
        raise Rejection(-1117, "Invalid side.")
    return side


def _list_id(parameters: Parameters, account: Account) -> str:
    name = f"simlist{len(account.lists) + 1}"
    while name in account.list_ids:
        name += "x"
    return client_id(parameters, "listClientOrderId", name)


def _check_places(side: Side, below: Kind, above: Kind) -> None:
    """Which order of an OCO must be on which side of the price."""
    if below is Kind.LIMIT_MAKER and above is Kind.LIMIT_MAKER:
        raise Rejection(-1168, "At least one OCO order must be contingent.")
    buys = side is Side.BUY
    wrong_limit, wrong_stop, wrong_target = (above, below, above) if buys else (below, above, below)
    who = "buy" if buys else "sell"
    near, far = ("below", "above") if buys else ("above", "below")
    if wrong_limit is Kind.LIMIT_MAKER:
        raise Rejection(-1165 if buys else -1166, f"A limit order in a {who} OCO must be {near}.")
    if wrong_stop in _STOPS:
        raise Rejection(-1196 if buys else -1197, f"A stop loss order in a {who} OCO must be {far}.")
    if wrong_target in _TARGETS:
        raise Rejection(-1198 if buys else -1199, f"A take profit order in a {who} OCO must be {near}.")


def _order(
    parameters: Parameters, market: ListedMarket, side: Side, kind: Kind, generated_id: str, names: Mapping[str, str]
) -> NewOrder:
    """Read an order of a kind whose parameters go by `names` where they are not called as in a single order ('': not at all)."""

    def sent(name: str) -> str:
        called = names.get(name, name)
        return called if called and called in parameters else ""

    for name, words in _UNSUPPORTED.items():
        if sent(name):
            raise Rejection(-2010, words)
    for name in ("price", "stopPrice", "timeInForce", "quoteOrderQty"):
        if name not in _OF_KIND[kind] and sent(name):
            raise Rejection(-1106, f"Parameter '{sent(name)}' sent when not required.")
    if parameters.optional("selfTradePreventionMode", "NONE") != "NONE":
        raise Rejection(-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.")
    price = names.get("price", "price")
    limit = parameters.count(price, market.price_text, "PRICE_FILTER") if kind.has_limit else 0
    stop_price = names.get("stopPrice", "stopPrice")
    stop = parameters.count(stop_price, market.price_text, "PRICE_FILTER") if kind.has_stop else 0
    tif = _tif(parameters, names.get("timeInForce", "timeInForce")) if "timeInForce" in _OF_KIND[kind] else Tif.GTC
    steps, asked = _size(parameters, market, kind)
    name = client_id(parameters, names.get("newClientOrderId", "newClientOrderId"), generated_id)
    return NewOrder(market.symbol, name, side, kind, steps, limit, stop, tif, asked)


def _size(parameters: Parameters, market: ListedMarket, kind: Kind) -> tuple[int, int]:
    """Steps, or for a market order units of quote."""
    if kind is not Kind.MARKET or "quantity" in parameters:
        if "quoteOrderQty" in parameters:
            raise Rejection(-1106, "Parameter 'quoteOrderQty' sent when not required.")
        return parameters.count("quantity", market.quantity_text, "LOT_SIZE"), 0
    if "quoteOrderQty" not in parameters:
        raise Rejection(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
    asked = parameters.count("quoteOrderQty", market.quote_text, "NOTIONAL")
    if not asked:
        raise Rejection(-1013, "Filter failure: NOTIONAL")
    return 0, asked


def _tif(parameters: Parameters, name: str) -> Tif:
    tif = TIFS.get(parameters.text(name))
    if tif is None:
        raise Rejection(-1115, "Invalid timeInForce.")
    return tif
