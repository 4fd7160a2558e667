"""Our costs beside what the simulated venue counts, request by request."""

from __future__ import annotations

import ccxt.pro
import pytest

from tradepool.adapters.exchanges.rate_limits import cost_of, limits_of, stream_cost
from tradepool.ports.weights import Measure
from tradepool.simexchange.codecs.binance.request import Parameters
from tradepool.simexchange.codecs.binance.weights import API, CONNECT_WEIGHT, USER_STREAM_WEIGHT, request_cost
from tradepool.simexchange.limits import Limits

Route = tuple[str, str, str, dict[str, object]]

DEPTHS: list[Route] = [
    ("public", "GET", "depth", {"symbol": "BTCUSDT", "limit": n}) for n in (5, 100, 101, 500, 1000, 5000)
]
ROUTES: list[Route] = [
    *DEPTHS,
    ("public", "GET", "ping", {}),
    ("public", "GET", "time", {}),
    ("public", "GET", "exchangeInfo", {}),
    ("public", "GET", "depth", {"symbol": "BTCUSDT"}),
    ("public", "GET", "trades", {"symbol": "BTCUSDT"}),
    ("public", "GET", "aggTrades", {"symbol": "BTCUSDT"}),
    ("public", "GET", "klines", {"symbol": "BTCUSDT", "limit": 1000}),
    ("public", "GET", "avgPrice", {"symbol": "BTCUSDT"}),
    ("public", "GET", "ticker/24hr", {"symbol": "BTCUSDT"}),
    ("public", "GET", "ticker/24hr", {"symbols": '["BTCUSDT","ETHUSDT"]'}),
    ("public", "GET", "ticker/24hr", {"symbols": '["' + '","'.join(["BTCUSDT"] * 50) + '"]'}),
    ("public", "GET", "ticker/24hr", {}),
    ("public", "GET", "ticker/price", {"symbol": "BTCUSDT"}),
    ("public", "GET", "ticker/bookTicker", {}),
    ("private", "GET", "account", {}),
    ("private", "POST", "order", {"symbol": "BTCUSDT"}),
    ("private", "DELETE", "order", {"symbol": "BTCUSDT"}),
    ("private", "GET", "order", {"symbol": "BTCUSDT"}),
    ("private", "DELETE", "openOrders", {"symbol": "BTCUSDT"}),
    ("private", "GET", "openOrders", {"symbol": "BTCUSDT"}),
    ("private", "GET", "openOrders", {}),
    ("private", "GET", "allOrders", {"symbol": "BTCUSDT"}),
    ("private", "GET", "myTrades", {"symbol": "BTCUSDT"}),
    ("private", "POST", "orderList/oco", {"symbol": "BTCUSDT"}),
    ("private", "GET", "rateLimit/order", {}),
]
CCXT = ccxt.pro.binance()
DEAR = request_cost("GET", "/sapi/v1/capital/withdraw/history", Parameters({})).weight


@pytest.mark.parametrize(("section", "method", "path", "params"), ROUTES)
def test_a_request_costs_what_the_venue_counts(section: str, method: str, path: str, params: dict[str, object]) -> None:
    """ccxt's table times five, and our corrections of it."""
    config = CCXT.api[section][method.lower()][path]
    ccxt_cost = CCXT.calculate_rate_limiter_cost(section, method, path, params, config)
    ours = cost_of("binance", "ann", section, method, path, params, ccxt_cost)
    texts = Parameters({name: str(value) for name, value in params.items()})
    assert ours.weight == request_cost(method, API + path, texts).weight
    assert (ours.orders > 0) == (method == "POST" and path in ("order", "orderList/oco"))


def test_wallet_requests_weigh_nothing_on_the_main_limit() -> None:
    """They have pools of their own."""
    assert cost_of("binance", "ann", "sapi", "GET", "capital/config/getall", {}, 1).weight == 0


def test_opening_a_user_stream_costs_what_the_venue_counts() -> None:
    """An attempt to connect, and weight for it and for the subscription; a public stream only the attempt."""
    private, public = (stream_cost("binance", private=private) for private in (True, False))
    assert (private.connections, private.weight) == (1, CONNECT_WEIGHT + USER_STREAM_WEIGHT)
    assert (public.connections, public.weight) == (1, 0)


def test_no_limit_of_ours_is_above_the_venues() -> None:
    """The table against the simulated venue's."""
    venue = Limits()
    theirs = {
        (Measure.WEIGHT, 60): venue.weight_per_minute,
        (Measure.REQUESTS, 300): venue.requests_per_5_minutes,
        (Measure.ORDERS, 10): venue.orders_per_10_seconds,
        (Measure.ORDERS, 86_400): venue.orders_per_day,
        (Measure.CONNECTIONS, 300): venue.connections_per_5_minutes,
        (Measure.HISTORIES, 60): venue.wallet_account_weight_per_minute // DEAR,
    }
    ours = {(limit.measure, limit.length_ms // 1_000): limit.amount for limit in limits_of("binance")}
    assert ours.keys() == theirs.keys()
    assert all(ours[which] <= theirs[which] for which in theirs)


def test_histories_of_the_wallet_stay_below_what_the_venue_lets_through() -> None:
    """Ten looks into the withdrawals a minute are what an account may, and we count each; the rest is cheap."""
    dear = ("GET", "capital/withdraw/history")
    cheap = ("capital/deposit/hisrec", "asset/transfer", "asset/assetDividend", "asset/dribblet")
    assert cost_of("binance", "ann", "sapi", *dear, {}, 1).histories == 1
    assert [cost_of("binance", "ann", "sapi", "GET", path, {}, 1).histories for path in cheap] == [0] * 4
    for path in cheap:
        # Fourteen requests a look, one look a minute where books and venue differ.
        assert 14 * request_cost("GET", f"/sapi/v1/{path}", Parameters({})).weight < Limits().wallet_weight_per_minute
