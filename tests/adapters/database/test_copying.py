"""Stores copied, moved and put aside, from each kind to each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, update

from tests.postgres_kit import Postgres
from tests.store_rows import fill, row_of
from tradepool.adapters.database import copying, tables
from tradepool.adapters.database.aside import put_aside, replace
from tradepool.adapters.database.backup import back_up, install, unpack
from tradepool.adapters.database.copying import CopyDiffers, NotEmpty, balances, copy_rows, fingerprint, held
from tradepool.adapters.database.engine import dispose, open_store, transaction
from tradepool.adapters.database.place import Place
from tradepool.adapters.database.tables import METADATA


@pytest.fixture
def full(place: Place) -> Iterator[Connection]:
    """A store of either kind with rows in every table."""
    connection = open_store(place, "NORMAL")
    fill(connection)
    yield connection
    dispose(connection)


@pytest.fixture(params=["sqlite", "postgresql"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A second place, of either kind."""
    if request.param == "sqlite":
        yield tmp_path / "other.sqlite"
        return
    server: Postgres = request.getfixturevalue("postgres")
    made = server.new()
    yield made
    server.drop(made)


def said(connection: Connection) -> list[copying.Fingerprint]:
    """What all tables say."""
    found = [fingerprint(connection, table) for table in METADATA.sorted_tables]
    connection.rollback()
    return found


def test_a_copy_says_the_same_and_goes_on(full: Connection, other: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """From each kind to each kind, in chunks of one row, and numbers that the database gives go on where they were."""
    monkeypatch.setattr(copying, "CHUNK", 1)
    heard: list[tuple[str, int]] = []
    target = open_store(other, "NORMAL")
    with held(full), transaction(target):
        copy_rows(full, target, lambda table, rows: heard.append((table, rows)))
    assert said(target) == said(full)
    assert [rows for table, rows in heard if table == "event"] == [1, 2]
    assert all(each.rows for each in said(target))
    assert set(balances(target).values()) == {12.5, -12.5}
    values = {name: value for name, value in row_of(tables.trade, "cara").items() if name != "id"}
    target.execute(insert(tables.trade).values(values))
    assert target.execute(select(tables.trade.c.id)).scalars().all() == [1, 2, 3]
    with pytest.raises(NotEmpty, match=r"2 rows of .* already"):
        copy_rows(full, target)
    dispose(target)


def test_a_copy_that_differs_is_noticed_by_its_table(full: Connection, other: Place) -> None:
    target = open_store(other, "NORMAL")
    copy_rows(full, target)
    target.execute(update(tables.snapshot).where(tables.snapshot.c.account == "ann-main").values(body="x"))
    with pytest.raises(CopyDiffers, match=r"table snapshot .2 and 2 rows"):
        copying.refuse_unless_same(full, target)
    dispose(target)


def test_a_backup_of_either_kind_is_put_back_in_either(
    full: Connection, place: Place, other: Place, tmp_path: Path
) -> None:
    """While it is written to; what was there is put aside and can be put back."""
    before = said(full)
    full.execute(update(tables.halt).values(reason="not committed"))
    copy, new = tmp_path / "copy", tmp_path / "new.sqlite"
    back_up(place, copy)
    full.rollback()
    old = open_store(other, "NORMAL")
    fill(old, ["cara"])
    was = said(old)
    dispose(old)
    unpack(copy, new)
    assert "7" in install(new, other, "replaced-7")
    found = open_store(other, "NORMAL")
    assert said(found) == before
    dispose(found)
    aside = tmp_path / "replaced-7.sqlite" if isinstance(other, Path) else other.with_schema("tradepool_replaced_7")
    replace(other, aside, "replaced-8")
    back = open_store(other, "NORMAL")
    assert said(back) == was
    dispose(back)


def test_what_is_put_aside_leaves_an_empty_place(place: Place) -> None:
    connection = open_store(place, "NORMAL")
    fill(connection)
    dispose(connection)
    put_aside(place, "tradepool-old-World")
    connection = open_store(place, "NORMAL")
    assert not any(each.rows for each in said(connection))
    dispose(connection)
