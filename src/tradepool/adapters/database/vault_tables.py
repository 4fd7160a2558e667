"""What is known of the keys in the vault, beside the keys themselves: nothing here is secret."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from tradepool.adapters.database.tables import METADATA

# SQLite's strict tables know one kind of whole number.
_MS = BigInteger().with_variant(Integer(), "sqlite")

key_look = Table(
    "key_look",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("looked_ms", _MS, nullable=False),
    # Names of rights, blanks between; None: never told.
    Column("rights", Text, nullable=True),
    Column("trading_until_ms", _MS, nullable=True),
    Column("created_ms", _MS, nullable=True),
    Column("refused", Text, nullable=False),
    sqlite_strict=True,
)
