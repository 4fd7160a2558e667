"""Chains over what gives rights: the register, promotions. Rows from before are chained as they stand.

The triggers that link, count and guard are built when all migrations are through (`triggers`).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradepool.adapters.database.chain import PROMOTION, REGISTER, Chained, digest_of

revision = "0016"
down_revision = "0015"

CHAINS = (REGISTER, PROMOTION)


def upgrade() -> None:
    """Add the columns, and chain what is there."""
    for chained in CHAINS:
        op.add_column(chained.table.name, sa.Column("digest", sa.Text, nullable=False, server_default=""))
        op.add_column("deployment", sa.Column(chained.counter, sa.Integer, nullable=False, server_default="0"))
        _chain(op.get_bind(), chained)


def _chain(connection: sa.Connection, chained: Chained) -> None:
    """Rows are numbered anew, too, without holes: that of a write which failed is none that was removed."""
    table, number, digest = chained.table, 0, ""
    for number, row in enumerate(connection.execute(sa.select(table).order_by(table.c.id)).mappings().all(), 1):
        digest = digest_of(digest + chained.body(row))
        connection.execute(sa.update(table).where(table.c.id == row["id"]).values(id=number, digest=digest))
    connection.execute(sa.text(f"update deployment set {chained.counter} = :number"), {"number": number})


def downgrade() -> None:
    """Drop them, and the triggers that need them or came after them; those of before are there again."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in ("settlement", "register", "promotion"):
        for name in (f"{table}_{what}" for what in ("no_update", "no_delete", "no_truncate", "counted", "linked")):
            op.execute(f"drop trigger if exists {name}" + ("" if sqlite else f" on {table}"))
    if not sqlite:
        op.execute("drop function if exists chain_links cascade")
        op.execute("drop function if exists chain_counts cascade")
        for trigger, function in (("linked before", "audit_links"), ("counted after", "audit_counts")):
            op.execute(f"create trigger audit_{trigger} insert on audit for each row execute function {function}()")
    for chained in CHAINS:
        op.drop_column(chained.table.name, "digest")
        op.drop_column("deployment", chained.counter)
