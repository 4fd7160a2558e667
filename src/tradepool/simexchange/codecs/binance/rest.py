"""Binance's REST door over a venue: what a request costs, who asks, whether he may, and which route answers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tradepool.simexchange.codecs.binance.account_routes import SAPI, AccountRoutes, restrictions
from tradepool.simexchange.codecs.binance.gate import NO_ADDRESS, PLACING, Gate, needed_right
from tradepool.simexchange.codecs.binance.list_routes import ListRoutes
from tradepool.simexchange.codecs.binance.order_routes import OrderRoutes
from tradepool.simexchange.codecs.binance.public_routes import PublicHandler, PublicRoutes
from tradepool.simexchange.codecs.binance.rejection import Rejection, rejection
from tradepool.simexchange.codecs.binance.request import Call, Parameters, signed_payload
from tradepool.simexchange.codecs.binance.wallet_routes import WalletRoutes
from tradepool.simexchange.codecs.binance.weights import API, request_cost
from tradepool.simexchange.errors import Refused
from tradepool.simexchange.limits import Cost
from tradepool.simexchange.venue import Venue

MARGIN_MARKETS = tuple(("GET", f"{SAPI}margin/{path}") for path in ("allPairs", "isolated/allPairs"))
SYSTEM_STATUS = ("GET", f"{SAPI}system/status")
KEY_RESTRICTIONS = ("GET", f"{SAPI}account/apiRestrictions")
FREE = Cost(0)
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Answer(NamedTuple):
    """HTTP status, JSON body, and headers beside the usual ones."""

    status: int
    body: bytes
    headers: Mapping[str, str] = NO_HEADERS


class Rest:
    """Answers REST calls for one venue; synchronous, and nothing is read that the client did not send."""

    def __init__(self, venue: Venue) -> None:
        """Gather the tables of routes."""
        self._venue, self._gate = venue, Gate(venue)
        self.public: Mapping[tuple[str, str], PublicHandler] = {
            **PublicRoutes(venue).table,
            ("GET", f"{API}time"): self._time,
            SYSTEM_STATUS: self._status,
            # No market is traded on margin here; clients ask all the same while they load markets.
            **dict.fromkeys(MARGIN_MARKETS, lambda _: b"[]"),
        }
        accounts, wallets = AccountRoutes(venue, self._gate), WalletRoutes(venue)
        orders = OrderRoutes(venue)
        lists = ListRoutes(venue, orders)
        self.private = {**orders.table, **lists.table, **accounts.table, **wallets.table}

    def answer(self, call: Call, address: str = NO_ADDRESS) -> Answer:
        """Answer one call from an address; a refusal is an answer too, and weighs as much."""
        route = (call.method, call.path)
        try:
            parameters, unread = Parameters.of(call), None
        except Rejection as said:
            parameters, unread = Parameters({}), said
        cost = request_cost(*route, parameters) if self._venue.limiter else FREE
        retry: dict[str, str] = {}
        try:
            self._gate.charge(cost, call.key, address)
            if unread is not None:
                raise unread
            status, body = 200, self._routed(call, parameters, address)
        except Refused as refused:
            told = rejection(refused)
            status, body, retry = told.status, told.body(), told.headers()
        placed = status == 200 and route in PLACING
        return Answer(status, body, self._gate.headers(cost, call.key, address, placed=placed) | retry)

    def _time(self, parameters: Parameters) -> bytes:
        return b'{"serverTime":%d}' % self._venue.clock_ms()

    def _status(self, parameters: Parameters) -> bytes:
        return b'{"status":0,"msg":"normal"}'

    def _routed(self, call: Call, parameters: Parameters, address: str) -> bytes:
        route = (call.method, call.path)
        private = self.private.get(route)
        if private or route == KEY_RESTRICTIONS:
            key = self._gate.admit(call.key, parameters, signed_payload(call), address, needed_right(*route))
            if route in PLACING:
                self._gate.check_placing(key.account)
            return private(key.account, parameters) if private else restrictions(key)
        if public := self.public.get(route):
            return public(parameters)
        raise Rejection(-1000, "The simulated exchange has no such path.", status=404)
