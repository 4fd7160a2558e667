"""The gate without a socket: whatever is sent is answered, and costs what it costs."""

from __future__ import annotations

import hmac
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.gate_kit import wallet_venue
from tests.simexchange.exchange_kit import START
from tradepool.simexchange.codecs.binance.gate import Gate
from tradepool.simexchange.codecs.binance.request import Call
from tradepool.simexchange.codecs.binance.rest import Answer, Rest
from tradepool.simexchange.codecs.binance.streams import Ask
from tradepool.simexchange.keys import Permissions
from tradepool.simexchange.limits import BINANCE, Limiter, Limits
from tradepool.simexchange.venue import Venue

ROUTES = sorted(
    route for route in Rest(wallet_venue()).private if route[1].startswith("/sapi/") or "account" in route[1]
)
NAMES = (
    "coin", "asset", "amount", "address", "type", "status", "offset", "limit", "startTime", "endTime", "current", "size",
    "spotBNBBurn", "withdrawOrderId", "symbol", "network",
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        ("BTC", "USDT", "NEWCOIN", "BTC,ETH", "MAIN_FUNDING", "FUNDING_MAIN", "MAIN_", "_", "true", "0", "1", "-1", "6")
    ),
    st.sampled_from(
        ("1e9", "9" * 15, "9" * 30, "0.00000001", "0.000000001", "NaN", "", " ", '"', "\udcff", "\u0661", "%")
    ),
    st.integers(0, 2 * START).map(str),
)


def ask(venue: Venue, method: str, path: str, params: dict[str, str], address: str = "local") -> Answer:
    """One signed call, from an address."""
    sent = {**params, "timestamp": str(venue.clock_ms())}
    text = urlencode(sent, errors="surrogateescape")
    text += f"&signature={hmac.new(b'secret', text.encode(), 'sha256').hexdigest()}"
    query, body = ("", text) if method == "POST" else (text, "")
    return Rest(venue).answer(Call(method, path, query, body, "key"), address)


@given(st.sampled_from(ROUTES), st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_whatever_is_sent_is_answered(route: tuple[str, str], params: dict[str, str]) -> None:
    """200 with JSON, or a refusal with Binance's shape; never an exception."""
    venue = wallet_venue()
    venue.keys.allow("key", Permissions(withdrawals=True, universal_transfer=True))
    venue.step()
    status, body, _ = ask(venue, *route, params)
    told = orjson.loads(body)
    assert status == 200 or (400 <= status < 500 and set(told) == {"code", "msg"})


@pytest.mark.parametrize("query", ["a=1&a=2", "symbol=NOPE", "\udcff"])
def test_refusals_cost_as_much(query: str) -> None:
    venue = wallet_venue()
    venue.limiter = Limiter(BINANCE)
    said = Rest(venue).answer(Call("GET", "/api/v3/klines", query, "", ""))
    assert (said.status, said.headers["X-MBX-USED-WEIGHT-1M"]) == (400, "2")


def test_lists_on_the_ws_api_weigh_by_their_length() -> None:
    venue = wallet_venue()
    venue.limiter = limiter = Limiter(BINANCE)
    symbols = [f"A{number}" for number in range(21)]
    for method, params in (("ticker.24hr", {"symbols": symbols}), ("depth", {"limit": 500}), ("ping", None)):
        Gate(venue).charge_ask(Ask(1, method, params), "a")
    assert limiter.weight.count("a", venue.now_ms) == 40 + 25 + 1


def test_a_revoked_key_still_costs_its_address() -> None:
    venue = wallet_venue()
    venue.limiter = Limiter(Limits(weight_per_minute=30))
    venue.keys.revoke("key")
    assert [ask(venue, "GET", "/api/v3/account", {}, "a").status for _ in range(3)] == [401, 429, 429]
    assert ask(venue, "GET", "/api/v3/account", {}, "b").status == 401


def test_without_a_limiter_answers_carry_no_headers() -> None:
    assert not ask(wallet_venue(), "GET", "/api/v3/account", {}).headers


def test_microseconds_are_a_timestamp_too() -> None:
    venue = wallet_venue()
    for timestamp, status in ((START * 1_000, 200), ((START - 5_000) * 1_000, 200), ((START - 5_001) * 1_000, 400)):
        text = f"timestamp={timestamp}"
        text += f"&signature={hmac.new(b'secret', text.encode(), 'sha256').hexdigest().upper()}"
        assert Rest(venue).answer(Call("GET", "/api/v3/account", text, "", "key")).status == status
