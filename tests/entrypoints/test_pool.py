"""`tradepool pool` as its operator meets it: over real books, with the candles of an exchange that is served."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Connection, update

from tests.conftest import ROOT
from tests.entrypoints.test_exchange_serve import served
from tests.entrypoints.test_start import Place, until
from tests.learning.test_pool import TRADE
from tests.nouns import request
from tradepool.adapters.database import pool_tables
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.pool import WORDING, Consent, DatabasePool
from tradepool.core.strategies import catalog
from tradepool.domain.event import StreamRestored
from tradepool.domain.ids import AccountId, ClientOrderId, UserId
from tradepool.domain.order import Purpose
from tradepool.domain.trade import Origin, Trade
from tradepool.domain.user import Role, User
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import Deployed, deployed_from
from tradepool.entrypoints.exchange_place import read_place
from tradepool.entrypoints.pool import file_of
from tradepool.learning.features import NAMES
from tradepool.learning.pool import PSEUDONYM_MS, SCHEMA
from tradepool.learning.public_names import OWN
from tradepool.ports.journal import Record

MINUTE_MS, DAY_MS = 60_000, 86_400_000
BUILT_IN = "moving_average_cross"
TUNED = catalog.named(BUILT_IN).with_parameters({"fast": 11}).strategy_id(MINUTE_MS)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An exchange whose candles are a thousand minutes old."""
    folder = tmp_path_factory.mktemp("fx")
    with served("--model", "BTC/USDT", "--seed", "7", "--folder", folder):
        yield folder


class Books(Place):
    """A deployment, its master key, and trades written into its books as the trading process writes them."""

    def __init__(self, folder: Path, exchange: Path) -> None:
        super().__init__(folder, exchange)
        self.config(self.text + f'\n[vault]\nmaster_key = "{folder / "master.key"}"\n')
        assert self("keys", "master").returncode == 0
        place = read_place(exchange)
        assert place is not None
        self.now_ms = place.start_ms // MINUTE_MS * MINUTE_MS
        self.count = 0

    @property
    def deployed(self) -> Deployed:
        with chdir(self.folder):
            return deployed_from(self.folder / "tradepool.toml")

    @contextmanager
    def open(self) -> Iterator[Connection]:
        with books_open(self.deployed) as connection:
            yield connection

    def trade(self, user: str, at_ms: int, *, filled_after_ms: int = 731, **changes: Any) -> Trade:
        """A trade that was decided at a T and closed half an hour later, in its books."""
        account, self.count = AccountId(f"{user}-main"), self.count + 1
        trade = replace(TRADE, account=account, strategy_id=TUNED, origin=Origin.PRACTICE)
        trade = replace(
            trade, entry_time_ms=at_ms + filled_after_ms, exit_time_ms=at_ms + 30 * MINUTE_MS + 917, **changes
        )
        intent = replace(
            request(),
            client_order_id=ClientOrderId(f"otoplace{self.count:013d}"),
            account=account,
            market=trade.market,
            purpose=Purpose.ENTRY,
            time_ms=at_ms,
        )
        with self.open() as connection:
            person = User(id=UserId(user), name=user, role=Role.USER)
            DatabaseDeployment(connection, self.deployed.deployment).account(person, account, "binance")
            journal = DatabaseJournal(connection)
            sequence = len(list(journal.read(account))) + 1
            event = StreamRestored(time_ms=trade.exit_time_ms)
            journal.write(
                Record(account=account, sequence=sequence, as_of_ms=0, event=event, trades=[trade], intents=[intent])
            )
        return trade

    def gathering(self) -> subprocess.Popen[bytes]:
        """A gathering in a process of its own."""
        command = self._command(("pool", "gather", "--now"))
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._at)

    @property
    def listed(self) -> list[str]:
        """The ids on users' lists."""
        with self.open() as connection:
            return sorted(each.id for each in DatabasePool(connection).listed())

    def gather(self) -> dict[str, int]:
        """Now; what was done."""
        said = self("pool", "gather", "--now", "--json")
        assert said.returncode == 0, said.stderr
        found: dict[str, int] = json.loads(said.stdout)
        return found

    def shown(self, by: str = "strategy") -> dict[str, int]:
        """How many trades of users the pool shows, by a column."""
        said = json.loads(self("pool", "show", "--by", by, "--origin", "practice", "--json").stdout)
        return {group["value"]: group["trades"] for group in said["groups"]}

    @property
    def rows(self) -> pl.DataFrame:
        """Users' trades in the pool's file."""
        return file_of(self.deployed).read().where(origin="practice").frame

    def in_files(self, what: bytes) -> bool:
        """Whether bytes are anywhere in the pool's folder."""
        return any(what in file.read_bytes() for file in file_of(self.deployed).folder.iterdir())


