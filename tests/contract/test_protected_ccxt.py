"""Whatever fails, a position keeps its protection: through a whole platform and unmodified ccxt.pro."""

from __future__ import annotations

from pathlib import Path

from tests.contract.watch_kit import World, tell
from tradepool.domain.event import OrderFilled
from tradepool.domain.ledger import LedgerCode
from tradepool.simexchange.accounts import FeePlan
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.records import Kind, NewOrder, Side
from tradepool.simexchange.tls import TlsFiles

MINUTE_MS = 60_000


def test_a_fee_in_a_third_asset_is_booked_as_what_it_is(place: Path, files: TlsFiles) -> None:
    """C-640: as with BNB: the position is all that was bought, its stop rests, the ledger has the fee."""

    async def story(world: World) -> None:
        account = world.venue.account(world.key())
        account.free["ETH"], account.fees = 10**8, FeePlan(asset="ETH")
        await world.enter()
        await world.until(lambda: world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"], MINUTE_MS)
        entry, stop = world.venue.orders(world.key())
        assert entry.steps == stop.steps
        (fill,) = [event.fill for event in world.events() if isinstance(event, OrderFilled)]
        assert fill.fee_asset == "ETH"
        fees = [
            each for each in world.platform.books.transfers(world.seats[0].account.id) if each.debit is LedgerCode.FEES
        ]
        assert [(each.asset, each.amount) for each in fees] == [("ETH", fill.fee)]
        assert not world.platform.desk.halted

    tell(story, place, files)


def test_a_stop_cancelled_by_somebody_else_is_an_alarm_and_rests_again(place: Path, files: TlsFiles) -> None:
    """C-641: he only cancels, so no order of his is ever seen."""

    async def story(world: World) -> None:
        await world.enter()
        account = world.venue.account(world.key())
        world.venue.cancel(account, "BTCUSDT", world.venue.orders(world.key())[-1].id, request_id="web_thief_1")
        stops = ["MARKET FILLED", "STOP_LOSS CANCELED", "STOP_LOSS NEW"]
        await world.until(lambda: world.orders() == stops, MINUTE_MS)
        foreign = world.actor().account.foreign
        assert foreign is not None
        assert foreign.name == "web_thief_1"

    tell(story, place, files)


def test_an_entry_that_was_on_its_way_is_protected_whoever_trades_beside_it(place: Path, files: TlsFiles) -> None:
    """C-642: a fill of an order that nobody here sent is its owner's and ends the entries; the fill of the entry that was
    on its way is protected all the same."""

    async def story(world: World) -> None:
        account = world.venue.account(world.key())
        world.venue.place(account, NewOrder("BTCUSDT", "web_1", Side.SELL, Kind.MARKET, 100))
        await world.enter()
        await world.until(lambda: world.orders()[1:] == ["MARKET FILLED", "STOP_LOSS NEW"], MINUTE_MS)
        assert world.platform.desk.halted == {}
        assert world.actor().account.foreign is not None

    tell(story, place, files)


def test_a_key_that_is_refused_for_a_while_leaves_no_position_unprotected(place: Path, files: TlsFiles) -> None:
    """C-643: refused when a stop must be placed again: the account is halted, and that stop is sent until it is taken."""

    async def story(world: World) -> None:
        await world.enter()
        fault = world.server.faults.add(Fault(kind="key", account=world.key(), state="narrowed"), world.venue.now_ms)
        stop = world.venue.orders(world.key())[-1]
        world.venue.cancel(world.venue.account(world.key()), "BTCUSDT", stop.id)
        await world.until(lambda: world.platform.desk.halted, MINUTE_MS)
        assert world.orders() == ["MARKET FILLED", "STOP_LOSS CANCELED"]
        world.server.faults.remove(fault.number)
        stops = ["MARKET FILLED", "STOP_LOSS CANCELED", "STOP_LOSS NEW"]
        await world.until(lambda: world.orders() == stops, MINUTE_MS)
        assert list(world.platform.desk.halted) == [world.seats[0].account.id]

    tell(story, place, files)
