"""Whose each row is: one line a table, and on PostgreSQL a wall of the database's own behind it (row-level security).

The first wall is the code, which asks for one user's rows. The second one knows on whose behalf a connection asks (the
setting `tradepool.actor`) and shows it nothing else: no setting, no rows. SQLite has no such thing; there it is the file
that only its owner reads. A table that is not named here is the platform's alone; a test names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Table

from tradepool.domain.actor import Actor

SETTING = "tradepool.actor"
ALL = "all"
_WHO = f"coalesce(current_setting('{SETTING}', true), '')"


@dataclass(frozen=True, slots=True)
class Wall:
    """`own` is the SQL condition of the rows that are there for a person; he may change them only if `writes`."""

    own: str
    writes: bool = True


def _user(column: str) -> str:
    return f"'user:' || \"{column}\" = {_WHO}"


def _through(column: str, table: str) -> str:
    """Rows of a table that is behind a wall itself."""
    return f'"{column}" IN (SELECT id FROM "{table}")'


OF_USER, OF_ACCOUNT, OF_MANDATE = (
    Wall(_user("user")),
    Wall(_through("account", "account")),
    Wall(_through("mandate", "mandate")),
)
# What is the same for all may be read by all, on nobody's behalf by none.
SHARED = Wall(f"{_WHO} <> ''", writes=False)
HOUSE = Wall("false", writes=False)

WALLS: Mapping[str, Wall] = {
    "user": Wall(_user("id")),
    "account": OF_USER,
    "mandate": OF_ACCOUNT,
    "event": OF_ACCOUNT,
    "snapshot": OF_ACCOUNT,
    "order_intent": OF_ACCOUNT,
    "ledger_entry": OF_ACCOUNT,
    "transfer": OF_ACCOUNT,
    "trade": OF_ACCOUNT,
    "refusal": OF_ACCOUNT,
    "checkpoint": SHARED,
    "deployment": SHARED,
    # A user's own halts, and those that keep everybody from entering.
    "halt": Wall(f"{_WHO} <> '' AND (\"kind\" <> 'user' OR {_user('name')})", writes=False),
    # What a person did himself; nobody writes in another's name.
    "audit": Wall(_user("by")),
    "data_key": OF_USER,
    "secret": OF_USER,
    "settlement": OF_USER,
    "risk_setting": HOUSE,
    "risk_trip": OF_USER,
    "risk_peak": OF_ACCOUNT,
    "risk_resumed": HOUSE,
    "suspension": SHARED,
    "promotion": OF_MANDATE,
}


def setting_of(actor: Actor) -> str:
    """What `tradepool.actor` says for an actor; whoever sees all rows passes all walls."""
    return ALL if actor.sees_all else f"user:{actor.user}"


def statements(table: Table) -> Iterator[str]:
    """SQL that builds a table's wall anew, for its owner too (FORCE): the role that trades also made the tables."""
    wall, name = WALLS.get(table.name, HOUSE), f'"{table.name}"'
    yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"
    for policy in ("house", "own"):
        yield f"DROP POLICY IF EXISTS {policy} ON {name}"
    yield f"CREATE POLICY house ON {name} USING ({_WHO} = '{ALL}')"
    yield f"CREATE POLICY own ON {name} FOR {'ALL' if wall.writes else 'SELECT'} USING ({wall.own})"
