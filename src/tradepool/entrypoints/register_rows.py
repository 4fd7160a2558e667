"""The register beside the configuration: its rows are read as if they were sections of the file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import DBAPIError

from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import StoreUnusable, dispose, is_older, open_store
from tradepool.adapters.database.place import Place, place_in
from tradepool.adapters.database.register import DatabaseRegister, Named
from tradepool.adapters.database.reserve import SLICE, Reserve
from tradepool.adapters.database.whose import refuse_foreign
from tradepool.domain.deployment import Deployment, Kind
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import AccountId, UserId
from tradepool.domain.register import AS_FILED, Entry, Thing
from tradepool.domain.user import Status
from tradepool.entrypoints.deployment_settings import AccountSettings, MandateSettings, UserSettings
from tradepool.entrypoints.holder import pid_in
from tradepool.entrypoints.settings import Settings

RESERVE_FILE = "reserve"
SECTIONS: Mapping[Thing, type[UserSettings] | type[AccountSettings] | type[MandateSettings]] = {
    Thing.USER: UserSettings,
    Thing.ACCOUNT: AccountSettings,
    Thing.MANDATE: MandateSettings,
}


class NameTwice(InvalidInput):
    """[{section}.{name}] in {file} is the name of what a command has added; give the section another name."""


class EntryUnreadable(InvalidInput):
    """The register's {thing} {name}, version {version}, is not valid: {why}; a newer tradepool may have written it: upgrade."""


class OlderRuns(TradepoolError):
    """Process {pid}, which trades this deployment, is of an older version, and this one would change its database under it; end it first, by tradepool stop of that version or kill -TERM {pid}."""


def folder_of(settings: Settings) -> Path:
    """Where a deployment's data are."""
    return settings.deployment.folder.expanduser()


def reserve_in(settings: Settings) -> Reserve:
    """The room on its disk that is set aside."""
    return Reserve(folder_of(settings) / RESERVE_FILE, settings.alarms.reserve_mb * SLICE)


def identity_of(settings: Settings) -> Deployment:
    """Which deployment it is."""
    return Deployment(id=settings.deployment.id, kind=Kind(settings.deployment.kind))


def database_of(settings: Settings) -> Place:
    """Where its books are or will be. WrongDatabase: another one's are there, and nothing has opened them."""
    database = place_in(folder_of(settings), settings.deployment.database)
    if database.exists():
        refuse_foreign(database, identity_of(settings))
    return database


def entries_of(settings: Settings, *, damaged: bool = False) -> list[Entry]:
    """How everything in the register stands; nothing before the first start or command.

    `damaged`: a database that can't be read is taken for an empty one. WrongDatabase, OtherOwner, OlderRuns, StoreUnusable, StoreTooNew.
    """
    database = database_of(settings)
    if not database.exists():
        return []
    reserve_in(settings).give_if_full()
    try:
        if is_older(database) and (pid := pid_in(folder_of(settings))) and pid != os.getpid():
            raise OlderRuns(pid=pid)
        connection = open_store(database)
        try:
            rows = DatabaseDeployment(connection, identity_of(settings))
            rows.refuse_other_owners({AccountId(name): UserId(held.user) for name, held in settings.accounts.items()})
            return DatabaseRegister(connection).newest()
        finally:
            dispose(connection)
    except (TradepoolError, DBAPIError) as error:
        if damaged:
            return []
        if isinstance(error, DBAPIError):
            raise StoreUnusable(path=database, why=error.orig) from error
        raise


def overlaid(settings: Settings, entries: Iterable[Entry], file: Path, aside: list[TradepoolError]) -> Settings:
    """The configuration with the register's sections beside its own; NameTwice and EntryUnreadable are put `aside`, and
    their rows are left out.

    A mandate whose user or account is not there (yet, or any more) is not active; one that is closed is left out. Of a
    section of the file the register knows only whether it is paused.
    """
    held = {(entry.thing, entry.name): entry for entry in entries}
    sections = {thing: dict(getattr(settings, thing.section)) for thing in Thing}
    for (thing, name), entry in held.items():
        if entry.body == AS_FILED:
            continue
        try:
            if name in sections[thing]:
                raise NameTwice(section=thing.section, name=name, file=file)
            # Nothing asks for a closed mandate any more: what has become of its strategy must not keep others from starting.
            if (thing, entry.status) != (Thing.MANDATE, Status.CLOSED):
                sections[thing][name] = section_of(entry)
        except (NameTwice, EntryUnreadable) as error:
            aside.append(error)
    for name, mandate in sections[Thing.MANDATE].items():
        sections[Thing.MANDATE][name] = _standing(name, mandate, sections, held)
    return settings.model_copy(update={thing.section: sections[thing] for thing in Thing})


def section_of(entry: Entry) -> UserSettings | AccountSettings | MandateSettings:
    """What an entry says. EntryUnreadable."""
    try:
        return SECTIONS[entry.thing].model_validate_json(entry.body)
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise EntryUnreadable(thing=entry.thing, name=entry.name, version=entry.version, why=why) from error


def _standing(
    name: str, mandate: MandateSettings, sections: Mapping[Thing, Mapping[str, BaseModel]], held: Mapping[Named, Entry]
) -> MandateSettings:
    account = sections[Thing.ACCOUNT].get(mandate.account)
    user = account.user if isinstance(account, AccountSettings) else ""
    names = ((Thing.USER, user), (Thing.ACCOUNT, mandate.account), (Thing.MANDATE, name))
    if all(held[each].status.runs for each in names if each in held):
        return mandate
    return mandate.model_copy(update={"active": False})


def entries_off(statuses: Mapping[Named, Status], user: str, account: str, mandate: str) -> bool:
    """Whether nothing is entered because somebody paused or closed a part of it; what no command added is active."""
    names = ((Thing.USER, user), (Thing.ACCOUNT, account), (Thing.MANDATE, mandate))
    return any(statuses.get(each, Status.ACTIVE) is not Status.ACTIVE for each in names)
