"""What alarms see of an account, its orders, its books and its disk: real accounts, journal and rows; the venue's word is
what the test says it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.contract.watch_kit import BTC as WATCHED_BTC
from tests.entrypoints.test_rungs import KEY, configured
from tests.entrypoints.trading_kit import on_one_clock
from tests.nouns import BTC, ETH, MINUTE_MS, fill, signal
from tests.services.test_market_data import Scene, play
from tests.services.trading.test_together import actors
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.reserve import SLICE, Reserve
from tradepool.adapters.database.suspensions import AutomaticSuspensions, DatabaseSuspensions
from tradepool.core.risk.strategy_failures import blamed
from tradepool.core.risk.suspension import Suspensions
from tradepool.core.risk.suspension import Trouble as Odd
from tradepool.domain.balance import Balance
from tradepool.domain.deployment import Deployment, Halt, Kind, Mode, Scope, ScopeKind
from tradepool.domain.errors import BrokenLaw, KeyRefused
from tradepool.domain.event import CandlesClosed, EntriesResumed, ForeignOrder, OrderAccepted, OrderFilled
from tradepool.domain.flow import Quarantined
from tradepool.domain.ids import AccountId, VenueOrderId
from tradepool.domain.limit import Action, Trip
from tradepool.domain.suspended import FOR_EVER_MS, Suspended, SuspendedKind
from tradepool.entrypoints.alarm_settings import AlarmSettings
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.lock_step import IdleSelector, run_in_lock_step
from tradepool.entrypoints.lookout import COMPARE_MS, COMPARED_MAX, Lookout
from tradepool.entrypoints.safety import safety_of
from tradepool.ports.exchange import OutcomeUnknown
from tradepool.ports.notifier import Message
from tradepool.runtime.clock import VirtualClock
from tradepool.services.account_reads import Holdings
from tradepool.services.alarms import ANSWER_MS, LOOK_S, AlarmBook, Channel
from tradepool.services.alarms import Kind as Wrong
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.desk import TradingDesk
from tradepool.simexchange.fault_kinds import Fault

CASH = Decimal(10_000)


@dataclass
class Word:
    """The venue's word on what each account holds, and how often it was asked for."""

    usdt: Decimal = CASH
    btc: Decimal = Decimal(0)
    asked: list[AccountId] = field(default_factory=list)

    def holdings(self, account: AccountId) -> Holdings:
        self.asked.append(account)
        held = {"USDT": self.usdt, "BTC": self.btc}
        balances = [Balance(account=account, asset=asset, free=held[asset], locked=Decimal(0)) for asset in held]
        return Holdings(account=account, balances=balances, as_of_ms=0, unbroken=True)


class House:
    """Accounts over a journal, and a lookout over them."""

    def __init__(self, folder: Path, count: int) -> None:
        self.connection = open_store(folder / "t.sqlite", "NORMAL")
        self.rows = DatabaseDeployment(self.connection, Deployment(id="aaaaaaaa", kind=Kind.PRACTICE))
        self.clock, self.word = VirtualClock(MINUTE_MS), Word()
        self.actors: list[AccountActor] = actors(DatabaseJournal(self.connection), CASH)[:count]
        self.reserve = Reserve(folder / "reserve", SLICE)
        names = {actor.account.account.id for actor in self.actors}
        known = {"halted": {}, "up": names, "secured": names, "streamless": {}}
        self.desk = SimpleNamespace(actors=self.actors, feed=self.word, **known)
        self.data = SimpleNamespace(known_ms=MINUTE_MS)
        self.settings = AlarmSettings(disk_free_min_mb=0)
        ann, first = SimpleNamespace(id="ann"), SimpleNamespace(id="ann-first")
        ids = [actor.account.account.id for actor in self.actors]
        seats = [SimpleNamespace(account_id=name, user=ann, mandate=first, unled=None) for name in ids]
        deployed = SimpleNamespace(
            seats=seats, folder=folder, timeframe_ms=MINUTE_MS, settings=SimpleNamespace(alarms=self.settings)
        )
        books = DatabaseBooks(self.connection)
        self.odd = dict[AccountId, str]()
        flows = SimpleNamespace(trouble=lambda account: self.odd.get(account, ""), unpriced=lambda account: "")
        self.risk = SimpleNamespace(limits=SimpleNamespace(trips={}))
        platform = SimpleNamespace(desk=self.desk, books=books, market_data=self.data, flows=flows, risk=self.risk)
        self.lookout = Lookout(
            cast("Deployed", deployed),
            cast("Platform", platform),
            self.rows,
            self.reserve,
            (self.clock, self.clock),
        )
        self.lookout.ready = True

    def wrong(self) -> list[tuple[Wrong, str]]:
        """Kinds and texts of what is wrong now."""
        return [(each.kind, each.text) for each in self.lookout.look()]

    def passes(self, ms: int) -> None:
        self.clock.advance_to(self.clock.now_ms() + ms)
        self.data.known_ms = self.clock.now_ms()


