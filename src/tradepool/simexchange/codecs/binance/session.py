"""Sessions on the ws-api: a connection that has logged on with an Ed25519 key need not sign each request.

Only the last key that logged on counts; a request that names a key is signed with that one all the same. A key that is
not good any more ends its session with the request that finds it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tradepool.simexchange.codecs.binance.gate import Gate
from tradepool.simexchange.codecs.binance.rejection import MissingParameter, Rejection
from tradepool.simexchange.codecs.binance.streams import Ask
from tradepool.simexchange.codecs.binance.user_stream import signed_key
from tradepool.simexchange.keys import ApiKey, Right
from tradepool.simexchange.venue import Venue

LOGON, STATUS, LOGOUT = "session.logon", "session.status", "session.logout"
METHODS = frozenset((LOGON, STATUS, LOGOUT))
SUBSCRIBE = "userDataStream.subscribe"


@dataclass(frozen=True, slots=True)
class Logon:
    """The key that a connection has logged on with, and when."""

    key: str
    time_ms: int


class Connection(Protocol):
    """One of the ws-api: since when it stands, and who has logged on."""

    since_ms: int
    logon: Logon | None


def answer(venue: Venue, ask: Ask, link: Connection, address: str, *, streams: bool) -> dict[str, object]:
    """Log on or off, or say who is logged on; `streams` is whether a user stream runs there. Rejection."""
    if ask.method == LOGON:
        key, _ = signed_key(venue, ask.params, address=address)
        if key.public_key is None:
            raise Rejection(-4056, "HMAC_SHA256 API key is not supported.")
        link.logon = Logon(key.name, venue.clock_ms())
    elif ask.method == LOGOUT:
        link.logon = None
    return {
        "apiKey": link.logon.key if link.logon else None,
        "authorizedSince": link.logon.time_ms if link.logon else None,
        "connectedSince": link.since_ms,
        "returnRateLimits": venue.limiter is not None,
        "serverTime": venue.clock_ms(),
        "userDataStream": streams,
    }


def logged_on(venue: Venue, link: Connection, address: str) -> ApiKey:
    """The key of a connection's session, which may read; Rejection where nobody is logged on, or it may not."""
    if link.logon is None:
        raise MissingParameter("apiKey")
    try:
        return Gate(venue).let_in(link.logon.key, address, Right.READING)
    except Rejection:
        link.logon = None
        raise
