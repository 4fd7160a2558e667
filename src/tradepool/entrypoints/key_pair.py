"""`keys add --ed25519`: the vault makes a pair of keys, the venue gets the public half, and the private one goes nowhere.

The pair waits in the vault until its key is good at the venue: who is interrupted, or has to allow something there first,
asks again and goes on with the same pair. A key that is in use stays in use until then.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from tradepool.adapters.exchanges.transport import Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.adapters.exchanges.venues import facts_of
from tradepool.adapters.vault.envelope import SecretDamaged
from tradepool.adapters.vault.vault import KeyVault, NoSecret
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import AccountId, UserId
from tradepool.entrypoints.books import deed
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.inputs import ask_hidden
from tradepool.entrypoints.key_vault import SealedForAnother, add, refuse_unless_for, user_of, vault_of

# The field of a private half whose key has no name yet.
WAITING = "waiting"


class NoPublicKeys(InvalidInput):
    """{venue} takes no public keys, as far as is known here; add a key and its secret, without --ed25519."""


class PairWaits(InvalidInput):
    """No API key was given; the pair waits in the vault: run tradepool keys add {account} --ed25519 again when {venue} shows the key."""


def public_half(deployed: Deployed, account: str) -> str:
    """In PEM, of the pair that waits, or of one made now, also where the one that waits does not open. NoPublicKeys, NoSuchAccount, and what opening the vault raises."""
    user = user_of(deployed, account)
    if not facts_of(deployed.venue.id).public_keys:
        raise NoPublicKeys(venue=deployed.venue.id)
    with vault_of(deployed) as (vault, rows, _):
        try:
            private = _waiting(vault, user, AccountId(account))
        except (NoSecret, SecretDamaged, SealedForAnother):
            # One that does not open is of no use: it would only be in the way of a new one.
            pair = Ed25519PrivateKey.generate()
            private = pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            vault.put(user, AccountId(account), {WAITING: private}, beside=True)
            rows.audit(deed("keys add, pair made", account))
    public = load_pem_private_key(private.encode(), password=None).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def asked_name(deployed: Deployed, account: str) -> str:
    """The API key that the venue shows for the public half. PairWaits."""
    name = ask_hidden(f"API key that {deployed.venue.id} shows for it (not shown): ")
    if not name:
        raise PairWaits(account=account, venue=deployed.venue.id)
    return name


def add_pair(deployed: Deployed, account: str, name: str, transport: Transport | None = None) -> list[str]:
    """Keep the pair that waits as the account's key, by the name that the venue gave it; as `key_vault.add`. NoSecret,
    SealedForAnother."""
    user = user_of(deployed, account)
    with vault_of(deployed) as (vault, _, _):
        private = _waiting(vault, user, AccountId(account))
    return add(deployed, account, Credentials(key=name, secret=private), transport)


def _waiting(vault: KeyVault, user: UserId, account: AccountId) -> str:
    refuse_unless_for(user, account, vault.accounts(WAITING).get(account, user))
    return vault.get(account, WAITING)
