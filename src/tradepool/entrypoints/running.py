"""Holding a deployment: one trading process at a time, on the books that belong to it and to its venue's world."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from sqlalchemy import Connection

from tradepool.adapters.candle_store.store import FileStore
from tradepool.adapters.database.aside import put_aside
from tradepool.adapters.database.carry import carry_settings, decided_in
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.reserve import Reserve
from tradepool.adapters.database.suspensions import DatabaseSuspensions
from tradepool.adapters.database.wall_check import refuse_unwalled
from tradepool.domain.deployment import Kind
from tradepool.domain.errors import TradepoolError
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.holder import LOCK_FILE, pid_in
from tradepool.entrypoints.register_rows import reserve_in
from tradepool.runtime.clock import RealClock

HANDS_FILE = "own_hands.lock"
# Deeds that tell, at the venue's time, from when to when somebody listened.
STARTED, STOPPED = "start", "stop"


class RunsAlready(TradepoolError):
    """This deployment is traded already, by process {pid}; tradepool status says how, tradepool stop ends it."""


class HandsAtWork(TradepoolError):
    """Nothing was done: a command (flatten, positions, orders) trades accounts of this deployment by its own hands and holds {file}; ask again when it is done."""


@contextmanager
def only_one(deployed: Deployed) -> Iterator[None]:
    """Hold the deployment meanwhile. RunsAlready."""
    deployed.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (deployed.folder / LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunsAlready(pid=running_pid(deployed)) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def running_pid(deployed: Deployed) -> int | None:
    """The process that trades this deployment, hanging or not; None when there is none."""
    return pid_in(deployed.folder)


@contextmanager
def by_hand(deployed: Deployed) -> Iterator[None]:
    """Keep `epoch_alone` from anybody meanwhile; several commands may, each is an instance of its own."""
    with (deployed.folder / HANDS_FILE).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def epoch_alone(deployed: Deployed, rows: DatabaseDeployment) -> int:
    """The newest instance, to go on as: no command is at work as that one, and one that comes later is a newer one. HandsAtWork."""
    with (deployed.folder / HANDS_FILE).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise HandsAtWork(file=lock.name) from error
        return rows.epoch


def reserve_of(deployed: Deployed) -> Reserve:
    """The room on its disk that is set aside."""
    return reserve_in(deployed.settings)


def candles_of(deployed: Deployed) -> FileStore | None:
    """Where the trading process keeps the candles it sees, and looks for them first at a start; None where it is not to.

    A practice exchange is next door and can be asked again, and what it shows is none of the venue's candles.
    """
    wanted = deployed.deployment.kind is Kind.LIVE and deployed.settings.candles.record
    return FileStore(deployed.settings.candles.folder) if wanted else None


def books_of(deployed: Deployed, world: str) -> Connection:
    """The deployment's database, for who alone trades on it. Play money that began anew begins new books; the old ones stay
    beside them. WallGone, TradedElsewhere."""
    opened = partial(open_store, deployed.database, alone=deployed.deployment.id)
    connection = opened()
    with ExitStack() as undone:
        undone.callback(dispose, connection)
        rows = DatabaseDeployment(connection, deployed.deployment)
        refuse_unwalled(connection)
        undone.pop_all()
    old, halts, suspended = rows.world, rows.halts(), DatabaseSuspensions(connection).all(RealClock().now_ms())
    if world and old not in ("", world):
        decided = decided_in(connection)
        dispose(connection)
        aside = put_aside(deployed.database, f"tradepool-{old}")
        print(f"The practice exchange began anew, so do the books; the old ones are in {aside}.", file=sys.stderr)
        connection = opened()
        rows = DatabaseDeployment(connection, deployed.deployment)
        for halt in halts:
            rows.halt(halt, "halt kept")
        for row in suspended:
            DatabaseSuspensions(connection).suspend(row)
        carry_settings(connection, decided)
    if world:
        rows.enter(world)
    return connection
