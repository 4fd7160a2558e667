"""Whether a store is whole: its schema, its instances, its books, and its snapshots against its journal; and a drill."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, func, select

from tradepool.adapters.database import backup, tables
from tradepool.adapters.database.chain import UnreadableEntry
from tradepool.adapters.database.copying import Balances, balances
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import dispose, open_store, place_of, revision_of
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.place import Place
from tradepool.adapters.database.sealed_copy import is_sealed
from tradepool.adapters.database.tables import METADATA
from tradepool.adapters.database.verify import accounts_in, verify_books
from tradepool.adapters.database.wall_check import unwalled
from tradepool.core.account.snapshot import taken
from tradepool.core.ledger.booked import Fold
from tradepool.domain.errors import TradepoolError
from tradepool.domain.event import InstanceBegan
from tradepool.domain.ids import AccountId, UserId
from tradepool.domain.user import Account
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.store_backup import NOT_AS_WRITTEN, opened
from tradepool.ports.journal import Snapshot
from tradepool.presentation.store_page import DrillJson, FaultJson, StoreJson


class StoreFaulty(TradepoolError):
    """{count} faults in {store}, the first: {first}; halt the accounts they name, and restore a backup from before them."""


def check_place(deployed: Deployed, place: Place) -> StoreJson:
    """Check a store of this deployment. WrongDatabase, Moved, and what opening it raises."""
    if isinstance(place, Path):
        backup.check(place)
    connection = open_store(place)
    try:
        DatabaseDeployment(connection, deployed.deployment)
        return check(connection, deployed.deployment.mark)
    finally:
        dispose(connection)


def check(connection: Connection, mark: str) -> StoreJson:
    """Everything that can be told from the store alone; `mark` is the deployment's, in its orders' names."""
    accounts = accounts_in(connection)
    faults, snapshots = list[FaultJson](), 0
    for difference in compare_metadata(MigrationContext.configure(connection), METADATA):
        faults.append(FaultJson(table="schema", row=str(difference)[:80], why="is not what the migrations make"))
    faults += [FaultJson(table=f.table, row=f.row, why=f.why) for f in verify_books(connection)]
    if not faults:
        for account in accounts:
            found, wrong = _snapshots(connection, account, mark)
            snapshots += found
            faults += wrong
        faults += _epochs(connection)
    why = "is not the one that was built: find out who did that, then run store migrate"
    faults += [FaultJson(table=name, row="row-level security", why=why) for name in unwalled(connection)]
    t = tables.deployment.c
    rows = {
        table.name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
        for table in METADATA.sorted_tables
    }
    epoch = int(connection.execute(select(t.epoch)).scalar() or 0)
    connection.rollback()
    return StoreJson(
        store=str(place_of(connection)),
        revision=revision_of(connection),
        epoch=epoch,
        rows=rows,
        accounts=len(accounts),
        snapshots=snapshots,
        faults=faults,
    )


def refuse_faulty(found: StoreJson) -> None:
    """Raise StoreFaulty for a store with faults."""
    if found.faults:
        first = found.faults[0]
        said = f"{first.table} {first.row} {first.why}"
        raise StoreFaulty(count=len(found.faults), store=found.store, first=said)


def _epochs(connection: Connection) -> Iterator[FaultJson]:
    """One deployment, and no account that was taken over by an instance it does not know."""
    journal, t = DatabaseJournal(connection), tables.event.c
    began = select(t.account).where(t.kind == InstanceBegan.__name__).distinct()
    found = [
        (account, sequence, event.epoch)
        for account in connection.execute(began).scalars().all()
        for sequence, _, event in journal.read(AccountId(account))
        if isinstance(event, InstanceBegan)
    ]
    # Asked last: an instance that begins meanwhile raises it before it writes.
    epochs = connection.execute(select(tables.deployment.c.epoch)).scalars().all()
    if len(epochs) != 1:
        yield FaultJson(table="deployment", row="", why=f"has {len(epochs)} rows, not one")
        return
    for account, sequence, epoch in found:
        if epoch > epochs[0]:
            why = f"is of instance {epoch}, and the newest one is {epochs[0]}"
            yield FaultJson(table="event", row=f"{account} {sequence}", why=why)


def _newest_snapshot(connection: Connection, account: AccountId) -> tuple[int | None, tuple[int, Snapshot] | None]:
    """Its sequence, and what can be read of it; again where another one was written in between."""
    newest = select(func.max(tables.snapshot.c.sequence)).where(tables.snapshot.c.account == account)
    while True:
        before = connection.execute(newest).scalar()
        found = DatabaseJournal(connection).snapshot(account)
        if connection.execute(newest).scalar() == before:
            return before, found


def _snapshots(connection: Connection, account: AccountId, mark: str) -> tuple[int, list[FaultJson]]:
    """How many snapshots of an account were compared with its journal (one, or none), and what is wrong."""
    newest, found = _newest_snapshot(connection, account)
    if newest is None:
        return 0, []
    row = f"{account} {newest}"
    if found is None or found[0] != newest:
        return 0, [FaultJson(table="snapshot", row=row, why="is not as it was written, or of another version")]
    fold = Fold(_noun(connection, account), mark)
    for sequence, as_of_ms, event in DatabaseJournal(connection).read(account):
        fold.entries(event, as_of_ms)
        if sequence == newest:
            break
    if fold.account is None or taken(fold.account) != found[1].state:
        return 1, [FaultJson(table="snapshot", row=row, why="is not what the journal up to there comes to")]
    return 1, []


def _noun(connection: Connection, account: AccountId) -> Account:
    t = tables.account.c
    user, venue, number = connection.execute(select(t.user, t.venue, t.number).where(t.id == account)).one()
    return Account(id=account, user=UserId(user), venue=venue, number=number)


def drill(deployed: Deployed, file: Path, key: Path | None, now_ms: int) -> DrillJson:
    """Restore a backup (of a folder, the newest one) aside, check it, and compare its books with the live ones.

    Nothing of the deployment is touched, and nothing is left of it. BackupUnusable, what `opened` raises, WrongDatabase.
    """
    file = _newest(file) if file.is_dir() else file
    deployed.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sandbox = deployed.folder / f"drill-{now_ms}"
    sandbox.mkdir(mode=0o700)
    try:
        with opened(file, sandbox, key) as copy:
            restored = sandbox / "tradepool.sqlite"
            backup.unpack(copy, restored)
            is_whole = backup.as_written(copy)
        found = check_place(deployed, restored)
        compared, faults = _beside_live(deployed, restored)
        found.faults += faults
        if not is_whole:
            found.faults.append(FaultJson(table="backup", row=file.name, why=NOT_AS_WRITTEN))
        found.store = str(file)
        return DrillJson(backup=str(file), sealed=is_sealed(file), restored=found, compared=compared)
    finally:
        shutil.rmtree(sandbox)


def _newest(folder: Path) -> Path:
    files = [each for each in folder.iterdir() if each.is_file()]
    if not files:
        raise backup.BackupUnusable(path=folder, why="there is no file in it")
    return max(files, key=lambda each: each.stat().st_mtime_ns)


def _beside_live(deployed: Deployed, restored: Path) -> tuple[int, list[FaultJson]]:
    """How many accounts' trial balances were compared with the live ones as of the backup's last entries; none where the
    live books can't be read: that is what backups are for."""
    if not deployed.database.exists():
        return 0, []
    old = open_store(restored)
    try:
        live = open_store(deployed.database)
    except TradepoolError:
        dispose(old)
        return 0, []
    try:
        e = tables.ledger_entry.c
        last = select(e.account, func.max(e.sequence)).group_by(e.account)
        ends = {row[0]: int(row[1]) for row in old.execute(last)}
        then, now = balances(old), balances(live, ends)
    except UnreadableEntry as error:
        return len(ends), [FaultJson(table="ledger_entry", row="transfers", why=str(error))]
    finally:
        dispose(old)
        dispose(live)
    differ = sorted({account for account, _, _ in then.keys() | now.keys() if _of(then, account) != _of(now, account)})
    why = "has another trial balance than the live books had then"
    return len(ends), [FaultJson(table="ledger_entry", row=account, why=why) for account in differ]


def _of(found: Balances, account: str) -> Balances:
    return {key: amount for key, amount in found.items() if key[0] == account}