@pytest.fixture
def books(tmp_path_factory: pytest.TempPathFactory, exchange: Path) -> Books:
    """A deployment on the exchange; the path is short enough for a socket."""
    return Books(tmp_path_factory.mktemp("b"), exchange)


def test_consent_is_a_users_word_and_is_written_down(books: Books) -> None:
    """Once, until it is taken back; of people who are there, and only where pseudonyms can be made."""
    assert "nothing to withdraw" in books("pool", "consent", "ann", "--withdraw").stderr
    assert "No user is called 'ane'" in books("pool", "consent", "ane").stderr
    key = books.folder / "master.key"
    key.rename(key.with_suffix(".away"))
    assert "no master key" in books("pool", "consent", "ann").stderr
    key.with_suffix(".away").rename(key)
    assert "ann consents: the closed trades" in books("pool", "consent", "ann").stdout
    assert "consented before" in books("pool", "consent", "ann").stdout
    key.rename(key.with_suffix(".away"))
    assert "no query or export" in books("pool", "consent", "ann", "--withdraw").stdout
    assert books("pool", "status").stdout.splitlines()[1].split()[:2] == ["ann", "no"]
    with books.open() as connection:
        deeds = DatabaseDeployment(connection, books.deployed.deployment).deeds()
    pooled = [(deed.what, deed.scope) for deed in deeds if deed.what.startswith("pool")]
    assert pooled == [("pool consent", "ann"), ("pool withdraw", "ann")]


def test_who_has_left_can_still_withdraw(books: Books) -> None:
    """His section of the configuration is gone, his trades are not yet."""
    with books.open() as connection:
        DatabasePool(connection).say(Consent(user=UserId("eve"), time_ms=1, given=True, by="operator"))
    assert "eve consents no more" in books("pool", "consent", "eve", "--withdraw").stdout
    assert "No user is called 'eve'" in books("pool", "consent", "eve").stderr


def test_trades_of_who_consents_are_pooled_once(books: Books) -> None:
    """The others' are not; what is new comes with the next gathering, and one that is not due is refused."""
    built_in = catalog.named(BUILT_IN).strategy_id(MINUTE_MS)
    books.trade("ann", books.now_ms - 300 * MINUTE_MS, strategy_id=built_in)
    books.trade("ann", books.now_ms - 200 * MINUTE_MS)
    books.trade("ben", books.now_ms - 100 * MINUTE_MS)
    assert books.gather()["trades"] == 0
    books("pool", "consent", "ann")
    first = books.gather()
    assert first["added"] == 2
    assert first["trades"] == 2 + first["backtests"]
    assert books.shown() == {BUILT_IN: 1, OWN: 1}
    again = books.gather()
    assert (again["added"], again["backtests"], again["trades"]) == (0, 0, first["trades"])
    books.trade("ann", books.now_ms - 90 * MINUTE_MS)
    assert "gather with --now" in books("pool", "gather").stderr
    assert books.gather()["added"] == 1
    assert books.shown("exit_reason") == {"trailing": 3}
    told = json.loads(books("pool", "status", "--json").stdout)
    assert [(row["user"], row["consents"], row["listed"]) for row in told["consents"]] == [("ann", True, 3)]
    assert told["origins"]["practice"] == 3
    assert books.rows["return_bp"].to_list() == [79.9] * 3


