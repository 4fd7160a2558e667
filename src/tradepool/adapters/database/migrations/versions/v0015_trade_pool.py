"""The trade pool: consents, the trades that were pooled of each user, withdrawn ones, and the pseudonyms' secret."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

MS = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "pool_consent",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user", sa.Text, nullable=False, index=True),
        sa.Column("time_ms", MS, nullable=False),
        sa.Column("given", sa.Integer, nullable=False),
        sa.Column("wording", sa.Integer, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "pooled_trade",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user", sa.Text, nullable=False, index=True),
        sa.Column("world", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("market", sa.Text, nullable=False),
        sa.Column("entry_ms", MS, nullable=False),
        sa.Column("exit_ms", MS, nullable=False),
        sa.UniqueConstraint("world", "account", "market", "entry_ms", "exit_ms"),
        sqlite_strict=True,
    )
    op.create_table("pool_tombstone", sa.Column("id", sa.Text, primary_key=True), sqlite_strict=True)
    op.create_table(
        "pool_secret",
        sa.Column("user", sa.Text, primary_key=True),
        sa.Column("made_ms", MS, nullable=False),
        sa.Column("master", sa.Text, nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("pool_consent", "pooled_trade", "pool_tombstone", "pool_secret"):
        op.drop_table(name)
