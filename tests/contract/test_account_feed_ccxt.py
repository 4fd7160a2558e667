"""What a user stream keeps to itself, through unmodified ccxt.pro: noticed by time, by reads, and mended by a reconnect."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.contract.test_flow_desk_ccxt import booked, causes, off
from tests.contract.watch_kit import CASH, World, tell
from tradepool.adapters.database.risk import DatabaseRisk
from tradepool.core.account.flows import entries_off
from tradepool.domain.event import ForeignOrder, OrderFilled, StreamLost, StreamRestored
from tradepool.domain.ids import Naming
from tradepool.domain.limit import RiskPlan
from tradepool.domain.mandate import EntryKind, EntryOrder
from tradepool.entrypoints.app import Platform, weight_broker
from tradepool.entrypoints.replay import VENUE
from tradepool.services.account_reads import EVERY_MS, Exposure
from tradepool.services.trading.account_feed import ANSWER_S, ON_ITS_WAY_S
from tradepool.services.trading.desk import NothingToResume
from tradepool.services.trading.sender import ABSENT_AFTER_MS, StillStarting
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.limits import Limiter, Limits
from tradepool.simexchange.records import Kind, NewOrder, Side
from tradepool.simexchange.tls import TlsFiles

MINUTE_MS = 60_000
READ_MS = EVERY_MS[Exposure.OPEN_ORDERS] + int(ON_ITS_WAY_S * 1_000) + 2_000
SHARED = pytest.mark.parametrize("shared", [0, 2])


def lose(world: World, number: int = 0, **words: object) -> int:
    """From now on an account's stream tells nothing, whatever is opened anew; the fault's number."""
    fault = Fault(kind="lost", stream="user", account=world.key(number), **words)  # type: ignore[arg-type]
    return world.server.faults.add(fault, world.venue.now_ms).number


def kinds(world: World, number: int = 0) -> Counter[str]:
    """How many events of each kind the journal holds."""
    return Counter(type(event).__name__ for event in world.events(number))


@SHARED
@pytest.mark.parametrize(("kind", "filled"), [(EntryKind.MARKET, "MARKET FILLED"), (EntryKind.LIMIT, "LIMIT FILLED")])
def test_a_fill_that_is_not_told_is_asked_for(
    place: Path, files: TlsFiles, shared: int, kind: EntryKind, filled: str
) -> None:
    """C-630: the answer has come and the fill has not: after ANSWER_S the stream is opened anew; nobody else notices."""

    async def story(world: World) -> None:
        world.enters_by(EntryOrder(kind=kind))
        number = lose(world)
        await world.enter()
        assert world.actor().account.positions() == []
        took_ms = await world.until(lambda: world.orders() == [filled, "STOP_LOSS NEW"], MINUTE_MS)
        assert took_ms <= ANSWER_S * 1_000 + 1_000
        await world.until(lambda: isinstance(world.events()[-1], StreamRestored | OrderFilled), MINUTE_MS)
        assert kinds(world)["OrderFilled"] == 1
        assert (kinds(world)["StreamLost"], kinds(world, 1)["StreamLost"]) == (1, 0)
        world.server.faults.remove(number)
        await world.until(lambda: world.actor().account.listening and not world.actor().busy, MINUTE_MS)
        order_of_others(world)
        assert await world.until(lambda: world.actor().account.foreign, MINUTE_MS) < 1_000, "it tells again"

    tell(story, place, files, accounts_per_stream=shared)


def order_of_others(world: World) -> None:
    """A second client rests an order with the user's key."""
    order = NewOrder("BTCUSDT", "web_1", Side.BUY, Kind.LIMIT, 1_000, 9_000, 0)
    world.venue.place(world.venue.account(world.key()), order)


def test_an_order_that_ends_unheard_of_is_found_by_a_read(place: Path, files: TlsFiles) -> None:
    """C-631: nothing is owed, so only a look at the open orders tells; the position is protected again."""

    async def story(world: World) -> None:
        await world.enter()
        account = world.venue.account(world.key())
        lose(world, last=8)
        world.venue.cancel(account, "BTCUSDT", world.venue.orders(world.key())[-1].id)
        stops = ["MARKET FILLED", "STOP_LOSS CANCELED", "STOP_LOSS NEW"]
        await world.until(lambda: world.orders() == stops, READ_MS)
        lost = [event for event in world.events() if isinstance(event, StreamLost)]
        assert [event.why for event in lost] == [f"it did not tell of {world.venue.orders(world.key())[1].client_id}"]
        await world.until(lambda: not world.actor().busy, MINUTE_MS)

    tell(story, place, files)


