"""The file of the trade pool: read whole, and replaced whole by the one gathering that is at work.

It is written beside and put in place in one step, so that a kill leaves the old one or the new one. It is not compressed: a
search of its bytes for what was withdrawn must be able to find it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.learning.pool import NotThePool, Pool

WRITTEN, LOCK = "writing.parquet", "gathering.lock"


class PoolDamaged(TradepoolError):
    """The trade pool {file} can't be read: {why}; delete it, and the next gathering makes it anew from everybody's books."""


class GatheringAlready(TradepoolError):
    """Trades are being gathered into {folder} already; wait until that is done."""


class FileThere(InvalidInput):
    """There is a file at {file} already; name another one."""


class PoolFile:
    """The pool of a deployment."""

    def __init__(self, file: Path) -> None:
        """`file` is in a folder of its own; nothing is made before the first gathering."""
        self.file, self.folder = file, file.parent

    def written_ms(self) -> int | None:
        """When the last gathering ended; None before the first."""
        return self.file.stat().st_mtime_ns // 1_000_000 if self.file.exists() else None

    def read(self) -> Pool:
        """All that is in it, withdrawn trades too: whoever shows it leaves those out. PoolDamaged."""
        if not self.file.exists():
            return Pool.of([])
        try:
            return Pool.checked(pl.read_parquet(self.file, memory_map=False))
        except NotThePool as error:
            raise PoolDamaged(file=self.file, why=error.facts["why"]) from error
        except (PolarsError, OSError) as error:
            raise PoolDamaged(file=self.file, why=str(error).splitlines()[0].rstrip(".")) from error

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Be the only one that writes meanwhile; what a kill left half written is gone. GatheringAlready."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise GatheringAlready(folder=self.folder) from error
            (self.folder / WRITTEN).unlink(missing_ok=True)
            yield

    def replace(self, pool: Pool) -> None:
        """Put these in its place, within `gathering`; on the disk when this returns."""
        write(pool.frame, self.folder / WRITTEN)
        (self.folder / WRITTEN).rename(self.file)
        _sync(self.folder)


def export(frame: pl.DataFrame, file: Path) -> None:
    """Write columns to a new file, for its owner alone. FileThere."""
    if file.exists():
        raise FileThere(file=file)
    write(frame, file)


def write(frame: pl.DataFrame, file: Path) -> None:
    """Write columns to a file that only its owner reads, down to the disk."""
    os.close(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    frame.write_parquet(file, compression="uncompressed", statistics=False)
    _sync(file)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
