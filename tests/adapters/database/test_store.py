"""The relational store: its schema, all-or-nothing records, and what the disk says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from time import sleep

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, UniqueConstraint, event, inspect, select
from sqlalchemy.exc import OperationalError

from tests.nouns import ACCOUNT, BTC, MINUTE_MS, fill, request
from tests.postgres_kit import Postgres
from tests.settled import settled
from tests.tampering import by_sql
from tradepool.adapters.database import remembered, tables
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.chain import transfers_in
from tradepool.adapters.database.codec import UnknownEvent
from tradepool.adapters.database.engine import StoreTooNew, StoreUnusable, Sync, dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.place import Place, Server
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.database.risk import DatabaseRisk
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.adapters.database.suspensions import DatabaseSuspensions
from tradepool.core.ledger.posting import fill_entry
from tradepool.domain.errors import BrokenLaw
from tradepool.domain.event import OrderFilled
from tradepool.domain.ids import AccountId, FillId, StrategyId, UserId, client_order_id
from tradepool.domain.order import Refusal
from tradepool.domain.suspended import SuspendedKind
from tradepool.ports.journal import Checkpoint, Record

WRITTEN = (tables.event, tables.order_intent, tables.ledger_entry, tables.refusal)


@pytest.fixture
def connection(place: Place) -> Iterator[Connection]:
    """A fresh store, of either kind."""
    opened = open_store(place, "NORMAL")
    yield opened
    dispose(opened)


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Connection]:
    """A fresh one in a file, for what only a file does."""
    opened = open_store(tmp_path / "t.sqlite", "NORMAL")
    yield opened
    dispose(opened)


def refuse_inserts(connection: Connection, table: str) -> None:
    """From now on the database refuses whatever is put into a table."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"create trigger no before insert on {table} begin select raise(abort, 'no'); end")
    else:
        connection.exec_driver_sql(
            "create function no() returns trigger language plpgsql as $$ begin "
            "raise exception using errcode = 'integrity_constraint_violation', message = 'no'; end $$"
        )
        connection.exec_driver_sql(f"create trigger no before insert on {table} execute function no()")
    connection.commit()


def record(sequence: int = 1, **changes: object) -> Record:
    """A fill with all that follows from it."""
    filled = fill(fill_id=FillId(str(sequence)))
    plain = Record(
        account=ACCOUNT.id,
        sequence=sequence,
        as_of_ms=MINUTE_MS,
        event=OrderFilled(fill=filled),
        entries=[fill_entry(filled, BTC)],
        refusals=[Refusal(account=ACCOUNT.id, market=BTC.id, time_ms=MINUTE_MS, reason="daily_loss")],
        intents=[request(client_order_id=client_order_id(1, sequence))],
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def counts(connection: Connection) -> list[int]:
    """Rows of each table a record goes to."""
    found = [len(connection.execute(select(table)).all()) for table in WRITTEN]
    connection.rollback()
    return found


def test_the_migrations_make_the_tables_that_the_code_names(connection: Connection) -> None:
    """Columns, keys, indexes, constraints; and every table is STRICT, so that SQLite holds to the types as a server does."""
    assert compare_metadata(MigrationContext.configure(connection), tables.METADATA) == []
    found = inspect(connection)
    assert set(found.get_table_names()) == {*tables.METADATA.tables, "alembic_version"}
    for table in tables.METADATA.tables.values():
        assert found.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key]
        assert sorted(str(f["referred_table"]) for f in found.get_foreign_keys(table.name)) == sorted(
            key.column.table.name for key in table.foreign_keys
        )
        unique = {tuple(u["column_names"]) for u in found.get_unique_constraints(table.name)}
        named = {tuple(u.columns.keys()) for u in table.constraints if isinstance(u, UniqueConstraint)}
        assert named <= unique
        if connection.dialect.name == "sqlite":
            made = connection.exec_driver_sql(
                "select sql from sqlite_master where name = ?", (table.name,)
            ).scalar_one()
            assert made.rstrip().endswith("STRICT")


