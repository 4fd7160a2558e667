"""What gives rights and money is a chain of its own: a row that somebody wrote past us is named, and carried nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from tests.postgres_kit import Postgres
from tests.tampering import by_sql
from tradepool.adapters.database import engine
from tradepool.adapters.database.carry import carry_newer, carry_settings, decided_in
from tradepool.adapters.database.copying import copy_rows, held
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import dispose, open_store, transaction
from tradepool.adapters.database.place import Place
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.database.register import DatabaseRegister
from tradepool.adapters.database.verify import heads, not_as_noted, verify_books
from tradepool.domain.actor import Actor
from tradepool.domain.deployment import Deployment, Kind, Mode, Promotion
from tradepool.domain.ids import MandateId, StrategyId, UserId
from tradepool.domain.register import Entry, Thing
from tradepool.domain.user import Role, Status

MINE = Deployment(id="simaaaaa", kind=Kind.PRACTICE)
ANN = Entry(
    thing=Thing.USER,
    name="ann",
    version=1,
    user=UserId("ann"),
    status=Status.ACTIVE,
    body='{"role": "user"}',
    time_ms=1,
    by="eva",
    reason="",
)


@pytest.fixture(params=["file", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where the books are: an empty store."""
    if request.param == "file":
        return tmp_path / "t.sqlite"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new()


@pytest.fixture
def connection(place: Place) -> Iterator[Connection]:
    """Two people, the first one paused since, and how far a mandate of theirs went."""
    opened = open_store(place, "NORMAL")
    DatabaseDeployment(opened, MINE)
    decide(opened)
    yield opened
    dispose(opened)


def decide(connection: Connection) -> None:
    """Ann comes, Ben comes, Ann is paused; her mandate is watched, and goes one step on."""
    register = DatabaseRegister(connection)
    ben = UserId("ben")
    for entry in (ANN, replace(ANN, name=ben, user=ben), replace(ANN, version=2, status=Status.PAUSED, time_ms=2)):
        register.write(entry)
    for time_ms, before, after in ((3, Mode.SHADOW, Mode.SHADOW), (4, Mode.SHADOW, Mode.CANARY)):
        DatabasePromotions(connection).promote(
            Promotion(
                time_ms=time_ms,
                by="eva",
                mandate=MandateId("ann-1"),
                strategy_id=StrategyId("cross"),
                before=before,
                after=after,
                reason="",
            )
        )


def said(connection: Connection) -> list[str]:
    """The faults as sentences."""
    return [f"{fault.table} {fault.row} {fault.why.partition(':')[0]}" for fault in verify_books(connection)]


def test_what_nobody_touched_is_whole(connection: Connection) -> None:
    assert said(connection) == []
    links = heads(connection, [], audit=True)
    lengths = {head.chain: head.length for head in links}
    assert (lengths["the register"], lengths["the promotions"]) == (3, 2)
    assert not_as_noted(connection, links) == []
    by_sql(
        connection,
        "delete from register where id = 3",
        "delete from promotion where id = 2",
        "update deployment set registered = 2, promoted = 1",
    )
    assert said(connection) == []
    assert [fault.table for fault in not_as_noted(connection, links)] == ["register", "promotion"]


COLUMNS = 'thing, name, version, "user", status, body, time_ms, "by", reason, digest'
WROTE = "ann, version 2, by eva"
STEP = "'ann-1', 'cross', 'canary', 'live', '', 'abc'"
EDITS = {
    "a promotion": (
        "update promotion set after = 'live' where id = 2",
        ["promotion 2 (ann-1 to live by eva) does not follow"],
    ),
    "whose strategy it was": (
        "update promotion set strategy_id = 'other' where id = 1",
        ["promotion 1 (ann-1 to shadow by eva) does not follow"],
    ),
    "a promotion comes": (
        f"insert into promotion values (3, 9, 'ann', {STEP})",
        ["promotion 3 (ann-1 to live by ann) does not follow"],
    ),
    "a promotion comes far behind": (
        f"insert into promotion values (9, 9, 'ann', {STEP})",
        ["promotion 3 to 8 is not there"],
    ),
    "the last promotion goes": ("delete from promotion where id = 2", ["promotion 2 is not there"]),
    "a role": (
        """update register set body = '{"role": "operator"}' where id = 1""",
        ["register 1 (user ann, version 1, by eva) does not follow"],
    ),
    "whose it is": (
        """update register set "user" = 'ben' where id = 3""",
        [f"register 3 (user {WROTE}) does not follow"],
    ),
    "a pause": ("update register set status = 'active' where id = 3", [f"register 3 (user {WROTE}) does not follow"]),
    "the pause goes": ("delete from register where id = 3", ["register 3 is not there"]),
    "one between goes": ("delete from register where id = 2", ["register 2 is not there"]),
    "which is the newest": (
        "update register set id = -id",
        [
            f"register -3 (user {WROTE}) does not follow",
            "register -2 (user ben, version 1, by eva) does not follow",
            "register -1 (user ann, version 1, by eva) does not follow",
            "register 1 to 3 is not there",
        ],
    ),
    "one comes": (
        f"insert into register (id, {COLUMNS}) select 4, thing, name, 3, \"user\", 'active', body, 9, 'ann', '', digest "
        "from register where id = 3",
        ["register 4 (user ann, version 3, by ann) does not follow"],
    ),
    "one comes first": (
        f"insert into register (id, {COLUMNS}) select -7, thing, 'eve', 1, 'eve', status, body, 9, 'eve', '', digest "
        "from register where id = 1",
        ["register -7 (user eve, version 1, by eve) does not follow"],
    ),
    "one comes far behind": (
        f"insert into register (id, {COLUMNS}) select 9, thing, 'eve', 1, 'eve', status, body, 9, 'eve', '', digest "
        "from register where id = 1",
        ["register 4 to 8 is not there"],
    ),
}


