"""A deployment's vault, and what people do with it: a master key, keys added, looked at, rotated, burnt.

A key is asked what it may do, at its venue, before it is kept: one that can withdraw is refused and forgotten.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.secrets import DatabaseSecrets
from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.adapters.exchanges.ccxt_gateway import CcxtGateway
from tradepool.adapters.exchanges.rate_limits import limits_of
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.adapters.exchanges.venues import facts_of
from tradepool.adapters.vault.master_key import MasterKey, make_master_key, parsed, read_master_key, refuse_inside
from tradepool.adapters.vault.vault import KeyVault, forget
from tradepool.core.risk.key_rights import check_rights, warnings_of
from tradepool.domain.deployment import Halt, Kind, Scope, ScopeKind
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import AccountId, UserId
from tradepool.domain.key import KeyRights
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.running import reserve_of
from tradepool.presentation.keys_page import KeyJson
from tradepool.runtime.clock import RealClock
from tradepool.runtime.config import nearest
from tradepool.runtime.egress import sealed
from tradepool.runtime.throttle import Throttle

KEY, SECRET = "key", "secret"
KEEP_ALIVE_MS = 30_000


class NoSuchAccount(InvalidInput):
    """No account is called {account}; it is a section [accounts.NAME] of {file}{hint}."""


class PlayMoney(InvalidInput):
    """A practice deployment has play money and needs no keys; use keys with a live one (kind = "live")."""


class NoKeyGiven(InvalidInput):
    """There is no {what}; type it at the prompt, or name a file of two lines, key and secret, with --file."""


class NoKeyFile(InvalidInput):
    """{file} can't be read: {why}; name a file of two lines, key and secret."""


class KeyFileExposed(InvalidInput):
    """{file} may be read by others than its owner; run chmod 600 on it, and make a new key at the venue if others were here."""


class NotAllGood(TradepoolError):
    """{count} of the keys can't be traded with, the first: {first}."""


@contextmanager
def vault_of(deployed: Deployed) -> Iterator[tuple[KeyVault, DatabaseDeployment]]:
    """The vault of a live deployment, open meanwhile. PlayMoney, WrongDatabase, and what reading the master key raises."""
    if deployed.deployment.kind is Kind.PRACTICE:
        raise PlayMoney
    master = master_of(deployed)
    with _store_of(deployed) as connection:
        rows = DatabaseDeployment(connection, deployed.deployment)
        yield KeyVault(DatabaseSecrets(connection), master), rows


@contextmanager
def _store_of(deployed: Deployed) -> Iterator[Connection]:
    """The database of a live deployment, open meanwhile, on a full disk too. PlayMoney."""
    if deployed.deployment.kind is Kind.PRACTICE:
        raise PlayMoney
    deployed.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    reserve_of(deployed).give_if_full()
    connection = open_store(deployed.database, actor=deployed.actor)
    try:
        yield connection
    finally:
        dispose(connection)


def master_of(deployed: Deployed) -> MasterKey:
    """The master key, from the environment's variable or the file that the configuration names."""
    settings = deployed.settings.vault
    variable = settings.master_key_env
    if variable and variable in os.environ:
        return parsed(os.environ[variable].encode(), Path(f"${variable}"))
    return read_master_key(settings.master_key.expanduser(), deployed.folder)


def make_master(deployed: Deployed) -> MasterKey:
    """A new master key where the configuration names it. MasterKeyThere, MasterKeyInside."""
    path = deployed.settings.vault.master_key.expanduser()
    refuse_inside(path, deployed.folder)
    return make_master_key(path)


def key_in(vault: KeyVault, account: AccountId) -> Credentials:
    """An account's key, opened. NoSecret, SecretDamaged, KeyDamaged, OtherMasterKey."""
    return Credentials(key=vault.get(account, KEY), secret=vault.get(account, SECRET))


def user_of(deployed: Deployed, account: str) -> UserId:
    """Whose account it is. NoSuchAccount."""
    accounts = deployed.settings.accounts
    if account not in accounts:
        raise NoSuchAccount(account=repr(account)[:60], file=deployed.file, hint=nearest(account, accounts))
    return UserId(accounts[account].user)


def ask_key(account: str, file: Path | None) -> Credentials:
    """Key and secret, from a file of two lines or typed unseen; never from the command line.

    NoKeyGiven, NoKeyFile, KeyFileExposed.
    """
    if file is not None:
        given = _lines(file)
    elif sys.stdin.isatty():
        given = [getpass.getpass(f"API {what} of {account} (not shown): ").strip() for what in (KEY, SECRET)]
    else:
        given = [sys.stdin.readline().strip() for _ in range(2)]
    for place, what in enumerate((KEY, SECRET)):
        if len(given) <= place or not given[place]:
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
    with vault_of(deployed) as (vault, rows):
        rights = asyncio.run(rights_of(deployed, AccountId(account), credentials, transport or Transport()))
        vault.put(user, AccountId(account), {KEY: credentials.key, SECRET: credentials.secret})
        rows.audit(_deed("keys add", account))
    return warnings_of(rights, RealClock().now_ms())


