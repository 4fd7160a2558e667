"""What an account holds and may do, over REST."""

from __future__ import annotations

from collections.abc import Mapping

from tradepool.simexchange.accounts import Account
from tradepool.simexchange.codecs.binance import answer
from tradepool.simexchange.codecs.binance.order_routes import PrivateHandler
from tradepool.simexchange.codecs.binance.request import Parameters
from tradepool.simexchange.venue import Venue


class AccountRoutes:
    """Balances and permissions."""

    def __init__(self, venue: Venue) -> None:
        """Prepare the table of routes."""
        self._venue = venue
        self.table: Mapping[tuple[str, str], PrivateHandler] = {("GET", "/api/v3/account"): self._account}

    def _account(self, account: Account, parameters: Parameters) -> bytes:
        return answer.account_body(account, self._venue.markets[0], self._venue.unit, self._venue.now_ms)
