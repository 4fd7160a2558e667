"""What each request weighs, as Binance documents it; what its documentation leaves open is marked as a guess."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from tradepool.simexchange.codecs.binance.request import Parameters
from tradepool.simexchange.limits import Cost

API = "/api/v3/"

# Documented, one number whatever the parameters are.
_FIXED: Mapping[tuple[str, str], int] = {
    ("GET", "ping"): 1,
    ("GET", "time"): 1,
    ("GET", "exchangeInfo"): 20,
    ("GET", "trades"): 25,
    ("GET", "historicalTrades"): 25,
    ("GET", "aggTrades"): 4,
    ("GET", "klines"): 2,
    ("GET", "uiKlines"): 2,
    ("GET", "avgPrice"): 2,
    ("GET", "account"): 20,
    ("GET", "account/commission"): 20,
    ("GET", "rateLimit/order"): 40,
    ("GET", "order"): 4,
    ("POST", "order"): 1,
    ("DELETE", "order"): 1,
    ("DELETE", "openOrders"): 1,
    ("POST", "order/cancelReplace"): 1,
    ("PUT", "order/amend/keepPriority"): 4,
    ("GET", "allOrders"): 20,
    ("GET", "orderList"): 4,
    ("GET", "openOrderList"): 6,
    ("GET", "allOrderList"): 20,
    ("DELETE", "orderList"): 1,
    ("POST", "order/oco"): 1,
    ("POST", "orderList/oco"): 1,
    ("POST", "orderList/oto"): 1,
    ("POST", "orderList/otoco"): 1,
    ("POST", "sor/order"): 1,
    ("GET", "myAllocations"): 20,
}

# Wallet endpoints, each with a pool of its own: per address, except where the second number is of the account's pool.
_WALLET: Mapping[tuple[str, str], tuple[int, int]] = {
    ("GET", "/sapi/v1/system/status"): (1, 0),
    ("GET", "/sapi/v1/account/apiRestrictions"): (1, 0),
    ("GET", "/sapi/v1/account/status"): (1, 0),
    ("GET", "/sapi/v1/account/apiTradingStatus"): (1, 0),
    ("GET", "/sapi/v1/capital/config/getall"): (10, 0),
    ("GET", "/sapi/v1/capital/deposit/hisrec"): (1, 0),
    ("GET", "/sapi/v1/capital/deposit/address"): (10, 0),
    ("GET", "/sapi/v1/asset/assetDetail"): (1, 0),
    ("GET", "/sapi/v1/margin/allPairs"): (1, 0),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): (10, 0),
    ("GET", "/sapi/v1/capital/withdraw/history"): (0, 18_000),
    ("POST", "/sapi/v1/capital/withdraw/apply"): (0, 600),
    ("POST", "/sapi/v1/asset/transfer"): (0, 900),
    ("GET", "/sapi/v1/asset/transfer"): (1, 0),
    ("POST", "/sapi/v1/asset/dust"): (0, 10),
    ("GET", "/sapi/v1/asset/dribblet"): (1, 0),
    ("GET", "/sapi/v1/asset/assetDividend"): (10, 0),
    ("GET", "/sapi/v1/asset/tradeFee"): (1, 0),
    ("POST", "/sapi/v3/asset/getUserAsset"): (5, 0),
    ("GET", "/sapi/v1/bnbBurn"): (1, 0),
    ("POST", "/sapi/v1/bnbBurn"): (1, 0),
}

# The ws-api's methods weigh what the same request weighs over REST.
_METHODS: Mapping[str, tuple[str, str]] = {
    "ping": ("GET", "ping"),
    "time": ("GET", "time"),
    "exchangeInfo": ("GET", "exchangeInfo"),
    "depth": ("GET", "depth"),
    "trades.recent": ("GET", "trades"),
    "trades.historical": ("GET", "historicalTrades"),
    "trades.aggregate": ("GET", "aggTrades"),
    "klines": ("GET", "klines"),
    "uiKlines": ("GET", "uiKlines"),
    "avgPrice": ("GET", "avgPrice"),
    "ticker.24hr": ("GET", "ticker/24hr"),
    "ticker.tradingDay": ("GET", "ticker/tradingDay"),
    "ticker": ("GET", "ticker"),
    "ticker.price": ("GET", "ticker/price"),
    "ticker.book": ("GET", "ticker/bookTicker"),
    "account.status": ("GET", "account"),
    "account.commission": ("GET", "account/commission"),
    "account.rateLimits.orders": ("GET", "rateLimit/order"),
    "order.place": ("POST", "order"),
    "order.test": ("POST", "order/test"),
    "order.status": ("GET", "order"),
    "order.cancel": ("DELETE", "order"),
    "order.cancelReplace": ("POST", "order/cancelReplace"),
    "openOrders.status": ("GET", "openOrders"),
    "openOrders.cancelAll": ("DELETE", "openOrders"),
    "allOrders": ("GET", "allOrders"),
    "myTrades": ("GET", "myTrades"),
    "orderList.place": ("POST", "order/oco"),
    "orderList.place.oco": ("POST", "orderList/oco"),
    "orderList.status": ("GET", "orderList"),
    "orderList.cancel": ("DELETE", "orderList"),
    "openOrderLists.status": ("GET", "openOrderList"),
    "allOrderLists": ("GET", "allOrderList"),
}
USER_STREAM_WEIGHT = 2
CONNECT_WEIGHT = 2
# A guess: what has no weight in the documentation, paths that do not exist among it.
UNKNOWN_WEIGHT = 1

DEPTHS = ((100, 5), (500, 25), (1_000, 50))
DEPTH_WEIGHT_MAX = 250
TICKERS = ((20, 2), (100, 40))
TICKERS_WEIGHT_MAX = 80
WINDOW_TICKER_WEIGHT, WINDOW_TICKERS_WEIGHT_MAX = 4, 200


def request_cost(method: str, path: str, parameters: Parameters) -> Cost:
    """What a REST request costs.

    >>> request_cost("GET", "/api/v3/depth", Parameters({"limit": "500"})).weight
    25
    >>> request_cost("GET", "/sapi/v1/capital/withdraw/history", Parameters({}))
    Cost(weight=18000, pool='/sapi/v1/capital/withdraw/history', per_account=True)
    """
    if path.startswith("/sapi/"):
        per_address, per_account = _WALLET.get((method, path), (UNKNOWN_WEIGHT, 0))
        return Cost(per_account or per_address, path, bool(per_account))
    return Cost(_weight(method, path.removeprefix(API), parameters))


def method_cost(method: str, parameters: Parameters) -> Cost:
    """What a request on the ws-api costs."""
    if method.startswith(("userDataStream.", "session.")):
        return Cost(USER_STREAM_WEIGHT)
    verb, path = _METHODS.get(method, ("", ""))
    return Cost(_weight(verb, path, parameters))


def _weight(method: str, path: str, parameters: Parameters) -> int:
    fixed = _FIXED.get((method, path))
    if fixed is not None:
        return fixed
    if path == "depth":
        # An unusable limit is refused later; the guess is that it weighs as the default.
        limit = _whole(parameters.optional("limit", "100"), 100)
        return next((weight for most, weight in DEPTHS if limit <= most), DEPTH_WEIGHT_MAX)
    symbols = _symbols(parameters)
    if path == "ticker/24hr":
        found = next((weight for most, weight in TICKERS if symbols and symbols <= most), None)
        return found or TICKERS_WEIGHT_MAX
    if path in ("ticker", "ticker/tradingDay"):
        return min(WINDOW_TICKER_WEIGHT * max(1, symbols), WINDOW_TICKERS_WEIGHT_MAX)
    if path in ("ticker/price", "ticker/bookTicker"):
        return 2 if "symbol" in parameters else 4
    if path == "openOrders":
        return 6 if "symbol" in parameters else 80
    if path == "myTrades":
        return 5 if "orderId" in parameters else 20
    if path == "order/test":
        return 20 if parameters.optional("computeCommissionRates") == "true" else 1
    return UNKNOWN_WEIGHT


def _symbols(parameters: Parameters) -> int:
    """How many symbols are asked for; 0: all."""
    if "symbol" in parameters:
        return 1
    try:
        names = orjson.loads(parameters.optional("symbols", "[]"))
    except orjson.JSONDecodeError:
        return 1
    return len(names) if isinstance(names, list) else 1


def _whole(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default
