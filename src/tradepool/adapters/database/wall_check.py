"""Whether every table of a server still stands behind its wall: somebody may have dropped it, or made a table beside us.

What the server's catalogue says of each is compared with the same wall built anew, around an empty twin that nobody else
sees: so it is the server that reads both. A file's stand in each connection, and nobody can have dropped them.
"""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tradepool.adapters.database.engine import StoreUnusable, place_of, reason_of, transaction
from tradepool.adapters.database.place import Server
from tradepool.adapters.database.postgres import build_walls
from tradepool.adapters.database.tables import METADATA
from tradepool.domain.errors import TradepoolError

_REAL, _TWIN = "to_regnamespace(current_schema())", "pg_my_temp_schema()"
_BUILT = """
    select c.relname, c.relrowsecurity, c.relforcerowsecurity, p.polname, p.polcmd, p.polpermissive, p.polroles::text,
        pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid)
    from pg_class c left join pg_policy p on p.polrelid = c.oid where c.relkind = 'r' and c.relnamespace = {of}
"""
_POLICIES = "select tablename, policyname from pg_policies where schemaname = current_schema()"
Wall = frozenset[tuple[object, ...]]


class WallGone(TradepoolError):
    """In {place}, what keeps users' rows apart (row-level security) is gone from {tables}, or is another one; find out who did that, and run tradepool store migrate, which builds it anew."""


def unwalled(connection: Connection) -> list[str]:
    """The tables whose wall is not the one that `walls` declares; ends the transaction. StoreUnusable."""
    if not isinstance(place_of(connection), Server):
        return []
    connection.rollback()
    try:
        # Read before there are twins, which would hide the tables that conditions speak of.
        real = _built(connection, _REAL)
        for name in METADATA.tables:
            connection.exec_driver_sql(f'create temp table "{name}" (like "{name}")')
        build_walls(connection, METADATA)
        wanted = _built(connection, _TWIN)
    except DBAPIError as error:
        raise StoreUnusable(path=place_of(connection), why=reason_of(error)) from error
    finally:
        connection.rollback()
    return sorted(name for name, wall in wanted.items() if real.get(name) != wall)


def refuse_unwalled(connection: Connection) -> None:
    """Raise WallGone where a table has not its wall."""
    if tables := unwalled(connection):
        raise WallGone(place=place_of(connection), tables=", ".join(tables))


def walled_anew(connection: Connection) -> list[str]:
    """Build all walls anew where one is missing; of which tables it was. StoreUnusable."""
    if tables := unwalled(connection):
        with transaction(connection):
            # One that is none of ours would stay, and let through what it likes.
            for table, policy in connection.exec_driver_sql(_POLICIES).all():
                connection.exec_driver_sql(f'drop policy "{policy}" on "{table}"')
            build_walls(connection, METADATA)
    return tables


def _built(connection: Connection, of: str) -> dict[str, Wall]:
    found = dict[str, set[tuple[object, ...]]]()
    for name, *wall in connection.execute(text(_BUILT.format(of=of))):
        found.setdefault(name, set()).add(tuple(wall))
    return {name: frozenset(wall) for name, wall in found.items()}
