"""The tables of the trade pool's people: who consents, which trades of his were pooled, what was withdrawn, the secret.

The pool itself is a file that knows nothing of them (`adapters/pool_file`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text, UniqueConstraint

from tradepool.adapters.database.tables import METADATA

MS = BigInteger().with_variant(Integer(), "sqlite")

pool_consent = Table(
    "pool_consent",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("user", Text, nullable=False, index=True),
    Column("time_ms", MS, nullable=False),
    Column("given", Integer, nullable=False),
    Column("wording", Integer, nullable=False),
    Column("by", Text, nullable=False),
    sqlite_strict=True,
)

pooled_trade = Table(
    "pooled_trade",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("user", Text, nullable=False, index=True),
    Column("world", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("market", Text, nullable=False),
    Column("entry_ms", MS, nullable=False),
    Column("exit_ms", MS, nullable=False),
    UniqueConstraint("world", "account", "market", "entry_ms", "exit_ms"),
    sqlite_strict=True,
)

pool_tombstone = Table(
    "pool_tombstone",
    METADATA,
    Column("id", Text, primary_key=True),
    sqlite_strict=True,
)

pool_secret = Table(
    "pool_secret",
    METADATA,
    Column("user", Text, primary_key=True),
    Column("made_ms", MS, nullable=False),
    Column("master", Text, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    sqlite_strict=True,
)
