"""The platform's side of a venue, through unmodified ccxt.pro: symbols, venues, keys and clocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ccxt
import ccxt.pro
import pytest

from tests.contract.watch_kit import BTC, SAFE, World, tell, with_market
from tradepool.adapters.exchanges.clients import new_account_client, new_client
from tradepool.adapters.exchanges.transport import Session
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.adapters.exchanges.venues import ReadsOnly, UnknownVenue
from tradepool.core.risk.key_rights import KeyTooStrong, KeyTooWeak
from tradepool.domain.errors import KeyRefused, UnknownMarket
from tradepool.domain.event import OrderRejected
from tradepool.entrypoints.replay import connection_of
from tradepool.ports.exchange import NotPlaced
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.keys import Permissions
from tradepool.simexchange.tls import TlsFiles

MINUTE_MS = 60_000
# User streams on a connection each, and together on one.
SHARED = pytest.mark.parametrize("shared", [0, 2])


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


def test_a_refusal_for_the_time_stops_entries_at_once(place: Path, files: TlsFiles) -> None:
    """Whoever asks the venue for its time, the gate hears of it, minutes before it would have asked itself."""

    async def story(world: World) -> None:
        world.skew_ms = 10_000
        world.tick(world.clock.now_ms())
        with pytest.raises(NotPlaced, match="-1021"):
            await world.actor().gateway.balances()
        assert not world.platform.venue_clock.right

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