def listed(deployed: Deployed) -> list[KeyJson]:
    """Which accounts the vault holds a key of."""
    with vault_of(deployed) as (vault, _):
        return [
            KeyJson(account=account, user=user)
            for account, user in sorted(vault.accounts().items())
            if deployed.shows(user)
        ]


def check(deployed: Deployed, transport: Transport | None = None) -> list[KeyJson]:
    """Each key asked what it may do, now."""
    found = []
    with vault_of(deployed) as (vault, _):
        for account, user in sorted(vault.accounts().items()):
            if not deployed.shows(user):
                continue
            try:
                rights = asyncio.run(rights_of(deployed, account, key_in(vault, account), transport or Transport()))
                found.append(KeyJson.of(account, user, rights, warnings_of(rights, RealClock().now_ms())))
            except TradepoolError as error:
                found.append(KeyJson(account=account, user=user, refused=str(error)))
    return found


def refuse_unless_good(keys: Sequence[KeyJson]) -> None:
    """Raise NotAllGood when a key can't be traded with."""
    bad = [each for each in keys if each.refused]
    if bad:
        raise NotAllGood(count=len(bad), first=f"{bad[0].account}: {bad[0].refused.rstrip('.')}")


def rotate(deployed: Deployed, user: str | None, new_master: Path | None) -> str:
    """New data keys, of one user or all, or a new master key in another file; what was done."""
    with vault_of(deployed) as (vault, rows):
        if new_master is not None:
            refuse_inside(new_master.expanduser(), deployed.folder)
            count = vault.rotate_master(make_master_key(new_master.expanduser()))
            rows.audit(_deed("keys rotate master", deployed.deployment.id))
            return (
                f"{count} data keys are under the master key in {new_master}; name it as master_key in [vault] of "
                f"{deployed.file}, keep a copy of it, and delete the old one."
            )
        users = {UserId(user)} if user else set(vault.accounts().values())
        count = sum(vault.rotate_user(each) for each in sorted(users))
        rows.audit(_deed("keys rotate", user or deployed.deployment.id))
        return f"{count} secrets are sealed anew under new data keys."


def burn(deployed: Deployed, account: str, reason: str) -> str:
    """An incident: entries of the user are halted, the key is forgotten, and what is to be done at the venue is said."""
    user = user_of(deployed, account)
    # An emergency does not ask for the master key: that may be what is lost.
    with _store_of(deployed) as connection:
        scope = Scope(ScopeKind.USER, user)
        halt = Halt(scope=scope, since_ms=RealClock().now_ms(), by=me(), reason=f"key burnt: {reason}")
        DatabaseDeployment(connection, deployed.deployment).halt(halt, "keys burn")
        there = forget(DatabaseSecrets(connection), AccountId(account))
    kept = "The key is forgotten here" if there else "There was no key of it here"
    return (
        f"{kept}, and entries of {user} are halted. Now, at {deployed.venue.id}: 1. delete the key in the account's API "
        "settings; 2. look at the open orders, trades and withdrawals of the last days, and cancel what is not yours; "
        f"3. make a new key (trading only, listed addresses) and run tradepool keys add {account}; "
        f"4. tradepool resume --user {user} when all is well."
    )


async def rights_of(
    deployed: Deployed, account: AccountId, credentials: Credentials, transport: Transport
) -> KeyRights:
    """What a key may do, as its venue says. Raises what `check_rights` does, and VenueError."""
    clock, venue = RealClock(), deployed.venue.id
    reach = facts_of(venue).reach
    with sealed(reach.names, lambda error: None):
        session = Session(transport, (), reach, lambda error: None, 0)
        broker, ignore = Throttle(limits_of(venue), clock), _ignore
        feed = CcxtFeed(venue, session, clock, ignore, KEEP_ALIVE_MS, broker)
        try:
            # The clients of accounts are made after the feed's, whose markets they share.
            await feed.markets()
            await feed.read_clock()
            gateway = CcxtGateway(account, credentials, feed.client, (), session, clock, ignore, KEEP_ALIVE_MS, broker)
            try:
                rights = await gateway.rights()
            finally:
                await gateway.close()
            check_rights(rights, venue, account)
            return rights
        finally:
            await feed.close()
            await session.close()


def _ignore(time_ms: int) -> None:
    """Nobody's clock follows the venue's here."""


def _deed(what: str, scope: str) -> Deed:
    return Deed(time_ms=RealClock().now_ms(), by=me(), what=what, scope=scope, reason="")
