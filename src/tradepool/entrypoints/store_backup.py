"""Backups of a deployment, sealed to its recovery key, and putting one back as a newer instance whose entries are halted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from tradepool.adapters.database import backup, tables
from tradepool.adapters.database.aside import aside_of
from tradepool.adapters.database.carry import Decided, carry_newer, decided_in, void_invitations
from tradepool.adapters.database.deployment import DatabaseDeployment, Moved
from tradepool.adapters.database.engine import StoreUnusable, dispose, open_store, reason_of
from tradepool.adapters.database.place import Place
from tradepool.adapters.database.sealed_copy import (
    NeedsRecoveryKey,
    RecoveryPublic,
    is_sealed,
    make_recovery_key,
    read_recovery_key,
    seal,
    unseal,
)
from tradepool.adapters.database.secrets import forget_all
from tradepool.adapters.database.verify import verify_books
from tradepool.domain.deployment import Halt
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.entrypoints.books import deed
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.emergency import Wish, rows_of
from tradepool.entrypoints.running import only_one

# Instances that may have begun since the backup, where the database that knows is gone.
UNKNOWN_INSTANCES = 16
NOT_AS_WRITTEN = "its bytes do not add up to the sum that was noted with them"


class NoRecoveryKey(InvalidInput):
    """Backups of this deployment have no recovery key: make one with tradepool store recovery-key FILE, or say --plain and guard the copy yourself: whoever has it reads everybody's books."""


class RecoveryKeyInside(InvalidInput):
    """The recovery key {path} would lie in {folder}, beside the books that its backups are of, and be lost with them; name a file elsewhere."""


class BackupFaulty(TradepoolError):
    """Books in {path} are not those that were written, {count} faults, the first: {first}; use another backup, or, where there is no better one, see what tradepool store drill says of it, and restore it with --faulty. Nothing was changed."""


def make_key(deployed: Deployed, file: Path) -> str:
    """Make a recovery key; what to do with its halves. RecoveryKeyInside, RecoveryKeyThere, NoFolder."""
    if file.resolve().is_relative_to(deployed.folder.resolve()):
        raise RecoveryKeyInside(path=file, folder=deployed.folder)
    if not file.parent.is_dir():
        raise backup.NoFolder(path=file.parent)
    with rows_of(deployed) as rows:
        public = make_recovery_key(file)
        rows.audit(deed("store recovery-key", f"{public}, its secret half in {file.resolve()}"))
    return (
        f"{file} opens backups: take it off this machine, and keep two of it. What seals them is no secret; write into "
        f'{deployed.file}:\n\n[backup]\nrecovery_key = "{public}"'
    )


def make_backup(deployed: Deployed, file: Path, *, plain: bool = False) -> None:
    """A whole copy of one moment; trading goes on. NoRecoveryKey, NotARecoveryKey, and what `backup.back_up` raises."""
    told = deployed.settings.backup.recovery_key
    if not told and not plain:
        raise NoRecoveryKey
    to = None if plain else RecoveryPublic.of(told)
    backup.refuse_unless_new(file)
    if deployed.database.exists():
        # Whose database it is, and who copies it: a deed that then failed is better than a copy that nobody wrote down.
        with rows_of(deployed) as rows:
            rows.audit(deed("store backup", f"{'plain' if to is None else 'sealed'}, in {file.resolve()}"))
    if to is None:
        backup.back_up(deployed.database, file)
        return
    # What is not sealed yet stays in the deployment's own folder, wherever the backup goes.
    copy = deployed.folder / f"{file.name}.unsealed"
    copy.unlink(missing_ok=True)
    try:
        backup.back_up(deployed.database, copy)
        seal(copy, file, to)
    finally:
        copy.unlink(missing_ok=True)


