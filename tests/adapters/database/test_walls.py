"""A user's connection sees and changes its own rows only, on a server and around a file; and, on a server: no actor, no rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import Connection, Table, insert, select, update
from sqlalchemy.exc import DBAPIError

from tests.postgres_kit import Postgres
from tests.store_rows import USERS, fill, row_of
from tradepool.adapters.database import tables
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.chain import audited
from tradepool.adapters.database.copying import count_on
from tradepool.adapters.database.engine import actor_of, dispose, open_store, place_of
from tradepool.adapters.database.place import Place, Server
from tradepool.adapters.database.pool import Consent, DatabasePool
from tradepool.adapters.database.postgres import NoWall
from tradepool.adapters.database.prices import DatabasePrices
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.database.tables import METADATA
from tradepool.adapters.database.wall_check import WallGone, refuse_unwalled, unwalled, walled_anew
from tradepool.adapters.database.walls import HOUSE, SHARED, WALLS
from tradepool.core.commission.recorded import Recorded
from tradepool.domain.actor import PLATFORM, Actor
from tradepool.domain.charge import bill_of
from tradepool.domain.deed import Deed
from tradepool.domain.ids import AccountId, MandateId, MarketId, UserId
from tradepool.domain.user import Role

ANN = Actor(UserId("ann"), Role.USER)


def filled(place: Place) -> Place:
    """A store that holds rows of Ann and Bob in every table."""
    connection = open_store(place, "NORMAL")
    fill(connection)
    for table in METADATA.sorted_tables:
        count_on(connection, table)
    connection.commit()
    dispose(connection)
    return place


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Iterator[Server]:
    """Rows of both on a server."""
    made = postgres.new()
    filled(made)
    yield made
    postgres.drop(made)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Rows of both in a file."""
    return filled(tmp_path_factory.mktemp("walls") / "t.sqlite")


@pytest.fixture(params=["file", "server"])
def store(request: pytest.FixtureRequest) -> Place:
    """Either."""
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def anns(store: Place) -> Iterator[Connection]:
    """Ann's connection."""
    connection = open_store(store, "NORMAL", ANN)
    yield connection
    dispose(connection)


@pytest.fixture
def annas(server: Server) -> Iterator[Connection]:
    """Ann's connection to the server."""
    connection = open_store(server, "NORMAL", ANN)
    yield connection
    dispose(connection)


def seen(connection: Connection, table: Table) -> list[str]:
    """The rows, as text."""
    return [repr(tuple(row)) for row in connection.execute(select(table))]


def test_every_table_says_whose_its_rows_are(file: Place) -> None:
    """Whoever adds a table adds a line to `walls.WALLS`; until then its rows are the platform's alone."""
    dispose(open_store(file))  # all tables are known then
    assert {table.name for table in METADATA.sorted_tables} - set(WALLS) == set()


def test_without_an_actor_there_are_no_rows(server: Server) -> None:
    """Not even in tables that everybody may read, and not for the owner of the tables."""
    parts = urlsplit(server.url)
    folder = parts.query.removeprefix("host=")
    with psycopg.connect(host=folder, user=parts.username, dbname=parts.path[1:]) as raw:
        raw.execute(f"set search_path to {server.schema}")
        # What else there is says which schema this is.
        there = raw.execute("select table_name from information_schema.tables where table_schema = current_schema()")
        assert {name for (name,) in there} == {table.name for table in METADATA.sorted_tables} | {"alembic_version"}
        for table in METADATA.sorted_tables:
            (count,) = raw.execute(f'select count(*) from "{table.name}"').fetchone() or (None,)
            assert count == 0, table.name
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"), raw.transaction():
                raw.execute(f'insert into "{table.name}" default values')


def test_a_user_sees_no_row_of_another(anns: Connection) -> None:
    assert actor_of(anns) == ANN
    for table in METADATA.sorted_tables:
        rows, wall = seen(anns, table), WALLS.get(table.name, HOUSE)
        if wall.reads == HOUSE.reads:
            assert rows == [], table.name
        elif wall.reads != SHARED.reads:
            assert rows, table.name
            assert not any("bob" in row for row in rows), table.name


