"""The daily gathering: when it is due, that a trading process that lets nothing out does it by itself, and what it waits for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.entrypoints.test_pool import DAY_MS, MINUTE_MS, Books
from tests.entrypoints.test_start import exchange, until
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.pool import WORDING, Consent, DatabasePool
from tradepool.adapters.database.secrets import DatabaseSecrets
from tradepool.adapters.pool_file.pool_file import PoolFile
from tradepool.adapters.vault.envelope import new_data_key, wrapped
from tradepool.adapters.vault.master_key import MasterKey
from tradepool.domain.ids import AccountId, UserId
from tradepool.entrypoints.pool import file_of, seen
from tradepool.entrypoints.pool_daily import DailyGathering
from tradepool.learning.features import NAMES
from tradepool.learning.pool import Pool
from tradepool.runtime.clock import VirtualClock

__all__ = ["exchange"]


@pytest.fixture
def books(tmp_path_factory: pytest.TempPathFactory, exchange: Path) -> Books:
    """A deployment that trades minutes of three seconds."""
    return Books(tmp_path_factory.mktemp("b"), exchange)


def test_it_is_due_once_a_day_while_there_is_anything_to_do(books: Books) -> None:
    """Somebody consents, or something of somebody who did is still in the file."""
    now_ms = 1_800_000_000_000
    with books.open() as connection:
        rows, clock = DatabasePool(connection), VirtualClock(now_ms)
        daily = DailyGathering(books.deployed, connection, clock)
        assert not daily.due()
        rows.say(Consent(user=UserId("ann"), time_ms=1, given=True, by="me"))
        assert daily.due()
        file = file_of(books.deployed)
        with file.gathering():
            file.replace(file.read())
        os.utime(file.file, ns=(now_ms * 1_000_000, now_ms * 1_000_000))
        assert not daily.due()
        clock.advance_to(now_ms + DAY_MS - 1)
        assert not daily.due()
        clock.advance_to(now_ms + DAY_MS)
        assert daily.due()
        rows.say(Consent(user=UserId("ann"), time_ms=2, given=False, by="me"))
        assert not daily.due()


def test_a_consent_to_other_words_stops_nobody_elses_gathering(books: Books) -> None:
    """Nobody consents to the words in force: what is listed has to leave all the same. Then somebody does, and only his
    trades are pooled."""
    now_ms, gone = 1_800_000_000_000, "binance:GONE/USDT"
    books("pool", "consent", "ann")
    books.trade("ann", books.now_ms - 300 * MINUTE_MS, market=gone)
    assert books.gather()["added"] == 1
    with books.open() as connection:
        rows = DatabasePool(connection)
        daily = DailyGathering(books.deployed, connection, VirtualClock(now_ms + DAY_MS))
        rows.say(Consent(user=UserId("ann"), time_ms=2, given=True, by="me", wording=WORDING - 1))
        assert (rows.willing(), rows.tombstones()) == (set(), set())
        assert daily.due()
    assert books.gather()["removed"] == 1
    with books.open() as connection:
        daily = DailyGathering(books.deployed, connection, VirtualClock(now_ms + 2 * DAY_MS))
        assert not daily.due()
    books("pool", "consent", "ben")
    for user in ("ann", "ben"):
        books.trade(user, books.now_ms - 200 * MINUTE_MS, market=gone)
    with books.open() as connection:
        assert DailyGathering(books.deployed, connection, VirtualClock(now_ms + 2 * DAY_MS)).due()
    assert books.gather() == {"schema": 1, "added": 1, "backtests": 0, "removed": 0, "trades": 1}
    with books.open() as connection:
        assert {each.user for each in DatabasePool(connection).listed()} == {"ben"}


def test_a_trading_process_gathers_by_itself(books: Books) -> None:
    """At its start, as it never has before; and a command beside it gathers what it has traded since."""
    books("pool", "consent", "ann")
    file = file_of(books.deployed).file
    with books.trading():
        until(file.exists)
        with books.open() as connection:
            traded = until(lambda: DatabaseBooks(connection).trades(AccountId("ann-main")))
        # The process may have gathered the first of them itself.
        until(lambda: books.gather()["added"])
    rows = books.rows
    assert {*rows["entry_time_ms"].to_list()} >= {each.entry_time_ms // MINUTE_MS * MINUTE_MS for each in traded}
    assert {*rows["strategy"].to_list()} == {"own"}
    assert not any(value != value for row in rows.select(NAMES).rows() for value in row)
    assert json.loads(books("pool", "status", "--json").stdout)["origins"] == {"practice": len(rows)}


def test_a_look_while_the_file_is_replaced_shows_nothing_that_was_withdrawn(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old file was read; before it is asked what was withdrawn, a gathering is done with that."""
    read = PoolFile.read
    books("pool", "consent", "ann")
    books.trade("ann", books.now_ms - 300 * MINUTE_MS, market="binance:GONE/USDT")
    assert books.gather()["added"] == 1
    books("pool", "consent", "ann", "--withdraw")

    def slowly(file: PoolFile) -> Pool:
        pool = read(file)
        monkeypatch.setattr(PoolFile, "read", read)
        assert (len(pool), books.gather()["removed"]) == (1, 1)
        return pool

    monkeypatch.setattr(PoolFile, "read", slowly)
    with books.open() as connection:
        assert len(seen(books.deployed, connection)) == 0


def test_no_secret_is_made_under_a_master_key_that_was_rotated_away(books: Books) -> None:
    """The configuration names it still: what it opens would lie in the books. The next gathering does it all."""
    books("pool", "consent", "ann")
    books.trade("ann", books.now_ms - 400 * MINUTE_MS)
    with books.open() as connection, (keys := DatabaseSecrets(connection)).changing():
        keys.replace([wrapped(new_data_key(), UserId("ann"), MasterKey(bytes(32)))], [])
    assert "is under master key" in books("pool", "gather", "--now").stderr
    with books.open() as connection:
        assert DatabasePool(connection).secret() is None
        with (keys := DatabaseSecrets(connection)).changing():
            keys.replace([], [])
    assert books.gather()["added"] == 1
