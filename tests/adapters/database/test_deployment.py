"""Whoever has been replaced writes nothing more, not even half a record."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradepool.adapters.database.deployment import DatabaseDeployment, FencedJournal, Replaced
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.domain.deployment import Deployment, Kind
from tradepool.domain.event import StreamRestored
from tradepool.domain.ids import AccountId
from tradepool.ports.journal import Record

ANN = AccountId("ann-main")


def record(sequence: int) -> Record:
    return Record(account=ANN, sequence=sequence, as_of_ms=0, event=StreamRestored(time_ms=sequence))


def test_an_older_instance_writes_nothing_more(tmp_path: Path) -> None:
    deployment = Deployment(id="aaaaaaaa", kind=Kind.PRACTICE)
    old, new = (open_store(tmp_path / "a.sqlite") for _ in range(2))
    DatabaseDeployment(old, deployment)
    sleeping = FencedJournal(old, 0)
    sleeping.write(record(1))
    epoch = DatabaseDeployment(new, deployment).next_epoch()
    taking_over = FencedJournal(new, epoch)
    with pytest.raises(Replaced, match="Instance 1 has taken this deployment over; this one, 0"):
        sleeping.write(record(2))
    taking_over.write(record(2))
    assert [sequence for sequence, _, _ in sleeping.read(ANN)] == [1, 2]
    for connection in (old, new):
        dispose(connection)
