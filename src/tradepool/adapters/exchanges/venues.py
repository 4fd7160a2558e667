"""What is known of each venue: where its clients may go, and how far it is supported.

A venue that is not listed here is any other id of ccxt: its public data may be read, nothing may be signed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import ccxt.pro
from yarl import URL

from tradepool.domain.errors import InvalidInput

HTTPS_PORT = 443
_GET, _POST, _DELETE = "GET", "POST", "DELETE"
# No dots and no percent signs: a path that means another one elsewhere.
_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9_@!-]+)+")


class UnknownVenue(InvalidInput):
    """No venue is called {venue}; did you mean {likely}?"""


class ReadsOnly(InvalidInput):
    """{venue} is not certified: its markets, candles and tickers can be read, but no key is sent there and no order; use a certified venue ({certified})."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where requests of a venue may go. `routes` are (method, path) by host, and of those only `signed` ones may be
    signed; `sockets` are the starts of a WebSocket's path by `host:port`; on `read_hosts` anything may be read."""

    venue: str
    routes: Mapping[str, frozenset[tuple[str, str]]]
    sockets: Mapping[str, tuple[str, ...]]
    read_hosts: frozenset[str] = frozenset()
    signed: frozenset[tuple[str, str]] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """Every host a request may go to."""
        return frozenset((*self.routes, *self.read_hosts, *(each.rpartition(":")[0] for each in self.sockets)))

    def allows(self, method: str, url: URL) -> bool:
        """Whether a request may leave. Paths are compared as they are sent, so that no spelling gets around the list.

        >>> BINANCE.reach.allows("POST", URL("https://api.binance.com/api/v3/order"))
        True
        >>> BINANCE.reach.allows("POST", URL("https://api.binance.com/sapi/v1/capital/withdraw/apply"))
        False
        """
        host = url.raw_host or ""
        if url.scheme == "wss":
            starts = self.sockets.get(f"{host}:{url.port}", ())
            within = any(url.raw_path == start or url.raw_path.startswith(f"{start}/") for start in starts)
            return method == _GET and within and _PLAIN_PATH.fullmatch(url.raw_path) is not None
        if url.scheme != "https" or url.port != HTTPS_PORT:
            return False
        return (method, url.raw_path) in self.routes.get(host, ()) or (method == _GET and host in self.read_hosts)

    def signs(self, method: str, url: URL) -> bool:
        """Whether a request may be signed.

        >>> BINANCE.reach.signs("GET", URL("https://api.binance.com/api/v3/time"))
        False
        """
        return url.scheme == "https" and (method, url.raw_path) in self.signed and self.allows(method, url)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFacts:
    """One venue. What it limits is in `rate_limits`. `public_keys`: it takes the public half of an Ed25519 pair for a key."""

    id: str
    certified: bool
    reach: Reach
    public_keys: bool = False


_PUBLIC = frozenset(
    (_GET, f"/api/v3/{path}")
    for path in (
        *("ping", "time", "exchangeInfo", "depth", "trades", "historicalTrades", "aggTrades", "klines", "uiKlines"),
        *("avgPrice", "ticker", "ticker/24hr", "ticker/tradingDay", "ticker/price", "ticker/bookTicker"),
    )
)
_ACCOUNT_READS = frozenset(
    (_GET, path)
    for path in (
        *(f"/api/v3/{name}" for name in ("account", "account/commission", "rateLimit/order", "myTrades")),
        *(f"/api/v3/{name}" for name in ("order", "openOrders", "allOrders")),
        *(f"/api/v3/{name}" for name in ("orderList", "allOrderList", "openOrderList")),
        # Histories of the wallet, read only: the same words with POST move money, and are not here.
        *("/sapi/v1/account/apiRestrictions", "/sapi/v1/capital/deposit/hisrec", "/sapi/v1/capital/withdraw/history"),
        *("/sapi/v1/asset/transfer", "/sapi/v1/asset/assetDividend", "/sapi/v1/asset/dribblet"),
        "/sapi/v1/capital/config/getall",
    )
)
_ORDERS = frozenset(
    (
        (_POST, "/api/v3/order"),
        (_DELETE, "/api/v3/order"),
        (_DELETE, "/api/v3/openOrders"),
        (_POST, "/api/v3/orderList/oco"),
        (_DELETE, "/api/v3/orderList"),
    )
)

BINANCE = VenueFacts(
    id="binance",
    certified=True,
    reach=Reach(
        venue="binance",
        routes={"api.binance.com": _PUBLIC | _ACCOUNT_READS | _ORDERS, "data-api.binance.vision": _PUBLIC},
        # The ws-api knows orders, account and user stream; the wallet is not spoken of there.
        sockets={
            "stream.binance.com:9443": ("/ws", "/stream"),
            "stream.binance.com:443": ("/ws", "/stream"),
            "data-stream.binance.vision:443": ("/ws", "/stream"),
            "ws-api.binance.com:443": ("/ws-api/v3",),
            "ws-api.binance.com:9443": ("/ws-api/v3",),
        },
        signed=_ACCOUNT_READS | _ORDERS,
    ),
    public_keys=True,
)

CERTIFIED: Mapping[str, VenueFacts] = {BINANCE.id: BINANCE}


def facts_of(venue: str) -> VenueFacts:
    """What is known of a ccxt id. Raises UnknownVenue, with what was probably meant.

    >>> facts_of("binance").certified, facts_of("kraken").certified
    (True, False)
    """
    if venue in CERTIFIED:
        return CERTIFIED[venue]
    if venue not in ccxt.pro.exchanges and venue not in ccxt.exchanges:
        likely = difflib.get_close_matches(venue.lower(), ccxt.exchanges, n=3, cutoff=0.5)
        raise UnknownVenue(venue=repr(venue)[:40], likely=" or ".join(likely or sorted(CERTIFIED)))
    reach = Reach(venue=venue, routes={}, sockets={}, read_hosts=_hosts(venue))
    return VenueFacts(id=venue, certified=False, reach=reach)


def require_certified(venue: str) -> VenueFacts:
    """The facts of a venue that may be traded on. Raises UnknownVenue and ReadsOnly."""
    facts = facts_of(venue)
    if not facts.certified:
        raise ReadsOnly(venue=venue, certified=", ".join(sorted(CERTIFIED)))
    return facts


def _hosts(venue: str) -> frozenset[str]:
    """The hosts of a venue's public REST API, as ccxt writes them down."""
    client = getattr(ccxt, venue)()
    addresses = _texts(client.urls.get("api", {}))
    filled = [client.implode_hostname(address) for address in addresses]
    return frozenset(host for host in (URL(each).host for each in filled if each.startswith("https://")) if host)


def _texts(tree: object) -> list[str]:
    if isinstance(tree, str):
        return [tree]
    return [text for branch in tree.values() for text in _texts(branch)] if isinstance(tree, dict) else []
