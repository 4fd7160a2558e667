"""Tables of people: the register (users, accounts, mandates, each change a row of its own) and invitations to it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, UniqueConstraint

from tradepool.adapters.database.tables import METADATA

# SQLite's strict tables know one kind of whole number.
MS = BigInteger().with_variant(Integer(), "sqlite")

register = Table(
    "register",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("thing", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("user", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("time_ms", MS, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # What chains it to the version before, whosever that is (`chain`).
    Column("digest", Text, nullable=False),
    UniqueConstraint("thing", "name", "version"),
    Index("register_of_user", "user"),
    sqlite_strict=True,
)

invitation = Table(
    "invitation",
    METADATA,
    Column("user", Text, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("expires_ms", MS, nullable=False),
    sqlite_strict=True,
)
