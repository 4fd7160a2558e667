"""Limits: what people set, which were reached, the highest equities, and who may trade on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "risk_setting",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("since_ms", sa.Integer, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "risk_trip",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("since_ms", sa.Integer, nullable=False),
        sa.Column("until_ms", sa.Integer, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", "user"),
        sqlite_strict=True,
    )
    op.create_table(
        "risk_peak",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("gained", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", "account"),
        sqlite_strict=True,
    )
    op.create_table(
        "risk_resumed",
        sa.Column("scope", sa.Text, primary_key=True),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("risk_resumed", "risk_peak", "risk_trip", "risk_setting"):
        op.drop_table(name)
