"""Hash chains over the ledger and the audit, and triggers that refuse to change or remove what is only ever added.

Entries and deeds from before are chained as they stand.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from tradepool.adapters.database.chain import deed_body, digest_of, entry_digest, transfers_text
from tradepool.domain.deed import Deed

revision = "0011"
down_revision = "0010"

APPENDED = ("ledger_entry", "transfer", "audit", "event")
ENTRIES = "select id, account, sequence, time_ms, reference from ledger_entry order by account, sequence, id"
TRANSFERS = "select debit, credit, asset, amount, code from transfer where entry = :entry order by position"
DEEDS = 'select id, time_ms, "by", what, scope, reason from audit order by id'


def upgrade() -> None:
    """Add the columns, chain what is there, then let nobody change it."""
    op.add_column("ledger_entry", sa.Column("number", sa.Integer, nullable=False, server_default="0"))
    op.add_column("ledger_entry", sa.Column("digest", sa.Text, nullable=False, server_default=""))
    op.add_column("audit", sa.Column("digest", sa.Text, nullable=False, server_default=""))
    op.add_column("deployment", sa.Column("audited", sa.Integer, nullable=False, server_default="0"))
    connection = op.get_bind()
    _chain_entries(connection)
    _chain_deeds(connection)
    op.create_index("ledger_entry_in_chain", "ledger_entry", ["account", "number"], unique=True)
    op.drop_index("ix_ledger_entry_account", "ledger_entry")
    # Transfers are found by their entry; every append wrote pages of it.
    op.drop_index("transfer_of_account", "transfer")
    for statement in _triggers(connection.dialect.name):
        op.execute(statement)


def _chain_entries(connection: sa.Connection) -> None:
    account, number, digest = "", 0, ""
    for row in connection.execute(sa.text(ENTRIES)).all():
        if row.account != account:
            account, number, digest = row.account, 0, ""
        number += 1
        moved = transfers_text([tuple(each) for each in connection.execute(sa.text(TRANSFERS), {"entry": row.id})])
        digest = entry_digest(digest, (row.id, account, number, row.sequence, row.time_ms, row.reference), moved)
        change = sa.text("update ledger_entry set number = :number, digest = :digest where id = :id")
        connection.execute(change, {"number": number, "digest": digest, "id": row.id})


def _chain_deeds(connection: sa.Connection) -> None:
    digest, number = "", 0
    for number, row in enumerate(connection.execute(sa.text(DEEDS)).all(), 1):
        deed = Deed(time_ms=row.time_ms, by=row.by, what=row.what, scope=row.scope, reason=row.reason)
        digest = digest_of(digest + deed_body(deed))
        change = sa.text("update audit set id = :number, digest = :digest where id = :id")
        connection.execute(change, {"number": number, "digest": digest, "id": row.id})
    connection.execute(sa.text("update deployment set audited = :number"), {"number": number})


# What PostgreSQL does for a deed that has no number yet; SQLite's INSERT does it itself (`chain.audited`). One that was moved
# here from another store has its number and its digest.
LINK = """
create function audit_links() returns trigger language plpgsql as $$
declare who text := current_setting('tradepool.actor', true);
begin
  if new.id = 0 then
    perform pg_advisory_xact_lock(6011);
    -- The chain is over everybody's deeds, whoever's this one is (`walls`).
    perform set_config('tradepool.actor', 'all', true);
    new.id := (select coalesce(max(id), 0) + 1 from audit);
    new.digest := encode(sha256(convert_to(
      coalesce((select digest from audit order by id desc limit 1), '') || new.digest, 'UTF8')), 'hex');
    perform set_config('tradepool.actor', who, true);
  end if;
  return new;
end $$"""


def _triggers(dialect: str) -> Iterator[str]:
    """SQLite runs statements in a trigger, PostgreSQL a function."""
    refused, counted = "rows of {} are only ever added", "update deployment set audited = new.id"
    if dialect == "sqlite":
        for table in APPENDED:
            for deed in ("update", "delete"):
                yield (
                    f"create trigger {table}_no_{deed} before {deed} on {table} "
                    f"begin select raise(abort, '{refused.format(table)}'); end"
                )
        yield f"create trigger audit_counted after insert on audit begin {counted}; end"
        return
    yield (
        "create function only_added() returns trigger language plpgsql as "
        f"$$ begin raise exception '{refused.format('%')}', tg_table_name; end $$"
    )
    for table in APPENDED:
        for deed in ("update", "delete", "truncate"):
            each = "statement" if deed == "truncate" else "row"
            yield f"create trigger {table}_no_{deed} before {deed} on {table} for each {each} execute function only_added()"
    yield LINK
    yield "create trigger audit_linked before insert on audit for each row execute function audit_links()"
    yield (
        "create function audit_counts() returns trigger language plpgsql as $$ "
        "declare who text := current_setting('tradepool.actor', true); "
        f"begin perform set_config('tradepool.actor', 'all', true); {counted}; "
        "perform set_config('tradepool.actor', who, true); return new; end $$"
    )
    yield "create trigger audit_counted after insert on audit for each row execute function audit_counts()"


def downgrade() -> None:
    """Drop them; rows that were chained stay as they are."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    names = [f"{table}_no_{deed}" for table in APPENDED for deed in ("update", "delete")]
    for name in names:
        op.execute(f"drop trigger {name}" if sqlite else f"drop trigger {name} on {name.rpartition('_no_')[0]}")
    if sqlite:
        op.execute("drop trigger audit_counted")
    else:
        op.execute("drop function only_added cascade")
        op.execute("drop function audit_counts cascade")
        op.execute("drop function audit_links cascade")
    op.create_index("transfer_of_account", "transfer", ["account"])
    op.create_index("ix_ledger_entry_account", "ledger_entry", ["account"])
    op.drop_index("ledger_entry_in_chain", "ledger_entry")
    for table, column in (("ledger_entry", "number"), ("ledger_entry", "digest"), ("audit", "digest")):
        op.drop_column(table, column)
    op.drop_column("deployment", "audited")