def test_an_entry_is_followed_until_its_stop_rests_and_its_fill_is_the_venues_too(tmp_path: Path) -> None:
    house = House(tmp_path, 1)
    [actor] = house.actors
    assert house.wrong() == []
    actor.handle(CandlesClosed(time_ms=MINUTE_MS, signals=(signal(BTC),)))
    [bought] = actor.account.unanswered()
    assert house.wrong() == []
    house.passes(ANSWER_MS + 1)
    assert house.wrong() == [(Wrong.UNKNOWN_ORDER, f"u1: the venue has said nothing of order {bought.client_order_id}")]
    paid = fill(
        account=actor.account.account.id,
        client_order_id=bought.client_order_id,
        price=Decimal(100),
        quantity=bought.quantity,
        fee=Decimal(0),
        time_ms=house.clock.now_ms(),
    )
    actor.handle(OrderFilled(fill=paid))
    assert house.wrong() == [(Wrong.UNPROTECTED, f"u1: the position on {BTC.id} has no stop in the book")]
    [stop] = actor.account.unanswered()
    actor.handle(OrderAccepted(time_ms=1, client_order_id=stop.client_order_id, venue_order_id=VenueOrderId("1")))
    assert house.wrong() == []
    # The venue says what was bought and paid for: the books agree, until somebody takes money out.
    actor.sender._queue.clear()
    house.word.usdt, house.word.btc = CASH - bought.quantity * 100, bought.quantity
    house.passes(COMPARE_MS)
    assert house.wrong() == []
    house.word.usdt -= 7
    house.passes(COMPARE_MS)
    assert house.wrong() == [(Wrong.DIFFERENCE, "u1: the books hold 7 USDT more than the venue says")]
    house.word.usdt += 7
    house.passes(COMPARE_MS)
    assert house.wrong() == []
    dispose(house.connection)


def test_an_unknown_order_is_said_after_a_minute_and_a_bare_position_after_ten_seconds(tmp_path: Path) -> None:
    """Counted from when each began, in looks."""
    house, book = House(tmp_path, 1), AlarmBook()
    [actor] = house.actors

    def said_after(limit_s: int) -> tuple[Wrong, float]:
        begun_ms = house.clock.now_ms()
        while house.clock.now_ms() < begun_ms + 1_000 * limit_s:
            for said in book.hear(house.lookout.look(), house.clock.now_ms()):
                if said.word == "ALARM":
                    return said.trouble.kind, (house.clock.now_ms() - begun_ms) / 1_000
            house.passes(int(LOOK_S * 1_000))
        raise AssertionError("it is never said")

    actor.handle(CandlesClosed(time_ms=MINUTE_MS, signals=(signal(BTC),)))
    kind, after_s = said_after(120)
    assert kind is Wrong.UNKNOWN_ORDER
    assert 60 <= after_s <= 60 + LOOK_S
    [bought] = actor.account.unanswered()
    paid = fill(
        account=actor.account.account.id,
        client_order_id=bought.client_order_id,
        price=Decimal(100),
        quantity=bought.quantity,
        fee=Decimal(0),
        time_ms=house.clock.now_ms(),
    )
    actor.handle(OrderFilled(fill=paid))
    assert said_after(30) == (Wrong.UNPROTECTED, 10)
    dispose(house.connection)