def test_features_are_the_same_live_and_in_a_backtest(books: Books) -> None:
    """A user's trade that was decided at the T of a backtest's has its numbers, to the bit."""
    built_in = catalog.named(BUILT_IN).strategy_id(MINUTE_MS)
    books("pool", "consent", "ann")
    books.trade("ann", books.now_ms - 300 * MINUTE_MS, strategy_id=built_in)
    assert books.gather()["backtests"] > 0
    backtest = file_of(books.deployed).read().where(origin="backtest").frame.row(0, named=True)
    books.trade("ann", backtest["entry_time_ms"], strategy_id=TUNED)
    books.gather()
    mine = books.rows.filter(pl.col("strategy") == OWN).row(0, named=True)
    assert mine["entry_time_ms"] == backtest["entry_time_ms"]
    assert [mine[name] for name in NAMES] == [backtest[name] for name in NAMES]
    assert not any(value != value for value in (mine[name] for name in NAMES))


def test_a_market_that_is_gone_is_pooled_without_features(books: Books) -> None:
    """What no candle tells is unknown, not zero."""
    books("pool", "consent", "ann")
    books.trade("ann", books.now_ms - 300 * MINUTE_MS, market="binance:GONE/USDT")
    assert books.gather() == {"schema": 1, "added": 1, "backtests": 0, "removed": 0, "trades": 1}
    assert books.rows.select(NAMES).null_count().row(0) == (0,) * len(NAMES)
    assert all(value != value for value in books.rows.select(NAMES).row(0))


def test_the_guide_names_every_column() -> None:
    """What is copied is what a user was told."""
    guide = (ROOT / "docs" / "guides" / "pool.md").read_text(encoding="utf-8")
    assert [name for name in SCHEMA if f"`{name}`" not in guide] == ["id"]
    assert f"wording {WORDING})" in guide


def told_by(trade: Trade, intent: str) -> Sequence[bytes]:
    """What of a trade must be in no file of the pool, as text and as numbers."""
    amounts = (trade.quantity, trade.entry_price, trade.exit_price, trade.pnl, trade.entry_fee, trade.exit_fee)
    exact = float(trade.pnl / (trade.entry_price * trade.quantity) * 10_000)
    texts = (trade.account, trade.strategy_id, intent, *(f"{amount:f}" for amount in amounts))
    numbers = (*map(float, amounts), float(trade.entry_price * trade.quantity), exact)
    times = (trade.entry_time_ms, trade.exit_time_ms)
    return [
        *(text.encode() for text in texts),
        *(struct.pack("<d", number) for number in numbers),
        *(struct.pack("<q", time_ms) for time_ms in times),
    ]


def test_the_pool_tells_no_size_no_owner_and_no_moment(books: Books, tmp_path: Path) -> None:
    """A search of all bytes; what is told (the bar's time, the rounded return) is found by the same search."""
    users = "ann-of-the-hills", "ben-by-the-sea"
    books.config(books.text.replace("ann", users[0]).replace("ben", users[1]))
    odd: dict[str, Any] = {"quantity": Decimal("0.01973"), "pnl": Decimal("7.89371"), "exit_fee": Decimal("0.99713")}
    odd |= {"entry_price": Decimal("50000.37"), "exit_price": Decimal("50500.91")}
    hidden = [user.encode() for user in users]
    for number, user in enumerate(users):
        assert books("pool", "consent", user).returncode == 0
        at_ms = books.now_ms - (300 - number) * MINUTE_MS
        trade = books.trade(user, at_ms, **odd)
        hidden += told_by(trade, f"otoplace{books.count:013d}")
        hidden.append(f"{user}-main".encode())
    assert books.gather()["added"] == len(users)
    assert books("pool", "export", tmp_path / "out.parquet").returncode == 0
    exported = (tmp_path / "out.parquet").read_bytes()
    assert not any(books.in_files(what) or what in exported for what in hidden)
    shown = [struct.pack("<q", books.now_ms - 300 * MINUTE_MS), struct.pack("<d", 80.02), b"binance:BTC/USDT"]
    assert all(books.in_files(what) and what in exported for what in shown)
    assert "id" not in pl.read_parquet(tmp_path / "out.parquet").columns


