"""Where a store is: a file, or a database on a PostgreSQL server, by an URL that holds no secret. Nothing is opened here."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tradepool.domain.errors import InvalidInput

SCHEMA = "tradepool"
FILE, FILE_NAME = "sqlite", "tradepool.sqlite"
SCHEMES = ("postgresql", "postgres")
_SCHEMA_NAME = re.compile(r"[a-z0-9_]{1,60}")


class NotAPlace(InvalidInput):
    """The database {url} can't be used: {why}; write sqlite, or an URL such as postgresql://role@host:5432/name."""


@dataclass(frozen=True, slots=True)
class Server:
    """A database on a server, and the schema there that is a deployment's.

    The password comes to libpq as it always does: PGPASSWORD, PGPASSFILE, ~/.pgpass, or `?passfile=...` in the URL.

    >>> str(Server("postgresql://trader@db.example/books"))
    'postgresql://trader@db.example/books'
    """

    url: str
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        """Raise NotAPlace for an URL that can't be meant."""
        assert _SCHEMA_NAME.fullmatch(self.schema), self.schema
        parts = urlsplit(self.url)
        if parts.password is not None or {"password", "sslpassword"} & set(parse_qs(parts.query)):
            why = "a password does not belong there (put it into the file that PGPASSFILE names)"
            raise NotAPlace(url=f"at {parts.hostname or 'the local socket'}", why=why)
        if parts.scheme not in SCHEMES or not parts.path.strip("/"):
            raise NotAPlace(url=self.url, why="it names no database of a PostgreSQL server")

    def __str__(self) -> str:
        """As it is said to people."""
        return self.url

    def exists(self) -> bool:
        """Its place is there; whether books are is told when it is opened."""
        return True

    def with_schema(self, schema: str) -> Server:
        """Another place in the same database."""
        return replace(self, schema=schema)


Place = Path | Server


def place_in(folder: Path, named: str) -> Place:
    """What a configuration means by `database`: `sqlite` is the file in the deployment's folder. Raises NotAPlace.

    >>> place_in(Path("d"), "sqlite")
    PosixPath('d/tradepool.sqlite')
    """
    return folder / FILE_NAME if named == FILE else Server(named)