@contextmanager
def opened(file: Path, folder: Path, key: Path | None) -> Iterator[Path]:
    """A backup as a plain copy in a folder, gone at the end; one that is not sealed as it is. BackupUnusable,
    NeedsRecoveryKey, OtherRecoveryKey, and what reading the key raises."""
    if not file.is_file():
        raise backup.BackupUnusable(path=file, why="there is none")
    if not is_sealed(file):
        yield file
        return
    if key is None:
        raise NeedsRecoveryKey(path=file)
    copy = folder / f"{file.name}.unsealed"
    try:
        unseal(file, copy, read_recovery_key(key))
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def put_back(
    deployed: Deployed, file: Path, wish: Wish, by: str, now_ms: int, key: Path | None = None, *, faulty: bool = False
) -> str:
    """Restore a copy; what is to be done next, in words. RunsAlready, BackupUnusable, WrongDatabase, BackupFaulty (not where
    a person takes it although it is), and what `opened` raises.

    What the accounts did since is taken over from the venue at the next start; what people decided since (promotions, halts,
    limits, keys) from the database that is replaced, where it can be read. The instance is newer than any before, so that one that
    still runs elsewhere stops when it sees its orders; and nothing is entered before a person knows that none does.
    """
    new = deployed.folder / f"restoring-{now_ms}.sqlite"
    with only_one(deployed), backup.not_left_behind(new), opened(file, deployed.folder, key) as copy:
        backup.unpack(copy, new)
        connection = open_store(new)
        try:
            rows = DatabaseDeployment(connection, deployed.deployment)
            if not faulty:
                _refuse_faulty(connection, file, copy)
            newest, decided, moved_to = _replaced(deployed, rows.epoch)
            while rows.next_epoch() <= newest:
                pass
            void_invitations(connection)
            if decided is not None:
                carry_newer(connection, decided)
            rows.halt(Halt(scope=wish.scope, since_ms=now_ms, by=by, reason=wish.reason), "restore")
            epoch = rows.epoch
        finally:
            dispose(connection)
        name = f"replaced-{now_ms}"
        aside = backup.install(new, deployed.database, name)
        left = _without_keys(aside_of(deployed.database, name), aside, carried=decided is not None)
    elsewhere = f" The books had gone on in {moved_to}: see first that nothing trades there." if moved_to else ""
    unknown = (
        ""
        if decided is not None
        else " People, limits, promotions, halts and keys are as they were then: burn what was burnt since."
    )
    return (
        f"{deployed.database} is the backup now, as instance {epoch}; what was there is {aside}. Nothing is entered: see "
        f"that no other instance runs, start, look at status, then resume --all.{elsewhere}{unknown}{left}"
    )


def _refuse_faulty(connection: Connection, file: Path, copy: Path) -> None:
    """Raise BackupFaulty, or BackupUnusable where a row can't even be read: whole pages may hold other words. What no chain
    holds together, the sum of the copy's bytes does."""
    try:
        faults = verify_books(connection)
    except (DBAPIError, TypeError, ValueError) as error:
        why = reason_of(error) if isinstance(error, DBAPIError) else f"a cell is not of its kind: {error}"
        raise backup.BackupUnusable(path=file, why=why) from error
    if faults:
        first = f"{faults[0].table} {faults[0].row} {faults[0].why}"
        raise BackupFaulty(path=file, count=len(faults), first=first)
    if not backup.as_written(copy):
        raise BackupFaulty(path=file, count=1, first=NOT_AS_WRITTEN)


def _without_keys(place: Place, aside: str, *, carried: bool) -> str:
    """Keys that were carried over are in force where they are now, and nowhere else; what is left to do, in words."""
    if not place.exists():
        return ""
    if not carried:
        return f" {aside} may hold sealed keys, also such as are burnt from now on: delete it when nobody needs it."
    connection = open_store(place)
    try:
        return forget_all(connection)
    finally:
        dispose(connection)


def _replaced(deployed: Deployed, backup_epoch: int) -> tuple[int, Decided | None, str]:
    """The newest instance that there may be, by the database that is replaced; what people decided there; and where its books
    had gone on ("": nowhere else). No decisions where there is none, none that can be read, one whose books went elsewhere, or
    one that is younger than the backup: it began when the real one was lost."""
    unknown = backup_epoch + UNKNOWN_INSTANCES, None, ""
    if not deployed.database.exists():
        return unknown
    try:
        connection = open_store(deployed.database)
    except TradepoolError:
        return unknown
    try:
        epoch = DatabaseDeployment(connection, deployed.deployment).epoch
        return (epoch, decided_in(connection), "") if epoch >= backup_epoch else unknown
    except Moved as error:
        epoch = connection.execute(select(tables.deployment.c.epoch)).scalar_one()
        return max(epoch, backup_epoch) + UNKNOWN_INSTANCES, None, str(error.facts["to"])
    except (DBAPIError, StoreUnusable):
        return unknown
    finally:
        dispose(connection)