def test_a_record_comes_back_and_a_store_opens_twice(place: Place) -> None:
    for sequence in (1, 2):
        opened = open_store(place)
        DatabaseJournal(opened).write(record(sequence))
        dispose(opened)
    opened = open_store(place)
    journal, books = DatabaseJournal(opened), DatabaseBooks(opened)
    assert list(journal.read(ACCOUNT.id)) == [(n, MINUTE_MS, record(n).event) for n in (1, 2)]
    assert journal.intents(ACCOUNT.id) == [intent for n in (1, 2) for intent in record(n).intents]
    assert list(books.transfers(ACCOUNT.id)) == [t for n in (1, 2) for e in record(n).entries for t in e.transfers]
    assert books.refusals(ACCOUNT.id) == [*record(1).refusals, *record(2).refusals]
    dispose(opened)


@pytest.mark.parametrize("table", ["order_intent", "ledger_entry", "refusal"])
def test_a_record_is_written_whole_or_not_at_all(connection: Connection, table: str) -> None:
    """Whichever of its writes fails; and the next record does not bring the half one with it."""
    refuse_inserts(connection, table)
    journal = DatabaseJournal(connection)
    with pytest.raises(BrokenLaw, match="no"):
        journal.write(record())
    connection.exec_driver_sql("drop trigger no" + ("" if connection.dialect.name == "sqlite" else f" on {table}"))
    connection.commit()
    assert counts(connection) == [0, 0, 0, 0]
    journal.write(record(1))
    assert [number for number, _, _ in journal.read(ACCOUNT.id)] == [1]


def test_our_own_mistake_half_way_leaves_nothing_either(connection: Connection) -> None:
    """An error that is no database error: before, the next account's record would have committed this one's half."""
    journal = DatabaseJournal(connection)
    with pytest.raises((TypeError, AttributeError)):
        journal.write(record(entries=[None]))
    journal.write(record(1))
    assert [number for number, _, _ in journal.read(ACCOUNT.id)] == [1]


def test_a_number_is_written_once(connection: Connection) -> None:
    """A second writer of the same account, or the same intent under two events, is our mistake and says so."""
    journal = DatabaseJournal(connection)
    journal.write(record())
    with pytest.raises(BrokenLaw, match="written once"):
        journal.write(record())
    with pytest.raises(BrokenLaw, match="written once"):
        journal.write(record(2, intents=record().intents))
    assert counts(connection)[:2] == [1, 1]


@pytest.fixture
def place_far(postgres: Postgres) -> Iterator[Server]:
    """A fresh one on a server, for what only a server does."""
    made = postgres.new()
    yield made
    postgres.drop(made)


@pytest.fixture
def far(place_far: Server) -> Iterator[Connection]:
    """The same, opened."""
    opened = open_store(place_far, "NORMAL")
    yield opened
    dispose(opened)


def cut(connection: Connection, postgres: Postgres, times: int, *, committed: bool) -> None:
    """The connection breaks as the next transactions commit; whether the server has carried them out by then."""

    left = times

    def break_off(committing: Connection) -> None:
        nonlocal left
        raw = committing.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        if not left:
            return
        left -= 1
        if committed:
            raw.commit()
            # Or the driver would know that there is nothing left to commit.
            raw.execute("select 1")
        postgres.run(f"select pg_terminate_backend({raw.info.backend_pid}, 5000)")

    event.listen(connection.engine, "commit", break_off)


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_whose_answer_was_lost_is_found_or_done_again(
    far: Connection, postgres: Postgres, committed: bool
) -> None:
    """At once, or when it is offered again, together or one by one; nothing else that is there already is taken for it."""
    journal = DatabaseJournal(far)
    others = [replace(record(n, entries=[], intents=[], refusals=[]), account=AccountId("b" * 32)) for n in (1, 2)]
    cut(far, postgres, 1, committed=committed)
    journal.write_all([record(1), others[0]])
    assert counts(far)[:3] == [2, 1, 1]
    cut(far, postgres, 2, committed=committed)
    with pytest.raises(StoreUnusable, match="connection"):
        journal.write_all([record(2), others[1]])
    for each in (record(2), others[1]):
        journal.write(each)
    assert counts(far)[:3] == [4, 2, 2]
    for each in (record(1), *others):
        with pytest.raises(BrokenLaw, match="written once"):
            journal.write(each)
    cut(far, postgres, 2, committed=True)
    with pytest.raises(StoreUnusable, match="connection"):
        journal.write(record(3))
    with pytest.raises(BrokenLaw, match="written once"):
        journal.write(replace(record(3, entries=[], intents=[]), as_of_ms=0))


