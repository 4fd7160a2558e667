"""`tradepool store`: where the deployment's books are, copies of them, and whether all of that is whole."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tradepool.entrypoints import store_check, store_move
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.deployment import deployed_from
from tradepool.entrypoints.deployment_commands import Json
from tradepool.entrypoints.emergency import confirmed, scope_of
from tradepool.entrypoints.inputs import Config
from tradepool.entrypoints.saying import say, show
from tradepool.entrypoints.store_backup import make_backup, make_key, put_back
from tradepool.presentation.store_page import store_page
from tradepool.runtime.clock import RealClock

store_app = App(name="store", help="The database: backup, restore, drill, verify, move, migrate, recovery-key.")
Key = Annotated[Path | None, Parameter(help="The file of the recovery key; for backups that are sealed.")]


@store_app.command(name="recovery-key")
def recovery_key(
    file: Annotated[Path, Parameter(help="Where the secret half goes; not in the deployment's folder.")],
    *,
    config: Config = None,
) -> None:
    """Make the pair that backups are sealed to: a file that opens them, and a line for the configuration."""
    print(make_key(deployed_from(config), file))


@store_app.command(name="backup")
def back_up(
    file: Annotated[Path, Parameter(help="Where the copy goes.")],
    *,
    plain: Annotated[bool, Parameter(help="Not sealed: whoever has it reads everybody's books.")] = False,
    config: Config = None,
) -> None:
    """Copy the database as it stands, sealed to the recovery key; the trading process goes on meanwhile."""
    make_backup(deployed_from(config), file, plain=plain)
    print(f"{file} is a whole copy, {'plain' if plain else 'sealed'}, {file.stat().st_size:,} bytes.")


@store_app.command(name="restore")
def restore(
    file: Annotated[Path, Parameter(help="The copy.")],
    *,
    reason: Annotated[str | None, Parameter(help="Why; it is written down.")] = None,
    recovery_key: Key = None,
    faulty: Annotated[bool, Parameter(negative="", help="Although its books have faults; see drill.")] = False,
    config: Config = None,
) -> None:
    """Put a copy in the database's place, and halt all entries until `resume --all`. The deployment's id is typed back."""
    deployed = deployed_from(config, damaged=True)
    wish = confirmed("restore", scope_of(deployed, everything=True, user=None, market=None), reason)
    print(put_back(deployed, file, wish, me(), RealClock().now_ms(), recovery_key, faulty=faulty))


@store_app.command(name="drill")
def drill(
    backup: Annotated[Path, Parameter(help="A backup, or a folder: the newest one there.")],
    *,
    recovery_key: Key = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """Restore a backup aside, check all of it, compare it with the live books; exit code 1 when something is wrong."""
    found = store_check.drill(deployed_from(config), backup, recovery_key, RealClock().now_ms())
    if json:
        say(found)
    else:
        show(store_page(found.restored, f"{found.backup}, restored aside"))
        print(f"{found.compared} accounts have the trial balance that the live books had then.")
    store_check.refuse_faulty(found.restored)


@store_app.command(name="verify")
def verify(*, json: Json = False, config: Config = None) -> None:
    """Check schema, instances, journal, ledger, audit and snapshots; exit code 1 when something is wrong."""
    deployed = deployed_from(config)
    found = store_check.check_place(deployed, deployed.database)
    if json:
        say(found)
    else:
        show(store_page(found))
    store_check.refuse_faulty(found)


@store_app.command(name="migrate")
def migrate(*, config: Config = None) -> None:
    """Bring the schema up to date, or make it, and write that down; every command that opens the database brings it up, too."""
    print(store_move.migrate(config))


@store_app.command(name="move")
def move(
    *,
    to: Annotated[str, Parameter(help="postgresql://role@host/name (no password), or sqlite.")],
    config: Config = None,
) -> None:
    """Move the books to another database, compared row by row; the old ones stay, marked. Trading has to be stopped."""
    said = store_move.move(deployed_from(config), to, RealClock().now_ms(), _told)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(said)


def _told(table: str, rows: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{table}: {rows:,} rows\x1b[K", end="", file=sys.stderr, flush=True)
