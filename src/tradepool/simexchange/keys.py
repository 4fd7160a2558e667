"""API keys: who may do what with an account, from where and until when. An account may have several.

A key proves itself with an HMAC secret, or with the private half of an Ed25519 pair whose public half is kept here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tradepool.simexchange.accounts import Account
from tradepool.simexchange.errors import BrokenPublicKey, KeyExists, UnknownKey


class Right(Enum):
    """What a request needs its key to be allowed."""

    READING = "reading"
    TRADING = "trading"
    WITHDRAWALS = "withdrawals"
    UNIVERSAL_TRANSFER = "universal_transfer"


class Permissions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key is allowed; without a word it reads and trades on the spot market, from anywhere, for ever.

    `addresses` are the only ones it may come from (none: any), `trading_until_ms` is when it stops trading.
    """

    reading: bool = True
    trading: bool = True
    withdrawals: bool = False
    internal_transfer: bool = False
    universal_transfer: bool = False
    margin: bool = False
    futures: bool = False
    addresses: tuple[str, ...] = ()
    trading_until_ms: int | None = None

    def allows(self, right: Right, now_ms: int) -> bool:
        """Whether the key has a right at that time.

        >>> Permissions(trading_until_ms=10).allows(Right.TRADING, 9), Permissions().allows(Right.WITHDRAWALS, 9)
        (True, False)
        """
        if right is Right.TRADING:
            return self.trading and (self.trading_until_ms is None or now_ms < self.trading_until_ms)
        return bool(getattr(self, right.value))

    def lets_in(self, address: str) -> bool:
        """Whether the key may be used from an address."""
        return not self.addresses or address in self.addresses


READ_AND_TRADE = Permissions()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key of an account. Either `public_key` is set, or `secret` proves who signs."""

    name: str
    account: Account
    secret: bytes = field(default=b"", repr=False)
    public_key: Ed25519PublicKey | None = None
    created_ms: int = 0
    permissions: Permissions = READ_AND_TRADE


class Keys:
    """All keys of a venue, by name."""

    def __init__(self) -> None:
        """No key was made yet."""
        self._keys: dict[str, ApiKey] = {}
        self._on_revoked: list[Callable[[ApiKey], None]] = []

    def add(self, key: ApiKey) -> ApiKey:
        """Make a key; KeyExists when its name is taken."""
        if key.name in self._keys:
            raise KeyExists(key=key.name)
        self._keys[key.name] = key
        return key

    def find(self, name: str) -> ApiKey | None:
        """A key as it is now; None when nobody made it or it was revoked."""
        return self._keys.get(name)

    def of(self, account: Account) -> list[ApiKey]:
        """All keys of an account, oldest first."""
        return [key for key in self if key.account is account]

    def __iter__(self) -> Iterator[ApiKey]:
        """All keys, in the order they were made."""
        return iter(tuple(self._keys.values()))

    def allow(self, name: str, permissions: Permissions) -> ApiKey:
        """Narrow or widen a key: the next request with it sees that. UnknownKey."""
        key = self._keys[name] = replace(self._known(name), permissions=permissions)
        return key

    def revoke(self, name: str) -> None:
        """Delete a key: the next request with it is refused, and who listens hears of it. UnknownKey."""
        key = self._known(name)
        del self._keys[name]
        for listener in self._on_revoked:
            listener(key)

    def on_revoked(self, listener: Callable[[ApiKey], None]) -> None:
        """Call the listener with every key that is revoked from now on."""
        self._on_revoked.append(listener)

    def _known(self, name: str) -> ApiKey:
        if name not in self._keys:
            raise UnknownKey(key=name)
        return self._keys[name]


def ed25519_key(name: str, pem: str) -> Ed25519PublicKey:
    """The public key in a PEM text, as a user registers it; BrokenPublicKey when it is none of Ed25519."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BrokenPublicKey(key=name) from error
    if not isinstance(key, Ed25519PublicKey):
        raise BrokenPublicKey(key=name)
    return key
