"""The words a fault is said in: its kinds, what each does on the wire, and what it must and may be told."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec


class Strikes(StrEnum):
    """What a fault strikes."""

    CALL = "call"
    FRAME = "frame"
    TIME = "time"


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that goes wrong, where, when and how often.

    Where (all empty: everywhere): `route` is a pattern of METHOD PATH, `stream` one of stream names (`user` for an
    account's own), `account` an API key or an account's number from 1, `market` a symbol such as BTCUSDT.
    When: virtual ms from the start (`until_ms` exclusive), and the `first` to `last` matching request or frame of each
    account. How often: a `share` of those. The other fields say what happens; which of them count depends on the kind.
    """

    kind: str
    route: str = ""
    stream: str = ""
    account: str = ""
    market: str = ""
    from_ms: int = 0
    until_ms: int | None = None
    first: int = 1
    last: int | None = None
    share: float = 1.0
    accepted: bool | None = None
    delay_ms: int = 0
    spread: float = 1.0
    status: int = 0
    code: int = 0
    retry_after_s: int = 60
    offset_ms: int = 0
    drift_ppm: int = 0
    multiple: int = 10
    state: str = ""
    price_tick: Decimal | None = None
    quantity_step: Decimal | None = None
    quantity_min: Decimal | None = None
    notional_min: Decimal | None = None


class Kind(NamedTuple):
    """What a kind of fault strikes; the fields it needs and may take beside where, when and how often; its default."""

    strikes: Strikes
    does: str
    needs: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    accepted: bool = False


def _call(does: str, needs: str = "", takes: str = "", *, accepted: bool = False) -> Kind:
    return Kind(Strikes.CALL, does, frozenset(needs.split()), frozenset(takes.split()), accepted)


def _frame(does: str, needs: str = "", takes: str = "") -> Kind:
    return Kind(Strikes.FRAME, does, frozenset(needs.split()), frozenset(takes.split()))


def _time(does: str, needs: str = "", takes: str = "") -> Kind:
    return Kind(Strikes.TIME, does, frozenset(needs.split()), frozenset(takes.split()))


KINDS = {
    "reset": _call("the connection is reset instead of an answer", takes="accepted"),
    "silence": _call("no answer; after delay_ms, if given, a reset", takes="accepted delay_ms", accepted=True),
    "late": _call("the request is taken at once, the answer comes later", "delay_ms", accepted=True),
    "latency": _call("the request arrives later: a median, one in six above median x spread", "delay_ms", "spread"),
    "status": _call("an HTTP error with a page of HTML", "status", "accepted"),
    "code": _call("the venue's own error code", "code", "accepted"),
    "html": _call("a page of HTML with status 200", takes="accepted", accepted=True),
    "cut_json": _call("half of the JSON with status 200", takes="accepted", accepted=True),
    "cut_body": _call("a body shorter than its Content-Length", takes="accepted", accepted=True),
    "empty": _call("status 200 without a body", takes="accepted", accepted=True),
    "firewall": _call("403 with a page of the firewall"),
    "too_many": _call("429 with Retry-After", takes="retry_after_s"),
    "banned": _call("418 with Retry-After", takes="retry_after_s"),
    "maintenance": _call("503, and the system status says so"),
    "negative_balance": _call("the first balance that is not zero is shown below zero", accepted=True),
    "shuffled": _call("rows of a history come in another order", accepted=True),
    "lost": _frame("a frame is not sent"),
    "silent": _frame("a connection stands and says nothing"),
    "stale": _frame("market streams stop, their connections stand"),
    "delayed": _frame("a frame comes later, and all of its connection behind it", "delay_ms"),
    "doubled": _frame("a frame comes twice"),
    "reordered": _frame("a frame comes after the next one of its connection"),
    "cut": _frame("the connection ends instead: 1001 says goodbye, 1006 is a reset", takes="code"),
    "terminated": _frame("eventStreamTerminated instead of an account's event; the connection stands"),
    "spike": _frame("prices of a frame are a multiple of the true ones", takes="multiple"),
    "ghost": _frame(
        "a report of a fill that never was follows: of an unknown order, or of more than was left", "state"
    ),
    "reconnect": _time("everybody is told serverShutdown and disconnected"),
    "dark": _time("nothing is accepted, all connections end, time goes on"),
    "key": _time("an API key is revoked, narrowed (reads only) or widened (may withdraw)", "account state"),
    "market": _time("a market is halted until then, or delisted for good", "market state"),
    "filters": _time("a market's rules are others", "market", "price_tick quantity_step quantity_min notional_min"),
    "clock": _time("the venue's clock is wrong, or drifts by millionths", takes="offset_ms drift_ppm"),
}
KEY_STATES = ("revoked", "narrowed", "widened")
GHOST_STATES = ("order", "fill")
MARKET_STATES = ("halted", "delisted")
STATES = {"key": KEY_STATES, "ghost": GHOST_STATES, "market": MARKET_STATES}
CUT_CODES = (1001, 1006)
WHERE = {
    Strikes.CALL: frozenset(("route", "account", "market")),
    Strikes.FRAME: frozenset(("stream", "account", "market")),
    Strikes.TIME: frozenset[str](),
}
WHEN = frozenset(("from_ms", "until_ms"))
HOW_OFTEN = frozenset(("first", "last", "share"))

# What the venue says with each code it sends of its own accord, and the HTTP status that goes with it.
CODES = {
    -1000: (400, "An unknown error occurred while processing the request."),
    -1001: (503, "Internal error; unable to process your request. Please try again."),
    -1003: (429, "Too many requests; current limit of IP is 6000 requests per minute."),
    -1006: (503, "An unexpected response was received from the message bus. Execution status unknown."),
    -1007: (504, "Timeout waiting for response from backend server. Send status unknown; execution status unknown."),
    -1008: (503, "Server is currently overloaded with other requests. Please try again in a few minutes."),
    -1015: (429, "Too many new orders; current limit is 100 orders per 10 SECOND."),
    -1016: (503, "This service is no longer available."),
    -1021: (400, "Timestamp for this request is outside of the recvWindow."),
    -1121: (400, "Invalid symbol."),
    -9999: (400, "A code that no client knows."),
}
