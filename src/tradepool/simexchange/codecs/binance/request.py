"""What a client sent: raw text to parameters, and the proof that it holds the account's secret."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

import orjson
from cryptography.exceptions import InvalidSignature

from tradepool.simexchange.codecs.binance.rejection import MissingParameter, Rejection
from tradepool.simexchange.fixed import FixedPoint, NotANumber
from tradepool.simexchange.keys import ApiKey

ROWS = 500
ROWS_MAX = 1000
RECV_WINDOW_MS = 5_000
RECV_WINDOW_MAX_MS = 60_000
AHEAD_MAX_MS = 1_000
# A timestamp may be in milliseconds or microseconds; from here on (5138 AD in milliseconds) it is the latter.
MICROSECONDS_MIN = 10**14
DECIMALS_MAX = 8
NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
WHOLE_NUMBER = r"^[0-9]{1,20}$"
WHOLE_DIGITS_MAX = 20
# Milliseconds, down to microseconds.
WINDOW = r"^[0-9]{1,20}(\.[0-9]{1,3})?$"


class Call(NamedTuple):
    """One HTTP request as it came: `query` and `body` are the raw texts, still percent-encoded."""

    method: str
    path: str
    query: str
    body: str
    key: str


class Parameters:
    """Decoded parameters; what is missing or malformed is rejected by name."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        """Wrap decoded values."""
        self._values = values

    @classmethod
    def of(cls, call: Call) -> Parameters:
        """Parse query and body; a name sent twice is rejected."""
        parts = [part for text in (call.query, call.body) if text for part in text.split("&") if part]
        values: dict[str, str] = {}
        for part in parts:
            name, _, value = part.partition("=")
            values[name] = unquote_plus(value) if "%" in value or "+" in value else value
        if len(values) < len(parts):
            raise Rejection(-1101, "Duplicate values for a parameter detected.")
        return cls(values)

    @classmethod
    def of_json(cls, params: object) -> Parameters:
        """The `params` of a request on the ws-api, where no signature covers them; none unless it is an object.

        >>> sorted(Parameters.of_json({"symbols": ["A"], "limit": 5}).names)
        ['limit', 'symbols']
        """
        texts = params if isinstance(params, dict) else {}
        return cls(
            {name: each if isinstance(each, str) else orjson.dumps(each).decode() for name, each in texts.items()}
        )

    def __contains__(self, name: str) -> bool:
        """Whether the parameter was sent with a value."""
        return bool(self._values.get(name))

    @property
    def names(self) -> set[str]:
        """Names of the parameters that were sent with a value."""
        return {name for name, value in self._values.items() if value}

    def text(self, name: str) -> str:
        """A parameter that must be there."""
        value = self._values.get(name)
        if not value:
            raise MissingParameter(name)
        return value

    def optional(self, name: str, default: str = "") -> str:
        """A parameter that may be missing."""
        return self._values.get(name) or default

    def number(self, name: str, default: int | None = None, maximum: int = 2**62) -> int:
        """A whole number of zero or more, at most `maximum` (more is cut to it, as Binance does with limits)."""
        value = self._values.get(name)
        if not value and default is not None:
            return default
        if not value or not (value.isascii() and value.isdigit()) or len(value) > WHOLE_DIGITS_MAX:
            value = self.matching(name, WHOLE_NUMBER)
        return min(int(value), maximum)

    def matching(self, name: str, legal: str) -> str:
        """A parameter that must be there and look like that."""
        value = self.text(name)
        if not re.fullmatch(legal, value, re.ASCII):
            raise _illegal(name, legal)
        return value

    def count(self, name: str, grid: FixedPoint, filter_name: str) -> int:
        """A price or quantity as whole ticks or steps; off the grid it breaks the filter."""
        text = self.text(name)
        try:
            count = grid.count(text)
        except NotANumber as error:
            raise _illegal(name, NUMBER) from error
        if count is not None:
            return count
        if len(text.partition(".")[2].rstrip("0")) > DECIMALS_MAX:
            raise Rejection(-1111, f"Parameter '{name}' has too much precision.")
        raise Rejection(-1013, f"Filter failure: {filter_name}")


def _illegal(name: str, legal: str) -> Rejection:
    return Rejection(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def raw_text(raw: bytes) -> str:
    """A body as text that `raw_bytes` turns back to the very same bytes, even where they are not UTF-8."""
    return raw.decode("utf-8", "surrogateescape")


def raw_bytes(text: str) -> bytes:
    r"""The bytes a text came from.

    >>> raw_bytes(raw_text(b"a=\xff"))
    b'a=\xff'
    """
    return text.encode("utf-8", "surrogateescape")


def check_signature(key: ApiKey, payload: str, signature: str) -> None:
    """Rejected unless `signature` proves the very text that was sent: HMAC-SHA256 in hex, or Ed25519 in base64."""
    if key.public_key is not None:
        try:
            key.public_key.verify(base64.b64decode(unquote(signature), validate=True), raw_bytes(payload))
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise Rejection(-1022, "Signature for this request is not valid.") from error
        return
    expected = hmac.digest(key.secret, raw_bytes(payload), "sha256").hex()
    if not hmac.compare_digest(expected.encode(), raw_bytes(signature.lower())):
        raise Rejection(-1022, "Signature for this request is not valid.")


def signed_payload(call: Call) -> tuple[str, str]:
    """The raw text a signature covers, and the signature: query then body, without the signature itself."""
    query, body = call.query, call.body
    if "signature=" in body:
        body, _, signature = body.rpartition("signature=")
        return query + body.removesuffix("&"), signature
    query, _, signature = query.rpartition("signature=")
    return query.removesuffix("&") + body, signature


def check_time(parameters: Parameters, now_ms: int) -> None:
    """Rejected unless the timestamp lies inside the receive window."""
    timestamp = parameters.number("timestamp")
    if timestamp >= MICROSECONDS_MIN:
        timestamp //= 1_000
    window = Decimal(parameters.matching("recvWindow", WINDOW) if "recvWindow" in parameters else RECV_WINDOW_MS)
    if window > RECV_WINDOW_MAX_MS:
        raise Rejection(-1131, "recvWindow must be less than 60000.")
    if timestamp >= now_ms + AHEAD_MAX_MS:
        raise Rejection(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - timestamp > window:
        raise Rejection(-1021, "Timestamp for this request is outside of the recvWindow.")
