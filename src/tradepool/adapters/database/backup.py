"""A copy of a store while it is written to, as one SQLite file whatever the store is; and a store made from such a copy.

A file is copied by SQLite's own online backup, a server row by row, as of one moment. The sum of a copy's bytes is noted in
it: SQLite itself only sees where a page is no page any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from zlib import crc32

import pysqlite3

from tradepool.adapters.database.aside import WRITTEN_BESIDE, replace, schema_of
from tradepool.adapters.database.copying import copy_rows, of_one_moment
from tradepool.adapters.database.engine import dispose, make_private, open_store, transaction
from tradepool.adapters.database.place import Place, Server
from tradepool.domain.errors import InvalidInput, TradepoolError

# Where a file's first page has a number that SQLite leaves to whoever wants one (`user_version`).
SUM_AT, SUM_BYTES, PIECE = 60, 4, 1 << 20


class BackupExists(InvalidInput):
    """There is a file at {path} already; name another one."""


class NoFolder(InvalidInput):
    """There is no folder {path} to write to; make it first."""


class BackupUnusable(TradepoolError):
    """{path} is no whole copy of a database: {why}; use another backup. Nothing was changed."""


def back_up(place: Place, copy: Path) -> None:
    """Write a whole copy, of one moment, as a SQLite file; whoever trades goes on meanwhile. BackupExists, NoFolder,
    BackupUnusable, and for a server StoreUnusable.

    Only its owner can read it: it is everybody's books.
    """
    refuse_unless_new(copy)
    if not place.exists():
        raise BackupUnusable(path=place, why="there is none")
    make_private(copy)
    if isinstance(place, Path):
        _copy_pages(place, copy)
    else:
        _copy_server(place, copy)
    check(copy)
    total = _sum(copy)
    with copy.open("r+b") as file:
        file.seek(SUM_AT)
        file.write(total)


def refuse_unless_new(copy: Path) -> None:
    """Raise BackupExists or NoFolder where nothing can be written."""
    if copy.exists():
        raise BackupExists(path=copy)
    if not copy.parent.is_dir():
        raise NoFolder(path=copy.parent)


def _copy_pages(database: Path, copy: Path) -> None:
    try:
        with closing(pysqlite3.connect(database)) as source, closing(pysqlite3.connect(copy)) as target:
            source.backup(target)
            _alone(target)
    except pysqlite3.DatabaseError as error:
        raise BackupUnusable(path=copy, why=error) from error


def _copy_server(server: Server, copy: Path) -> None:
    source, target = open_store(server), open_store(copy)
    try:
        with of_one_moment(source), transaction(target):
            copy_rows(source, target)
    finally:
        dispose(source)
        dispose(target)
    with closing(pysqlite3.connect(copy)) as whole:
        _alone(whole)


def _alone(copy: pysqlite3.Connection) -> None:
    """One file, which needs no other beside it."""
    copy.execute("pragma journal_mode=DELETE")


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


def as_written(copy: Path) -> bool:
    """Whether all bytes of a copy are those that were written; yes, too, of one that is older than such sums."""
    with copy.open("rb") as file:
        file.seek(SUM_AT)
        noted = file.read(SUM_BYTES)
    return noted in (bytes(SUM_BYTES), _sum(copy))


def _sum(copy: Path) -> bytes:
    """Of a file's bytes, but those that the sum is noted in."""
    with copy.open("rb") as file:
        total = crc32(bytes(SUM_BYTES), crc32(file.read(SUM_AT)))
        file.seek(SUM_AT + SUM_BYTES)
        while piece := file.read(PIECE):
            total = crc32(piece, total)
    return (total or 1).to_bytes(SUM_BYTES, "big")


def unpack(copy: Path, new: Path) -> None:
    """Write a database out of a copy, which stays as it is. BackupUnusable."""
    check(copy)
    for suffix in WRITTEN_BESIDE:
        new.with_name(new.name + suffix).unlink(missing_ok=True)
    make_private(new)
    with closing(pysqlite3.connect(copy)) as source, closing(pysqlite3.connect(new)) as target:
        source.backup(target)


@contextmanager
def not_left_behind(new: Path) -> Iterator[None]:
    """A database that was made on the way to something else is gone in the end, whatever happens."""
    try:
        yield
    finally:
        for suffix in WRITTEN_BESIDE:
            new.with_name(new.name + suffix).unlink(missing_ok=True)


def install(new: Path, place: Place, aside: str) -> str:
    """Put a database in a store's place, which is put aside under a name; what that is called now. Nobody may have either
    open. CopyDiffers, StoreUnusable."""
    if isinstance(place, Path):
        return replace(place, new, aside)
    beside = place.with_schema(schema_of(f"new-{aside}"))
    source, target = open_store(new), open_store(beside)
    try:
        with of_one_moment(source), transaction(target):
            copy_rows(source, target)
    finally:
        dispose(source)
        dispose(target)
    return replace(place, beside, aside)
