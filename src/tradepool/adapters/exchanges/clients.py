"""ccxt clients made cheap: one loads the markets, the others share its tables, session and TLS context.

A client with its own markets weighs 39 MB, one that shares weighs a few kilobytes.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

import ccxt.async_support
import ccxt.pro

from tradepool.adapters.exchanges.transport import Session
from tradepool.adapters.exchanges.vault import Credentials as Credentials
from tradepool.adapters.exchanges.venues import facts_of, require_certified
from tradepool.ports.clock import Clock

TIMEOUT_MS = 60_000
SHARED_TABLES = (
    "urls",
    "api",
    "has",
    "exceptions",
    "features",
    "fees",
    "timeframes",
    "httpExceptions",
    "commonCurrencies",
)
OPTIONS = {
    "defaultType": "spot",
    "fetchMarkets": {"types": ["spot"]},
    "fetchCurrencies": False,
    "fetchMargins": False,
    "recvWindow": 5_000,
    "ws": {"compress": 0, "cost": 5},
}


def new_client(venue: str, session: Session, clock: Clock, keep_alive_ms: int) -> Any:
    """A public ccxt client of any venue ccxt knows (else UnknownVenue); ccxt is untyped, its objects stay in here."""
    facts_of(venue)
    return _make(venue, session, clock, keep_alive_ms, {})


def new_account_client(
    master: Any, alias: str, credentials: Credentials, session: Session, clock: Clock, keep_alive_ms: int
) -> Any:
    """A client for one API key, sharing everything that is the same for all with `master`. Raises ReadsOnly.

    `alias` is what it signs with; the session's vault holds the credentials and signs in its place.
    """
    require_certified(master.id)
    lent = session.vault.put(alias, credentials)
    client = _make(master.id, session, clock, keep_alive_ms, {"apiKey": lent.key, "secret": lent.secret})
    for table in SHARED_TABLES:
        setattr(client, table, getattr(master, table))
    client.set_markets_from_exchange(master)
    return client


def _make(venue: str, session: Session, clock: Clock, keep_alive_ms: int, keys: dict[str, str]) -> Any:
    options = {**OPTIONS, "ws": {**OPTIONS["ws"], "keepAlive": keep_alive_ms}}  # type: ignore[dict-item]
    # Some venues are known to ccxt without streams.
    client = getattr(ccxt.pro if venue in ccxt.pro.exchanges else ccxt.async_support, venue)(
        {
            "session": session.http,
            "ssl_context": session.tls,
            "enableRateLimit": False,
            "number": Decimal,
            "timeout": TIMEOUT_MS,
            "options": options,
            **keys,
        }
    )
    # The one time ccxt signs with; without this a replay's requests would carry the machine's.
    client.milliseconds = clock.now_ms
    client.nonce = lambda: clock.now_ms() + session.time.offset_ms
    client.read_clock = partial(session.time.read, client, clock)
    # ccxt would wait that long at every close, for a session that it doesn't own.
    client.timeout_on_exit = 0
    return client
