"""ccxt clients made cheap: one loads the markets, the others share its tables, session and TLS context.

A client with its own markets weighs 39 MB, one that shares everything weighs a few kilobytes.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from types import FunctionType
from typing import Any

import ccxt.async_support
import ccxt.pro

from tradepool.adapters.exchanges.transport import Session
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.adapters.exchanges.venues import facts_of, require_certified
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import RECV_WINDOW_MS

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
    "delisted",
)
OPTIONS = {
    "defaultType": "spot",
    "fetchMarkets": {"types": ["spot"]},
    "fetchCurrencies": False,
    "fetchMargins": False,
    "recvWindow": RECV_WINDOW_MS,
    "ws": {"compress": 0, "cost": 5},
}


def new_client(venue: str, session: Session, clock: Clock, keep_alive_ms: int, *, spot: bool = True) -> Any:
    """A public ccxt client of any venue ccxt knows (else UnknownVenue); ccxt is untyped, its objects stay in here.

    Without `spot` it knows all kinds of markets that ccxt loads for this id.
    """
    facts_of(venue)
    client = _make(venue, session, clock, keep_alive_ms)
    if not spot:
        own = type(client)({}).options
        for name in ("defaultType", "fetchMarkets"):
            client.options.pop(name)
            client.options |= {name: own[name]} if name in own else {}
    return client


def new_account_client(
    master: Any, alias: str, credentials: Credentials, session: Session, clock: Clock, keep_alive_ms: int
) -> Any:
    """A client for one API key, sharing everything that is the same for all with `master`. Raises ReadsOnly.

    `alias` is what it signs with; the session's vault holds the credentials and signs in its place.
    """
    require_certified(master.id)
    lent = session.vault.put(alias, credentials)
    if not hasattr(master, "account_class"):
        master.account_class, master.account_own = _light_class(master, session, clock, keep_alive_ms)
    client = object.__new__(master.account_class)
    vars(client).update({name: kind() for name, kind in master.account_own.items()})
    client.apiKey, client.secret, client.session = lent.key, lent.secret, session.http
    return client


def _light_class(
    master: Any, session: Session, clock: Clock, keep_alive_ms: int
) -> tuple[type[Any], dict[str, type[Any]]]:
    """A class that has all that a client of ccxt fills itself with, and what each instance needs of its own: the empty
    containers. An instance is then its key, its caches and its connections, and is made in microseconds.

    Nobody writes into what is shared: options are set once here, and ids of requests may be counted by all together.
    """
    pattern = _make(master.id, session, clock, keep_alive_ms)
    for table in SHARED_TABLES:
        setattr(pattern, table, getattr(master, table))
    pattern.set_markets_from_exchange(master)
    held = {name: value for name, value in vars(pattern).items() if name not in ("session", "read_clock")}
    own = {name: type(value) for name, value in held.items() if isinstance(value, dict | list) and not value}
    shared = {
        name: staticmethod(value) if isinstance(value, FunctionType) else value
        for name, value in held.items()
        if name not in own
    }
    pattern.session = None
    shared["read_clock"] = lambda client: session.time.read(client, clock)
    return type(type(pattern).__name__, (type(pattern),), shared), own


def _make(venue: str, session: Session, clock: Clock, keep_alive_ms: int) -> Any:
    options = {**OPTIONS, "ws": {**OPTIONS["ws"], "keepAlive": keep_alive_ms}}  # type: ignore[dict-item]
    # Some venues are known to ccxt without streams.
    client = getattr(ccxt.pro if venue in ccxt.pro.exchanges else ccxt.async_support, venue)(
        {
            "session": session.http,
            "ssl_context": session.tls,
            "enableRateLimit": False,
            "number": Decimal,
            "timeout": session.answer_ms,
            "options": options,
        }
    )
    # The one time ccxt signs with; without this a replay's requests would carry the machine's.
    client.milliseconds = clock.now_ms
    client.nonce = lambda: clock.now_ms() + session.time.offset_ms
    client.read_clock = partial(session.time.read, client, clock)
    # Symbols that left the venue's list before this process began, and are traded or held here.
    client.delisted = set()
    # ccxt would wait that long at every close, for a session that it doesn't own.
    client.timeout_on_exit = 0
    return client
