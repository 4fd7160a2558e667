"""Room on the disk that is set aside beforehand, for the day when there is no other: exits and protections go on with it.

The reserve is a file beside the database. A write that meets a full disk cuts a slice off and is tried again, slice by
slice, so that whoever else fills the disk takes little of it. From the first slice on nothing is entered, until there is
room to make the reserve whole; and the database's log, which would grow into what was set aside, is kept short.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pysqlite3 import SQLITE_FULL
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tradepool.adapters.database.deployment import FencedJournal
from tradepool.adapters.database.engine import LOG_PAGES, StoreUnusable, make_private
from tradepool.ports.journal import Checkpoint, Record
from tradepool.runtime import telemetry

SLICE = 1_048_576
# The reserve is made whole only where this much more is free: it must not be what fills the disk.
BESIDE = 8 * SLICE
# Pages of the log while the disk is full, a slice of them: it is then begun anew after so many, not after `LOG_PAGES`.
SHORT_LOG_PAGES = 250

log = telemetry.logger(__name__)


class Reserve:
    """`size` bytes in a file; 0 sets nothing aside, and then nothing is ever cut off."""

    def __init__(self, file: Path, size: int) -> None:
        """Whatever is there of it is what is left."""
        self._file, self._size = file, size

    @property
    def left(self) -> int:
        """Bytes that are set aside now."""
        return self._file.stat().st_size if self._file.exists() else 0

    @property
    def whole(self) -> bool:
        """Whether all of it is there; while it is not, nothing is entered."""
        return self.left >= self._size

    @property
    def words(self) -> str:
        """What is wrong, for people; "" while it is whole, or was never made."""
        if self.whole or not self._file.exists():
            return ""
        return f"the disk is full: entries are off, exits go on with {self.left // SLICE} MB that were set aside"

    def fill(self) -> bool:
        """Set aside what is missing, if the disk has room for it and some more; whether it is whole."""
        if self.whole:
            return True
        try:
            make_private(self._file)
            with self._file.open("ab") as file:
                if self._free() < self._size - self.left + BESIDE:
                    return False
                os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError as error:
            log.warning("no room can be set aside", file=str(self._file), error=error.strerror)
        return self.whole

    def give(self) -> bool:
        """Cut off a slice; False when nothing is left."""
        left = self.left
        if not left:
            return False
        os.truncate(self._file, max(0, left - SLICE))
        log.error("the disk is full: a slice of the reserve is used, entries are off", left=self.left)
        return True

    def give_if_full(self) -> None:
        """Before the database is opened on a disk that is full already."""
        if self._file.exists() and self._free() < SLICE:
            self.give()

    def _free(self) -> int:
        held = os.statvfs(self._file.parent)
        return held.f_bavail * held.f_frsize


class ReservedJournal(FencedJournal):
    """The journal of one instance, which goes on with the reserve when the disk is full."""

    def __init__(self, connection: Connection, epoch: int, reserve: Reserve) -> None:
        """`epoch` is the instance's own."""
        super().__init__(connection, epoch)
        self._reserve, self._log_pages = reserve, LOG_PAGES

    def write_all(self, records: Sequence[Record]) -> None:
        """Commit records; StoreUnusable when the reserve is used up too."""
        if self._log_pages != LOG_PAGES and self._reserve.whole:
            self._keep_log(LOG_PAGES)
        emptied = given = False
        while True:
            try:
                super().write_all(records)
                break
            except StoreUnusable as error:
                if not is_full(error):
                    raise
                if not (emptied or self._reserve.whole):
                    # A slice was used before: the room that the log takes up may do, without another one.
                    self._keep_log(SHORT_LOG_PAGES)
                    emptied = True
                    continue
                given = self._reserve.give()
                if not given:
                    raise
        if given:
            # Only now: it takes of the slice, too.
            self._keep_log(SHORT_LOG_PAGES)

    def _keep_log(self, pages: int) -> None:
        """As long as this from now on; and if there is room for what it holds in its place, the next write begins at its
        beginning."""
        self._log_pages = pages
        with suppress(DBAPIError):
            self._connection.exec_driver_sql(f"pragma wal_autocheckpoint={pages}")
            self._connection.exec_driver_sql("pragma wal_checkpoint")

    def save_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Replace the states of market steps; where that can't be done the old ones stay: a restart reads more candles then."""
        if not self._reserve.whole:
            return
        try:
            super().save_checkpoints(checkpoints)
        except StoreUnusable as error:
            log.warning("market steps are not saved", error=str(error))


def is_full(error: StoreUnusable) -> bool:
    """Whether it was the disk's room that lacked."""
    cause = error.__cause__
    return isinstance(cause, DBAPIError) and getattr(cause.orig, "sqlite_errorcode", 0) == SQLITE_FULL
