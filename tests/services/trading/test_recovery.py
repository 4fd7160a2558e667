"""Losing the stream while things are on their way: real gateway, real venue, real journal, and a wire that breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.adapters.exchanges.wire_kit import MARKET, TIMEOUT_MS, Desk, Fault, Say, desk, error
from tests.nouns import ACCOUNT, MANDATE, signal
from tests.simexchange.exchange_kit import MINUTE
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.core.account import account_step as step
from tradepool.core.account.account import Account
from tradepool.domain.errors import KeyRefused
from tradepool.domain.event import CandlesClosed, Event, OrderFilled
from tradepool.domain.ids import Naming
from tradepool.domain.trade import Origin
from tradepool.ports.exchange import OutcomeUnknown
from tradepool.services.trading import recovery
from tradepool.services.trading.account_actor import CLOCK_BACK_MS, AccountActor, JournalRefuses
from tradepool.services.trading.recovery import InstanceTooOld
from tradepool.services.trading.sender import Sender
from tradepool.simexchange.records import Kind, NewOrder, Side
from tradepool.simexchange.tls import TlsFiles

SPINS_MAX = 3_000


class Life:
    """An account at work at a desk."""

    def __init__(self, at: Desk, journal: DatabaseJournal) -> None:
        self.at, self.journal = at, journal
        mandate = replace(MANDATE, markets=(MARKET.id,), capital=Decimal(1_000))
        account = Account(ACCOUNT, mandate, [MARKET], Origin.PRACTICE)
        sender = Sender(at.gateway, at.clock, MINUTE, lambda event: self.actor.post(event))
        self.actor = AccountActor(account, at.gateway, journal, sender)
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """As the desk does."""
        await self.pump_while(recovery.start(self.actor, self.journal, self.at.clock))
        self.hear()
        self.tasks.append(asyncio.create_task(self.actor.sender.run()))

    def hear(self) -> None:
        """Handle events from now on, or again."""
        on_lost = lambda actor: recovery.reconnect(actor, self.at.clock)  # noqa: E731
        self.tasks[:1] = [asyncio.create_task(self.actor.run(on_lost))]

    async def pump_while(self, work: Awaitable[None]) -> None:
        """Jump over every waiting until the work is done."""
        task = asyncio.ensure_future(work)
        while not task.done():
            await self.pump()
        await task

    async def pump(self) -> None:
        """Let all run; who waits for a time, gets it."""
        await asyncio.sleep(0.001)
        wake_ms = self.at.clock.next_wake_ms()
        if wake_ms is not None:
            self.at.clock.advance_to(wake_ms)
            self.at.venue.now_ms = wake_ms

    async def until(self, done: Callable[[], bool]) -> None:
        """Pump until something is true, or somebody failed."""
        for _ in range(SPINS_MAX):
            if done():
                return
            for task in self.tasks:
                if task.done():
                    await task
            await self.pump()
        raise AssertionError("it never became true")

    async def still(self) -> None:
        """Until nothing is on its way any more."""
        await self.until(lambda: not self.actor.busy)
        for _ in range(20):
            await self.pump()
        await self.until(lambda: not self.actor.busy)

    def enter(self) -> None:
        """A candle closes and the strategy enters, with a stop 5 below."""
        now = self.at.clock.now_ms() + 1
        wish = signal(MARKET, time_ms=now, close=100.0, high=100.0)
        self.actor.post(CandlesClosed(time_ms=now, signals=(wish,)))

    def lose(self) -> None:
        """Cut the user stream; until it is open again, nothing is told."""
        for link in list(self.at.server.links):
            link.drop()

    @property
    def orders(self) -> list[str]:
        """Kinds and states of the venue's orders."""
        return [f"{order.kind.name} {order.status.name}" for order in self.at.venue.orders("key")]


Story = Callable[[Life], Awaitable[None]]


def play(files: TlsFiles, folder: Path, fault: Fault, story: Story) -> None:
    """A story of one account."""

    async def tell() -> None:
        connection = open_store(folder / "t.sqlite", "NORMAL")
        try:
            async with desk(files, fault) as at:
                at.gateway._client.timeout = 3 * TIMEOUT_MS
                life = Life(at, DatabaseJournal(connection))
                await asyncio.wait_for(story(life), 60)
                for task in life.tasks:
                    task.cancel()
                await asyncio.gather(*life.tasks, return_exceptions=True)
        finally:
            dispose(connection)

    asyncio.run(tell())


