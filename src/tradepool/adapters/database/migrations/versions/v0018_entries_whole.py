"""An entry holds its transfers: they were a table of their own, with an index by entry, and an entry had one by its name, which
were the half of what an append wrote. What chains entries is the same.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradepool.adapters.database.chain import transfers_in, transfers_text

revision = "0018"
down_revision = "0017"

ENTRY = ("account", "number", "id", "sequence", "time_ms", "reference", "digest")
MOVED = ("debit", "credit", "asset", "amount", "code")
ENTRIES = f"select {', '.join(ENTRY)} from ledger_entry where account = :account order by number"
TRANSFERS = (
    f"select t.entry, {', '.join(f't.{name}' for name in MOVED)} from transfer t "
    "join ledger_entry e on e.id = t.entry where e.account = :account order by t.entry, t.position"
)


def upgrade() -> None:
    """Put each entry's transfers into its row."""
    connection = _begun()
    whole = op.create_table(
        "entry_whole",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("account", "id", "reference", "transfers", "digest")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("number", "sequence", "time_ms")),
        sa.PrimaryKeyConstraint("account", "number"),
        sqlite_strict=True,
    )
    for account in _accounts(connection):
        moved = dict[str, list[tuple[str, ...]]]()
        for name, *transfer in connection.execute(sa.text(TRANSFERS), {"account": account}):
            moved.setdefault(name, []).append(tuple(transfer))
        entries = connection.execute(sa.text(ENTRIES), {"account": account}).mappings().all()
        rows = [{**row, "transfers": transfers_text(moved.get(row["id"], []))} for row in entries]
        connection.execute(sa.insert(whole), rows)
    op.drop_table("transfer")
    op.drop_table("ledger_entry")
    op.rename_table("entry_whole", "ledger_entry")


def _begun() -> sa.Connection:
    """All of it or nothing: SQLite begins a transaction with the first row that is written, not with a table."""
    connection = op.get_bind()
    connection.execute(sa.text("update alembic_version set version_num = version_num"))
    return connection


def _accounts(connection: sa.Connection) -> list[str]:
    return list(connection.execute(sa.text("select distinct account from ledger_entry order by account")).scalars())


def downgrade() -> None:
    """Two tables again, which refuse what they refused."""
    connection = _begun()
    rows = connection.execute(sa.text("select * from ledger_entry")).mappings().all()
    op.drop_table("ledger_entry")
    entry = op.create_table(
        "ledger_entry",
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("account", "reference", "digest")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("number", "sequence", "time_ms")),
        sqlite_strict=True,
    )
    transfer = op.create_table(
        "transfer",
        sa.Column("entry", sa.Text, sa.ForeignKey("ledger_entry.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("account", *MOVED)),
        sa.PrimaryKeyConstraint("entry", "position"),
        sqlite_strict=True,
    )
    op.create_index("ledger_entry_in_chain", "ledger_entry", ["account", "number"], unique=True)
    moved = [
        {"entry": row["id"], "position": n, "account": row["account"]} | dict(zip(MOVED, each, strict=True))
        for row in rows
        for n, each in enumerate(transfers_in(row["transfers"]))
    ]
    for table, told in ((entry, [{name: row[name] for name in ENTRY} for row in rows]), (transfer, moved)):
        if told:
            connection.execute(sa.insert(table), told)
        _guard(connection, table.name)


def _guard(connection: sa.Connection, table: str) -> None:
    for deed in ("update", "delete"):
        does = "for each row execute function only_added()"
        if connection.dialect.name == "sqlite":
            does = f"begin select raise(abort, 'rows of {table} are only ever added'); end"
        op.execute(f"create trigger {table}_no_{deed} before {deed} on {table} {does}")
