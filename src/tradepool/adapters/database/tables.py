"""The relational store's tables. Money is canonical decimal text (nouns) and never summed in SQL; times are ms UTC."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()

user = Table(
    "user",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    sqlite_strict=True,
)

account = Table(
    "account",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("user", Text, ForeignKey("user.id"), nullable=False),
    Column("venue", Text, nullable=False),
    Column("number", Integer, nullable=False, unique=True),
    sqlite_strict=True,
)

mandate = Table(
    "mandate",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("account.id"), nullable=False),
    Column("body", Text, nullable=False),
    sqlite_strict=True,
)

event = Table(
    "event",
    METADATA,
    Column("account", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("schema", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("as_of_ms", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("digest", Integer),
    PrimaryKeyConstraint("account", "sequence"),
    sqlite_strict=True,
)

snapshot = Table(
    "snapshot",
    METADATA,
    Column("account", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("as_of_ms", Integer, nullable=False),
    Column("schema", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("account", "sequence"),
    sqlite_strict=True,
)

order_intent = Table(
    "order_intent",
    METADATA,
    Column("client_order_id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_strict=True,
)

ledger_entry = Table(
    "ledger_entry",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("time_ms", Integer, nullable=False),
    Column("reference", Text, nullable=False),
    # The entry's place in its account's chain, and what chains it to the one before (`chain`).
    Column("number", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    # What it moves, in order, as JSON: debit, credit, asset, amount and code of each transfer.
    Column("transfers", Text, nullable=False, server_default="[]"),
    Index("ledger_entry_in_chain", "account", "number", unique=True),
    sqlite_strict=True,
)

trade = Table(
    "trade",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("market", Text, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("account", "sequence", "market"),
    sqlite_strict=True,
)

refusal = Table(
    "refusal",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("account", Text, nullable=False, index=True),
    Column("sequence", Integer, nullable=False),
    Column("market", Text, nullable=False),
    Column("time_ms", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_strict=True,
)

checkpoint = Table(
    "checkpoint",
    METADATA,
    Column("strategy_id", Text, nullable=False),
    Column("market", Text, nullable=False),
    Column("time_ms", Integer, nullable=False),
    Column("close", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
    PrimaryKeyConstraint("strategy_id", "market"),
    sqlite_strict=True,
)

deployment = Table(
    "deployment",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("world", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    # Where the books went on, once they were moved; "" while they are here.
    Column("moved_to", Text, nullable=False, server_default=""),
    # How many deeds were ever audited, versions registered and mandates promoted; the database itself counts them.
    Column("audited", Integer, nullable=False),
    Column("registered", Integer, nullable=False, server_default="0"),
    Column("promoted", Integer, nullable=False, server_default="0"),
    sqlite_strict=True,
)

halt = Table(
    "halt",
    METADATA,
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("since_ms", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("kind", "name"),
    sqlite_strict=True,
)

audit = Table(
    "audit",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("time_ms", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("digest", Text, nullable=False),
    sqlite_strict=True,
)

data_key = Table(
    "data_key",
    METADATA,
    Column("user", Text, primary_key=True),
    Column("master", Text, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    sqlite_strict=True,
)

secret = Table(
    "secret",
    METADATA,
    Column("account", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account", "field"),
    sqlite_strict=True,
)

settlement = Table(
    "settlement",
    METADATA,
    Column("user", Text, nullable=False),
    Column("opened_ms", Integer, nullable=False),
    Column("closes_ms", Integer, nullable=False),
    Column("settled_ms", Integer, nullable=False),
    Column("statement", Text, nullable=False),
    PrimaryKeyConstraint("user", "opened_ms"),
    sqlite_strict=True,
)

risk_setting = Table(
    "risk_setting",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("since_ms", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_strict=True,
)

risk_trip = Table(
    "risk_trip",
    METADATA,
    Column("key", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("since_ms", Integer, nullable=False),
    Column("until_ms", Integer, nullable=False),
    Column("note", Text, nullable=False),
    PrimaryKeyConstraint("key", "user"),
    sqlite_strict=True,
)

risk_peak = Table(
    "risk_peak",
    METADATA,
    Column("key", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("gained", Text, nullable=False),
    PrimaryKeyConstraint("key", "account"),
    sqlite_strict=True,
)

risk_resumed = Table(
    "risk_resumed",
    METADATA,
    Column("scope", Text, primary_key=True),
    sqlite_strict=True,
)

suspension = Table(
    "suspension",
    METADATA,
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("trouble", Text, nullable=False),
    Column("since_ms", Integer, nullable=False),
    Column("until_ms", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("kind", "name", "trouble"),
    sqlite_strict=True,
)

promotion = Table(
    "promotion",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("time_ms", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("mandate", Text, nullable=False, index=True),
    Column("strategy_id", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # What chains it to the promotion before, whosever mandate that was of (`chain`).
    Column("digest", Text, nullable=False),
    sqlite_strict=True,
)
