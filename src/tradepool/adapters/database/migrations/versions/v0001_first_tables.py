"""The first tables: users, accounts, mandates, events, intents, ledger, trades, refusals, checkpoints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "user",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "account",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user", sa.Text, sa.ForeignKey("user.id"), nullable=False),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        sqlite_strict=True,
    )
    op.create_table(
        "mandate",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    _create_journal()
    _create_ledger()
    _create_records()


def _create_journal() -> None:
    op.create_table(
        "event",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("schema", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("as_of_ms", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account", "sequence"),
        sqlite_strict=True,
    )
    op.create_table(
        "order_intent",
        sa.Column("client_order_id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "checkpoint",
        sa.Column("strategy_id", sa.Text, nullable=False),
        sa.Column("market", sa.Text, nullable=False),
        sa.Column("time_ms", sa.Integer, nullable=False),
        sa.Column("close", sa.Text, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("strategy_id", "market"),
        sqlite_strict=True,
    )


def _create_ledger() -> None:
    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, nullable=False, index=True),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("time_ms", sa.Integer, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "transfer",
        sa.Column("entry", sa.Text, sa.ForeignKey("ledger_entry.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("debit", sa.Text, nullable=False),
        sa.Column("credit", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("amount", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("entry", "position"),
        sa.Index("transfer_of_account", "account"),
        sqlite_strict=True,
    )


def _create_records() -> None:
    op.create_table(
        "trade",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("market", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("account", "sequence", "market"),
        sqlite_strict=True,
    )
    op.create_table(
        "refusal",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account", sa.Text, nullable=False, index=True),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("market", sa.Text, nullable=False),
        sa.Column("time_ms", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in (
        "refusal",
        "trade",
        "transfer",
        "ledger_entry",
        "checkpoint",
        "order_intent",
        "event",
        "mandate",
        "account",
        "user",
    ):
        op.drop_table(name)
