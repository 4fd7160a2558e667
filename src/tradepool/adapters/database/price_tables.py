"""Prices on record: what a commission was counted with. Rows are added and never changed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Table, Text

from tradepool.adapters.database.tables import METADATA

# SQLite's integers are as wide as they need to be, and its strict tables know no other name.
MILLISECONDS = BigInteger().with_variant(Integer(), "sqlite")

# `close` is "" where the venue had none for a day; `age_s` is how old the close was at the minute's end.
recorded_price = Table(
    "recorded_price",
    METADATA,
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("minute_ms", MILLISECONDS, nullable=False),
    Column("close", Text, nullable=False),
    Column("age_s", Integer, nullable=False),
    PrimaryKeyConstraint("venue", "symbol", "minute_ms"),
    sqlite_strict=True,
)