@pytest.mark.parametrize("committed", [True, False])
def test_a_period_whose_answer_was_lost_is_settled_with_its_statement(
    far: Connection, postgres: Postgres, committed: bool
) -> None:
    rows, ann = DatabaseSettlements(far), UserId("ann")
    charge, statement = settled(0, "first")
    cut(far, postgres, 1, committed=committed)
    rows.settle(ann, charge, statement, after=0)
    assert rows.charges(ann) == [charge]
    assert [each.statement for each in rows.of(ann)] == [statement]


READS: list[tuple[Callable[[DatabaseJournal], object], object]] = [
    (lambda journal: [number for number, _, _ in journal.read(ACCOUNT.id)], [1]),
    (lambda journal: journal.snapshot(ACCOUNT.id), None),
    (lambda journal: len(journal.intents(ACCOUNT.id)), 1),
    (lambda journal: len(journal.traded()), 1),
    (lambda journal: journal.checkpoints(), []),
    (lambda journal: DatabasePromotions(journal._connection).last(), 0),
    (lambda journal: DatabaseSuspensions(journal._connection).all(0), []),
]


@pytest.mark.parametrize(("read", "found"), READS)
def test_a_server_that_is_away_is_no_damaged_journal(
    place_far: Server, far: Connection, postgres: Postgres, read: Callable[[DatabaseJournal], object], found: object
) -> None:
    """It is asked once more, whoever's connection broke; where it stays away that is said, and nothing of a backup."""
    journal = DatabaseJournal(far)
    journal.write(record(1))
    postgres.cut_off(place_far)
    assert read(journal) == found
    postgres.cut_off(place_far)
    with pytest.raises(OperationalError, match="terminating connection"):
        DatabaseBooks(far).last_event(ACCOUNT.id)
    assert read(journal) == found
    name = postgres.name(place_far)
    postgres.run(f"alter database {name} allow_connections false")
    postgres.cut_off(place_far)
    for _ in range(2):
        with pytest.raises(StoreUnusable, match="not currently accepting connections"):
            read(journal)
    postgres.run(f"alter database {name} allow_connections true")
    assert read(journal) == found