def test_the_house_around_the_accounts(tmp_path: Path) -> None:
    house = House(tmp_path, 2)
    assert house.wrong() == []
    house.desk.halted[AccountId("u2")] = KeyRefused(venue="v", account="u2", message="no")
    house.rows.halt(Halt(scope=Scope(ScopeKind.USER, "ann"), since_ms=1, by="ben", reason="thin"))
    house.data.known_ms -= 2 * MINUTE_MS + 11_000
    house.settings.disk_free_min_mb = 10**9
    house.reserve.give()
    house.lookout.unpaid = lambda user: f"{user} owes" if user == "ann" else ""
    kinds = [kind for kind, _ in house.wrong()]
    # There is room: the reserve is made whole by the look itself.
    assert kinds == [Wrong.STOPPED, Wrong.HALT, Wrong.UNPAID, Wrong.STALE, Wrong.DISK_LOW]
    assert house.reserve.whole
    dispose(house.connection)


def test_a_market_that_stands_still_hides_no_silence_of_all(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        house = House(tmp_path, 1)
        house.lookout._platform.market_data, house.lookout._clock = scene.data, scene.clock
        for number in range(4):
            await scene.minute(number, BTC, ETH, known=(BTC, ETH))
            await scene.grace()
            assert house.wrong() == []
        scene.clock.advance_to(scene.clock.now_ms() + 3 * MINUTE_MS)
        assert house.wrong() == [(Wrong.STALE, "market data is 182 s old")]
        dispose(house.connection)

    play(story)


def test_what_keeps_entries_off_is_said_to_whose_it_is(tmp_path: Path) -> None:
    """A stream that is down, an order of another hand, a limit that is reached."""
    house = House(tmp_path, 1)
    [actor] = house.actors
    house.desk.streamless[AccountId("u1")] = 1
    actor.handle(ForeignOrder(time_ms=1, name="web_7", market=BTC.id))
    now_ms = house.clock.now_ms()
    for key, until_ms in (("user.ann.daily_loss_max", now_ms + 1), ("user.ann.weekly_loss_max", now_ms)):
        trip = Trip(key=key, user="", action=Action.REFUSE, since_ms=1, until_ms=until_ms, note=f"{key} is reached")
        house.risk.limits.trips[key, ""] = trip
    found = house.lookout.look()
    assert [(each.kind, each.user) for each in found] == [
        (k, "ann") for k in (Wrong.STREAM, Wrong.FOREIGN, Wrong.LIMIT)
    ]
    assert "web_7" in found[1].text
    assert "tradepool resume --user ann" in found[1].text
    assert found[2].text == "user.ann.daily_loss_max is reached: refuse"
    house.desk.streamless.clear()
    actor.handle(EntriesResumed(time_ms=2))
    house.risk.limits.trips.clear()
    assert house.wrong() == []
    dispose(house.connection)


def test_while_it_starts_what_is_known_is_said_and_what_was_not_read_yet_is_not(tmp_path: Path) -> None:
    """A bare position; and no books whose fills are still to come, no data that nobody has asked for, nobody who failed."""
    house = House(tmp_path, 3)
    house.lookout.ready, house.desk.up, house.desk.secured = False, set(), {AccountId("u1")}
    house.data.known_ms, house.word.usdt = -2 * MINUTE_MS, CASH - 100
    house.desk.halted[AccountId("u3")] = KeyRefused(venue="v", account="u3", message="no")
    actor = house.actors[0]
    actor.handle(CandlesClosed(time_ms=MINUTE_MS, signals=(signal(BTC),)))
    [bought] = actor.account.unanswered()
    paid = fill(account=AccountId("u1"), client_order_id=bought.client_order_id, quantity=bought.quantity)
    actor.handle(OrderFilled(fill=paid))
    actor.sender._queue.clear()
    bare, starts = Wrong.UNPROTECTED, Wrong.STARTING
    assert [(each.kind, each.about.strip()) for each in house.lookout.look()] == [
        (bare, f"u1 {BTC.id}"),
        (Wrong.STOPPED, "u3"),
        (starts, ""),
        (starts, "u2"),
    ]
    house.lookout.ready, house.desk.up, house.desk.secured = True, {"u1", "u2"}, {"u1", "u2"}
    assert {each.kind for each in house.lookout.look()} == {bare, Wrong.STOPPED, Wrong.DIFFERENCE, Wrong.STALE}
    dispose(house.connection)


def test_what_it_suspends_by_itself_is_said_once_with_why_and_until_when(tmp_path: Path) -> None:
    """However often it is seen again; and anew when it comes back. What a person suspended is no news."""
    house, book, said = House(tmp_path, 1), AlarmBook(), list[str]()
    rows = DatabaseSuspensions(house.connection)
    house.lookout.suspended = lambda: rows.all(house.clock.now_ms())
    listed = Suspensions(AutomaticSuspensions(rows, house.clock, house.clock))
    own = Suspended(
        kind=SuspendedKind.STRATEGY, name="churn", since_ms=0, until_ms=FOR_EVER_MS, by="ann", reason="odd signals"
    )
    rows.suspend(own)

    def look() -> None:
        said.extend(each.line for each in book.hear(house.lookout.look(), house.clock.now_ms()))

    for seen in (True, True, False, False, False, True):
        if seen:
            listed.suspend(BTC.id, Odd.STALE, house.clock.now_ms(), "no candle since 300 s")
        look()
        house.passes(4 * MINUTE_MS)
    rows.suspend(blamed("churn", house.clock.now_ms()))
    listed.suspend(BTC.id, Odd.DELISTED, house.clock.now_ms(), "the venue's listing")
    look()
    stale = f"ALARM suspended: market {BTC.id} is not entered until 1970-01-01T00:"
    assert [line.removeprefix(stale) for line in said[:2]] == [
        "06:00Z: stale, no candle since 300 s",
        "26:00Z: stale, no candle since 300 s",
    ]
    assert said[2:] == [
        f"ALARM suspended: market {BTC.id} is not entered until it is lifted: delisted, the venue's listing",
        "ALARM suspended: strategy churn is not entered until 1970-01-01T00:40:00Z: errors, its orders are refused on "
        "several markets, for many accounts",
    ]
    assert book.safe
    dispose(house.connection)


class Ear:
    """A person's channel, and a watcher's outside."""

    def __init__(self) -> None:
        self.heard, self.beats = list[str](), 0

    async def beat(self) -> None:
        self.beats += 1

    async def send(self, message: Message) -> None:
        self.heard += message.text.splitlines()


HANGS = "start: trading is being started, and nothing is decided yet"
NOT_LOOKED_AT = "start: ann-main: it is being started, and its protections have not been looked at yet"
WAITS = "stopped: ann-main: it is stopped"


@pytest.mark.parametrize(("account", "said"), [("", [HANGS, NOT_LOOKED_AT]), (KEY.key, [WAITS])])
def test_a_start_that_hangs_is_watched(tmp_path: Path, account: str, said: list[str]) -> None:
    """Before a venue that answers nothing, or nothing of an account. Who has not begun to trade gives no sign of life."""
    deployed, ear = configured(tmp_path, "live"), Ear()

    async def run(selector: IdleSelector) -> None:
        trading, world, connection = await on_one_clock(tmp_path, deployed, selector)
        server, clock = world.server, world.clock
        trading._alarms._channels, trading._sign_of_life = [Channel(ear)], (ear, 60.0)
        fault = server.faults.add(Fault(kind="status", status=503, account=account), world.venue.now_ms)
        running = asyncio.ensure_future(trading.run())
        try:
            assert await world.until(lambda: ear.heard, 130_000) >= 120_000
            assert (ear.beats == 0) == (not account)
            server.faults.remove(fault.number)
            await world.until(lambda: running.done() or any("OVER" in line for line in ear.heard), 120_000)
            assert trading._standing.ready
            await world.until(lambda: ear.beats)
            # And from then on of what it suspends by itself.
            trading._platform.gate.suspensions.suspend(WATCHED_BTC.id, Odd.ODD_PRICE, clock.now_ms(), "it jumped")
            await world.until(lambda: len(ear.heard) > 2 * len(said))
        finally:
            trading._over.set()
            await world.until(running.done)
            await server.stop()
            dispose(connection)

    run_in_lock_step(run)
    wanted = [f"{word} {line}" for word in ("ALARM", "OVER") for line in said]
    assert [line.partition(": binance")[0] for line in ear.heard[:-1]] == wanted
    told = ear.heard[-1]
    assert told.startswith(f"ALARM suspended: market {WATCHED_BTC.id} is not entered until 2023-11-14T22:")
    assert told.endswith(": odd price, it jumped")


def test_who_is_cut_off_from_the_journal_is_stopped_by_name(tmp_path: Path) -> None:
    """Status and alarms say what it means for him, and what to do."""
    house = House(tmp_path, 1)
    [actor] = house.actors
    house.connection.exec_driver_sql(
        "create trigger no before insert on order_intent begin select raise(abort, 'no'); end"
    )
    house.connection.commit()
    with pytest.raises(BrokenLaw) as refused:
        actor.handle(CandlesClosed(time_ms=MINUTE_MS, signals=(signal(BTC),)))
    # Whatever had stopped him before: only this one needs a restart.
    desk = TradingDesk(house.clock, DatabaseJournal(house.connection), MINUTE_MS)
    timeout = OutcomeUnknown(venue="v", request="fees", message="timeout")
    for error in (timeout, refused.value, timeout):
        desk.halt(actor.account.account.id, error)
    house.desk.halted.update(desk.halted)
    [(kind, text)] = house.wrong()
    assert kind is Wrong.STOPPED
    assert text.startswith("u1: it is stopped: The journal will never take what account u1 has just done (")
    assert "its stops go on and nothing else is sent; run tradepool stop and start" in text
    dispose(house.connection)


def test_a_balance_that_nobody_explains_and_the_quarantine_it_ends_in(tmp_path: Path) -> None:
    house = House(tmp_path, 1)
    [actor] = house.actors
    house.odd[AccountId("u1")] = "the venue holds +9 BTC that no history of it explains"
    assert house.wrong() == [(Wrong.BALANCE, "u1: the venue holds +9 BTC that no history of it explains")]
    actor.handle(Quarantined(time_ms=1, why="+9 BTC"))
    assert house.wrong() == [(Wrong.QUARANTINE, "u1: nothing is entered until a person resumes it: +9 BTC")]
    seat = cast(
        "Seated",
        SimpleNamespace(
            account_id="u1", user=SimpleNamespace(id="ann"), mandate=actor.account.mandate, off="", unled=None
        ),
    )
    row = safety_of(seat, Mode.LIVE, actor.account, house.lookout._platform.books, MINUTE_MS, [])
    assert "u1 is quarantined, resume it when you know why: +9 BTC" in row.worries
    dispose(house.connection)


def test_one_look_compares_few_books_and_all_come_to_their_turn(tmp_path: Path) -> None:
    house = House(tmp_path, COMPARED_MAX + 3)
    house.lookout.look()
    assert len(house.word.asked) == COMPARED_MAX
    house.lookout.look()
    assert len(set(house.word.asked)) == len(house.word.asked) == COMPARED_MAX + 3
    house.lookout.look()
    assert len(house.word.asked) == COMPARED_MAX + 3
    dispose(house.connection)
