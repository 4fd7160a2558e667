"""AES-256-GCM twice: a secret under its user's data key, and that one under the master key; each bound to its place."""

from __future__ import annotations

import os
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tradepool.adapters.vault.master_key import KEY_BYTES, MasterKey
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import UserId
from tradepool.ports.secrets import Place, SealedSecret, WrappedKey

NONCE_BYTES = 12


class SecretDamaged(TradepoolError):
    """The {field} of account {account} does not open as version {version} of user {user} at {venue}: it was damaged, moved here from elsewhere, or sealed by a tradepool that did not bind keys to their exchange yet; add the key anew (tradepool keys add {account})."""


class KeyDamaged(TradepoolError):
    """The data key of user {user} does not open under its master key: it was damaged, or moved here from elsewhere; restore the database, or add the user's keys anew."""


class OtherMasterKey(InvalidInput):
    """The data key of user {user} is under master key {wanted}, and this one is {given}; name the file of that one in [vault], or, if it is lost, burn that user's keys (tradepool keys burn ACCOUNT) and add them anew."""


class BadPlace(InvalidInput):
    """{what} {value} can't name a secret; use no | in it."""


def bound(place: Place, venue: str) -> bytes:
    """The words a secret is bound to: user, exchange, account, field and version, never the same for two places.

    >>> from tradepool.domain.ids import AccountId
    >>> bound(Place(user=UserId("ann"), account=AccountId("main"), field="secret", version=2), "binance")
    b'ann|binance|main|secret|2'
    """
    words = {"User": place.user, "Exchange": venue, "Account": place.account, "Field": place.field}
    for what, value in words.items():
        if "|" in value or not value:
            raise BadPlace(what=what, value=repr(value))
    return "|".join((*words.values(), str(place.version))).encode()


def new_data_key() -> bytes:
    """A data key for a user."""
    return os.urandom(KEY_BYTES)


def sealed(secret: str, data_key: bytes, place: Place, venue: str) -> SealedSecret:
    """A secret for an exchange under a data key, at a place."""
    nonce, words = os.urandom(NONCE_BYTES), bound(place, venue)
    return SealedSecret(place=place, nonce=nonce, sealed=AESGCM(data_key).encrypt(nonce, secret.encode(), words))


def opened(held: SealedSecret, data_key: bytes, venue: str) -> str:
    """The secret. Raises SecretDamaged where anything about it or its place was changed, or it is another exchange's."""
    place = held.place
    try:
        return AESGCM(data_key).decrypt(held.nonce, held.sealed, bound(place, venue)).decode()
    except (InvalidTag, ValueError):
        facts = {"user": place.user, "account": place.account, "field": place.field, "version": place.version}
    raise SecretDamaged(**facts, venue=venue)


def wrapped(data_key: bytes, user: UserId, master: MasterKey) -> WrappedKey:
    """A user's data key under the master key."""
    nonce = os.urandom(NONCE_BYTES)
    words = _bound_key(user, master.id)
    return WrappedKey(
        user=user, master=master.id, nonce=nonce, wrapped=AESGCM(master.secret).encrypt(nonce, data_key, words)
    )


def unwrapped(held: WrappedKey, master: MasterKey) -> bytes:
    """The data key. Raises OtherMasterKey, KeyDamaged."""
    refuse_other_master([held], master)
    try:
        return AESGCM(master.secret).decrypt(held.nonce, held.wrapped, _bound_key(held.user, master.id))
    except (InvalidTag, ValueError):
        pass
    raise KeyDamaged(user=held.user)


def refuse_other_master(keys: Iterable[WrappedKey], master: MasterKey) -> None:
    """Raise OtherMasterKey where one is under another: `master` may be one that was rotated away, and will be deleted."""
    for held in keys:
        if held.master != master.id:
            raise OtherMasterKey(user=held.user, wanted=held.master, given=master.id)


def _bound_key(user: UserId, master: str) -> bytes:
    return f"{user}|data key|{master}".encode()