def test_a_stream_lost_while_an_order_is_on_its_way_doubles_nothing(files: TlsFiles, tmp_path: Path) -> None:
    """The look-up would find nothing, and the venue would take the name twice: the sender still holds the order."""
    fault = Fault(says=[Say(kind="hold")])

    async def story(life: Life) -> None:
        await life.start()
        life.enter()
        await life.until(lambda: fault.asked == 1)
        opened = life.at.server.subscriptions_open
        life.lose()
        await life.until(lambda: life.at.server.subscriptions_open < opened)
        await life.until(lambda: life.at.server.subscriptions_open == opened)
        for _ in range(50):
            await life.pump()
        fault.release.set()
        await life.still()
        assert life.orders == ["MARKET FILLED", "STOP_LOSS NEW"]
        assert len(life.actor.account.positions()) == 1

    play(files, tmp_path, fault, story)


def test_an_answer_that_hangs_keeps_no_stop_from_going_out(files: TlsFiles, tmp_path: Path) -> None:
    """The stream has told the fill: the position is not bare until the request of its entry times out."""

    async def story(life: Life) -> None:
        life.at.gateway._client.timeout = 1_000 * TIMEOUT_MS
        await life.start()
        life.enter()
        await life.until(lambda: len(life.orders) == 2)
        await life.still()
        assert life.orders == ["MARKET FILLED", "STOP_LOSS NEW"]

    play(files, tmp_path, Fault(says=[Say(kind="hang")], takes=True), story)


def test_a_stop_that_vanished_unheard_of_is_placed_again(files: TlsFiles, tmp_path: Path) -> None:
    """The venue (or the user) took it off the book while the stream was down."""

    async def story(life: Life) -> None:
        await life.start()
        life.enter()
        await life.still()
        venue = life.at.venue
        stop = venue.orders("key")[-1]
        life.lose()
        venue.cancel(venue.account("key"), "BTCUSDT", stop.id)
        await life.until(lambda: len(life.orders) == 3)
        await life.still()
        assert life.orders == ["MARKET FILLED", "STOP_LOSS CANCELED", "STOP_LOSS NEW"]

    play(files, tmp_path, Fault("NONE"), story)


def sell(life: Life, name: str) -> None:
    """Somebody sells with the same key."""
    venue = life.at.venue
    venue.place(venue.account("key"), NewOrder("BTCUSDT", name, Side.SELL, Kind.MARKET, 100, 0, 0))


def test_what_was_traded_before_the_books_opened_is_not_ours(files: TlsFiles, tmp_path: Path) -> None:
    """It is in the opening balances; what is traded later without us is the owner's own, and nothing is entered then."""

    async def story(life: Life) -> None:
        sell(life, "web_1")
        life.at.venue.now_ms += 10
        life.at.clock.advance_to(life.at.venue.now_ms)
        await life.start()
        life.enter()
        await life.still()
        assert len(life.actor.account.positions()) == 1
        sell(life, "web_2")
        await life.until(lambda: life.actor.account.foreign is not None)
        assert life.actor.account.foreign is not None
        assert life.actor.account.foreign.name == "web_2"
        assert len(life.actor.account.positions()) == 1

    play(files, tmp_path, Fault("NONE"), story)


def test_what_is_older_than_the_books_is_not_asked_for_order_by_order(files: TlsFiles, tmp_path: Path) -> None:
    """The owner's own thousands would keep his account, and the sale of all he holds, waiting at every start."""
    fault = Fault("GET", "/api/v3/order")

    async def story(life: Life) -> None:
        for number in range(5):
            sell(life, f"web_{number}")
        life.at.venue.now_ms += 2 * CLOCK_BACK_MS
        life.at.clock.advance_to(life.at.venue.now_ms)
        await life.start()
        assert fault.asked == 0
        assert life.actor.account.foreign is None
        again = Life(life.at, life.journal)
        await again.start()
        assert fault.asked == 0
        sell(again, "web_9")
        await again.until(lambda: again.actor.account.foreign is not None)
        for task in again.tasks:
            task.cancel()

    play(files, tmp_path, fault, story)


def test_a_start_waits_for_a_venue_that_is_down(files: TlsFiles, tmp_path: Path) -> None:
    """Eight times; then the account is given up, loudly. A refused key is not tried again."""
    path = "/api/v3/account"

    async def patient(life: Life) -> None:
        await life.start()
        assert life.actor.account.opened

    async def hopeless(life: Life) -> None:
        with pytest.raises(OutcomeUnknown):
            await life.start()

    async def refused(life: Life) -> None:
        with pytest.raises(KeyRefused):
            await life.start()

    down = Say(503, "down", content_type="text/plain")
    for story, says, asked in (
        (patient, [down] * 8, 9),
        (hopeless, [down] * 9, 9),
        (refused, [Say(401, '{"code":-2015,"msg":"no"}')] * 5, 1),
    ):
        fault = Fault("GET", path, says=says)
        (tmp_path / story.__name__).mkdir()
        play(files, tmp_path / story.__name__, fault, story)
        assert fault.asked == asked


