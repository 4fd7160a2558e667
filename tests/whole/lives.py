"""Several platforms, one after the other, over one database and one venue that outlives them, in one loop."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pysqlite3
from sqlalchemy import Connection

from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.place import Place
from tradepool.adapters.database.users import DatabaseUsers
from tradepool.adapters.database.verify import verify_books
from tradepool.adapters.exchanges.transport import Transport
from tradepool.core.account import account_step as step
from tradepool.core.account.account import Account
from tradepool.domain.ids import Naming
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.lock_step import IdleSelector, LockStep, run_in_lock_step
from tradepool.entrypoints.replay import Plan, Replay, connection_of
from tradepool.entrypoints.wiring import Seat
from tradepool.services.trading.account_actor import AccountActor
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.records import Kind, Status
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import make_tls_files
from tradepool.simexchange.venue import Venue


@dataclass
class Until:
    """The venue, until something is true."""

    venue: Venue
    done: Callable[[], bool]

    def next_time_ms(self) -> int | None:
        """The venue's."""
        return self.venue.next_time_ms()

    def step(self, until_ms: int | None = None) -> bool:
        """One step of the venue's; False once it is true, or the candles are over."""
        return not self.done() and self.venue.step(until_ms)

    def pass_time(self, time_ms: int) -> None:
        """At the venue too."""
        self.venue.pass_time(time_ms)


class Life:
    """One platform, from its start to its death."""

    def __init__(self, lives: Lives, platform: Platform, connection: Connection) -> None:
        self.lives, self.platform, self.connection = lives, platform, connection
        self.loop = LockStep(lives.selector, lives.clock, lambda: platform.desk.busy)

    async def until(self, done: Callable[[], bool]) -> None:
        """Trade until something is true, asked before each step of the venue, or the candles are over."""
        await self.loop.run(Until(self.lives.venue, done))

    async def bars(self, count: int) -> None:
        """Trade for so many bars, until nothing is on its way."""
        end_ms = self.lives.venue.now_ms + count * self.lives.plan.timeframe_ms
        await self.until(lambda: self.lives.venue.now_ms >= end_ms)

    async def do(self, work: Awaitable[Any]) -> Any:
        """Wait for something while the venue stands still."""

        async def wait() -> Any:
            return await work

        return await self.loop.wait_for(wait(), self.lives.venue)

    @property
    def actors(self) -> list[AccountActor]:
        """Of the accounts that are up."""
        return self.platform.desk.actors


class Lives(Replay):
    """A venue that outlives its platforms."""

    selector: IdleSelector
    transport: Transport

    @property
    def database(self) -> Path:
        """Where the platforms' books are, unless a life is told otherwise."""
        return self.folder / "tradepool.sqlite"

    @asynccontextmanager
    async def life(self, epoch: int = 0, database: Place | None = None, **changes: Any) -> AsyncIterator[Life]:
        """A platform that has started; at the end it is gone, and whatever it had not written with it."""
        connection = open_store(database or self.database, "NORMAL")
        self._store_users(DatabaseUsers(connection))
        wiring = replace(self._wiring(self.transport, connection), naming=Naming("sim", epoch), **changes)
        life = Life(self, Platform(wiring), connection)
        try:
            await life.do(life.platform.start())
            yield life
        finally:
            await life.platform.close()
            dispose(connection)

    def backup(self, name: str) -> Path:
        """A copy of the books as they stand, by SQLite's own backup."""
        path = self.folder / name
        with pysqlite3.connect(self.database) as source, pysqlite3.connect(path) as copy:
            source.backup(copy)
        return path

    def restore(self, backup: Path) -> None:
        """The books are those of the backup again."""
        for suffix in ("", "-wal", "-shm"):
            self.database.with_name(self.database.name + suffix).unlink(missing_ok=True)
        shutil.copy(backup, self.database)

    def of_journal(self, seat: Seat) -> Account:
        """An account as its journal alone has it: under the terms that the journal tells."""
        connection = open_store(self.database, "NORMAL")
        try:
            markets = [self.market(market) for market in seat.mandate.markets]
            account = Account(seat.account, seat.mandate, markets, self._wiring(self.transport, connection).origin)
            for _, as_of_ms, event in DatabaseJournal(connection).read(seat.account.id):
                account.apply(event)
                account.as_of_ms = max(account.as_of_ms, as_of_ms)
            return account
        finally:
            dispose(connection)

    def naked(self, seat: Seat) -> bool:
        """Whether the venue holds coins of an account that no open stop there sells: more than dust, its own word."""
        key = seat.credentials.key
        resting = [o for o in self.venue.orders(key) if o.status in (Status.NEW, Status.PARTIALLY_FILLED)]
        for market in seat.mandate.markets:
            mine = self.market(market)
            listed = self.venue.market(mine.base + mine.quote).filters.market
            free, locked = self.venue.balances(key).get(listed.base, (0, 0))
            stops = sum(o.left_steps for o in resting if o.kind is Kind.STOP_LOSS and o.market.base == listed.base)
            if (free + locked) // listed.quantity_step > stops:
                return True
        return False


def state_of(account: Account) -> tuple[object, ...]:
    """All that decides what an account does next."""
    slots = {market: (slot.market, slot.row, slot.terms, slot.entry, slot.stop, slot.exit, slot.after_cancel)
             for market, slot in account.slots.items()}  # fmt: skip
    orders = {name: (order.status, order.filled_steps) for name, order in account.orders.items()}
    return (
        account.mandate,
        account.wallet,
        slots,
        orders,
        account._fills,
        account.outbox.numbered,
        account.naming,
        account.foreign,
        account.listening,
    )


def held(life: Life) -> int:
    """How many positions are open."""
    return sum(slot.held for actor in life.actors for slot in actor.account.slots.values())


def bare(life: Life) -> list[str]:
    """Open positions with a stop level and no stop in the book, by the accounts' own word."""
    slots = [(a.account.account.id, s) for a in life.actors for s in a.account.slots.values()]
    return [name for name, s in slots if s.held and s.row[step.STOP] > 0 and not s.row[step.RESTING] and not s.exit]


Story = Callable[[Lives], Awaitable[None]]


def tell(plan: Plan, folder: Path, story: Story, *, untouched: bool = True) -> None:
    """Live through a story; its books are whole in the end, unless somebody else wrote to them."""
    folder.mkdir(parents=True, exist_ok=True)

    async def main(selector: IdleSelector) -> None:
        lives = Lives(plan, folder)
        lives.selector = selector
        tls = make_tls_files(folder)
        server = Server(lives.venue, UnixSocket(str(folder / "v")), tls.server_context(), plan.scenario, lives.clock)
        lives.server, lives.transport = server, connection_of(await server.start(), tls)
        try:
            await story(lives)
        finally:
            await server.stop()

    run_in_lock_step(main)
    connection = open_store(folder / "tradepool.sqlite", "NORMAL")
    assert not untouched or verify_books(connection) == []
    dispose(connection)
