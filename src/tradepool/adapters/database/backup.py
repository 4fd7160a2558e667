"""A copy of the database while it is written to, by SQLite's own online backup; and a database made from such a copy."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pysqlite3

from tradepool.adapters.database.engine import make_private
from tradepool.domain.errors import InvalidInput, TradepoolError

WRITTEN_BESIDE = ("", "-wal", "-shm")


class BackupExists(InvalidInput):
    """There is a file at {path} already; name another one."""


class NoFolder(InvalidInput):
    """There is no folder {path} to write to; make it first."""


class BackupUnusable(TradepoolError):
    """{path} is no whole copy of a database: {why}; use another backup. Nothing was changed."""


def back_up(database: Path, copy: Path) -> None:
    """Write a whole copy, of one moment; whoever trades goes on meanwhile. BackupExists, NoFolder, BackupUnusable.

    Only its owner can read it: it is everybody's books.
    """
    if copy.exists():
        raise BackupExists(path=copy)
    if not database.exists():
        raise BackupUnusable(path=database, why="there is none")
    if not copy.parent.is_dir():
        raise NoFolder(path=copy.parent)
    make_private(copy)
    try:
        with closing(pysqlite3.connect(database)) as source, closing(pysqlite3.connect(copy)) as target:
            source.backup(target)
            # One file, which needs no other beside it.
            target.execute("pragma journal_mode=DELETE")
    except pysqlite3.DatabaseError as error:
        raise BackupUnusable(path=copy, why=error) from error
    check(copy)


def check(copy: Path) -> None:
    """Raise BackupUnusable unless every page of it can be read and agrees with its indexes."""
    if not copy.exists():
        raise BackupUnusable(path=copy, why="there is none")
    try:
        with closing(pysqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as opened:
            (said,) = opened.execute("pragma integrity_check(1)").fetchone()
    except pysqlite3.DatabaseError as error:
        raise BackupUnusable(path=copy, why=error) from error
    if said != "ok":
        raise BackupUnusable(path=copy, why=said)


def unpack(copy: Path, new: Path) -> None:
    """Write a database out of a copy, which stays as it is. BackupUnusable."""
    check(copy)
    for suffix in WRITTEN_BESIDE:
        new.with_name(new.name + suffix).unlink(missing_ok=True)
    make_private(new)
    with closing(pysqlite3.connect(copy)) as source, closing(pysqlite3.connect(new)) as target:
        source.backup(target)


def replace(database: Path, new: Path, aside: Path) -> None:
    """Put a new database in the place of one, which is moved aside. Nobody may have either open."""
    for suffix in WRITTEN_BESIDE:
        old = database.with_name(database.name + suffix)
        if old.exists():
            old.rename(aside.with_name(aside.name + suffix))
    new.rename(database)