def test_a_stopped_account_protects_and_replaces_what_protects(
    files: TlsFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halted while its entry fills: the stop goes out, and is replaced where it must be: its cancel makes way for it."""

    async def story(life: Life) -> None:
        await life.start()
        take = life.actor.handle

        def halted_by_then(event: Event) -> None:
            if isinstance(event, OrderFilled):
                life.actor.sender.halt()
            take(event)

        monkeypatch.setattr(life.actor, "handle", halted_by_then)
        life.enter()
        await life.until(lambda: len(life.orders) == 2)
        await life.still()
        assert life.orders == ["MARKET FILLED", "STOP_LOSS NEW"]
        (stop,) = life.actor.working()
        slot = life.actor.account.slots[MARKET.id]
        slot.after_cancel, slot.row[step.NEXT_STOP] = step.RELEVEL, slot.row[step.STOP]
        life.actor.sender.put(life.actor.account.cancelling())
        await life.until(lambda: len(life.orders) == 3)
        await life.still()
        assert life.orders == ["MARKET FILLED", "STOP_LOSS CANCELED", "STOP_LOSS NEW"]
        assert stop.stop_price is not None

    play(files, tmp_path, Fault("NONE"), story)


def test_an_instance_takes_an_account_over_and_an_older_one_is_refused(files: TlsFiles, tmp_path: Path) -> None:
    """Orders are named by the epoch from then on; what was named before keeps its name."""

    async def story(life: Life) -> None:
        await life.start()
        life.enter()
        await life.still()
        names = [order.client_id for order in life.at.venue.orders("key")]
        second = Life(life.at, life.journal)
        second.actor.epoch = 2
        await second.start()
        assert second.actor.account.naming == Naming("sim", 2)
        assert [request.client_order_id for request in second.actor.working()] == names[1:]
        with pytest.raises(InstanceTooOld, match="taken over by instance 2"):
            await Life(life.at, life.journal).start()
        for task in second.tasks:
            task.cancel()

    play(files, tmp_path, Fault("NONE"), story)


def cut_off(life: Life, sql: str) -> None:
    """From now on the journal takes nothing, or something again."""
    store = life.journal._connection
    store.exec_driver_sql(sql)
    store.commit()


REFUSE, TAKE = "create trigger no before insert on event begin select raise(abort, 'no'); end", "drop trigger no"


def stays(life: Life, high: float) -> CandlesClosed:
    """A minute later a candle closes, and its position's stop trails."""
    now = life.at.clock.now_ms() + MINUTE
    wish = signal(MARKET, time_ms=now, close=100.0, high=high, previous_exposure=1.0, trail_distance=5.0)
    return CandlesClosed(time_ms=now, signals=(wish,))


async def protected_again(life: Life) -> None:
    """A restart knows the one stop that rests, and that it stands for all."""
    for task in life.tasks:
        task.cancel()
    cut_off(life, TAKE)
    orders, again = life.orders, Life(life.at, life.journal)
    await again.start()
    await again.still()
    slot, [stop] = again.actor.account.slots[MARKET.id], again.actor.working()
    assert (slot.stops, slot.covered(again.actor.account.orders)) == ([stop.client_order_id], slot.steps())
    assert again.orders == orders
    for task in again.tasks:
        task.cancel()


def test_a_stop_of_who_was_cut_off_is_found_by_a_restart(files: TlsFiles, tmp_path: Path) -> None:
    """By the journal, which heard of this one no more, what is held has none."""
    fault = Fault(says=[Say(kind="hold"), error(-1013, "Filter failure: NOTIONAL")])
    fault.release.set()

    async def story(life: Life) -> None:
        await life.start()
        life.enter()
        await life.still()
        assert life.orders == ["MARKET FILLED"]
        cut_off(life, REFUSE)
        with pytest.raises(JournalRefuses):
            life.actor.handle(stays(life, 100.0))
        await life.until(lambda: life.orders == ["MARKET FILLED", "STOP_LOSS NEW"])
        await protected_again(life)

    play(files, tmp_path, fault, story)


def test_the_stop_of_what_was_bought_while_cut_off_is_found_by_a_restart(files: TlsFiles, tmp_path: Path) -> None:
    """By the journal nothing is held yet; the name it would give its first stop is that of one that made way."""
    fault = Fault(says=[Say(kind="hold")])

    async def story(life: Life) -> None:
        await life.start()
        life.enter()
        await life.until(lambda: fault.asked == 1)
        cut_off(life, REFUSE)
        fault.release.set()
        with pytest.raises(JournalRefuses):
            await life.until(lambda: False)
        life.hear()
        await life.until(lambda: life.orders == ["MARKET FILLED", "STOP_LOSS NEW"])
        await life.still()
        life.actor.post(stays(life, 101.0))
        await life.until(lambda: life.orders == ["MARKET FILLED", "STOP_LOSS CANCELED", "STOP_LOSS NEW"])
        await protected_again(life)

    play(files, tmp_path, fault, story)
