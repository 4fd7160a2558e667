"""A start at a venue where something does not answer: what can be done is done, the rest is tried again without a person."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.test_new_terms_ccxt import stops
from tests.contract.watch_kit import BTC, World, tell
from tests.nouns import signal
from tradepool.domain.errors import BrokenLaw
from tradepool.domain.ids import Naming
from tradepool.entrypoints.app import Platform
from tradepool.services.trading.account_actor import ClockBackwards
from tradepool.services.trading.watch import ROUND_S
from tradepool.simexchange.bad_calls import CONNECT
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.tls import TlsFiles

MINUTE_MS = 60_000


def fails(world: World, route: str, number: int | None = None) -> None:
    """Requests of a kind are not answered from now on, of one account or of all."""
    account = "" if number is None else world.key(number)
    world.server.faults.add(Fault(kind="code", code=-1001, route=route, account=account), world.venue.now_ms)


def decided(world: World, **changes: object) -> None:
    """A candle's signal goes to all accounts, as market data gives it."""
    world.tick(world.clock.now_ms() + 1)
    strategy_id = world.seats[0].mandate.strategy_id
    wish = signal(BTC, strategy_id=strategy_id, time_ms=world.clock.now_ms(), high=100.0, **changes)
    world.platform.desk.on_batch(world.clock.now_ms(), [wish])


def test_an_account_whose_start_fails_again_and_again_trades_once_it_does_not(place: Path, files: TlsFiles) -> None:
    """Two failed starts were one too many: it came up and stayed stopped for what the first had failed with."""

    async def story(world: World) -> None:
        desk, account = world.platform.desk, world.seats[0].account.id
        errors = set[int]()

        def failed_twice() -> bool:
            errors.add(id(desk.halted.get(account)))
            return len(errors - {id(None)}) == 2

        await world.until(failed_twice, 20 * MINUTE_MS)
        assert account not in desk.up
        world.server.faults.clear()
        await world.until(lambda: account in desk.up, 20 * MINUTE_MS)
        await world.settle()
        assert desk.halted == {}
        decided(world)
        await world.settle()
        assert world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"]

    tell(story, place, files, before=lambda world: fails(world, "WS userDataStream.*", 0), beside=True)


def test_what_stops_an_account_while_its_start_is_tried_again_stays(place: Path, files: TlsFiles) -> None:
    """It came up, and traded on as if nothing had been."""

    async def story(world: World) -> None:
        desk, account = world.platform.desk, world.seats[0].account.id
        await world.until(lambda: account in desk.halted, 20 * MINUTE_MS)
        law = BrokenLaw(law="a law", facts="broken")
        desk.halt(account, law)
        world.server.faults.clear()
        await world.until(lambda: account in desk.up, 20 * MINUTE_MS)
        await world.settle()
        assert desk.halted == {account: law}
        decided(world)
        await world.settle()
        assert (world.orders(), world.orders(1)) == ([], ["MARKET FILLED", "STOP_LOSS NEW"])

    tell(story, place, files, before=lambda world: fails(world, "WS userDataStream.*", 0), beside=True)


@pytest.mark.parametrize("beside", [False, True])
def test_a_key_that_can_t_be_looked_at_enters_nothing_until_it_is(place: Path, files: TlsFiles, beside: bool) -> None:
    """Its account is up meanwhile."""

    async def story(world: World) -> None:
        desk, account = world.platform.desk, world.seats[0].account.id
        await world.until(lambda: account in desk.up, MINUTE_MS)
        assert desk.halted == {}
        await world.enter()
        await world.until(world.refusals, MINUTE_MS)
        assert (world.refusals(), world.orders()) == (["key_unseen"], [])
        world.server.faults.clear()
        await world.until(lambda: world.platform.keys[account].rights is not None, int(2_000 * ROUND_S))
        await world.enter()
        assert world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"]

    tell(story, place, files, before=lambda world: fails(world, "GET /sapi/v1/account/apiRestrictions"), beside=beside)


def test_a_stop_that_is_gone_is_made_again_before_a_key_is_looked_at(place: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        await world.enter()
        await world.platform.close()
        world.venue.cancel(world.venue.account(world.key()), "BTCUSDT", world.venue.orders(world.key())[-1].id)
        fails(world, "GET /sapi/v1/account/apiRestrictions")
        world.platform = Platform(replace(world.platform._wiring, beside=True, naming=Naming(epoch=1)))
        starting = asyncio.ensure_future(world.platform.start())
        again = ["MARKET FILLED", "STOP_LOSS CANCELED", "STOP_LOSS NEW"]
        await world.until(lambda: world.orders() == again, MINUTE_MS)
        assert world.platform.keys[world.seats[0].account.id].rights is None
        await world.until(starting.done, MINUTE_MS)
        await starting

    tell(story, place, files)


@pytest.mark.parametrize("what", ["streams", "history"])
def test_candles_that_can_t_be_had_yet_keep_nobody_from_starting(place: Path, files: TlsFiles, what: str) -> None:
    """Protections are seen to; candles come as soon as the venue tells them."""

    def before(world: World) -> None:
        if what == "streams":
            world.server.faults.add(Fault(kind="reset", route=CONNECT), world.venue.now_ms)
        else:
            fails(world, "GET /api/v3/klines")

    async def story(world: World) -> None:
        desk, accounts = world.platform.desk, {seat.account.id for seat in world.seats}
        await world.until(lambda: accounts <= set(desk.secured), MINUTE_MS)
        data = world.platform.market_data
        assert data.state().lost if what == "streams" else data.known_ms == -1
        world.server.faults.clear()
        await world.until(lambda: accounts <= set(desk.up), 10 * MINUTE_MS)
        await world.until(lambda: data.known_ms > 0 and not data.state().lost, 10 * MINUTE_MS)
        assert desk.halted == {}
        await world.enter()
        assert world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"]

    tell(story, place, files, before=before, beside=True)


def test_an_account_that_an_error_has_stopped_leaves_by_signal_and_enters_nothing(place: Path, files: TlsFiles) -> None:
    """As its users are told. Whose state may be wrong decides nothing, whatever had stopped him before."""

    async def story(world: World) -> None:
        desk, accounts = world.platform.desk, [seat.account.id for seat in world.seats]
        decided(world)
        await world.settle()
        assert [len(world.actor(number).account.positions()) for number in (0, 1)] == [1, 1]
        desk.halt(accounts[0], ClockBackwards(fill="1", account=accounts[0], seconds=90))
        desk.halt(accounts[1], ClockBackwards(fill="1", account=accounts[1], seconds=90))
        desk.halt(accounts[1], BrokenLaw(law="a law", facts="broken"))
        decided(world, previous_exposure=1.0, trail_distance=2.0)
        await world.until(lambda: [float(each) for each in stops(world)] == [98.0], MINUTE_MS)
        decided(world, exposure=0.0, previous_exposure=1.0)
        await world.until(lambda: not world.actor().account.positions(), MINUTE_MS)
        await world.settle()
        assert world.orders(1) == ["MARKET FILLED", "STOP_LOSS NEW"]
        decided(world)
        await world.settle()
        assert not world.actor().account.positions()
        assert world.refusals() == ["stopped"]

    tell(story, place, files)
