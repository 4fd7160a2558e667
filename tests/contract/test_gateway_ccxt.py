"""The platform's side of a venue, through unmodified ccxt.pro: keys, clocks, symbols, venues and others' orders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import ccxt
import ccxt.pro
import pytest

from tests.adapters.exchanges.test_guard import Poisoned, Thief, other_host, thief
from tests.contract.watch_kit import BTC, ETH, SAFE, World, tell, with_market
from tradepool.adapters.exchanges.clients import new_account_client, new_client
from tradepool.adapters.exchanges.guard import OffTheList
from tradepool.adapters.exchanges.transport import Session
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.adapters.exchanges.venues import ReadsOnly, UnknownVenue
from tradepool.core.risk.key_rights import KeyTooStrong, KeyTooWeak
from tradepool.core.risk.suspension import Trouble
from tradepool.domain.errors import KeyRefused, UnknownMarket
from tradepool.domain.event import ForeignOrder, OrderRejected, StreamLost, StreamRestored
from tradepool.domain.ids import MarketId
from tradepool.entrypoints.replay import connection_of
from tradepool.simexchange.codecs.websocket import text_frame
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.keys import Permissions
from tradepool.simexchange.records import Kind, NewOrder, Side
from tradepool.simexchange.tls import TlsFiles, make_tls_files

MINUTE_MS = 60_000
# User streams on a connection each, and together on one.
SHARED = pytest.mark.parametrize("shared", [0, 2])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """One authority for all."""
    return make_tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a path short enough for a socket."""
    return tmp_path_factory.mktemp("w")


def halted(world: World, number: int = 0) -> Exception | None:
    """What stopped an account."""
    return world.platform.desk.halted.get(world.seats[number].account.id)


# ---- symbols and venues


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("binance:BTCUSDT", "nearest known: BTC/USDT."),
        ("binance:btc-usdt", "nearest known: BTC/USDT."),
        ("binance:BTC/USD", "nearest known: BTC/USDT."),
        ("binance:BCT/USDT", "nearest known: BTC/USDT or ETH/USDT."),
        ("binance:XYZ/QQQ", "nothing like it"),
        ("kraken:BTC/USDT", "markets of binance only"),
    ],
)
def test_a_wrong_symbol_stops_its_account_with_a_suggestion(
    place: Path, files: TlsFiles, wrong: str, hint: str
) -> None:
    """C-601: the other account trades."""

    def before(world: World) -> None:
        world.seats[0] = with_market(world.seats[0], wrong)

    async def story(world: World) -> None:
        error = halted(world)
        assert isinstance(error, UnknownMarket)
        assert hint in str(error)
        await world.enter(1)
        assert world.orders(1) == ["MARKET FILLED", "STOP_LOSS NEW"]

    tell(story, place, files, before=before)


def test_a_venue_nobody_knows_is_named_with_a_suggestion(place: Path, files: TlsFiles) -> None:
    """C-602: before anything is connected."""

    async def story(world: World) -> None:
        raise AssertionError("it started")

    with pytest.raises(UnknownVenue, match="did you mean binance"):
        tell(story, place, files, venue="binanse")


def test_a_venue_without_a_certificate_is_read_only(place: Path, files: TlsFiles) -> None:
    """C-603: a client of it is made, a key is not taken there."""

    async def story(world: World) -> None:
        session = Session(connection_of(UnixSocket(str(world.folder / "v")), files))
        client = new_client("kraken", session, world.clock, 0)
        with pytest.raises(ReadsOnly, match="kraken is not certified"):
            new_account_client(client, "a", Credentials("k", "s"), session, world.clock, 0)
        await client.close()
        await session.close()

    tell(story, place, files)


# ---- keys


