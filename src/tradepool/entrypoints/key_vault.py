"""A deployment's vault, and what people do with it: a master key, keys added, looked at, rotated, burnt.

A key is asked what it may do, at its venue, before it is kept: one that can withdraw is refused and forgotten.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.key_looks import DatabaseKeyLooks
from tradepool.adapters.database.secrets import DatabaseSecrets
from tradepool.adapters.exchanges.transport import Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.adapters.vault.keyring_key import make_in_keyring, read_from_keyring
from tradepool.adapters.vault.master_key import MasterKey, make_master_key, parsed, read_master_key, refuse_inside
from tradepool.adapters.vault.vault import KeyVault, accounts, forget
from tradepool.domain.deployment import Halt, Kind, Scope, ScopeKind
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import AccountId, UserId
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.books import books_open, deed
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.inputs import ask_hidden
from tradepool.entrypoints.key_looks import looked_at
from tradepool.presentation.keys_page import KeyJson
from tradepool.runtime.clock import RealClock
from tradepool.runtime.config import nearest
from tradepool.runtime.no_core import leave_no_core

KEY, SECRET = "key", "secret"
# What a place of a master key begins with that is the system's keyring.
KEYRING = "keyring:"


class NoSuchAccount(InvalidInput):
    """No account is called {account}; it is a section [accounts.NAME] of {file}{hint}."""


class PlayMoney(InvalidInput):
    """A practice deployment has play money and needs no keys; use keys with a live one (kind = "live")."""


class SealedForAnother(InvalidInput):
    """The key of account {account} was added while the account was another user's, and does not open for this one; add it anew with tradepool keys add {account}."""


class NoKeyGiven(InvalidInput):
    """There is no {what}; type it at the prompt, or name a file of two lines, key and secret, with --file."""


class NoKeyFile(InvalidInput):
    """{file} can't be read: {why}; name a file of two lines, key and secret."""


class KeyFileExposed(InvalidInput):
    """{file} may be read by others than its owner; run chmod 600 on it, and make a new key at the venue if others were here."""


class KeysEnd(TradepoolError):
    """The venue ends the trading of {count} keys within {days} days, the first: {first}; renew them there."""


class NotAllGood(TradepoolError):
    """{count} of the keys can't be traded with, the first: {first}."""


@contextmanager
def vault_of(deployed: Deployed) -> Iterator[tuple[KeyVault, DatabaseDeployment, DatabaseKeyLooks]]:
    """The vault of a live deployment, open meanwhile, and what was found about its keys. PlayMoney, WrongDatabase, what
    reading the master key raises, and at the end StillOnDisk."""
    if deployed.deployment.kind is Kind.PRACTICE:
        raise PlayMoney
    leave_no_core()
    master = master_of(deployed)
    with books_open(deployed, urgent=True) as connection:
        rows, store = DatabaseDeployment(connection, deployed.deployment), DatabaseSecrets(connection, later=True)
        yield KeyVault(store, master, deployed.venue.id), rows, DatabaseKeyLooks(connection)
    if store.left is not None:
        raise store.left


@contextmanager
def _store_of(deployed: Deployed) -> Iterator[Connection]:
    """The database of a live deployment, open meanwhile, on a full disk too. PlayMoney."""
    if deployed.deployment.kind is Kind.PRACTICE:
        raise PlayMoney
    with books_open(deployed, urgent=True) as connection:
        yield connection


def master_of(deployed: Deployed) -> MasterKey:
    """The master key, from the environment's variable, the system's keyring, or the file that the configuration names."""
    settings = deployed.settings.vault
    variable = settings.master_key_env
    if variable and variable in os.environ:
        return parsed(os.environ[variable].encode(), Path(f"${variable}"))
    if settings.master_key_keyring:
        return read_from_keyring(settings.master_key_keyring, deployed.deployment.id)
    return read_master_key(settings.master_key.expanduser(), deployed.folder)


def has_master(deployed: Deployed) -> bool:
    """Whether there may be a master key where the configuration says: a file is looked for, a keyring is not asked."""
    settings = deployed.settings.vault
    elsewhere = bool(settings.master_key_keyring) or settings.master_key_env in os.environ
    return elsewhere or settings.master_key.expanduser().is_file()


