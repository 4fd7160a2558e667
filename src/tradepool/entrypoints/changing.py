"""Changes of the register: each is a new version, checked as the next start would read it, audited, then written.

What stands in the configuration's file is changed there and not by command, except that it is paused and resumed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import takewhile
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.register import DatabaseRegister, Named
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import AccountId, UserId
from tradepool.domain.register import AS_FILED, Entry, Thing
from tradepool.domain.user import Status
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import Deployed, deployed
from tradepool.entrypoints.inputs import BadFlag, decimal_of
from tradepool.entrypoints.mistakes import Mistakes, section_named, settings_aside
from tradepool.entrypoints.register_rows import entries_of, section_of
from tradepool.entrypoints.running import running_pid
from tradepool.presentation.formats import iso
from tradepool.presentation.people_page import ChangeRow
from tradepool.runtime.clock import RealClock
from tradepool.runtime.config import nearest

Section = TypeVar("Section", bound=BaseModel)


class NameTaken(InvalidInput):
    """Nothing was done: {thing} {name} is there already; choose another name."""


class NotOwnName(InvalidInput):
    """Nothing was done: {name} is no name for a {thing} of {user}; let it begin with {user}- or leave --name out."""


class NotByCommand(InvalidInput):
    """Nothing was done: {thing} {name} is a section of {file}; change [{section}.{name}] there and start again (tradepool {section} pause stops its entries at once)."""


class NoSuchThing(InvalidInput):
    """No {thing} is called {name}{hint}; tradepool {section} list shows those there are."""


class NothingChanged(InvalidInput):
    """Nothing was done: {thing} {name} is so already; say what is to be otherwise."""


class IsClosed(InvalidInput):
    """Nothing was done: {thing} {name} is closed, for good; add another one."""


class NotNow(InvalidInput):
    """Nothing was done: {thing} {name} is {status}, and for that it would have to be {wanted}."""


class PausedByOther(InvalidInput):
    """Nothing was done: {by} has paused {thing} {name}, and lets it go on; until then its user neither closes it nor adds anything."""


class StillOpen(InvalidInput):
    """Nothing was done: {thing} {name} still has {held}; close that first."""


class NotWith(InvalidInput):
    """Nothing was done: with it, the next start would not go well for others; ask who runs this deployment."""


@contextmanager
def register_of(found: Deployed) -> Iterator[tuple[DatabaseRegister, DatabaseDeployment]]:
    """The register as who asks may see it, and where deeds are written down. WrongDatabase."""
    with books_open(found, urgent=True) as connection:
        yield DatabaseRegister(connection), DatabaseDeployment(connection, found.deployment)


# ---- what is there


def held(found: Deployed, thing: Thing, name: str) -> Entry:
    """The newest version of what a command has added. NoSuchThing, NotByCommand, IsClosed."""
    entry = _held_or_filed(found, thing, name)
    if entry.body == AS_FILED:
        raise NotByCommand(thing=thing, name=name, section=thing.section, file=found.file)
    return entry


def _held_or_filed(found: Deployed, thing: Thing, name: str) -> Entry:
    """The same; of a section of the file how it stands, which is active until a command pauses it."""
    refuse_unknown(found, thing, name)
    entry = entry_of(found, thing, name) or _filed(found, thing, name)
    if entry.status is Status.CLOSED:
        raise IsClosed(thing=thing, name=name)
    return entry


def _filed(found: Deployed, thing: Thing, name: str) -> Entry:
    settings = found.settings
    account = settings.mandates[name].account if thing is Thing.MANDATE else name
    if thing is Thing.MANDATE and account not in settings.accounts:
        raise NoSuchThing(thing=Thing.ACCOUNT, name=repr(account)[:60], section=Thing.ACCOUNT.section, hint="")
    user = name if thing is Thing.USER else settings.accounts[account].user
    return Entry(
        thing=thing,
        name=name,
        version=0,
        user=UserId(user),
        status=Status.ACTIVE,
        body=AS_FILED,
        time_ms=0,
        by="",
        reason="",
    )


def refuse_unknown(found: Deployed, thing: Thing, name: str) -> None:
    """Raise NoSuchThing for what is not there, or not for who asks."""
    added = {each.name for each in found.entries if each.thing is thing and each.body != AS_FILED}
    known = {*getattr(found.settings, thing.section), *added}
    if name not in known:
        raise NoSuchThing(thing=thing, name=repr(name)[:60], section=thing.section, hint=nearest(name, known))


def entry_of(found: Deployed, thing: Thing, name: str) -> Entry | None:
    """The newest version of it; None for a section of the file that was never paused."""
    return next((entry for entry in found.entries if (entry.thing, entry.name) == (thing, name)), None)


def new_name(found: Deployed, thing: Thing, user: str, wanted: str | None) -> str:
    """What a new account or mandate of a user is called: as is wanted, else by the next number. NameTaken, NotOwnName.

    A person's own begin with his name, so that he learns no other's from one that is taken.
    """
    aside = list[TradepoolError]()
    settings = settings_aside(found.file, aside)
    taken = {entry.name for entry in entries_of(settings) if entry.thing is thing}
    taken |= {*getattr(settings, thing.section), *(section_named(each).partition(".")[2] for each in aside)}
    # Books that the file names no more go on where their name comes back: only their owner's own, and if he says so.
    with register_of(found) as (_, rows):
        books = rows.owners() if thing is Thing.ACCOUNT else {}
    if wanted is None:
        taken |= {*books}
        return next(name for number in range(1, len(taken) + 2) if (name := f"{user}-{number}") not in taken)
    if found.only is not None and not wanted.startswith(f"{user}-"):
        raise NotOwnName(thing=thing, name=repr(wanted)[:60], user=user)
    if wanted in taken or books.get(AccountId(wanted), user) != user:
        raise NameTaken(thing=thing, name=wanted)
    return wanted


def section_from(kind: type[Section], values: Mapping[str, object]) -> Section:
    """A section of what was typed. BadFlag."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        flag = f"--{str(first['loc'][0]).replace('_', '-')}"
        raise BadFlag(flag=flag, value=repr(first["input"])[:40], wanted=f"another: {first['msg']}") from error