@pytest.mark.parametrize("place", ["file"], indirect=True)
@pytest.mark.parametrize("kind", EDITS)
def test_what_was_decided_by_sql_is_named_and_is_in_no_other_books(
    connection: Connection, tmp_path: Path, kind: str
) -> None:
    """Neither in a backup that is restored nor in books that begin anew: there it would be a sound link."""
    statement, wanted = EDITS[kind]
    by_sql(connection, statement)
    assert said(connection) == wanted
    for name, carry in (("restored", carry_newer), ("anew", carry_settings)):
        other = open_store(tmp_path / f"{name}.sqlite", "NORMAL")
        DatabaseDeployment(other, MINE)
        if name == "restored":
            decide(other)
        carry(other, decided_in(connection))
        assert said(other) == []
        newest = {entry.name: entry for entry in DatabaseRegister(other).newest()}
        assert "eve" not in newest
        modes = [each.after for each in DatabasePromotions(other).of(MandateId("ann-1"))]
        assert modes in ([Mode.SHADOW, Mode.CANARY], [Mode.SHADOW], [Mode.CANARY])
        assert name == "anew" or modes == [Mode.SHADOW, Mode.CANARY]
        assert all(entry.body == ANN.body for entry in newest.values())
        if name == "restored":
            assert newest["ann"].status is Status.PAUSED
        dispose(other)


def test_on_a_server_a_role_that_was_edited_is_named(connection: Connection) -> None:
    statement, wanted = EDITS["a role"]
    by_sql(connection, statement)
    assert said(connection) == wanted


def test_who_is_not_of_the_house_adds_a_link_to_the_chain_of_all(connection: Connection, place: Place) -> None:
    """He sees his own rows alone; the database looks for the last link itself, and nobody's removed row gives its number away."""
    anns = open_store(place, "NORMAL", Actor(UserId("ann"), Role.USER))
    mine = replace(ANN, thing=Thing.MANDATE, name="ann-1", by="ann")
    DatabaseRegister(anns).write(mine)
    assert said(connection) == []
    connection.rollback()
    by_sql(connection, "delete from register where id = 4")
    DatabaseRegister(anns).write(replace(mine, version=2))
    assert said(connection) == ["register 4 is not there"]
    dispose(anns)


def test_a_whole_store_is_moved_with_its_links(connection: Connection, tmp_path: Path) -> None:
    other = open_store(tmp_path / "other.sqlite", "NORMAL")
    with held(connection), transaction(other):
        copy_rows(connection, other)
    assert heads(other, [], audit=True) == heads(connection, [], audit=True)
    DatabaseRegister(other).write(replace(ANN, version=3))
    assert said(other) == []
    dispose(other)


def test_both_histories_of_a_thing_go_on_in_a_restored_copy(tmp_path: Path) -> None:
    """The copy is of other books than those it replaces: what was decided there last holds."""
    live, copy = (open_store(tmp_path / f"{name}.sqlite", "NORMAL") for name in ("live", "copy"))
    for connection, status in ((live, Status.PAUSED), (copy, Status.CLOSED)):
        DatabaseDeployment(connection, MINE)
        DatabaseRegister(connection).write(ANN)
        DatabaseRegister(connection).write(replace(ANN, version=2, status=status))
    carry_newer(copy, decided_in(live))
    found = DatabaseRegister(copy).versions(Thing.USER, "ann")
    assert [(each.version, each.status) for each in found] == [
        (1, Status.ACTIVE),
        (2, Status.CLOSED),
        (3, Status.PAUSED),
    ]
    assert said(copy) == []
    for connection in (live, copy):
        dispose(connection)


def test_versions_from_before_there_was_a_chain_are_chained_as_they_stand(connection: Connection, place: Place) -> None:
    """Down to the schema before, with a hole that a failed write left, and up again: none is called wrong."""
    links, before = heads(connection, [], audit=True), DatabaseRegister(connection).newest()
    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.downgrade(config, str(ScriptDirectory.from_config(config).get_revision("0016").down_revision))
    connection.exec_driver_sql("update register set id = id + 10 where id > 1")
    connection.exec_driver_sql("update promotion set id = id + 10 where id > 1")
    connection.commit()
    again = open_store(place, "NORMAL")
    assert heads(again, [], audit=True) == links
    assert (DatabaseRegister(again).newest(), said(again)) == (before, [])
    DatabaseRegister(again).write(replace(ANN, version=3))
    assert said(again) == []
    dispose(again)
