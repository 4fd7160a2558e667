"""What a client asks on a WebSocket, and what it is answered.

Two kinds of connection: market streams (`/ws`, and `/stream`, which wraps each event in its stream's name), and the
ws-api, on which a signed request opens the user stream of an account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import orjson

from tradepool.simexchange.codecs.binance.rejection import Rejection

# What one connection may do on the real venue.
STREAMS_MAX = 1_024
MESSAGES_PER_S_MAX = 5
NOT_AN_ARRAY = "Invalid request: params must be an array of strings"


class Ask(NamedTuple):
    """A request on a WebSocket; `id` goes back unchanged."""

    id: object
    method: str
    params: object


def read_ask(text: str) -> Ask:
    """Read one message; Rejection when it is not a request."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Rejection(3, "Invalid JSON: expected value at line 1 column 1") from error
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        raise Rejection(2, "Invalid request: missing field `method`")
    return Ask(message.get("id"), message["method"], message.get("params"))


def stream_names(params: object, known: Callable[[str], bool]) -> list[str]:
    """The streams a SUBSCRIBE names; Rejection when one is not known."""
    if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
        raise Rejection(2, NOT_AN_ARRAY)
    if not all(known(name) for name in params):
        raise Rejection(2, "Invalid request: invalid stream")
    return params


def property_name(params: object) -> str:
    """The property a SET_PROPERTY or GET_PROPERTY names; there is one, `combined`."""
    if not isinstance(params, list) or not params or params[0] != "combined":
        raise Rejection(0, "Unknown property")
    return "combined"


def combined_value(params: object) -> bool:
    """What a SET_PROPERTY sets `combined` to; Rejection when it is not a boolean."""
    property_name(params)
    if not isinstance(params, list) or len(params) != 2 or not isinstance(params[1], bool):
        raise Rejection(1, "Invalid value type: expected Boolean")
    return params[1]


def result_text(ask_id: object, result: object) -> bytes:
    """Answer on a market stream.

    >>> result_text(1, None)
    b'{"result":null,"id":1}'
    """
    return orjson.dumps({"result": result, "id": ask_id})


def stream_error_text(ask_id: object, said: Rejection) -> bytes:
    """Refusal on a market stream."""
    return orjson.dumps({"error": {"code": said.code, "msg": said.message}, "id": ask_id})


def combined(name: str, text: bytes) -> bytes:
    """An event with its stream's name around it, as `/stream` sends it."""
    return b'{"stream":"%s","data":%s}' % (name.encode(), text)


def api_result_text(ask_id: object, result: object, used: Sequence[Mapping[str, object]] = ()) -> bytes:
    """Answer on the ws-api, with what is `used` of the limits where there are any."""
    limits = {"rateLimits": used} if used else {}
    return orjson.dumps({"id": ask_id, "status": 200, "result": result} | limits)


def api_error_text(ask_id: object, said: Rejection, clock_ms: int = 0) -> bytes:
    """Refusal on the ws-api; who has to wait is told until when on the venue's clock."""
    error = said.fields()
    if said.retry_after_s is not None:
        error["data"] = {"serverTime": clock_ms, "retryAfter": clock_ms + said.retry_after_s * 1_000}
    return orjson.dumps({"id": ask_id, "status": said.status, "error": error})
