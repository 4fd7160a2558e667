"""Keys of an account: made, changed, revoked, and what is wrong with some."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.simexchange.exchange_kit import START, flat, small_venue
from tradepool.simexchange.errors import BrokenPublicKey, KeyExists, UnknownKey
from tradepool.simexchange.keys import ApiKey, Permissions, Right, ed25519_key


def test_an_accounts_first_key_reads_and_trades() -> None:
    keys = small_venue(flat(2)).keys
    first = keys.find("key")
    assert first is not None
    allowed = [right for right in Right if first.permissions.allows(right, START)]
    assert (first.account.key, first.created_ms, allowed) == ("key", START, [Right.READING, Right.TRADING])
    assert "secret" not in repr(first).replace("secret=", "")


def test_keys_are_made_changed_and_revoked() -> None:
    venue = small_venue(flat(2))
    keys, account = venue.keys, venue.account("key")
    revoked: list[str] = []
    keys.on_revoked(lambda key: revoked.append(key.name))
    keys.add(ApiKey(name="other", account=account, secret=b"s"))
    with pytest.raises(KeyExists, match="other"):
        keys.add(ApiKey(name="other", account=account, secret=b"s"))
    assert [key.name for key in keys] == ["key", "other"]
    narrowed = keys.allow("other", Permissions(trading=False))
    assert keys.find("other") is narrowed
    assert (narrowed.secret, narrowed.permissions.trading) == (b"s", False)
    keys.revoke("other")
    assert (keys.find("other"), revoked) == (None, ["other"])
    for ask in (lambda: keys.revoke("other"), lambda: keys.allow("other", Permissions())):
        with pytest.raises(UnknownKey, match="other"):
            ask()


def test_a_list_of_addresses_lets_in_only_those() -> None:
    assert Permissions().lets_in("anywhere")
    bound = Permissions(addresses=("10.0.0.1",))
    assert (bound.lets_in("10.0.0.1"), bound.lets_in("10.0.0.2")) == (True, False)


def test_public_keys_of_another_kind_are_refused() -> None:
    curve = generate_private_key(SECP256R1()).public_key()
    pem = curve.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for text in (pem, "", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"):
        with pytest.raises(BrokenPublicKey, match="mine"):
            ed25519_key("mine", text)
