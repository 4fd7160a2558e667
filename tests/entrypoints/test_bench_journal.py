"""What the bench of the journal appends are books as any others."""

from __future__ import annotations

from pathlib import Path

from tradepool.adapters.database import tables
from tradepool.adapters.database.copying import fingerprint
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.place import Place
from tradepool.adapters.database.verify import heads, verify_audit, verify_ledger
from tradepool.domain.ids import AccountId
from tradepool.entrypoints import bench_journal


def test_the_figures_are_of_whole_books(place: Place) -> None:
    connection = open_store(place)
    names = [figure.work for figure in bench_journal.prepare(connection, "SQLite", group=3, trips=2)()]
    assert [name.rpartition(": ")[2] for name in names] == ["events", "an event", "an append, median", "an append, p99"]
    last = AccountId("user-0002-main")
    # Two fills a round trip; the warming round and the measured one.
    assert [head.length for head in heads(connection, [last], audit=False)] == [8]
    # No terms were journaled, so only the chains can be compared.
    assert [fault.table for fault in verify_ledger(connection, [last])] == ["event"]
    assert verify_audit(connection) == []
    dispose(connection)


def test_the_driver_alone_writes_the_same_rows(tmp_path: Path) -> None:
    ours, bare = (open_store(tmp_path / name) for name in ("ours.sqlite", "bare.sqlite"))
    bench_journal.prepare(ours, "SQLite", group=3, trips=2, bare=bench_journal.Bare(ours, bare))()
    for table in (tables.event, tables.order_intent, tables.ledger_entry, tables.trade):
        assert fingerprint(bare, table) == fingerprint(ours, table), table.name
        assert fingerprint(ours, table).rows > 0, table.name
    dispose(ours)
    dispose(bare)
