"""Keys: what was found when each was looked at last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

# SQLite's strict tables know one kind of whole number.
_MS = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "key_look",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("looked_ms", _MS, nullable=False),
        sa.Column("rights", sa.Text, nullable=True),
        sa.Column("trading_until_ms", _MS, nullable=True),
        sa.Column("created_ms", _MS, nullable=True),
        sa.Column("refused", sa.Text, nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("key_look")