def make_master(deployed: Deployed) -> tuple[MasterKey, str]:
    """A new master key where the configuration names it, and where that is. MasterKeyThere, MasterKeyInside, and what a
    keyring raises."""
    settings = deployed.settings.vault
    place = f"{KEYRING}{settings.master_key_keyring}" if settings.master_key_keyring else str(settings.master_key)
    with books_open(deployed, urgent=True) as connection:
        made = _made(deployed, place)
        DatabaseDeployment(connection, deployed.deployment).audit(deed("keys master", f"{made.id} in {place}"))
    return made, place


def _made(deployed: Deployed, place: str) -> MasterKey:
    """A new master key in a file, or as keyring:SERVICE."""
    leave_no_core()
    if place.startswith(KEYRING):
        return make_in_keyring(place.removeprefix(KEYRING), deployed.deployment.id)
    path = Path(place).expanduser()
    refuse_inside(path, deployed.folder)
    return make_master_key(path)


def refuse_unless_for(user: UserId, account: AccountId, sealed_for: UserId) -> None:
    """Raise SealedForAnother: the vault knows whom a key was added for, the configuration whose the account is now."""
    if sealed_for != user:
        raise SealedForAnother(account=account)


def key_in(vault: KeyVault, user: UserId, account: AccountId, sealed_for: UserId) -> Credentials:
    """The key of a user's account, opened. SealedForAnother, NoSecret, SecretDamaged, KeyDamaged, OtherMasterKey."""
    refuse_unless_for(user, account, sealed_for)
    return Credentials(key=vault.get(account, KEY), secret=vault.get(account, SECRET))


def user_of(deployed: Deployed, account: str) -> UserId:
    """Whose account it is. NoSuchAccount."""
    return _whose(deployed, account, {AccountId(name): held.user for name, held in deployed.settings.accounts.items()})


def holder_of(deployed: Deployed, account: str) -> UserId:
    """Whose key it is: whom the vault holds it for, else whose account it is by the books or the configuration, where its
    section may be gone or name somebody else. NoSuchAccount, PlayMoney."""
    known: dict[AccountId, str] = {AccountId(name): held.user for name, held in deployed.settings.accounts.items()}
    with _store_of(deployed) as connection:
        known |= DatabaseDeployment(connection, deployed.deployment).owners()
        known |= accounts(DatabaseSecrets(connection))
    return _whose(deployed, account, {name: user for name, user in known.items() if deployed.shows(user)})


def _whose(deployed: Deployed, account: str, known: Mapping[AccountId, str]) -> UserId:
    if account not in known:
        raise NoSuchAccount(account=repr(account)[:60], file=deployed.file, hint=nearest(account, known))
    return UserId(known[AccountId(account)])


def ask_key(account: str, file: Path | None) -> Credentials:
    """Key and secret, from a file of two lines (more for a secret in PEM) or typed unseen; never from the command line.

    NoKeyGiven, NoKeyFile, KeyFileExposed.
    """
    if file is not None:
        key, *secret = _lines(file) or [""]
        # A private key in PEM has lines of its own.
        given = [key, "\n".join(secret)]
    else:
        given = [ask_hidden(f"API {what} of {account} (not shown): ") for what in (KEY, SECRET)]
    for what, text in zip((KEY, SECRET), given, strict=True):
        if not text:
            raise NoKeyGiven(what=what)
    return Credentials(key=given[0], secret=given[1])


def _lines(file: Path) -> list[str]:
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise KeyFileExposed(file=file)
        return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise NoKeyFile(file=file, why=getattr(error, "strerror", None) or "it is no text") from error


def add(deployed: Deployed, account: str, credentials: Credentials, transport: Transport | None = None) -> list[str]:
    """Keep an account's key, if its venue says that it trades and can't take money away; what could be safer about it.

    NoSuchAccount, KeyRefused (KeyTooStrong, KeyTooWeak) and what asking the venue raises; nothing is kept then.
    """
    user = user_of(deployed, account)
    with vault_of(deployed) as (vault, rows, looks):
        look, refused = looked_at(deployed, AccountId(account), credentials, transport or Transport())
        if refused is not None:
            raise refused
        vault.put(user, AccountId(account), {KEY: credentials.key, SECRET: credentials.secret})
        looks.save([look])
        rows.audit(deed("keys add", account))
    return KeyJson.of(user, look, look.looked_ms).warnings


