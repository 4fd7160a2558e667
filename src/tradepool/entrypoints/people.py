"""Users and their accounts by command: added, invited, changed, closed, looked at."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from tradepool.adapters.database.deployment import Deed
from tradepool.domain.deployment import ScopeKind
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import UserId
from tradepool.domain.policy import Action, refuse_unless
from tradepool.domain.register import Thing
from tradepool.domain.user import Role, Status
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.changing import (
    NameTaken,
    NoSuchThing,
    NotNow,
    StillOpen,
    add,
    changes,
    entry_of,
    held,
    refuse_if_paused_by_other,
    register_of,
    renew,
    section_from,
    when,
    written,
)
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.deployment_settings import AccountSettings, UserSettings
from tradepool.presentation.formats import plain
from tradepool.presentation.people_page import AccountRow, UserRow
from tradepool.runtime.clock import RealClock
from tradepool.runtime.config import nearest

CODE_BYTES = 24


class NoCode(InvalidInput):
    """There is no code; type the invitation's at the prompt, or send it as a line of standard input."""


class WrongName(InvalidInput):
    """{name} is no name of a user; use at most 39 of a-z, 0-9 and _, a letter or digit first."""


# ---- users


def add_user(found: Deployed, name: str, values: Mapping[str, object], reason: str | None) -> str:
    """A person who may act at once; what comes next, in words. NameTaken, BadFlag, BadDeployment."""
    _refuse_name(found, name)
    add(found, Thing.USER, name, name, section_from(UserSettings, values), reason)
    return f"user {name} is added; next: tradepool accounts add {name}"


def _refuse_name(found: Deployed, name: str) -> None:
    if name in found.settings.users or entry_of(found, Thing.USER, name) is not None:
        raise NameTaken(thing=Thing.USER, name=name)
    # What a person adds himself begins with his name and a dash: no name may hold another's.
    if "-" in name:
        raise WrongName(name=repr(name)[:60])


def set_user(found: Deployed, name: str, values: Mapping[str, object], reason: str | None) -> str:
    """Change what is said of a person; what changed, in words. NoSuchThing, NotByCommand, IsClosed, NothingChanged."""
    entry = held(found, Thing.USER, name)
    section = section_from(UserSettings, {**written(entry, UserSettings).model_dump(), **values})
    return f"user {name}: {renew(found, entry, 'set', reason, section=section)}; {when(found)}"


def invite(found: Deployed, name: str, values: Mapping[str, object], reason: str | None) -> tuple[str, int]:
    """The code by which a person becomes active, once, and until when, in ms; an older code is void.

    Who is not there yet is added, as invited; NotNow for who is active. Only who may add people invites somebody of the
    house: NotAllowed.
    """
    there = name in found.settings.users
    entry = held(found, Thing.USER, name) if there else None
    if entry is not None and entry.status is not Status.INVITED:
        raise NotNow(thing=Thing.USER, name=name, status=entry.status, wanted=Status.INVITED)
    section = section_from(UserSettings, values) if entry is None else written(entry, UserSettings)
    if Role(section.role).house:
        refuse_unless(found.actor, Action.PEOPLE)
    if entry is None:
        _refuse_name(found, name)
        add(found, Thing.USER, name, name, section, reason, "invite", Status.INVITED)
    code, now_ms = secrets.token_hex(CODE_BYTES), RealClock().now_ms()
    with register_of(found) as (register, rows):
        deed = Deed(time_ms=now_ms, by=me(), what="users invite", scope=f"user {name}: a code", reason=reason or "")
        rows.audit(deed)
        return code, register.invite(UserId(name), _hash_of(code), now_ms)


def accept(found: Deployed, code: str) -> str:
    """Make the person active whom a code invites; that he is, in words. NoCode, NoInvitation."""
    if not code:
        raise NoCode
    told, now_ms = _hash_of(code), RealClock().now_ms()
    with register_of(found) as (register, _):
        name = register.invited(told, now_ms)
        entry = held(found, Thing.USER, name)
        if entry.status is Status.INVITED:
            renew(found, entry, "accept", None, status=Status.ACTIVE)
        # Last: where he could not become active, it is good still.
        register.accept(told, now_ms)
    return f"user {name} is active"


def _hash_of(code: str) -> str:
    """All that is kept of a code: it is long and random, so that one round of hashing gives nothing of it away."""
    return hashlib.sha256(code.encode()).hexdigest()


