"""Where secrets are, and the only place that signs: ccxt is given an alias and signs with it, in vain.

On its way out, beneath ccxt, a request in the name of an alias gets the key and its true signature over the very same
parameters, if it is one that may be signed. So a client is handed no secret and no true key. What it can see is the
signature of its own request, in the answer's address; and code that searches this process's memory finds anything.
A secret is an HMAC secret or the private half of an Ed25519 pair, in PEM; an RSA key is refused when it is put in.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote, urlencode

import aiohttp
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from yarl import URL

from tradepool.adapters.exchanges.venues import Reach
from tradepool.domain.errors import InvalidInput

KEY_HEADER = "X-MBX-APIKEY"
_SIGNATURE = "&signature="
# Of the ws-api: orders and reads go by REST.
MESSAGES = frozenset(("userDataStream.subscribe.signature",))
Handler = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
Sign = Callable[[str], str]


class KeyKindUnknown(InvalidInput):
    """The secret of {alias} is neither an HMAC secret nor an Ed25519 private key in PEM; create a key of one of these kinds."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A trade-only API key; never printed, never pickled or copied into a file."""

    key: str
    secret: str

    def __repr__(self) -> str:
        """Say that there is one, not which."""
        return "Credentials(key=***, secret=***)"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError("credentials are not pickled")


@dataclass(frozen=True, slots=True, repr=False)
class _Held:
    """A key's name, and how a text is signed with it."""

    key: str
    sign: Sign


class Vault:
    """Credentials by alias, for one venue of Binance's dialect."""

    def __init__(self, reach: Reach) -> None:
        """Empty; signs what `reach` says may be signed."""
        self._held: dict[str, _Held] = {}
        self._reach = reach

    def put(self, alias: str, credentials: Credentials) -> Credentials:
        """Keep credentials; what ccxt is given in their place. Raises KeyKindUnknown."""
        sign = signer_of(credentials.secret)
        if sign is None:
            raise KeyKindUnknown(alias=alias)
        self._held[alias] = _Held(credentials.key, sign)
        return Credentials(alias, alias)

    def forget(self, alias: str) -> None:
        """Keep them no more; harmless where there are none."""
        self._held.pop(alias, None)

    def middleware(self) -> Callable[[aiohttp.ClientRequest, Handler], Awaitable[aiohttp.ClientResponse]]:
        """For aiohttp: the true key and signature in place of the alias and its own, while the request is sent."""
        of, signs = self._held.get, self._reach.signs

        async def sign(request: aiohttp.ClientRequest, handler: Handler) -> aiohttp.ClientResponse:
            alias = request.headers.get(KEY_HEADER, "")
            held = of(alias)
            if held is None or not signs(request.method, request.url):
                return await handler(request)
            await _sign(request, held)
            try:
                return await handler(request)
            finally:
                # The answer shows whoever asked what was sent.
                request.headers[KEY_HEADER] = alias

        return sign

    def sign_message(self, text: str) -> str:
        """A ws-api request of MESSAGES with the true key and signature; any other text as it is."""
        if '"signature"' not in text:
            return text
        message = json.loads(text)
        params = message.get("params", {})
        held = self._held.get(str(params.get("apiKey", "")))
        if held is None or message.get("method") not in MESSAGES:
            return text
        params["apiKey"] = held.key
        payload = urlencode(sorted((name, value) for name, value in params.items() if name != "signature"))
        params["signature"] = held.sign(payload)
        return json.dumps(message)

    def socket_class(self) -> type[aiohttp.ClientWebSocketResponse]:
        """A WebSocket whose requests are signed here."""
        vault = self

        class SigningSocket(aiohttp.ClientWebSocketResponse):
            async def send_str(self, data: str, compress: int | None = None) -> None:
                await super().send_str(vault.sign_message(data), compress)

        return SigningSocket


def signer_of(secret: str) -> Sign | None:
    """How a text is signed with a secret: HMAC-SHA256 in hex, or Ed25519 in base64; None for a key of another kind.

    >>> sign = signer_of("s")
    >>> (sign or str)("symbol=BTCUSDT")[:16]
    '48b1881ae4549135'
    >>> signer_of("-----BEGIN RSA PRIVATE KEY-----") is None
    True
    """
    if "PRIVATE KEY" not in secret:
        return lambda text: hmac.digest(secret.encode(), text.encode(), "sha256").hex()
    try:
        private = load_pem_private_key(secret.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(private, Ed25519PrivateKey):
        return None
    return lambda text: base64.b64encode(private.sign(text.encode())).decode()


async def _sign(request: aiohttp.ClientRequest, held: _Held) -> None:
    request.headers[KEY_HEADER] = held.key
    if _SIGNATURE in request.url.raw_query_string:
        signed = _signed(request.url.raw_query_string, held.sign)
        request.url = URL(f"{request.url.origin()}{request.url.raw_path}?{signed}", encoded=True)
    elif isinstance(request.body, aiohttp.BytesPayload) and _SIGNATURE.encode() in request.body._value:
        # Its length follows: of all that is sent, only key and signature are other than what was asked for.
        await request.update_body(_signed(request.body._value.decode(), held.sign).encode())


def _signed(text: str, sign: Sign) -> str:
    payload = text.rpartition(_SIGNATURE)[0]
    return f"{payload}{_SIGNATURE}{quote(sign(payload), safe='')}"
