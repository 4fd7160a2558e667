"""Commission: prices on record; whether a period is paid is told by the ledger, and no column of its statement."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"


def upgrade() -> None:
    """Create the table, to which rows are only added, and drop the column."""
    op.create_table(
        "recorded_price",
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("minute_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("close", sa.Text, nullable=False),
        sa.Column("age_s", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("venue", "symbol", "minute_ms"),
        sqlite_strict=True,
    )
    for deed in ("update", "delete"):
        op.execute(_refusing(deed, op.get_bind().dialect.name))
    op.drop_column("settlement", "paid_ms")


def _refusing(deed: str, dialect: str) -> str:
    """What keeps a price as it was written; a server has the function from the ledger's chains."""
    named = f"create trigger recorded_price_no_{deed} before {deed} on recorded_price"
    if dialect == "sqlite":
        return f"{named} begin select raise(abort, 'rows of recorded_price are only ever added'); end"
    return f"{named} for each row execute function only_added()"


def downgrade() -> None:
    """Drop the table, create the column."""
    op.add_column("settlement", sa.Column("paid_ms", sa.Integer, nullable=True))
    op.drop_table("recorded_price")
