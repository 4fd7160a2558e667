"""The user trades by his own hand at the venue: within a minute the position here is what is left of it there."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.contract.watch_kit import BTC, World, tell
from tests.nouns import signal
from tests.services.trading.test_steering import agrees
from tradepool.core.account.account import Account
from tradepool.domain.by_hand import LotShrunk
from tradepool.domain.event import CandlesClosed, MandateChanged
from tradepool.domain.ids import ClientOrderId
from tradepool.domain.mandate import EntryKind, EntryOrder
from tradepool.presentation.books_page import position_rows
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.records import Kind, NewOrder, Side
from tradepool.simexchange.tls import TlsFiles

MINUTE_MS = 60_000
OWN = Decimal(1)


def by_app(world: World, *, cancel: bool, side: Side = Side.SELL, steps: int = 0) -> None:
    """The user cancels our stop and trades at market, in one breath."""
    account = world.venue.account(world.key())
    for slot in world.actor().account.slots.values() if cancel else ():
        assert slot.stop is not None
        world.venue.cancel(account, "BTCUSDT", client_id=slot.stop, request_id="web_cancel")
    if steps:
        world.venue.place(account, NewOrder("BTCUSDT", "web_trade", side, Kind.MARKET, steps, 0, 0))


def shrunk(world: World) -> list[Decimal]:
    return [event.held for event in world.events() if isinstance(event, LotShrunk)]


def resting(world: World) -> list[int]:
    return [o.steps for o in world.venue.orders(world.key()) if o.kind is Kind.STOP_LOSS and o.status.name == "NEW"]


def test_a_stop_he_cancels_is_there_again(tmp_path: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        await world.enter()
        by_app(world, cancel=True)
        await world.until(lambda: resting(world) == [39_960], MINUTE_MS)
        assert world.actor().account.foreign is not None
        assert shrunk(world) == []

    tell(story, tmp_path, files)


@pytest.mark.parametrize("left", [0, 10_000])
def test_what_he_sells_of_ours_leaves_the_position(tmp_path: Path, files: TlsFiles, left: int) -> None:
    """All he has, and most of ours or all of it: 39.96 are ours and 1 is his."""

    async def story(world: World) -> None:
        await world.enter()
        account = world.venue.account(world.key())
        has = int((account.free["BTC"] + account.locked["BTC"]) // BTC.units_per_step)
        by_app(world, cancel=True, steps=has - left)
        await world.until(lambda: shrunk(world), MINUTE_MS)
        await world.settle()
        rows = position_rows(world.actor().account)
        assert [row.quantity for row in rows] == (["10"] if left else [])
        assert resting(world) == ([left] if left else [])
        await agrees(world)
        trades = world.platform.books.trades(world.seats[0].account.id)
        assert [trade.exit_reason for trade in trades] == ([] if left else ["released"])
        # Started again from its journal, it stands where it stood.
        live = world.actor().account
        again = Account(live.account, live.mandate, [slot.market for slot in live.slots.values()], live.origin)
        for event in world.events():
            again.apply(event)
        assert [(slot.row, slot.stops) for slot in again.slots.values()] == [
            (slot.row, slot.stops) for slot in live.slots.values()
        ]
        assert again.wallet == live.wallet

    tell(story, tmp_path, files)


def test_his_own_coins_are_left_alone(tmp_path: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        await world.enter()
        by_app(world, cancel=False, steps=1_000)
        by_app(world, cancel=False, side=Side.BUY, steps=500)
        await world.until(lambda: world.actor().account.foreign, MINUTE_MS)
        start = world.clock.now_ms()
        await world.until(lambda: world.clock.now_ms() > start + MINUTE_MS, 2 * MINUTE_MS)
        assert shrunk(world) == []
        assert resting(world) == [39_960]
        assert world.actor().account.orders[ClientOrderId(world.actor().account.slots[BTC.id].stop or "")]
        await agrees(world)
        await world.enter()
        assert world.refusals()[0] == "foreign_order"

    tell(story, tmp_path, files)


# ---- while an entry rests


async def rest(world: World) -> ClientOrderId:
    """An entry rests one below the price."""
    now, account = world.clock.now_ms() + 1, world.actor().account
    patient = replace(account.mandate, entry=EntryOrder(kind=EntryKind.POST_ONLY))
    world.actor().handle(MandateChanged(time_ms=now, mandate=patient))
    world.actor().post(CandlesClosed(time_ms=now, signals=(signal(BTC, time_ms=now, close=99.0, high=99.0),)))
    await world.until(lambda: bids(world))
    return ClientOrderId(account.slots[BTC.id].entry or "")


def bids(world: World) -> list[str]:
    return [o.client_id for o in world.venue.orders(world.key()) if o.kind is Kind.LIMIT_MAKER and o.is_open]


def sold_to(world: World, name: ClientOrderId, steps: int) -> None:
    """Somebody sells so much to the entry that rests."""
    account = world.venue.account(world.key())
    order = next(each for each in account.open.values() if each.client_id == name)
    world.venue._desk._serve(account, order, steps)
    world.venue._teller.flush()


@pytest.mark.parametrize("left", [0, 4_000])
def test_what_he_sells_of_a_part_is_heard_of_while_the_rest_of_the_entry_rests(
    tmp_path: Path, files: TlsFiles, left: int
) -> None:
    """The next candle may be a day away. What rests is taken back, as with whatever else a person does there."""

    async def story(world: World) -> None:
        entry = await rest(world)
        sold_to(world, entry, 10_000)
        await world.until(lambda: resting(world) == [9_990])
        by_app(world, cancel=True, steps=1_000 + 9_990 - left)
        await world.until(lambda: shrunk(world), MINUTE_MS)
        await world.settle()
        assert bids(world) == []
        assert [row.quantity for row in position_rows(world.actor().account)] == (["4"] if left else [])
        assert resting(world) == ([left] if left else [])
        await agrees(world)

    tell(story, tmp_path, files)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(kind="late", route="GET /api/v3/account", delay_ms=2_500), id="an answer that is old"),
        pytest.param(Fault(kind="delayed", stream="user", delay_ms=2_500), id="a fill that is not heard yet"),
    ],
)
def test_fills_that_are_on_their_way_are_no_trades_of_his(tmp_path: Path, files: TlsFiles, fault: Fault) -> None:
    async def story(world: World) -> None:
        entry = await rest(world)
        # All that was his own, so that nothing makes up for what is missed.
        by_app(world, cancel=False, steps=1_000)
        await world.until(lambda: world.actor().account.foreign)
        world.server.faults.add(fault, world.venue.now_ms)
        start = world.clock.now_ms()
        for seconds in range(2, 82, 2):
            await world.until(lambda after=seconds * 1_000: world.clock.now_ms() >= start + after)  # type: ignore[misc]
            if seconds <= 70:
                sold_to(world, entry, 1_000)
        world.server.faults.clear()
        world.venue._teller.flush()
        await world.settle()
        assert shrunk(world) == []
        assert world.actor().account.slots[BTC.id].held
        await agrees(world)

    tell(story, tmp_path, files)
