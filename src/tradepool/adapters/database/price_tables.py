"""Prices on record: what a commission was counted with. Rows are added and never changed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Table, Text

from tradepool.adapters.database.tables import METADATA

# `close` is "" where the venue had none for a day; `age_s` is how old the close was at the minute's end.
recorded_price = Table(
    "recorded_price",
    METADATA,
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("minute_ms", BigInteger, nullable=False),
    Column("close", Text, nullable=False),
    Column("age_s", BigInteger, nullable=False),
    PrimaryKeyConstraint("venue", "symbol", "minute_ms"),
)