def close_user(found: Deployed, name: str, reason: str | None) -> str:
    """A person leaves; his books stay. StillOpen while he has an account."""
    entry = held(found, Thing.USER, name)
    for row in accounts(found):
        if row.user == name and row.status != Status.CLOSED:
            raise StillOpen(thing=Thing.USER, name=name, held=f"account {row.account}")
    renew(found, entry, "close", reason, status=Status.CLOSED)
    return f"user {name} is closed; what the books hold of him stays"


def users(found: Deployed) -> list[UserRow]:
    """Everybody who asks may see, with what was changed."""
    with register_of(found) as (register, rows):
        scopes = {halt.scope.name for halt in rows.halts() if halt.scope.kind is not ScopeKind.MARKET}
        return [
            UserRow(
                user=user.id,
                name=user.name,
                role=user.role,
                status=Status.HALTED if user.status.runs and scopes & {user.id, found.deployment.id} else user.status,
                locale=user.locale,
                test=user.test,
                accounts=[name for name, account in found.settings.accounts.items() if account.user == user.id],
                version=_version(found, Thing.USER, user.id),
                changes=changes(found, register, Thing.USER, user.id),
            )
            for user in found.users
        ]


def _version(found: Deployed, thing: Thing, name: str) -> int:
    entry = entry_of(found, thing, name)
    return 0 if entry is None else entry.version


# ---- accounts


def add_account(found: Deployed, name: str, user: str, cash: Mapping[str, str], reason: str | None) -> str:
    """An account of a user; what comes next, in words. BadFlag, BadDeployment."""
    section = section_from(AccountSettings, {"user": user, "cash": cash} if cash else {"user": user})
    add(found, Thing.ACCOUNT, name, user, section, reason)
    return f"account {name} is added; next: tradepool mandates add {user}"


def set_account(found: Deployed, name: str, cash: Mapping[str, str], reason: str | None) -> str:
    """Other play money, of an account that the practice exchange has not opened yet; what changed, in words."""
    entry = held(found, Thing.ACCOUNT, name)
    section = section_from(AccountSettings, {"user": entry.user, "cash": cash})
    return f"account {name}: {renew(found, entry, 'set', reason, section=section)}; {when(found)}"


def close_account(found: Deployed, name: str, reason: str | None) -> str:
    """Nothing trades it any more; its books stay. PausedByOther, StillOpen while a mandate does."""
    entry = held(found, Thing.ACCOUNT, name)
    refuse_if_paused_by_other(found, entry)
    for row in accounts(found):
        if row.account == name and row.mandate:
            raise StillOpen(thing=Thing.ACCOUNT, name=name, held=f"mandate {row.mandate}")
    renew(found, entry, "close", reason, status=Status.CLOSED)
    return f"account {name} is closed; delete its key at the venue, if it has one, and here: tradepool keys burn {name}"


def accounts(found: Deployed) -> list[AccountRow]:
    """Every account that who asks may see, with what was changed; those that only the books know come last."""
    traded = {mandate.account: name for name, mandate in found.settings.mandates.items() if mandate.active}
    with register_of(found) as (register, rows):
        named = [
            AccountRow(
                account=name,
                user=account.user,
                status=Status.ACTIVE if (entry := entry_of(found, Thing.ACCOUNT, name)) is None else entry.status,
                cash={asset: plain(amount) for asset, amount in account.cash.items()},
                mandate=traded.get(name, ""),
                version=_version(found, Thing.ACCOUNT, name),
                changes=changes(found, register, Thing.ACCOUNT, name),
            )
            for name, account in found.settings.accounts.items()
        ]
        left = {name: user for name, user in rows.owners().items() if name not in found.settings.accounts}
    return named + [
        AccountRow(account=name, user=user, status=Status.CLOSED, cash={}, mandate="", version=0, named=False)
        for name, user in left.items()
        if found.shows(user)
    ]


def account(found: Deployed, name: str) -> AccountRow:
    """One of them. NoSuchThing."""
    rows = {row.account: row for row in accounts(found)}
    if name not in rows:
        hint = nearest(name, rows)
        raise NoSuchThing(thing=Thing.ACCOUNT, name=repr(name)[:60], section=Thing.ACCOUNT.section, hint=hint)
    return rows[name]
