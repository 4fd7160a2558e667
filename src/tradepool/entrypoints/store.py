"""Backups of a deployment's database. One that is restored is a newer instance, whose entries are halted."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from sqlalchemy.exc import DBAPIError

from tradepool.adapters.database import backup
from tradepool.adapters.database.carry import Decided, carry_newer, decided_in
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import StoreUnusable, dispose, open_store
from tradepool.domain.deployment import Halt
from tradepool.domain.errors import TradepoolError
from tradepool.entrypoints.deployment import Deployed, deployed_from
from tradepool.entrypoints.emergency import Wish, confirmed, rows_of, scope_of
from tradepool.entrypoints.inputs import Config
from tradepool.entrypoints.running import only_one
from tradepool.runtime.clock import RealClock

# Instances that may have begun since the backup, where the database that knows is gone.
UNKNOWN_INSTANCES = 16

store_app = App(name="store", help="Backups of the deployment's database.")


@store_app.command(name="backup")
def back_up(file: Annotated[Path, Parameter(help="Where the copy goes.")], *, config: Config = None) -> None:
    """Copy the database as it stands; the trading process goes on meanwhile."""
    deployed = deployed_from(config)
    if deployed.database.exists():
        # Whose database it is.
        with rows_of(deployed):
            pass
    backup.back_up(deployed.database, file)
    print(f"{file} is a whole copy, {file.stat().st_size:,} bytes.")


@store_app.command(name="restore")
def restore(
    file: Annotated[Path, Parameter(help="The copy.")],
    *,
    reason: Annotated[str | None, Parameter(help="Why; it is written down.")] = None,
    config: Config = None,
) -> None:
    """Put a copy in the database's place, and halt all entries until `resume --all`. The deployment's id is typed back."""
    deployed = deployed_from(config)
    wish = confirmed("restore", scope_of(deployed, everything=True, user=None, market=None), reason)
    print(put_back(deployed, file, wish, getpass.getuser(), RealClock().now_ms()))


def put_back(deployed: Deployed, file: Path, wish: Wish, by: str, now_ms: int) -> str:
    """Restore a copy; what is to be done next, in words. RunsAlready, BackupUnusable, WrongDatabase.

    What the accounts did since is taken over from the venue at the next start; what people decided since (promotions, halts,
    keys) from the database that is replaced, where it can be read. The instance is newer than any before, so that one that
    still runs elsewhere stops when it sees its orders; and nothing is entered before a person knows that none does.
    """
    with only_one(deployed):
        new = deployed.folder / f"restoring-{now_ms}.sqlite"
        backup.unpack(file, new)
        connection = open_store(new)
        try:
            rows = DatabaseDeployment(connection, deployed.deployment)
            replaced = _replaced(deployed, rows.epoch)
            newest = replaced[0] if replaced is not None else rows.epoch + UNKNOWN_INSTANCES
            while rows.next_epoch() <= newest:
                pass
            if replaced is not None:
                carry_newer(connection, replaced[1])
            rows.halt(Halt(scope=wish.scope, since_ms=now_ms, by=by, reason=wish.reason), "restore")
            epoch = rows.epoch
        finally:
            dispose(connection)
        aside = backup.install(new, deployed.database, f"replaced-{now_ms}")
    unknown = (
        "" if replaced is not None else " Promotions, halts and keys are as they were then: burn what was burnt since."
    )
    return (
        f"{deployed.database} is the backup now, as instance {epoch}; what was there is {aside}. Nothing is entered: see "
        f"that no other instance runs, start, look at status, then resume --all.{unknown}"
    )


def _replaced(deployed: Deployed, backup_epoch: int) -> tuple[int, Decided] | None:
    """The newest instance by the database that is replaced, and what people decided there; None where there is none, none
    that can be read, or one that is younger than the backup: it began when the real one was lost."""
    if not deployed.database.exists():
        return None
    try:
        connection = open_store(deployed.database)
    except TradepoolError:
        return None
    try:
        epoch = DatabaseDeployment(connection, deployed.deployment).epoch
        return (epoch, decided_in(connection)) if epoch >= backup_epoch else None
    except (DBAPIError, StoreUnusable):
        return None
    finally:
        dispose(connection)
