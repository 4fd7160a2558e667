"""Whose each row is: one line a table, and behind the code a wall that holds it.

The first wall is the code, which asks for one user's rows. The second one knows on whose behalf a connection asks (the
setting `tradepool.actor`) and shows it nothing else. On PostgreSQL it is the database's own (row-level security): no
setting, no rows. Around a SQLite file, which only its owner reads, it stands in each person's connection (`sqlite_walls`).
A table that is not named here is the platform's alone; a test names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Table

from tradepool.domain.actor import Actor
from tradepool.domain.charge import bill_of
from tradepool.domain.event import MandateChanged
from tradepool.domain.ids import UserId

SETTING = "tradepool.actor"
ALL = "all"
_WHO = f"coalesce(current_setting('{SETTING}', true), '')"


@dataclass(frozen=True, slots=True)
class Wall:
    """SQL conditions of the rows that a person sees, of those that he may write (his own, none but his own), and of those that
    he may add and then neither change nor remove."""

    reads: str
    writes: str = "false"
    adds: str = "false"


def _user(column: str) -> str:
    return f"'user:' || \"{column}\" = {_WHO}"


def _own(condition: str) -> Wall:
    return Wall(condition, condition)


def _through(column: str, table: str) -> Wall:
    """Rows of things that are in a table which is behind a wall itself."""
    return _own(f'"{column}" IN (SELECT id FROM "{table}")')


OF_USER, OF_ACCOUNT = _own(_user("user")), _through("account", "account")
_SOMEBODY = f"{_WHO} <> ''"
# What is the same for all may be read by all, on nobody's behalf by none.
SHARED = Wall(_SOMEBODY)
HOUSE = Wall("false")
# A user's bill is no account of the venue's. He reads it, and the house writes it.
OF_BOOKS = Wall(
    f"{OF_ACCOUNT.reads} OR \"account\" = replace({_WHO}, 'user:', '{bill_of(UserId(''))}')", OF_ACCOUNT.writes
)
# Of a mandate that his books were ever given, whether a command added it or a section of the file.
GIVEN = 'CASE WHEN "body" IS JSON THEN CAST("body" AS json) #>> \'{mandate,id}\' END'
OF_GIVEN = Wall(f'"mandate" IN (SELECT {GIVEN} FROM "event" WHERE "kind" = \'{MandateChanged.__name__}\')')

# Walls are built by migrations: one that is changed here needs one of its own.
WALLS: Mapping[str, Wall] = {
    "user": _own(_user("id")),
    "account": OF_USER,
    "mandate": OF_ACCOUNT,
    "event": OF_BOOKS,
    "snapshot": OF_ACCOUNT,
    "order_intent": OF_ACCOUNT,
    "ledger_entry": OF_BOOKS,
    "trade": OF_ACCOUNT,
    "refusal": OF_ACCOUNT,
    "checkpoint": SHARED,
    "deployment": SHARED,
    # What keeps everybody from entering may be read by all; whoever burns his key halts himself.
    "halt": Wall(f"{_WHO} <> '' AND (\"kind\" <> 'user' OR {_user('name')})", f"\"kind\" = 'user' AND {_user('name')}"),
    # What a person did himself, and when the platform traded; nobody writes in another's name.
    "audit": Wall(f"{_user('by')} OR ({_SOMEBODY} AND \"what\" IN ('start', 'stop'))", _user("by")),
    "data_key": OF_USER,
    "secret": OF_USER,
    "settlement": OF_USER,
    "risk_setting": Wall(
        f"{_WHO} <> '' AND \"key\" LIKE 'platform.%' OR starts_with(\"key\", replace({_WHO}, ':', '.') || '.')"
    ),
    "risk_trip": OF_USER,
    "risk_peak": OF_ACCOUNT,
    "risk_resumed": HOUSE,
    "suspension": SHARED,
    "promotion": OF_GIVEN,
    "register": OF_USER,
    "invitation": OF_USER,
    # Whoever asks first writes down what the venue says.
    "recorded_price": Wall(_SOMEBODY, adds=_SOMEBODY),
    # A key is looked at before its account is traded.
    "key_look": _own(f'{OF_ACCOUNT.reads} OR "account" IN (SELECT "account" FROM "secret")'),
    "pool_consent": OF_USER,
    "pooled_trade": OF_USER,
    # Who withdraws buries his ids among all others.
    "pool_tombstone": Wall("false", adds=_SOMEBODY),
    "pool_secret": HOUSE,
}


def setting_of(actor: Actor) -> str:
    """What `tradepool.actor` says for an actor; whoever sees all rows passes all walls."""
    return ALL if actor.sees_all else f"user:{actor.user}"


def statements(table: Table) -> Iterator[str]:
    """SQL that builds a table's wall anew, for its owner too (FORCE): the role that trades also made the tables."""
    wall, name = WALLS.get(table.name, HOUSE), f'"{table.name}"'
    yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"
    policies = {"house": f"USING ({_WHO} = '{ALL}')"}
    policies |= {"seen": f"FOR SELECT USING ({wall.reads})", "own": f"USING ({wall.writes})"}
    policies["added"] = f"FOR INSERT WITH CHECK ({wall.adds})"
    for policy, rule in policies.items():
        yield f"DROP POLICY IF EXISTS {policy} ON {name}"
        yield f"CREATE POLICY {policy} ON {name} {rule}"