def test_a_stream_that_is_silent_for_good_costs_time_and_nothing_else(place: Path, files: TlsFiles) -> None:
    """C-632: entry, stop and a stop's end, by REST alone; an order of somebody else is found as well."""

    async def story(world: World) -> None:
        fault = Fault(kind="silent", stream="user", account=world.key())
        world.server.faults.add(fault, world.venue.now_ms)
        await world.enter()
        await world.until(lambda: world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"], MINUTE_MS)
        order_of_others(world)
        await world.until(lambda: world.actor().account.foreign, READ_MS)
        assert [event.name for event in world.events() if isinstance(event, ForeignOrder)] == ["web_1"]
        account = world.venue.account(world.key())
        world.venue.cancel(account, "BTCUSDT", world.venue.orders(world.key())[1].id)
        await world.until(lambda: world.orders()[-1] == "STOP_LOSS NEW" and len(world.orders()) == 4, READ_MS)
        assert world.platform.desk.halted == {}

    tell(story, place, files)


@SHARED
def test_balances_come_with_the_stream_and_say_how_old_they_are(place: Path, files: TlsFiles, shared: int) -> None:
    """C-633: read once; an order changes them without a question."""

    async def story(world: World) -> None:
        feed, account = world.platform.desk.feed, world.seats[0].account.id
        await world.until(lambda: feed.holdings(account), MINUTE_MS)
        first = feed.holdings(account)
        assert first is not None
        assert first.unbroken
        assert {b.asset: b.total for b in first.balances} == {"USDT": CASH, "BTC": Decimal(1)}
        world.tick(world.clock.now_ms() + 20_000)
        never = Fault(kind="code", code=-1000, route="GET /api/v3/account", share=0.0)
        asked = world.server.faults.add(never, world.venue.now_ms).matched
        await world.enter()
        told = await feed.for_deposits(account)
        assert told is not None
        held = world.venue.balances(world.key()).items()
        truth = {asset: sum(amounts) for asset, amounts in held if any(amounts)}
        assert {b.asset: b.total for b in told.balances} == truth
        assert asked.total() == 0, "the stream had told it"
        assert first.as_of_ms + 20_000 <= told.as_of_ms <= world.clock.now_ms()

    tell(story, place, files, accounts_per_stream=shared)


def test_an_account_that_cannot_start_yet_keeps_nobody_waiting(place: Path, files: TlsFiles) -> None:
    """C-634: brought up beside trading, each trades as soon as it is up, with what closed meanwhile."""

    def slow(world: World) -> None:
        fault = Fault(kind="status", status=503, route="GET /api/v3/account", account=world.key(), until_ms=30_000)
        world.server.faults.add(fault, world.venue.now_ms)

    async def story(world: World) -> None:
        await world.until(lambda: 1 in [n for n in (0, 1) if started(world, n)], MINUTE_MS)
        with pytest.raises(StillStarting):
            world.actor()
        await world.enter(1)
        assert world.orders(1) == ["MARKET FILLED", "STOP_LOSS NEW"]
        await world.until(lambda: started(world, 0), 2 * MINUTE_MS)
        await world.enter()
        assert world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"]

    tell(story, place, files, before=slow, beside=True)


def test_an_entry_of_the_life_before_waits_for_a_start_that_takes_long(place: Path, files: TlsFiles) -> None:
    """Its order is denied, and may go out before the account is up: limits can't be asked about it then."""

    def down(world: World, route: str) -> int:
        fault = Fault(kind="status", status=503, route=route, account=world.key())
        return world.server.faults.add(fault, world.venue.now_ms).number

    async def story(world: World) -> None:
        turned_away = down(world, "POST /api/v3/order")
        await world.enter()
        await world.platform.close()
        world.server.faults.remove(turned_away)
        assert world.orders() == []
        down_ms, reads = world.clock.now_ms(), down(world, "GET /api/v3/account")
        wiring, plan = world.platform._wiring, RiskPlan(limits=(), clusters={}, deployment="simulated")
        risk = (plan, DatabaseRisk(wiring.connection))
        world.platform = Platform(replace(wiring, beside=True, naming=Naming(epoch=1), risk=risk))
        await world.platform.start()
        await world.until(lambda: world.clock.now_ms() > down_ms + 3 * ABSENT_AFTER_MS)
        assert (world.orders(), world.platform.desk.starting, world.platform.desk.halted) == ([], True, {})
        world.server.faults.remove(reads)
        await world.until(lambda: world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"], MINUTE_MS)

    tell(story, place, files)


def started(world: World, number: int) -> bool:
    """Whether an account is up."""
    account = world.seats[number].account.id
    return any(a.account.account.id == account and a.account.opened for a in world.platform.desk.actors)


def test_entries_are_on_again_when_the_owner_says_so(place: Path, files: TlsFiles) -> None:
    """C-635: an event; a restart knows it too."""

    async def story(world: World) -> None:
        desk, account = world.platform.desk, world.seats[0].account.id
        with pytest.raises(NothingToResume):
            desk.resume(account)
        order_of_others(world)
        await world.until(lambda: world.actor().account.foreign, MINUTE_MS)
        await world.enter()
        assert "foreign_order" in world.refusals()
        desk.resume(account)
        await world.settle()
        assert type(world.events()[-1]).__name__ == "EntriesResumed"
        await world.enter()
        assert world.orders()[-2:] == ["MARKET FILLED", "STOP_LOSS NEW"]

    tell(story, place, files)


def test_those_with_a_position_are_brought_up_first(place: Path, files: TlsFiles) -> None:
    """C-636: whatever the order of the seats."""

    async def story(world: World) -> None:
        await world.enter(1)
        again = Platform(replace(world.platform._wiring, beside=True))
        assert [seat.account.number for seat in again._by_exposure()] == [2, 1]
        assert [seat.account.number for seat in Platform(world.platform._wiring)._by_exposure()] == [1, 2]

    tell(story, place, files)


def test_a_platform_keeps_within_the_venues_limits(place: Path, files: TlsFiles) -> None:
    """C-637: with the broker of its venue: accounts come up at the pace connections may be opened, and trade."""

    def paced(world: World) -> None:
        world.venue.limiter = Limiter(Limits())
        broker = weight_broker(VENUE, world.clock)
        world.platform = Platform(replace(world.platform._wiring, broker=broker, beside=True))

    async def story(world: World) -> None:
        for number in (0, 1):
            await world.until(lambda n=number: started(world, n), MINUTE_MS)  # type: ignore[misc]
            await world.enter(number)
            await world.until(lambda n=number: world.orders(n) == ["MARKET FILLED", "STOP_LOSS NEW"], MINUTE_MS)  # type: ignore[misc]
        broker = world.platform._wiring.broker
        assert broker is not None
        used = {use.name: use.used for use in (await broker.snapshot()).uses}
        assert used["connections in 5 minutes"] == 3
        assert world.platform.desk.halted == {}

    tell(story, place, files, before=paced)


def test_a_frame_of_balances_that_was_lost_is_no_flow(place: Path, files: TlsFiles) -> None:
    """C-1033: a fill is heard, what it left is not, and the stream stands: the venue is asked before anything is guessed."""

    async def story(world: World) -> None:
        await world.until(booked(world), MINUTE_MS)
        held = world.platform.desk.feed.holdings(world.seats[0].account.id)
        assert held is not None
        await world.enter()
        await world.settle()
        # What it told before the entry is what it told last.
        world.platform.desk.feed._reads.streamed(world.seats[0].account.id, held.balances)
        began_ms = world.clock.now_ms()
        await world.until(lambda: world.clock.now_ms() >= began_ms + 20 * MINUTE_MS, 21 * MINUTE_MS)
        assert (causes(world), entries_off(world.actor().account), off(world)) == ([], None, {})

    tell(story, place, files)