def listed(deployed: Deployed) -> list[KeyJson]:
    """Which accounts the vault holds a key of, and what was found when each was looked at last. Nothing is opened for it."""
    with _store_of(deployed) as connection:
        held, looks = accounts(DatabaseSecrets(connection), KEY), DatabaseKeyLooks(connection).all()
    now_ms = RealClock().now_ms()
    return [
        KeyJson.of(user, looks[account], now_ms) if account in looks else KeyJson(account=account, user=user)
        for account, user in sorted(held.items())
        if deployed.shows(user)
    ]


def check(deployed: Deployed, transport: Transport | None = None) -> list[KeyJson]:
    """Each key asked what it may do, now."""
    found = []
    with vault_of(deployed) as (vault, _, looks):
        for account, user in sorted(vault.accounts(KEY).items()):
            if not deployed.shows(user):
                continue
            try:
                named = deployed.settings.accounts.get(account)
                key = key_in(vault, UserId(named.user) if named else user, account, user)
                look, _ = looked_at(deployed, account, key, transport or Transport())
                looks.save([look])
                found.append(KeyJson.of(user, look, look.looked_ms))
            except TradepoolError as error:
                found.append(KeyJson(account=account, user=user, refused=str(error)))
    return found


def expiring(keys: Sequence[KeyJson], days: int) -> list[KeyJson]:
    """Those whose trading the venue ends within so many days."""
    return [each for each in keys if each.days_left is not None and each.days_left < days]


def refuse_if_any(ending: Sequence[KeyJson], days: int) -> None:
    """Raise KeysEnd when there are any that end so soon."""
    if ending:
        raise KeysEnd(count=len(ending), days=days, first=ending[0].account)


def refuse_unless_good(keys: Sequence[KeyJson]) -> None:
    """Raise NotAllGood when a key can't be traded with."""
    bad = [each for each in keys if each.refused]
    if bad:
        raise NotAllGood(count=len(bad), first=f"{bad[0].account}: {bad[0].refused.rstrip('.')}")


def rotate(deployed: Deployed, user: str | None, new_master: str | None) -> None:
    """New data keys, of one user or all, or a new master key in another file, or as keyring:SERVICE; say what was done.
    NoSuchUser: neither the vault nor the configuration knows him."""
    with vault_of(deployed) as (vault, rows, _):
        if user not in vault.accounts().values():
            deployed.refuse_unknown_user(user)
        if new_master is not None:
            count = vault.rotate_master(_made(deployed, new_master))
            rows.audit(deed("keys rotate master", deployed.deployment.id))
            name = "master_key_keyring" if new_master.startswith(KEYRING) else "master_key"
            print(
                f"{count} data keys are under the master key in {new_master}; name it as {name} in [vault] of "
                f"{deployed.file}, keep a copy of it, and delete the old one."
            )
            return
        count = vault.rotate(UserId(user) if user else None)
        rows.audit(deed("keys rotate", user or deployed.deployment.id))
        print(f"{count} secrets are sealed anew under new data keys.")


def burn(deployed: Deployed, account: str, user: UserId, reason: str) -> None:
    """An incident: entries of the user whose key it is are halted, the key is forgotten, and what is to be done at the venue
    is said."""
    # An emergency does not ask for the master key: that may be what is lost.
    with _store_of(deployed) as connection:
        scope = Scope(ScopeKind.USER, user)
        halt = Halt(scope=scope, since_ms=RealClock().now_ms(), by=me(), reason=f"key burnt: {reason}")
        DatabaseDeployment(connection, deployed.deployment).halt(halt, "keys burn")
        # First, while it is his key's: a key without a look is looked at anew.
        DatabaseKeyLooks(connection).forget(AccountId(account))
        there = forget(store := DatabaseSecrets(connection, later=True), AccountId(account))
    kept = "The key is forgotten here" if there else "There was no key of it here"
    print(
        f"{kept}, and entries of {user} are halted. Now, at {deployed.venue.id}: 1. delete the key in the account's API "
        "settings; 2. look at the open orders, trades and withdrawals of the last days, and cancel what is not yours; "
        f"3. make a new key (trading only, listed addresses) and run tradepool keys add {account}; "
        f"4. tradepool resume --user {user} when all is well."
    )
    if store.left is not None:
        raise store.left
