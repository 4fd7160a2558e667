"""Binance's REST door over a venue: who asks, whether he may, and which table of routes answers."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.simexchange.accounts import Account
from tradepool.simexchange.codecs.binance.account_routes import AccountRoutes
from tradepool.simexchange.codecs.binance.list_routes import ListRoutes
from tradepool.simexchange.codecs.binance.order_routes import OrderRoutes
from tradepool.simexchange.codecs.binance.public_routes import PublicRoutes
from tradepool.simexchange.codecs.binance.rejection import Rejection, rejection
from tradepool.simexchange.codecs.binance.request import (
    Call,
    Parameters,
    check_signature,
    check_time,
    signed_payload,
)
from tradepool.simexchange.errors import Refused
from tradepool.simexchange.venue import Venue


class Answer(NamedTuple):
    """HTTP status and JSON body."""

    status: int
    body: bytes


class Rest:
    """Answers REST calls for one venue; synchronous, and nothing is read that the client did not send."""

    def __init__(self, venue: Venue) -> None:
        """Gather the tables of routes."""
        self._venue = venue
        self._public = PublicRoutes(venue).table
        orders = OrderRoutes(venue)
        self.private = {**orders.table, **ListRoutes(venue, orders).table, **AccountRoutes(venue).table}

    def answer(self, call: Call) -> Answer:
        """Answer one call; a refusal is an answer too."""
        route = (call.method, call.path)
        try:
            if private := self.private.get(route):
                account, parameters = self._authenticated(call)
                return Answer(200, private(account, parameters))
            if public := self._public.get(route):
                return Answer(200, public(Parameters.of(call)))
        except Refused as refused:
            said = rejection(refused)
            return Answer(said.status, said.body())
        return Answer(404, b'{"code":-1000,"msg":"The simulated exchange has no such path."}')

    def _authenticated(self, call: Call) -> tuple[Account, Parameters]:
        account = self._venue.accounts.get(call.key)
        if account is None:
            raise Rejection(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        parameters = Parameters.of(call)
        parameters.text("signature")
        check_signature(account, *signed_payload(call))
        check_time(parameters, self._venue.now_ms)
        return account, parameters
