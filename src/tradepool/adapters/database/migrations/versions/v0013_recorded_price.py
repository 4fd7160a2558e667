"""Commission: prices on record; whether a period is paid is told by the ledger, and no column of its statement."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0008"


def upgrade() -> None:
    """Create the table, drop the column."""
    op.create_table(
        "recorded_price",
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("minute_ms", sa.BigInteger, nullable=False),
        sa.Column("close", sa.Text, nullable=False),
        sa.Column("age_s", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("venue", "symbol", "minute_ms"),
    )
    op.drop_column("settlement", "paid_ms")


def downgrade() -> None:
    """Drop the table, create the column."""
    op.add_column("settlement", sa.Column("paid_ms", sa.Integer, nullable=True))
    op.drop_table("recorded_price")
