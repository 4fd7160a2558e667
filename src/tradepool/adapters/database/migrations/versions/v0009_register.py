"""The register: users, accounts and mandates that were added by command, each change a row; and invitations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradepool.adapters.database.people_tables import MS

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "register",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("thing", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("time_ms", MS, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.UniqueConstraint("thing", "name", "version"),
        sqlite_strict=True,
    )
    op.create_index("register_of_user", "register", ["user"])
    op.create_table(
        "invitation",
        sa.Column("user", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.Column("expires_ms", MS, nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("invitation")
    op.drop_index("register_of_user", "register")
    op.drop_table("register")
