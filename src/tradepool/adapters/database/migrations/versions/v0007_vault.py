"""Secrets at rest: each user's data key, wrapped, and what is sealed under it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "data_key",
        sa.Column("user", sa.Text, primary_key=True),
        sa.Column("master", sa.Text, nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "secret",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("account", "field"),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("secret", "data_key"):
        op.drop_table(name)
