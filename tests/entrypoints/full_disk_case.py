"""What `test_full_disk` runs: FULL_DISK is a small filesystem, which these fill and empty."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.entrypoints.test_start import Place, exchange, place, until
from tests.nouns import ACCOUNT
from tests.post_kit import web_server
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import LOG_PAGES, StoreUnusable, dispose, open_store
from tradepool.adapters.database.reserve import BESIDE, SHORT_LOG_PAGES, SLICE, Reserve, ReservedJournal
from tradepool.domain.deployment import Deployment, Kind
from tradepool.domain.event import StreamLost
from tradepool.ports.journal import Record

__all__ = ["exchange", "place"]
DISK = Path(os.environ.get("FULL_DISK", ""))


@contextmanager
def full() -> Iterator[None]:
    """Not one page is free meanwhile."""
    ballast = DISK / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (SLICE, 4_096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    try:
        yield
    finally:
        ballast.unlink()


def record(sequence: int, why: str = "x" * 20_000) -> Record:
    event = StreamLost(time_ms=sequence, why=why)
    return Record(account=ACCOUNT.id, sequence=sequence, as_of_ms=0, event=event)


def test_the_journal_goes_on_with_the_reserve_until_that_is_used_up() -> None:
    folder = DISK / "journal"
    folder.mkdir()
    reserve = Reserve(folder / "reserve", 2 * SLICE)
    assert (reserve.whole, reserve.words) == (False, "")
    assert reserve.fill()
    connection = open_store(folder / "t.sqlite")
    epoch = DatabaseDeployment(connection, Deployment(id="aaaaaaaa", kind=Kind.PRACTICE)).epoch
    journal, written = ReservedJournal(connection, epoch, reserve), 0
    lefts = []
    with full():

        def write_on() -> None:
            nonlocal written
            while True:
                journal.write(record(written + 1))
                written += 1
                lefts.append(reserve.left)

        with pytest.raises(StoreUnusable, match="disk is full"):
            write_on()
        assert reserve.left == 0
        assert not reserve.fill()
        assert "entries are off, exits go on with 0 MB" in reserve.words
        assert set(lefts) >= {SLICE, 0}
        assert lefts == sorted(lefts, reverse=True)
        journal.save_checkpoints([])
    assert [sequence for sequence, _, _ in journal.read(ACCOUNT.id)] == list(range(1, written + 1))
    journal.write(record(written + 1))
    assert (reserve.fill(), reserve.words) == (True, "")
    assert Reserve(folder / "other", DISK_BYTES - BESIDE).fill() is False
    assert Reserve(folder / "none", 0).fill()
    dispose(connection)
    for file in folder.iterdir():
        file.unlink()


def pages(connection: Connection) -> int:
    """After how many the log is begun anew."""
    return int(connection.exec_driver_sql("pragma wal_autocheckpoint").scalar_one())


def test_the_log_is_written_again_from_its_beginning_instead_of_growing_into_the_reserve() -> None:
    """Each of these small records changes some 6 pages: 600 of them would need a log of 14 MB."""
    folder = DISK / "log"
    folder.mkdir()
    reserve = Reserve(folder / "reserve", 6 * SLICE)
    assert reserve.fill()
    connection = open_store(folder / "t.sqlite", "NORMAL")
    epoch = DatabaseDeployment(connection, Deployment(id="aaaaaaaa", kind=Kind.PRACTICE)).epoch
    journal = ReservedJournal(connection, epoch, reserve)
    with full():
        for sequence in range(1, 601):
            journal.write(record(sequence, "x"))
        assert reserve.left in (5 * SLICE, 4 * SLICE)
    assert [sequence for sequence, _, _ in journal.read(ACCOUNT.id)] == list(range(1, 601))
    assert pages(connection) == SHORT_LOG_PAGES
    assert reserve.fill()
    journal.write(record(601))
    assert pages(connection) == LOG_PAGES
    dispose(connection)
    for file in folder.iterdir():
        file.unlink()


def test_what_the_log_holds_takes_no_write_its_slice() -> None:
    """When the disk fills up, 6 MB of new pages are in the log alone, more than the reserve has."""
    folder = DISK / "held"
    folder.mkdir()
    reserve = Reserve(folder / "reserve", 4 * SLICE)
    assert reserve.fill()
    connection = open_store(folder / "t.sqlite", "NORMAL")
    epoch = DatabaseDeployment(connection, Deployment(id="aaaaaaaa", kind=Kind.PRACTICE)).epoch
    journal = ReservedJournal(connection, epoch, reserve)
    for sequence in range(1, 301):
        journal.write(record(sequence))
    with full():
        for sequence in range(301, 304):
            journal.write(record(sequence))
    assert [sequence for sequence, _, _ in journal.read(ACCOUNT.id)] == list(range(1, 304))
    dispose(connection)
    for file in folder.iterdir():
        file.unlink()


DISK_BYTES = os.statvfs(DISK).f_blocks * os.statvfs(DISK).f_frsize


def test_a_trading_process_sells_what_it_holds_and_enters_again_when_there_is_room(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_server() as web:
        monkeypatch.setenv("OPS_HOOK", f"http://127.0.0.1:{web.port}/")
        alarms = '[alarms]\nwebhook_env = "OPS_HOOK"\ndisk_free_min_mb = 0\nreserve_mb = 6\n'
        text = place.text.replace(f'folder = "{place.folder / "d"}"', f'folder = "{DISK / "d"}"')
        place.config(f"{text}\n{alarms}")
        (place.folder / "d").rmdir()
        (place.folder / "d").symlink_to(DISK / "d")
        with place.trading() as process:
            until(place.positions)
            with full():
                web.posted("ALARM disk full")
                until(lambda: place.positions() == [])
                told: dict[str, Any] = place.status()[1]
                assert "the disk is full: entries are off" in told["worries"][0], told
                assert (told["unprotected"], told["unknown_orders"], told["venue_differences"]) == (0, 0, 0)
                assert [row["stopped"] for row in told["accounts"]] == ["", ""]
                candles = told["candles"]
                until(lambda: place.status()[1]["candles"] > candles + 12)
                assert place.positions() == []
            until(place.positions)
            code, told = place.status()
            assert (code, told["disk"], process.poll()) == (0, "", None), told
