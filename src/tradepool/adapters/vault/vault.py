"""The vault: exchange keys at rest. Only the process that signs opens it, and only for the accounts it trades."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tradepool.adapters.vault.envelope import new_data_key, opened, refuse_other_master, sealed, unwrapped, wrapped
from tradepool.adapters.vault.master_key import MasterKey
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import AccountId, UserId
from tradepool.ports.secrets import Place, SealedSecret, SecretStore, WrappedKey


class NoSecret(InvalidInput):
    """The vault holds no {field} of account {account}; add it with tradepool keys add {account}."""


class KeyVault:
    """Secrets by account and field. Every change is one transaction, and leaves nothing of what it replaced."""

    def __init__(self, store: SecretStore, master: MasterKey, venue: str) -> None:
        """`master` is what the users' data keys are wrapped by, `venue` the exchange whose keys it holds: not a word of the
        store, so that nobody who writes there decides where a key is used."""
        self._store = store
        self._master = master
        self._venue = venue

    def put(self, user: UserId, account: AccountId, fields: Mapping[str, str], *, beside: bool = False) -> None:
        """Keep an account's secrets, one version on; its older ones are gone, but for other fields if it is `beside` those.

        Raises OtherMasterKey, of whomever a data key is under another one, and KeyDamaged, and has then changed nothing.
        """
        with self._store.changing():
            keys, secrets = self._keys(), list(self._store.secrets())
            refuse_other_master(keys.values(), self._master)
            data_key = unwrapped(keys[user], self._master) if user in keys else new_data_key()
            keys.setdefault(user, wrapped(data_key, user, self._master))
            version = max((held.place.version for held in secrets if held.place.account == account), default=0) + 1
            others = [
                held for held in secrets if held.place.account != account or (beside and held.place.field not in fields)
            ]
            new = [
                sealed(secret, data_key, Place(user=user, account=account, field=field, version=version), self._venue)
                for field, secret in fields.items()
            ]
            self._store.replace(list(keys.values()), [*others, *new])

    def get(self, account: AccountId, field: str) -> str:
        """A secret. Raises NoSecret, SecretDamaged, KeyDamaged, OtherMasterKey."""
        for held in self._store.secrets():
            if (held.place.account, held.place.field) == (account, field):
                return opened(held, self._data_key(held.place.user, account, field), self._venue)
        raise NoSecret(account=account, field=field)

    def accounts(self, field: str | None = None) -> dict[AccountId, UserId]:
        """Whose accounts it holds something of, or that field."""
        return accounts(self._store, field)

    def forget(self, account: AccountId) -> bool:
        """Keep nothing of an account any more; whether there was something. A user without any loses the data key too."""
        return forget(self._store, account)

    def rotate(self, user: UserId | None = None) -> int:
        """New data keys for a user or all, each secret sealed anew one version on; how many there are. All or nothing is done.

        Raises NoSecret, OtherMasterKey, KeyDamaged, SecretDamaged.
        """
        with self._store.changing():
            fresh, secrets, turned = dict[UserId, bytes](), list[SealedSecret](), 0
            for held in self._store.secrets():
                whose = held.place.user
                if user in (None, whose):
                    place = replace(held.place, version=held.place.version + 1)
                    secret = opened(held, self._data_key(whose, place.account, place.field), self._venue)
                    held = sealed(secret, fresh.setdefault(whose, new_data_key()), place, self._venue)
                    turned += 1
                secrets.append(held)
            if turned:
                keys = {whose: wrapped(data_key, whose, self._master) for whose, data_key in fresh.items()}
                self._store.replace(list((self._keys() | keys).values()), secrets)
            return turned

    def rotate_master(self, new: MasterKey) -> int:
        """Wrap every data key by another master key; how many there are. The old one opens nothing here any more: the
        pseudonyms' secret is thrown away, and the next gathering makes one."""
        with self._store.changing():
            keys = [wrapped(unwrapped(held, self._master), held.user, new) for held in self._store.data_keys()]
            self._store.replace(keys, self._store.secrets())
            self._store.forget_pool_secret()
            self._master = new
            return len(keys)

    def _keys(self) -> dict[UserId, WrappedKey]:
        return {key.user: key for key in self._store.data_keys()}

    def _data_key(self, user: UserId, account: AccountId, field: str) -> bytes:
        held = self._keys().get(user)
        if held is None:
            raise NoSecret(account=account, field=field)
        return unwrapped(held, self._master)


def accounts(store: SecretStore, field: str | None = None) -> dict[AccountId, UserId]:
    """What `KeyVault.accounts` says; no master key is needed for it."""
    places = [held.place for held in store.secrets()]
    return {place.account: place.user for place in places if field in (None, place.field)}


def forget(store: SecretStore, account: AccountId) -> bool:
    """What `KeyVault.forget` does; no master key is needed for it."""
    with store.changing():
        secrets = [held for held in store.secrets() if held.place.account != account]
        there = len(secrets) < len(store.secrets())
        users = {held.place.user for held in secrets}
        store.replace([key for key in store.data_keys() if key.user in users], secrets)
        return there