def test_two_rotations_can_not_be_linked(books: Books) -> None:
    """After thirty days another secret: nothing that is a user's own is in trades of both; the old one is gone. Nor can trades
    of thirty days and of those before, which are gathered at once."""
    books("pool", "consent", "ann")
    gone, since_ms = "binance:GONE/USDT", books.now_ms // PSEUDONYM_MS * PSEUDONYM_MS
    old = [books.trade("ann", since_ms + minutes * MINUTE_MS, market=gone) for minutes in (-31, -30, 40)]
    books.gather()
    first, *rest = books.rows["pseudonym"].to_list()
    assert first not in rest
    with books.open() as connection:
        rows = DatabasePool(connection)
        secret = rows.secret()
        assert secret is not None
        table = pool_tables.pool_secret
        connection.execute(update(table).values(made_ms=table.c.made_ms - 30 * DAY_MS))
        connection.commit()
    new = [books.trade("ann", since_ms + minutes * MINUTE_MS, market=gone) for minutes in (100, 150)]
    assert books.gather()["added"] == len(new)
    database = books.folder / "d"
    assert not any(secret.key.wrapped in file.read_bytes() for file in database.glob("*.sqlite*"))
    before = books.rows.filter(pl.col("entry_time_ms") <= max(trade.entry_time_ms for trade in old))
    after = books.rows.filter(pl.col("entry_time_ms") > max(trade.entry_time_ms for trade in old))
    assert (len(before), len(after)) == (len(old), len(new))
    assert (before["pseudonym"].n_unique(), after["pseudonym"].n_unique()) == (2, 1)
    for name in ("id", "pseudonym"):
        assert not {*before[name].to_list()} & {*after[name].to_list()}
    assert {*books.rows["strategy"].to_list()} == {OWN}


def test_a_secret_under_another_master_key_is_made_anew(books: Books) -> None:
    """To throw it away early harms nobody; trading goes on with the new one."""
    books("pool", "consent", "ann")
    books.trade("ann", books.now_ms - 400 * MINUTE_MS)
    books.gather()
    (books.folder / "master.key").unlink()
    assert books("keys", "master").returncode == 0
    books.trade("ann", books.now_ms - 300 * MINUTE_MS)
    assert books.gather()["added"] == 1
    assert books.rows["pseudonym"].n_unique() == 2


def test_withdrawn_trades_are_out_at_once_and_off_the_disk_with_the_next_gathering(
    books: Books, tmp_path: Path
) -> None:
    """The others' stay; who consents again is pooled under other names."""
    for user in ("ann", "ben"):
        books("pool", "consent", user)
        for minutes in (400, 300):
            books.trade(user, books.now_ms - minutes * MINUTE_MS)
    books.gather()
    with books.open() as connection:
        ids = {
            user: [each.id for each in DatabasePool(connection).listed() if each.user == user]
            for user in ("ann", "ben")
        }
    assert all(books.in_files(each.encode()) for each in (*ids["ann"], *ids["ben"]))
    names = dict(books.rows.select("id", "pseudonym").iter_rows())
    books("pool", "consent", "ann", "--withdraw")
    assert books.shown("market") == {"binance:BTC/USDT": 2}
    assert books("pool", "export", tmp_path / "out.parquet").returncode == 0
    anns, bens = ({names[each] for each in ids[user]} for user in ("ann", "ben"))
    assert {*pl.read_parquet(tmp_path / "out.parquet")["pseudonym"].to_list()} == bens
    assert json.loads(books("pool", "status", "--json").stdout)["to_compact"] == 2
    assert books.gather()["removed"] == 2
    assert not any(books.in_files(each.encode()) for each in (*ids["ann"], *anns))
    assert all(books.in_files(each.encode()) for each in ids["ben"])
    assert json.loads(books("pool", "status", "--json").stdout)["to_compact"] == 0
    books("pool", "consent", "ann")
    assert books.gather()["added"] == 2
    assert not {*books.rows["id"].to_list()} & {*ids["ann"]}