def test_a_house_role_and_the_platform_see_all(store: Place) -> None:
    for actor in (PLATFORM, Actor(UserId("eva"), Role.OPERATOR)):
        connection = open_store(store, "NORMAL", actor)
        for table in METADATA.sorted_tables:
            users = USERS[:1] if table.name == "deployment" else USERS
            assert len(seen(connection, table)) == len(users), table.name
        dispose(connection)


def test_a_user_changes_no_row_of_another_and_none_that_are_shared(anns: Connection) -> None:
    for table in METADATA.sorted_tables:
        for column in [c for c in table.c if not c.primary_key and not c.foreign_keys][:1]:
            try:
                changed = anns.execute(update(table).values({column: row_of(table, "cara")[column.name]})).rowcount
            except DBAPIError as error:
                # Her own row may not become another's, and what is only ever added changes for nobody.
                assert any(word in str(error) for word in ("row-level security", "only ever added")), error
                changed = 0
            assert changed <= (WALLS.get(table.name, HOUSE).writes != "false"), table.name
            anns.rollback()
        if WALLS.get(table.name, HOUSE).adds == "false":
            with pytest.raises(DBAPIError, match="row-level security"):
                anns.execute(insert(table).values(row_of(table, "cara")))
            anns.rollback()


def test_a_user_makes_no_row_of_another_her_own(anns: Connection) -> None:
    """Nobody else's is there to be changed, even into one that she might have."""
    assert anns.execute(update(tables.account).values(user="ann")).rowcount == 1
    anns.rollback()


def test_a_user_reads_the_bill_that_is_hers_and_writes_none(store: Place, anns: Connection) -> None:
    """It is no account of the venue's, and no row of `account` says whose it is."""
    house = open_store(store, "NORMAL")
    for user in USERS:
        bill = row_of(tables.event, user) | {"account": bill_of(UserId(user))}
        house.execute(insert(tables.event).values(bill))
    house.commit()
    dispose(house)
    ours = select(tables.event.c.account).where(tables.event.c.account.startswith("commission."))
    assert anns.execute(ours).scalars().all() == [bill_of(UserId("ann"))]
    with pytest.raises(DBAPIError, match="row-level security"):
        anns.execute(insert(tables.event).values(bill | {"account": bill_of(UserId("ann")), "sequence": 9}))
    anns.rollback()


def test_a_look_at_a_key_is_its_holders_before_anything_is_traded(anns: Connection) -> None:
    """The account has no row yet; another's has none of hers."""
    for table in ("secret", "key_look"):
        row = row_of(METADATA.tables[table], "ann") | {"account": "ann-new"}
        anns.execute(insert(METADATA.tables[table]).values(row))
    assert len(seen(anns, METADATA.tables["key_look"])) == 2
    with pytest.raises(DBAPIError, match="row-level security"):
        anns.execute(insert(METADATA.tables["key_look"]).values(row | {"account": "bob-new"}))
    anns.rollback()


def test_who_withdraws_buries_her_ids_and_sees_no_others(anns: Connection) -> None:
    """And prices that the venue was asked for are written down by whoever asked first."""
    rows = DatabasePool(anns)
    rows.say(Consent(user=UserId("ann"), time_ms=2, given=False, by="ann"))
    assert (rows.listed(), rows.tombstones()) == ([], set())
    minute = MarketId("binance:BTC/USDT"), 60_000
    DatabasePrices(anns).add({minute: Recorded(Decimal(9))})
    assert DatabasePrices(anns).of([minute]) == {minute: Recorded(Decimal(9))}