@pytest.mark.parametrize(
    ("rights", "kind", "words"),
    [
        (Permissions(withdrawals=True, addresses=SAFE.addresses), KeyTooStrong, "may withdraw;"),
        (Permissions(universal_transfer=True), KeyTooStrong, "may transfer;"),
        (Permissions(internal_transfer=True, withdrawals=True), KeyTooStrong, "may withdraw and transfer;"),
        (Permissions(trading=False), KeyTooWeak, "may not trade;"),
    ],
)
def test_a_key_that_can_do_too_much_or_too_little_is_refused(
    place: Path, files: TlsFiles, rights: Permissions, kind: type[Exception], words: str
) -> None:
    """C-604: before anything is traded; the other account is not concerned."""

    async def story(world: World) -> None:
        error = halted(world)
        assert type(error) is kind
        assert words in str(error)
        assert world.key() not in str(error)
        await world.enter(1)
        assert world.orders(1) == ["MARKET FILLED", "STOP_LOSS NEW"]

    tell(story, place, files, rights={0: rights})


def test_a_key_without_a_list_of_addresses_is_warned_of(
    place: Path, files: TlsFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    """C-605: and taken."""

    async def story(world: World) -> None:
        assert halted(world) is None
        assert "it may be used from any address" in capsys.readouterr().err

    tell(story, place, files, rights={0: Permissions()})


@SHARED
def test_a_key_revoked_while_it_trades_stops_its_account_within_a_minute(
    place: Path, files: TlsFiles, shared: int
) -> None:
    """C-606: with its name, though it had nothing to send."""

    async def story(world: World) -> None:
        await world.until(lambda: world.clock.now_ms() > 1_700_000_090_000, 10 * MINUTE_MS)
        world.venue.keys.revoke(world.key())
        took_ms = await world.until(lambda: halted(world), MINUTE_MS)
        assert took_ms <= MINUTE_MS
        assert isinstance(halted(world), KeyRefused)
        assert "-2015" in str(halted(world))
        assert halted(world, 1) is None
        assert world.actor(1).account.listening

    tell(story, place, files, accounts_per_stream=shared)


@pytest.mark.parametrize(
    ("rights", "kind"),
    [(Permissions(trading=False, addresses=SAFE.addresses), KeyTooWeak), (Permissions(withdrawals=True), KeyTooStrong)],
)
def test_a_key_narrowed_or_widened_while_it_trades_is_noticed(
    place: Path, files: TlsFiles, rights: Permissions, kind: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    """C-607: within a minute."""

    async def story(world: World) -> None:
        world.venue.keys.allow(world.key(), rights)
        await world.until(lambda: halted(world), MINUTE_MS)
        assert type(halted(world)) is kind
        assert "the rights of a key have changed" in capsys.readouterr().err

    tell(story, place, files)


def test_a_key_that_changes_harmlessly_goes_on(
    place: Path, files: TlsFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    """C-608: said, not stopped."""

    async def story(world: World) -> None:
        world.venue.keys.allow(world.key(), Permissions(futures=True, addresses=SAFE.addresses))
        told = ""

        def said() -> bool:
            nonlocal told
            told += capsys.readouterr().err
            return "+other_markets" in told

        await world.until(said, MINUTE_MS)
        assert halted(world) is None

    tell(story, place, files)


def test_a_revoked_key_that_ccxt_takes_for_a_ban_is_a_refused_key(place: Path, files: TlsFiles) -> None:
    """C-609: -2015 after a success is DDoSProtection to ccxt, and would be tried again for ever."""

    async def story(world: World) -> None:
        gateway: Any = world.actor().gateway
        await gateway.balances()
        world.venue.keys.revoke(world.key())
        with pytest.raises(ccxt.DDoSProtection):
            await gateway._client.privateGetAccount({})
        with pytest.raises(KeyRefused):
            await gateway.balances()

    tell(story, place, files)


# ---- clocks


@pytest.mark.parametrize("skew_ms", [10_000, -10_000])
def test_a_clock_ten_seconds_off_stops_entries_and_nothing_else(
    place: Path, files: TlsFiles, skew_ms: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """C-610: said with its offset; signed with the venue's time, so reads and protections work; right again, they go on."""

    async def story(world: World) -> None:
        await world.enter()
        assert world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"]
        world.skew_ms = skew_ms
        await world.until(lambda: not world.platform.venue_clock.right, 10 * MINUTE_MS)
        assert world.platform.venue_clock.reading is not None
        assert world.platform.venue_clock.reading.offset_ms == skew_ms
        assert f"offset_ms={skew_ms}" in capsys.readouterr().err
        await world.enter(1)
        assert world.refusals(1) == ["clock_off"]
        assert OrderRejected.__name__ in [type(event).__name__ for event in world.events(1)]
        assert world.orders(1) == []
        slot = world.actor().account.slots[BTC.id]
        world.venue.cancel(world.venue.account(world.key()), "BTCUSDT", client_id=str(slot.stop))
        await world.until(lambda: world.orders()[-1] == "STOP_LOSS NEW" and len(world.orders()) == 3, MINUTE_MS)
        world.skew_ms = 0
        await world.until(lambda: world.platform.venue_clock.right, MINUTE_MS)
        await world.enter(1)
        assert world.orders(1) == ["MARKET FILLED", "STOP_LOSS NEW"]

    tell(story, place, files)


def test_a_clock_that_drifts_is_told_with_its_rate(
    place: Path, files: TlsFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    """C-611: a thousandth is 3.6 s an hour; it is followed, until it is beyond what entries allow."""

    async def story(world: World) -> None:
        world.drift_ppm = 1_000
        clock = world.platform.venue_clock
        await world.until(lambda: clock.drift_ms_per_hour, 10 * MINUTE_MS)
        await world.until(lambda: "our clock drifts" in capsys.readouterr().err, 10 * MINUTE_MS)
        assert 3_400 <= clock.drift_ms_per_hour <= 3_700
        assert clock.right
        await world.until(lambda: not clock.right, 60 * MINUTE_MS)
        assert clock.reading is not None
        assert 2_500 < clock.reading.offset_ms < 2_700
        assert halted(world) is None

    tell(story, place, files)


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
        links = [link for links in world.server._hub._users.values() for link in links]
        for link in links:
            link.drop()  # type: ignore[attr-defined]
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
        for link in list(world.server._hub._users[world.key()]):
            link.drop()  # type: ignore[attr-defined]
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
        assert (streams.connections, world.server._hub.subscriptions_open) == (1, 3)
        for number in (0, 1):
            await world.enter(number)
            assert world.orders(number) == ["MARKET FILLED", "STOP_LOSS NEW"]
            assert len(world.actor(number).account.positions()) == 1
        ((link, subscription),) = world.server._hub._users[world.key()].items()
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
        ((link, _),) = world.server._hub._users[world.key()].items()
        link.write(text_frame(frame))
        for number in (0, 1):
            await world.until(lambda n=number: isinstance(world.events(n)[-1], StreamRestored), MINUTE_MS)  # type: ignore[misc]
        await world.enter()
        assert world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"]

    tell(story, place, files, accounts_per_stream=2)


# ---- problem markets


def test_a_market_that_refuses_again_and_again_is_suspended_for_all(place: Path, files: TlsFiles) -> None:
    """C-615: five refusals; nobody enters there, with the reason, until it is over; protections go out."""

    async def story(world: World) -> None:
        await world.enter()
        gate = world.platform.gate
        now = world.clock.now_ms()
        for _ in range(5):
            gate.suspensions.failed(BTC.id, now, "venue_rejected")
        (held,) = gate.suspensions.all(now)
        assert (held.market, held.trouble, held.until_ms) == (BTC.id, Trouble.ERRORS, now + 15 * MINUTE_MS)
        await world.enter(1)
        assert world.refusals(1) == ["suspended_errors"]
        world.tick(held.until_ms)
        await world.enter(1)
        assert world.orders(1) == ["MARKET FILLED", "STOP_LOSS NEW"]

    tell(story, place, files)


def test_a_market_the_venue_does_not_list_any_more_is_told_from_one_it_trades(place: Path, files: TlsFiles) -> None:
    """C-616: a name it does not know makes it refuse the whole question; each is asked alone then."""

    async def story(world: World) -> None:
        feed = world.platform.feed
        gone = replace(BTC, base="GONE")
        feed.client.markets["GONE/USDT"] = {**feed.client.markets["BTC/USDT"], "id": "GONEUSDT", "symbol": "GONE/USDT"}
        assert await feed.standing([BTC, gone, ETH]) == {BTC.id: None, gone.id: Trouble.DELISTED, ETH.id: None}

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