def test_a_gathering_that_was_killed_is_done_again(books: Books) -> None:
    """After the lists were written, and after the file was: each trade is in it once."""
    books("pool", "consent", "ann")
    for minutes in (400, 300):
        books.trade("ann", books.now_ms - minutes * MINUTE_MS)
    books.gather()
    pool = file_of(books.deployed)
    ids = books.listed
    # As if the file had not been put in place; or half of it were lost.
    for kept in (0, 1):
        with pool.gathering():
            pool.replace(pool.read().without(ids[kept:]))
        assert books.gather()["added"] == 2 - kept
        assert sorted(books.rows["id"].to_list()) == ids
    # As if the withdrawn ids had not been forgotten after the file was written.
    books("pool", "consent", "ann", "--withdraw")
    with pool.gathering():
        pool.replace(pool.read().without(ids))
    told = books.gather()
    assert (told["removed"], told["trades"]) == (0, 0)
    # A pool that is lost altogether is made anew.
    books("pool", "consent", "ann")
    books.gather()
    pool.file.write_bytes(b"lost")
    assert "delete it" in books("pool", "gather", "--now").stderr
    pool.file.unlink()
    assert books.gather()["added"] == 2


def test_a_process_that_is_killed_neither_doubles_nor_loses(books: Books, long: bool) -> None:
    """As soon as it has listed what is new; in the long form at any moment after that, too, again and again."""
    books("pool", "consent", "ann")
    for number in range(6 if long else 1):
        books.trade("ann", books.now_ms - (600 - number) * MINUTE_MS)
        with books.gathering() as child:
            until(lambda: len(books.listed) == books.count)
            with suppress(subprocess.TimeoutExpired):
                child.wait(Random(number).uniform(0, 1) if long else 0)
            child.kill()
        found = books.rows["id"].to_list()
        assert len(found) == len(set(found))
        assert set(found) <= set(books.listed)
    books.gather()
    assert sorted(books.rows["id"].to_list()) == books.listed


def test_the_entry_is_that_of_its_order(books: Books) -> None:
    """However late it was filled; a position that no order of ours made was entered when it was."""
    books("pool", "consent", "ann")
    at_ms, gone = books.now_ms - 300 * MINUTE_MS, "binance:GONE/USDT"
    books.trade("ann", at_ms, market=gone, filled_after_ms=75_000)
    books.trade("ann", at_ms + 20 * MINUTE_MS, market=gone, filled_after_ms=5 * MINUTE_MS + 10)
    books.gather()
    assert books.rows["entry_time_ms"].to_list() == [at_ms, at_ms + 25 * MINUTE_MS]


def test_a_venue_that_is_away_leaves_everything_for_the_next_time(books: Books) -> None:
    """The trades are listed, and in no file."""
    books("pool", "consent", "ann")
    books.trade("ann", books.now_ms - 400 * MINUTE_MS)
    text = books.text
    books.config(text.replace('exchange = "', 'exchange = "nowhere'))
    assert "does not answer" in books("pool", "gather", "--now").stderr
    assert len(books.rows) == 0
    books.config(text)
    assert books.gather()["added"] == 1
