"""Accounts at a venue, through unmodified ccxt.pro: orders of others, streams, problem markets, a poisoned client."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import ccxt
import ccxt.pro
import pytest

from tests.adapters.exchanges.test_guard import Poisoned, Thief, other_host, thief
from tests.contract.watch_kit import BTC, ETH, World, tell
from tradepool.adapters.exchanges.guard import OffTheList
from tradepool.core.risk.suspension import Trouble
from tradepool.domain.event import ForeignOrder, StreamLost, StreamRestored
from tradepool.domain.ids import AccountId, MarketId
from tradepool.runtime.egress import EgressRefused
from tradepool.simexchange.codecs.websocket import text_frame
from tradepool.simexchange.records import Kind, NewOrder, Side
from tradepool.simexchange.tls import TlsFiles

MINUTE_MS = 60_000
# User streams on a connection each, and together on one.
SHARED = pytest.mark.parametrize("shared", [0, 2])


def halted(world: World, number: int = 0) -> Exception | None:
    """What stopped an account."""
    return world.platform.desk.halted.get(world.seats[number].account.id)


# ---- somebody else with the user's key


def order_of_others(world: World, symbol: str = "BTCUSDT") -> None:
    """A second client rests an order with the user's key."""
    name, limit = "web_1", 9_000 if symbol == "BTCUSDT" else 900
    world.venue.place(world.venue.account(world.key()), NewOrder(symbol, name, Side.BUY, Kind.LIMIT, 1_000, limit, 0))


