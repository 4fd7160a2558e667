"""Whoever has been replaced writes nothing more, not even half a record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tradepool.adapters.database.deployment import DatabaseDeployment, FencedJournal, Replaced
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.place import Place
from tradepool.domain.deployment import Deployment, Kind
from tradepool.domain.event import StreamRestored
from tradepool.domain.ids import AccountId
from tradepool.ports.journal import Record

ANN = AccountId("ann-main")


def record(sequence: int) -> Record:
    return Record(account=ANN, sequence=sequence, as_of_ms=0, event=StreamRestored(time_ms=sequence))


def test_an_older_instance_writes_nothing_more(place: Place) -> None:
    deployment = Deployment(id="aaaaaaaa", kind=Kind.PRACTICE)
    old, new = (open_store(place) for _ in range(2))
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


def test_those_that_take_over_at_once_are_instances_of_their_own(place: Place) -> None:
    """The number is the one that was written, not one that is read after it."""
    deployment, count = Deployment(id="aaaaaaaa", kind=Kind.PRACTICE), 50

    connections = [open_store(place, "NORMAL") for _ in range(3)]
    instances = [DatabaseDeployment(connection, deployment) for connection in connections]

    def take_over(rows: DatabaseDeployment) -> list[int]:
        return [rows.next_epoch() for _ in range(count)]

    with ThreadPoolExecutor(3) as pool:
        told = [epoch for each in pool.map(take_over, instances) for epoch in each]
    assert sorted(told) == list(range(1, 3 * count + 1))
    for connection in connections:
        dispose(connection)
