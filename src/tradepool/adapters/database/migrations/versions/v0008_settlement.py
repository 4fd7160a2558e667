"""Commission: the statement of each settled period, and when it was paid."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "settlement",
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("opened_ms", sa.Integer, nullable=False),
        sa.Column("closes_ms", sa.Integer, nullable=False),
        sa.Column("settled_ms", sa.Integer, nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("paid_ms", sa.Integer, nullable=True),
        sa.PrimaryKeyConstraint("user", "opened_ms"),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("settlement")