def test_a_server_that_lets_us_wait_is_left_alone_for_a_while(far: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each read would hold up the streams, the exits and the next read."""
    monkeypatch.setattr(remembered, "LONG_MS", -1)
    monkeypatch.setattr(remembered, "PATIENCE", 10**9)
    monkeypatch.setattr(remembered, "_away_until_ms", {})
    asked = list[int]()

    def silent() -> int:
        asked.append(1)
        sleep(0.005)
        raise OperationalError("select 1", None, Exception("timeout expired"))

    with pytest.raises(StoreUnusable, match="timeout expired"):
        remembered.asked_again(far, silent)
    for _ in range(2):
        with pytest.raises(StoreUnusable, match="asked again in a moment"):
            remembered.asked_again(far, silent)
    assert asked == [1]
    monkeypatch.setattr(remembered, "_away_until_ms", {})
    assert remembered.asked_again(far, lambda: 7) == 7


def test_a_write_after_a_read_that_broke_goes_over_a_new_connection(far: Connection, postgres: Postgres) -> None:
    """Whoever read was told, and left his transaction as it was."""
    journal, risk, lists = DatabaseJournal(far), DatabaseRisk(far), DatabaseSuspensions(far)
    writes: list[Callable[[], object]] = [
        lambda: journal.write(record(1)),
        lambda: risk.all_resumed(["platform"]),
        lambda: lists.lift(SuspendedKind.MARKET, BTC.id),
    ]
    for write in writes:
        (pid,) = far.exec_driver_sql("select pg_backend_pid()").one()
        far.rollback()
        postgres.run(f"select pg_terminate_backend({pid}, 5000)")
        with pytest.raises(OperationalError, match="terminating connection"):
            DatabaseBooks(far).last_event(ACCOUNT.id)
        write()
    assert [number for number, _, _ in journal.read(ACCOUNT.id)] == [1]


def test_a_full_disk_is_named_and_nothing_is_half_written(embedded: Connection) -> None:
    connection = embedded
    journal = DatabaseJournal(connection)
    pages = connection.exec_driver_sql("pragma page_count").scalar()
    connection.exec_driver_sql(f"pragma max_page_count = {pages}")
    connection.rollback()
    written = 0

    def write_on() -> None:
        nonlocal written
        while written < 10_000:
            written += 1
            journal.write(record(written))

    with pytest.raises(StoreUnusable, match="disk"):
        write_on()
    assert counts(connection)[0] == written - 1
    with pytest.raises(StoreUnusable):
        save(journal, bytes(100_000))
    connection.exec_driver_sql("pragma max_page_count = 1000000")
    connection.rollback()
    journal.write(record(written))
    assert [number for number, _, _ in journal.read(ACCOUNT.id)] == list(range(1, written + 1))


def save(journal: DatabaseJournal, state: bytes) -> Checkpoint:
    """One checkpoint."""
    checkpoint = Checkpoint(strategy_id=StrategyId("s"), market=BTC.id, time_ms=MINUTE_MS, close=0.1 + 0.2, state=state)
    journal.save_checkpoints([checkpoint])
    return checkpoint


def test_a_checkpoint_replaces_the_one_before_to_the_bit(connection: Connection) -> None:
    journal = DatabaseJournal(connection)
    save(journal, b"old")
    new = save(journal, bytes(range(256)))
    assert journal.checkpoints() == [new]
    journal.save_checkpoints([])
    assert journal.checkpoints() == [new]


def test_an_event_of_a_newer_version_stops_its_account(connection: Connection) -> None:
    journal = DatabaseJournal(connection)
    journal.write(record())
    by_sql(connection, "update event set schema = 99")
    with pytest.raises(UnknownEvent, match="upgrade"):
        list(journal.read(ACCOUNT.id))


@pytest.mark.parametrize(("sync", "level"), [("FULL", 2), ("NORMAL", 1)])
def test_the_store_syncs_as_it_is_told(tmp_path: Path, sync: Sync, level: int) -> None:
    """FULL, the default, survives a power cut; both write ahead, and foreign keys are held."""
    opened = open_store(tmp_path / "t.sqlite", sync)
    assert opened.exec_driver_sql("pragma synchronous").scalar() == level
    assert opened.exec_driver_sql("pragma journal_mode").scalar() == "wal"
    assert opened.exec_driver_sql("pragma foreign_keys").scalar() == 1
    dispose(opened)
    opened = open_store(tmp_path / "other.sqlite")
    assert opened.exec_driver_sql("pragma synchronous").scalar() == 2
    dispose(opened)


def test_a_store_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    """A file that is no database, and a folder that is not there."""
    (tmp_path / "t.sqlite").write_bytes(os.urandom(8192))
    with pytest.raises(StoreUnusable, match="not a database"):
        open_store(tmp_path / "t.sqlite")
    with pytest.raises(StoreUnusable, match="unable to open"):
        open_store(tmp_path / "nowhere" / "t.sqlite")


def test_a_store_of_a_newer_version_is_left_alone(place: Place) -> None:
    opened = open_store(place)
    opened.exec_driver_sql("update alembic_version set version_num = '9999'")
    opened.commit()
    dispose(opened)
    with pytest.raises(StoreTooNew, match="upgrade"):
        open_store(place)


def test_money_is_text_in_the_store(connection: Connection) -> None:
    """No float touches it, however small."""
    filled = fill(price=Decimal("0.01"), quantity=Decimal("0.00001"), fee=Decimal("1e-8"))
    DatabaseJournal(connection).write(record(entries=[fill_entry(filled, BTC)]))
    [text] = connection.exec_driver_sql("select transfers from ledger_entry").scalars()
    assert [row[3] for row in transfers_in(text)] == ["0.00001", "0.00000010", "0.00000001"]
