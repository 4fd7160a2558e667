"""On a server one process trades a deployment, wherever others are: who holds the connection, and nobody beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import OperationalError
from sqlalchemy import Connection

from tests.postgres_kit import Postgres
from tradepool.adapters.database import postgres as server_store
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import StoreUnusable, dispose, open_store
from tradepool.adapters.database.place import Server
from tradepool.adapters.database.postgres import TradedElsewhere
from tradepool.domain.deployment import Deployment, Kind

MINE = Deployment(id="simaaaaa", kind=Kind.PRACTICE)


@pytest.fixture
def server(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Server:
    """An empty store, for whose end nobody waits long."""
    monkeypatch.setattr(server_store, "LOCK_S", 1)
    return postgres.new()


@pytest.fixture
def first(server: Server) -> Iterator[Connection]:
    """Of who trades."""
    opened = open_store(server, alone=MINE.id)
    DatabaseDeployment(opened, MINE)
    yield opened
    dispose(opened)


def test_a_second_process_is_refused_until_the_first_has_ended(server: Server, first: Connection) -> None:
    """Commands beside it, and other deployments, are not."""
    with pytest.raises(TradedElsewhere, match="run tradepool stop there first"):
        open_store(server, alone=MINE.id)
    dispose(open_store(server))
    dispose(open_store(server, alone="simbbbbb"))
    dispose(first)
    dispose(open_store(server, alone=MINE.id))


def test_who_was_cut_off_writes_nothing_while_another_trades(
    postgres: Postgres, server: Server, first: Connection
) -> None:
    """It goes on when the other one is gone."""
    rows = DatabaseDeployment(first, MINE)
    rows.enter("one")
    postgres.cut_off(server)
    second = open_store(server, alone=MINE.id)
    for _ in range(3):
        with pytest.raises(StoreUnusable):
            rows.enter("two")
    assert DatabaseDeployment(second, MINE).world == "one"
    dispose(second)
    rows.enter("three")
    assert rows.world == "three"


def test_a_connection_of_its_own_that_still_stands_at_the_server_refuses_nobody(first: Connection) -> None:
    """The client knew first that it had broken; the server would hold the lock for a minute."""
    stands = first.connection.driver_connection
    first.detach()
    again = first.engine.connect()
    assert again.exec_driver_sql("select 1").scalar_one() == 1
    assert stands is not None
    with pytest.raises(OperationalError):
        stands.cursor().execute("select 1")
    again.close()