def assigned(flag: str, given: list[str] | None) -> dict[str, str]:
    """What name=value pairs say. BadFlag.

    >>> assigned("--cash", ["USDT=10", "BTC=0.5"])
    {'USDT': '10', 'BTC': '0.5'}
    """
    found = dict[str, str]()
    for each in given or ():
        name, equals, value = each.partition("=")
        if not (name and equals and value) or name in found:
            raise BadFlag(flag=flag, value=repr(each)[:40], wanted="each name once, as name=value")
        found[name] = value
    return found


def amounts(flag: str, given: list[str] | None) -> dict[str, str]:
    """The same, where each value is a number. BadFlag."""
    return {name: str(decimal_of(f"{flag} {name}", value)) for name, value in assigned(flag, given).items()}


# ---- changes


def add(
    found: Deployed,
    thing: Thing,
    name: str,
    user: str,
    section: BaseModel,
    reason: str | None,
    what: str = "add",
    status: Status = Status.ACTIVE,
) -> None:
    """The first version of something. PausedByOther, ChangedMeanwhile, BadDeployment and what else a start would refuse."""
    # What stands beside what was paused would enter in its place.
    for each in found.entries:
        refuse_if_paused_by_other(found, each)
    first = Entry(
        thing=thing,
        name=name,
        version=1,
        user=UserId(user),
        status=status,
        body=section.model_dump_json(),
        time_ms=RealClock().now_ms(),
        by=me(),
        reason=(reason or "").strip(),
    )
    _write(found, None, first, what)


def renew(
    found: Deployed,
    entry: Entry,
    what: str,
    reason: str | None,
    *,
    section: BaseModel | None = None,
    status: Status | None = None,
    by: str | None = None,
) -> str:
    """The next version of something, by who asks if nobody else is named; what it changes, in words. NothingChanged,
    ChangedMeanwhile, BadDeployment."""
    after = replace(
        entry,
        version=entry.version + 1,
        status=status or entry.status,
        body=entry.body if section is None else section.model_dump_json(),
        time_ms=RealClock().now_ms(),
        by=by or me(),
        reason=(reason or "").strip(),
    )
    if not said(entry, after):
        raise NothingChanged(thing=entry.thing, name=entry.name)
    return _write(found, entry, after, what)


def refuse_unreadable(found: Deployed, entry: Entry) -> None:
    """Raise BadDeployment, or what else the next start would find wrong with that version and not without it; what it would
    find with others' is told to nobody who does not see them: NotWith."""
    settings = settings_aside(found.file, [])
    before = {(each.thing, each.name): each for each in entries_of(settings)}
    # The whole deployment as it will be, others' things and all.
    after, own = before | {(entry.thing, entry.name): entry}, f"{entry.thing.section}.{entry.name}"

    def wrong(entries: Mapping[Named, Entry]) -> dict[str, TradepoolError]:
        mistakes = deployed(settings, found.file, [*entries.values()], Mistakes.SET_ASIDE).mistakes
        # Of another section it is enough to know that something is wrong there.
        return {str(each) if section_named(each) == own else section_named(each): each for each in mistakes}

    mistakes = wrong(after)
    known = wrong(before) if mistakes else {}
    for name, mistake in mistakes.items():
        if name not in known:
            raise mistake if found.only is None or section_named(mistake) == own else NotWith


def scope_of(entry: Entry, changed: str) -> str:
    """What a version changed, as the audit has it."""
    return f"{entry.thing} {entry.name}, version {entry.version}: {changed}"


