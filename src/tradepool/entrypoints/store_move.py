"""Moving a deployment's books to another database, of either kind: copied, compared, and the old ones marked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, select

from tradepool.adapters.database import tables
from tradepool.adapters.database.aside import put_aside
from tradepool.adapters.database.chain import audited
from tradepool.adapters.database.copying import copy_rows, held, mark_moved
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import dispose, open_store, revision_at, revision_of, transaction
from tradepool.adapters.database.place import Place, place_in
from tradepool.adapters.database.secrets import forget_all
from tradepool.adapters.database.triggers import build as build_triggers
from tradepool.adapters.database.triggers import not_as_built
from tradepool.adapters.database.wall_check import walled_anew
from tradepool.domain.errors import InvalidInput
from tradepool.entrypoints.books import books_open, deed
from tradepool.entrypoints.deployment import Deployed, config_file, deployed_from
from tradepool.entrypoints.emergency import rows_of
from tradepool.entrypoints.inputs import settings_from
from tradepool.entrypoints.register_rows import database_of
from tradepool.entrypoints.running import only_one

Told = Callable[[str, int], None]


class NothingToMove(InvalidInput):
    """The books of this deployment are in {place}, {why}; nothing was moved."""


def migrate(given: Path | None) -> str:
    """Bring the database's schema up to date, or make it; what it is now, in words. It is audited. What reading the
    configuration and opening the database raise."""
    # Whoever reads what commands have added to the configuration opens the database, and so migrates it.
    before = revision_at(database_of(settings_from(config_file(given))))
    deployed = deployed_from(given)
    with books_open(deployed, urgent=True) as connection:
        anew, others = walled_anew(connection), triggers_anew(connection)
        built = (
            f" Its row-level security was not as it should be, and was built anew: {', '.join(anew)}." if anew else ""
        )
        if others:
            built += f" Its triggers were not as they should be, and were built anew: {', '.join(others)}."
        after = revision_of(connection)
        scope = f"{deployed.database}: {before or 'nothing'} -> {after}.{built}"
        DatabaseDeployment(connection, deployed.deployment).audit(deed("store migrate", scope))
        return f"{deployed.database} is at revision {after}, the newest this version knows.{built}"


def triggers_anew(connection: Connection) -> list[str]:
    """Build all triggers anew where one is missing; of which tables they were. StoreUnusable."""
    tables_of = not_as_built(connection)
    connection.rollback()
    if tables_of:
        with transaction(connection):
            build_triggers(connection)
    return tables_of


def move(deployed: Deployed, to: str, now_ms: int, told: Told = lambda table, rows: None) -> str:
    """Copy all books to `sqlite` or a server's URL; what is to be done next, in words. Trading is stopped meanwhile.

    Every row and every trial balance is compared before the copy counts. The old books stay as they are but for the deed in the
    audit, sealed keys, which go, and one mark: a start on them is refused, and an instance that still writes to them is fenced off. RunsAlready, NothingToMove,
    NotAPlace, NotEmpty, CopyDiffers, WrongDatabase, Moved, StoreUnusable.
    """
    place, target_place = deployed.database, place_in(deployed.folder, to)
    if place == target_place:
        raise NothingToMove(place=place, why="where they should go")
    if not place.exists():
        raise NothingToMove(place=place, why="which is not there yet")
    with only_one(deployed), rows_of(deployed):
        _make_room(deployed, target_place, now_ms)
        source, target = open_store(place), open_store(target_place)
        try:
            with held(source):
                # In the books that go on, and in those that stay behind.
                source.execute(audited(deed("store move", f"{place} -> {target_place}")))
                with transaction(target):
                    copy_rows(source, target, told)
                mark_moved(source, to)
            left = forget_all(source)
        finally:
            dispose(target)
            dispose(source)
    return (
        f"The books are in {target_place} now, row for row as they were; {place} is left as it was but for sealed keys, and "
        f'no longer traded on.{left} Write database = "{to}" under [deployment] in {deployed.file}, then start.'
    )


def _make_room(deployed: Deployed, place: Place, now_ms: int) -> None:
    """Books of this deployment that have been moved away from there before are put aside."""
    if not place.exists():
        return
    connection = open_store(place)
    t = tables.deployment.c
    held_there = connection.execute(select(t.id, t.moved_to)).first()
    ours = held_there is not None and held_there.moved_to and held_there.id == deployed.deployment.id
    if ours:
        # Those of a version that left them there.
        forget_all(connection)
    dispose(connection)
    if ours:
        put_aside(place, f"moved-{now_ms}")