@pytest.mark.parametrize(("symbol", "market"), [("BTCUSDT", BTC.id), ("ETHUSDT", "binance:ETHUSDT")])
@SHARED
def test_an_order_of_somebody_else_raises_an_alarm(
    place: Path, files: TlsFiles, symbol: str, market: MarketId, shared: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """C-612: at once, by the stream, on any market; journaled; entries are off for that account, the other goes on."""

    async def story(world: World) -> None:
        order_of_others(world, symbol)
        took_ms = await world.until(lambda: world.actor().account.foreign, MINUTE_MS)
        assert took_ms < 1_000
        assert "somebody else orders on this account" in capsys.readouterr().err
        assert [(e.name, e.market) for e in world.events() if isinstance(e, ForeignOrder)] == [("web_1", market)]
        await world.enter()
        await world.enter(1)
        assert world.refusals() == ["foreign_order", "foreign_order"]
        assert world.orders(1) == ["MARKET FILLED", "STOP_LOSS NEW"]

    tell(story, place, files, accounts_per_stream=shared)


def test_an_order_of_somebody_else_is_found_while_the_stream_is_down(
    place: Path, files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-613: by the open orders, within a minute."""

    async def story(world: World) -> None:
        monkeypatch.setattr(type(world.server), "_api_result", _refuse)
        for link, _ in [*world.links(0), *world.links(1)]:
            link.drop()
        await world.until(lambda: not world.actor().account.listening, MINUTE_MS)
        order_of_others(world)
        await world.until(lambda: world.actor().account.foreign, MINUTE_MS)
        assert isinstance(world.events()[-1], ForeignOrder)

    tell(story, place, files)


def _refuse(*_: object) -> object:
    from tradepool.simexchange.codecs.binance.rejection import Rejection

    raise Rejection(-1000, "The user stream is down.")


@SHARED
def test_a_stream_that_breaks_is_two_events(place: Path, files: TlsFiles, shared: int) -> None:
    """C-614: what happened between them was asked for."""

    async def story(world: World) -> None:
        for link, _ in world.links():
            link.drop()
        await world.until(lambda: isinstance(world.events()[-1], StreamRestored), MINUTE_MS)
        assert [type(event) for event in world.events()[-2:]] == [StreamLost, StreamRestored]
        await world.until(lambda: world.actor(1).account.listening, MINUTE_MS)
        assert StreamLost.__name__ in [type(event).__name__ for event in world.events(1)] or not shared

    tell(story, place, files, accounts_per_stream=shared)


def test_one_connection_carries_the_streams_of_many_accounts(place: Path, files: TlsFiles) -> None:
    """C-618: each hears its own; what makes no sense to one ends that one's stream and no other."""

    async def story(world: World) -> None:
        streams = world.platform.session.shared_streams
        assert streams is not None
        assert (streams.connections, world.server.subscriptions_open) == (1, 3)
        for number in (0, 1):
            await world.enter(number)
            assert world.orders(number) == ["MARKET FILLED", "STOP_LOSS NEW"]
            assert len(world.actor(number).account.positions()) == 1
        ((link, subscription),) = world.links()
        event = b'{"subscriptionId":%d,"event":{"e":"executionReport","s":"BTCUSDT","x":"TRADE"}}' % subscription
        link.write(text_frame(event))
        await world.until(lambda: isinstance(world.events()[-1], StreamRestored), MINUTE_MS)
        assert [type(each) for each in world.events()[-2:]] == [StreamLost, StreamRestored]
        assert StreamLost.__name__ not in [type(each).__name__ for each in world.events(1)]
        assert streams.connections == 1

    tell(story, place, files, accounts_per_stream=2)


@pytest.mark.parametrize("frame", [b"{", b"[]", b"7", b'{"event":7}', b'{"subscriptionId":[],"event":{}}', b"null"])
def test_a_frame_that_makes_no_sense_ends_a_shared_connection_and_nothing_else(
    place: Path, files: TlsFiles, frame: bytes
) -> None:
    """C-619: whose it was can't be told: everybody on it asks the venue."""

    async def story(world: World) -> None:
        ((link, _),) = world.links()
        link.write(text_frame(frame))
        for number in (0, 1):
            await world.until(lambda n=number: isinstance(world.events(n)[-1], StreamRestored), MINUTE_MS)  # type: ignore[misc]
        await world.enter()
        assert world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"]

    tell(story, place, files, accounts_per_stream=2)


# ---- problem markets


def test_a_market_that_refuses_again_and_again_is_suspended_for_all(place: Path, files: TlsFiles) -> None:
    """C-615: five accounts are refused; nobody enters there, with the reason, until it is over; protections go out."""

    async def story(world: World) -> None:
        await world.enter()
        gate = world.platform.gate
        now = world.clock.now_ms()
        for name in "abcde":
            gate.suspensions.failed(BTC.id, AccountId(name), now, "venue_rejected")
        (held,) = gate.suspensions.all(now)
        assert (held.market, held.trouble, held.until_ms) == (BTC.id, Trouble.ERRORS, now + 15 * MINUTE_MS)
        await world.enter(1)
        assert world.refusals(1) == ["suspended_errors"]
        world.tick(held.until_ms)
        await world.until(lambda: world.platform.venue_clock.right)
        await world.enter(1)
        assert world.orders(1) == ["MARKET FILLED", "STOP_LOSS NEW"]

    tell(story, place, files)


def test_a_market_the_venue_does_not_list_any_more_is_told_from_one_it_trades(place: Path, files: TlsFiles) -> None:
    """C-616: a name it does not know makes it refuse the whole question; each is asked alone then."""

    async def story(world: World) -> None:
        feed = world.platform.feed
        gone = replace(BTC, base="GONE")
        feed.client.markets["GONE/USDT"] = {**feed.client.markets["BTC/USDT"], "id": "GONEUSDT", "symbol": "GONE/USDT"}
        found = await feed.standing([BTC, gone, ETH])
        assert found == {BTC.id: BTC, gone.id: Trouble.DELISTED, ETH.id: ETH}
        assert await feed.prices([BTC, gone, ETH]) == {BTC.id: 100, ETH.id: 10}
        assert await feed.prices([gone]) == {}

    tell(story, place, files)


# ---- a bad dependency


def test_a_poisoned_client_stops_every_account_of_its_venue(
    place: Path, files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-617: the first signed request that goes elsewhere is stopped, and everybody with it; nothing was sent."""
    monkeypatch.setattr(ccxt.pro, "binance", Poisoned)
    monkeypatch.setattr(Poisoned, "errand", other_host, raising=False)

    async def story(world: World) -> None:
        async with thief() as him:
            monkeypatch.setattr(Poisoned, "him", him, raising=False)
            await world.enter()
            await world.until(lambda: halted(world, 1), MINUTE_MS)
            assert [type(halted(world, number)) for number in (0, 1)] == [OffTheList, OffTheList]
            assert isinstance(him, Thief)
            assert him.visits == 0
            assert world.orders() == []

    tell(story, place, files)


def test_in_a_sealed_process_nothing_else_connects(place: Path, files: TlsFiles) -> None:
    """C-620: the platform trades; code with a session of its own is stopped, in its thread, and every account with it."""

    async def story(world: World) -> None:
        await world.enter()
        assert world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"]
        with pytest.raises(EgressRefused):
            await asyncio.to_thread(socket.create_connection, ("127.0.0.1", 9))
        await world.until(lambda: halted(world, 1), MINUTE_MS)
        assert [type(halted(world, number)) for number in (0, 1)] == [EgressRefused, EgressRefused]

    tell(story, place, files, sealed=True)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 9))