def _write(found: Deployed, before: Entry | None, entry: Entry, what: str) -> str:
    """What it changes, in words."""
    changed = said(before, entry)
    deed = Deed(
        time_ms=entry.time_ms,
        by=entry.by,
        what=f"{entry.thing.section} {what}",
        scope=scope_of(entry, changed),
        reason=entry.reason,
    )
    with register_of(found) as (register, rows):
        last = None
        # A start reads what is paused as it reads what goes on: nothing keeps anybody from that.
        if before is None or (before.body, before.status.runs) != (entry.body, entry.status.runs):
            last = register.last(entry.user)
            refuse_unreadable(found, entry)
        # A deed that was written down and then failed is better than one that nobody wrote down.
        rows.audit(deed)
        register.write(entry, last)
    return changed


def pause(found: Deployed, thing: Thing, name: str, reason: str | None) -> str:
    """Enter nothing for it from now on; how it stands, in words. NoSuchThing, IsClosed, NotNow."""
    entry = _held_or_filed(found, thing, name)
    _refuse_unless(entry, Status.ACTIVE)
    renew(found, entry, "pause", reason, status=Status.PAUSED)
    return f"{thing} {name} is paused: nothing is entered from now on. Exits and protections go on."


def resume(found: Deployed, thing: Thing, name: str, reason: str | None) -> str:
    """End its pause; how it stands, in words. What the house has paused, its user does not set going: PausedByOther."""
    entry = _held_or_filed(found, thing, name)
    _refuse_unless(entry, Status.PAUSED)
    refuse_if_paused_by_other(found, entry)
    renew(found, entry, "resume", reason, status=Status.ACTIVE)
    return f"{thing} {name} is active: its next signal may enter."


def refuse_if_paused_by_other(found: Deployed, entry: Entry) -> None:
    """Raise PausedByOther where a person asks about what is his own, and it was not he who paused it.

    Who paused it wrote the version it became paused in: what was changed since changes nothing of that.
    """
    if found.only is None or entry.status is not Status.PAUSED:
        return
    with register_of(found) as (register, _):
        versions = register.versions(entry.thing, entry.name)
    *_, began = takewhile(lambda version: version.status is Status.PAUSED, reversed(versions))
    if began.by != me():
        raise PausedByOther(by=began.by, thing=entry.thing, name=entry.name)


def _refuse_unless(entry: Entry, wanted: Status) -> None:
    if entry.status is not wanted:
        raise NotNow(thing=entry.thing, name=entry.name, status=entry.status, wanted=wanted)


def when(found: Deployed) -> str:
    """From when on it trades by what was changed."""
    return "the trading process trades by it after its next start" if running_pid(found) else "the next start finds it"


# ---- what was changed


def changes(found: Deployed, register: DatabaseRegister, thing: Thing, name: str) -> list[ChangeRow]:
    """Its history, the oldest first; of a section of the file its pauses."""
    if entry_of(found, thing, name) is None:
        return []
    versions = register.versions(thing, name)
    return [
        ChangeRow(entry.version, iso(entry.time_ms), entry.by, entry.status, said(before, entry), entry.reason)
        for before, entry in zip([None, *versions], versions, strict=False)
    ]


def said(before: Entry | None, after: Entry) -> str:
    """From what to what, as a sentence would say it; "" where nothing changed.

    >>> entry = Entry(thing=Thing.USER, name="ann", version=1, user=UserId("ann"), status=Status.ACTIVE,
    ...     body='{"name": "Ann"}', time_ms=0, by="me", reason="")
    >>> said(entry, replace(entry, body='{"name": "Anna"}', status=Status.PAUSED))
    'status: active -> paused, name: Ann -> Anna'
    """
    new = {"status": after.status.value, **_told(after)}
    if before is None:
        return ", ".join(f"{key} {value}" for key, value in new.items() if value)
    old = {"status": before.status.value, **_told(before)}
    keys = [key for key in {**old, **new} if old.get(key, "") != new.get(key, "")]
    return ", ".join(f"{key}: {old.get(key) or 'none'} -> {new.get(key) or 'none'}" for key in keys)


def _told(entry: Entry) -> dict[str, str]:
    return dict(flat(json.loads(entry.body)))


def flat(tree: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    """The values of a section as text, by name; those of one within it by both names.

    >>> dict(flat({"markets": ["BTC/USDT"], "limits": {"positions_max": 3}}))
    {'markets': 'BTC/USDT', 'limits.positions_max': '3'}
    """
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{key}.")
        elif isinstance(value, list):
            yield f"{above}{key}", " ".join(map(str, value))
        else:
            yield f"{above}{key}", "" if value is None else str(value)


def written(entry: Entry, kind: type[Section]) -> Section:
    """The section of an entry, as it was written: what stands above it may have made it inactive in the deployment."""
    section = section_of(entry)
    assert isinstance(section, kind)
    return section