def test_a_user_audits_in_own_name_and_the_chain_goes_on_over_everybodys(anns: Connection) -> None:
    house = open_store(place_of(anns), "NORMAL")
    for what in ("start", "halt"):
        house.execute(audited(Deed(time_ms=1, by="eva", what=what, scope="platform", reason="")))
    house.commit()
    dispose(house)
    anns.execute(audited(Deed(time_ms=1, by="ann", what="pause", scope="mandate ann-first", reason="holiday")))
    # When the platform traded is no secret: without it, nobody could be told what his mandate missed.
    deeds = anns.execute(select(tables.audit.c.id, tables.audit.c.by).order_by(tables.audit.c.id)).all()
    assert deeds == [(1, "ann"), (3, "eva"), (5, "ann")]
    with pytest.raises(DBAPIError, match="row-level security"):
        anns.execute(audited(Deed(time_ms=1, by="bob", what="pause", scope="mandate bob-first", reason="fun")))
    anns.rollback()


def test_a_role_that_walls_do_not_hold_is_refused(postgres: Postgres, server: Server) -> None:
    with pytest.raises(NoWall, match="role postgres passes by row-level security"):
        open_store(postgres.server(postgres.name(server), role="postgres"))


def test_a_connection_that_breaks_asks_for_the_same_actor_again(annas: Connection, postgres: Postgres) -> None:
    """The next statement fails, the one after it finds a new connection, with the same wall."""
    (pid,) = annas.exec_driver_sql("select pg_backend_pid()").one()
    annas.rollback()
    postgres.run(f"select pg_terminate_backend({pid}, 5000)")
    with pytest.raises(DBAPIError):
        seen(annas, METADATA.tables["trade"])
    assert (place_of(annas), actor_of(annas)) == (place_of(annas), ANN)
    annas.rollback()
    rows = seen(annas, METADATA.tables["trade"])
    assert len(rows) == 1
    assert "ann" in rows[0]


def test_rungs_and_books_are_asked_again_after_a_connection_that_broke(annas: Connection, postgres: Postgres) -> None:
    """Each turn of the trading process reads them, and so does whoever looks for alarms."""
    rows, books = DatabasePromotions(annas), DatabaseBooks(annas)
    reads: list[tuple[Callable[[], object], object]] = [
        (rows.last, 1),
        (lambda: rows.of(MandateId("nobodys")), []),
        (lambda: list(books.transfers(AccountId("nobodys"))), []),
    ]
    for read, told in reads:
        (pid,) = annas.exec_driver_sql("select pg_backend_pid()").one()
        annas.rollback()
        postgres.run(f"select pg_terminate_backend({pid}, 5000)")
        assert read() == told
    # Somebody else's read found it broken first, and nobody rolled back.
    (pid,) = annas.exec_driver_sql("select pg_backend_pid()").one()
    postgres.run(f"select pg_terminate_backend({pid}, 5000)")
    with pytest.raises(DBAPIError):
        seen(annas, METADATA.tables["trade"])
    assert rows.last() == 1


@pytest.mark.parametrize(
    ("damage", "table"),
    [
        ("drop policy own on {trade}", "trade"),
        ("alter policy seen on {account} using (true)", "account"),
        ("alter policy seen on {promotion} to trader", "promotion"),
        ("create policy back_door on {ledger_entry} using (true)", "ledger_entry"),
        ("alter table {event} no force row level security", "event"),
        ("alter table {user} disable row level security", "user"),
        (
            "create table {kept} as select * from {trade}; drop table {trade}; alter table {kept} rename to trade",
            "trade",
        ),
    ],
)
def test_a_table_without_its_wall_is_named_refused_and_walled_anew(postgres: Postgres, damage: str, table: str) -> None:
    """Dropped, opened, added to, switched off, or a table that was made beside the migrations."""
    made = postgres.new()
    connection = open_store(made, "NORMAL")
    refuse_unwalled(connection)
    named = {name: f'"{name}"' for name in (*METADATA.tables, "kept")}
    for statement in damage.format_map(named).split(";"):
        connection.exec_driver_sql(statement)
    connection.commit()
    assert unwalled(connection) == [table]
    with pytest.raises(WallGone, match=f"is gone from {table}, or"):
        refuse_unwalled(connection)
    assert walled_anew(connection) == [table]
    assert walled_anew(connection) == []
    dispose(connection)
    postgres.drop(made)
