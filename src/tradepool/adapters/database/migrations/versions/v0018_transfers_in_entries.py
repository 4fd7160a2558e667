"""An entry holds its transfers: they were a table of their own, whose index was a seventh of what an append wrote.

What chains entries is the same. The triggers that refuse changes are built anew when all migrations are through (`triggers`).
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from tradepool.adapters.database.chain import transfers_in, transfers_text
from tradepool.domain.errors import BrokenLaw

revision = "0018"
down_revision = "0017"

MOVED = ("debit", "credit", "asset", "amount", "code")
TRANSFERS = (
    f"select t.entry, {', '.join(f't.{name}' for name in MOVED)} from transfer t "
    "join ledger_entry e on e.id = t.entry where e.account = :account order by t.entry, t.position"
)
LOOSE = "select t.entry from transfer t left join ledger_entry e on e.id = t.entry where e.id is null"


def upgrade() -> None:
    """Put each entry's transfers into its row. BrokenLaw where one belongs to no entry: the books were edited."""
    connection = _alone("ledger_entry", "transfer")
    if (loose := connection.execute(sa.text(LOOSE)).scalar()) is not None:
        raise BrokenLaw(law="a transfer belongs to an entry", facts=f"there is none called {loose}")
    _unguarded(connection, "ledger_entry", "transfer")
    op.add_column("ledger_entry", sa.Column("transfers", sa.Text, nullable=False, server_default="[]"))
    put = sa.text("update ledger_entry set transfers = :transfers where id = :id")
    for account in (
        connection.execute(sa.text("select distinct account from ledger_entry order by account")).scalars().all()
    ):
        moved = dict[str, list[Sequence[str]]]()
        for name, *transfer in connection.execute(sa.text(TRANSFERS), {"account": account}):
            moved.setdefault(name, []).append(transfer)
        if moved:
            connection.execute(put, [{"id": name, "transfers": transfers_text(told)} for name, told in moved.items()])
    op.drop_table("transfer")


def _alone(*names: str) -> sa.Connection:
    """All of it or nothing, and nobody writes meanwhile: SQLite begins a transaction, and locks, with the first row that is
    written, not with a table."""
    connection = op.get_bind()
    connection.execute(sa.text("update alembic_version set version_num = version_num"))
    if connection.dialect.name != "sqlite":
        connection.execute(sa.text(f"lock table {', '.join(names)} in access exclusive mode"))
    return connection


def _unguarded(connection: sa.Connection, *names: str) -> None:
    for name in names:
        on = "" if connection.dialect.name == "sqlite" else f" on {name}"
        for deed in ("update", "delete", "truncate"):
            op.execute(f"drop trigger if exists {name}_no_{deed}{on}")


def downgrade() -> None:
    """Two tables again, which refuse what they refused; walls and the rest of triggers are of the older version's `store migrate`."""
    connection = _alone("ledger_entry")
    _unguarded(connection, "ledger_entry")
    transfer = op.create_table(
        "transfer",
        sa.Column("entry", sa.Text, sa.ForeignKey("ledger_entry.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("account", *MOVED)),
        sa.PrimaryKeyConstraint("entry", "position"),
        sqlite_strict=True,
    )
    rows = connection.execute(sa.text("select id, account, transfers from ledger_entry")).mappings().all()
    moved = [
        {"entry": row["id"], "position": n, "account": row["account"]} | dict(zip(MOVED, each, strict=True))
        for row in rows
        for n, each in enumerate(transfers_in(row["transfers"]))
    ]
    if moved:
        connection.execute(sa.insert(transfer), moved)
    op.drop_column("ledger_entry", "transfers")
    for table in ("ledger_entry", "transfer"):
        for deed in ("update", "delete"):
            does = "for each row execute function only_added()"
            if connection.dialect.name == "sqlite":
                does = f"begin select raise(abort, 'rows of {table} are only ever added'); end"
            op.execute(f"create trigger {table}_no_{deed} before {deed} on {table} {does}")
