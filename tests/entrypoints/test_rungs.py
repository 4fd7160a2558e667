"""A live deployment climbs: nothing is sent as a shadow, little as a canary, all of it live; each rung is refused first.

The real trading process with real money's configuration, before a venue of ours: only the way to the venue, its clock and
the keys are handed in.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from unittest import mock

import msgspec
import pytest

from tests.contract.watch_kit import BTC, CASH, ETH, PRICES, SAFE, World
from tests.nouns import signal
from tests.simexchange.exchange_kit import bars, flat
from tradepool.adapters.database.deployment import Deed
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.database.risk import DatabaseRisk
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.domain.deployment import Halt, Mode, Promotion, Scope, ScopeKind
from tradepool.domain.event import CandlesClosed
from tradepool.domain.limit import Override
from tradepool.domain.market import Market
from tradepool.entrypoints import promotion
from tradepool.entrypoints.checklist import Facts
from tradepool.entrypoints.deeds import StartsStill
from tradepool.entrypoints.deployment import Deployed, Seated, deployed_from
from tradepool.entrypoints.emergency import rows_of
from tradepool.entrypoints.init import Wanted, init
from tradepool.entrypoints.lock_step import IdleSelector, run_in_lock_step
from tradepool.entrypoints.promotion import NotARung, NotReady
from tradepool.entrypoints.replay import connection_of
from tradepool.entrypoints.running import books_of
from tradepool.entrypoints.trading import Trading
from tradepool.presentation.books_page import OrderRow, PositionRow
from tradepool.presentation.mandates_page import PreviewJson
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.keys import Permissions
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.records import Kind, NewOrder, Side
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import make_tls_files
from tradepool.simexchange.venue import Venue

NAME, HOUR_MS = "ann-first", 3_600_000
KEY = Credentials(key="k" * 16, secret="s" * 16)


def configured(folder: Path, kind: str) -> Deployed:
    """A deployment of ann's: one market, moving averages."""
    file = folder / f"{kind}.toml"
    init(Wanted(file=file, folder=folder / kind, kind=kind, users=["ann"], yes=True))
    text = re.sub(r"markets = .*", 'markets = ["BTC/USDT", "ETH/USDT"]', file.read_text())
    text += f'\n[candles]\nfolder = "{folder}/candles"\n'
    file.write_text(re.sub(r'strategy = "\w+"', 'strategy = "donchian_turtle"', text))
    return deployed_from(file)


class Live:
    """A trading process with real money's configuration, and the world around it."""

    def __init__(self, deployed: Deployed, trading: Trading, world: World) -> None:
        self.deployed, self.trading, self.world = deployed, trading, world

    async def asks(self, **asked: str) -> str:
        """What the process answers to a message; it waits by the machine's clock."""
        return await self.trading._answer(asked)

    async def preview(self, *, practised: Path | None = None, unexplained: list[str] | None = None) -> PreviewJson:
        """The next rung's checklist, with what the process says."""
        told = msgspec.json.decode(await self.asks(do="facts", account="ann-main"), type=Facts)

        def explained(deployed: Deployed, seat: Seated, since_ms: int) -> list[str]:
            return unexplained or []

        return promotion.preview(self.deployed, NAME, practised, explained, facts=told)

    async def enter(self, market: Market, price: float, *others: tuple[Market, float]) -> None:
        """A candle, or more at one T, closes and the strategy enters, with a stop a twentieth below."""
        self.world.tick(self.world.clock.now_ms() + 1_000)
        now, wanted = self.world.clock.now_ms(), [(market, price), *others]
        wishes = [signal(m, time_ms=now, close=close, high=close, stop_distance=close / 20) for m, close in wanted]
        self.world.actor().post(CandlesClosed(time_ms=now, signals=tuple(wishes)))
        await self.world.settle()

    def stood(self, mode: Mode, hours: float) -> None:
        """It has stood on a rung for so long."""
        (seat,) = self.deployed.seats
        connection = open_store(self.deployed.database)
        DatabasePromotions(connection).promote(
            Promotion(
                time_ms=self.world.clock.now_ms() - int(hours * HOUR_MS),
                by="test",
                mandate=seat.mandate.id,
                strategy_id=seat.mandate.strategy_id,
                before=mode,
                after=mode,
                reason="time passed",
            )
        )
        dispose(connection)

    async def capped(self, cap: Decimal | None) -> None:
        """Until the account has heard what it may order at most: the process looks by the machine's clock."""
        for _ in range(600):
            if self.world.actor().account.order_cap == cap:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("it never heard")

    def bought(self) -> list[Decimal]:
        """Quantities of entries at the venue."""
        return [o.filled_steps * Decimal("0.001") for o in self.world.venue.orders(KEY.key) if o.side.name == "BUY"]


def promote(deployed: Deployed, wanted: Mode) -> str:
    with mock.patch("sys.stdin", io.StringIO(f"{NAME}\n")):
        return promotion.promote(deployed, NAME, wanted, "it did well")


def tell(folder: Path, story: Callable[[Live], Awaitable[None]], rights: Permissions = SAFE) -> None:
    """A live deployment that has started, on virtual time."""
    deployed, files = configured(folder, "live"), make_tls_files(folder)

    async def run(selector: IdleSelector) -> None:
        listings = [Listing(each, bars(flat(30, PRICES[each.base]))) for each in (BTC, ETH)]
        venue = Venue(listings, 0)
        venue.open_account(KEY.key, KEY.secret, {"USDT": CASH, "BTC": Decimal(1)})
        venue.keys.allow(KEY.key, rights)
        server = Server(venue, UnixSocket(str(folder / "v")), files.server_context())
        place, clock, connection = await server.start(), VirtualClock(venue.now_ms), books_of(deployed, "")
        trading = Trading(deployed, connection, clock, connection_of(place, files), lambda seat: KEY)
        world = World(folder, selector, server, venue, clock, [], trading._platform)
        world.seats = list(trading._platform._wiring.seats)
        running = asyncio.ensure_future(trading.run())
        machine = mock.patch("tradepool.entrypoints.promotion.now_ms", clock.now_ms)
        machine.start()
        try:
            await world.until(
                lambda: running.done() or (trading._standing.ready and not trading._platform.desk.starting)
            )
            await story(Live(deployed, trading, world))
        finally:
            machine.stop()
            trading._over.set()
            await running
            await server.stop()
            dispose(connection)

    run_in_lock_step(run)


def failing(shown: PreviewJson) -> list[str]:
    return [line.name for line in shown.checklist if not line.ok]


def test_it_climbs_rung_by_rung_and_risks_what_each_allows(tmp_path: Path) -> None:
    practice = configured(tmp_path, "practice")
    promotion.mandates(practice)

    async def story(live: Live) -> None:
        world, deployed = live.world, live.deployed
        # A shadow: written down, not sent.
        await live.enter(BTC, 100.0)
        assert (world.refusals(), live.bought()) == (["shadow"], [])
        with mock.patch.object(live.trading._standing, "ready", False), pytest.raises(StartsStill):
            await live.trading._answer({"do": "positions"})
        said = await live.asks(do="adopt", account="ann-main", market="binance:BTC/USDT", quantity="", stop_percent="5")
        assert "the mandate is a shadow" in said
        key = f"mandate.{NAME}.daily_loss_max"
        limits = DatabaseRisk(live.trading._rows._connection)
        limits.override(Override(key=key, value=None, since_ms=1, by="me", reason="bolder"), None)
        assert "daily loss" in failing(await live.preview())
        limits.forget(key, Deed(time_ms=2, by="me", what="risk forget", scope=key, reason="no"))
        shown = await live.preview()
        assert (shown.mandate.mode, shown.mandate.next) == ("shadow", "canary")
        assert failing(shown) == ["practised", "hours as shadow"]
        with pytest.raises(NotReady, match=r"not ready for canary: practised .*, and 1 more"):
            promotion.refuse_unready(shown, Mode.CANARY)
        with pytest.raises(NotARung, match="the next rung is canary"):
            promotion.refuse_unless(deployed, NAME, Mode.LIVE)
        promote(practice, Mode.SHADOW)
        live.stood(Mode.SHADOW, 25)
        shown = await live.preview(practised=practice.file, unexplained=["BTC/USDT no entry"])
        assert failing(shown) == ["differences"]
        shown = await live.preview(practised=practice.file)
        assert shown.ready
        # A canary: small orders, one position.
        assert "orders of at most 25" in promote(deployed, Mode.CANARY)
        await live.capped(Decimal(25))
        await live.enter(BTC, 100.0)
        assert live.bought() == [Decimal("0.25")]
        await live.enter(ETH, 10.0)
        assert world.refusals()[1:] == ["canary_positions"]
        assert failing(await live.preview()) == ["hours as canary", "trades"]
        (row,) = msgspec.json.decode(await live.asks(do="positions"), type=list[PositionRow])
        assert (row.id, row.protected) == ("1a", True)
        said = await live.asks(do="close", account="ann-main", market="binance:BTC/USDT", share="1")
        assert "sold 0.249 BTC" in said
        assert msgspec.json.decode(await live.asks(do="orders"), type=list[OrderRow]) == []
        live.stood(Mode.CANARY, 71)
        assert failing(await live.preview()) == ["hours as canary"]
        live.stood(Mode.CANARY, 73)
        assert (await live.preview()).ready
        # Live: as the mandate allows.
        promote(deployed, Mode.LIVE)
        await live.capped(None)
        await live.enter(BTC, 100.0)
        assert live.bought() == [Decimal("0.25"), Decimal("22.499")]
        # And back, at once and without a question.
        assert not promotion.refuse_unless(deployed, NAME, Mode.SHADOW)
        promote(deployed, Mode.SHADOW)
        await live.enter(ETH, 10.0)
        assert world.refusals()[2:] == ["shadow"]
        assert world.orders()[-1] == "STOP_LOSS NEW"
        (mandate,) = promotion.mandates(deployed)
        climbed = [p.after for p in mandate.promotions if p.reason == "it did well"]
        assert climbed == ["canary", "live", "shadow"]

    tell(tmp_path, story)


def test_of_two_canary_entries_at_one_t_the_first_goes(tmp_path: Path) -> None:
    async def story(live: Live) -> None:
        live.stood(Mode.CANARY, 1)
        await live.capped(Decimal(25))
        await live.enter(BTC, 100.0, (ETH, 10.0))
        assert (live.bought(), live.world.refusals()) == ([Decimal("0.25")], ["canary_positions"])

    tell(tmp_path, story)


def test_a_key_without_a_list_risks_no_more_with_two_entries_at_one_t(tmp_path: Path) -> None:
    async def story(live: Live) -> None:
        live.stood(Mode.LIVE, 1)
        await live.capped(Decimal(500))
        await live.enter(BTC, 100.0, (ETH, 10.0))
        assert (live.bought(), live.world.refusals()) == ([Decimal(5)], ["no_address_list"])

    tell(tmp_path, story, Permissions())


def test_who_is_resumed_enters_again_after_an_order_of_somebody_else(tmp_path: Path) -> None:
    async def story(live: Live) -> None:
        account = live.world.venue.account(KEY.key)
        live.world.venue.place(account, NewOrder("BTCUSDT", "web_1", Side.BUY, Kind.LIMIT, 1_000, 9_000, 0))
        await live.world.until(lambda: live.world.actor().account.foreign)
        await live.enter(BTC, 100.0)
        assert await live.asks(do="resume", kind="market", name=BTC.id) == ""
        assert await live.asks(do="resume", kind="user", name="ben") == ""
        assert await live.asks(do="resume", kind="user", name="ann") == "ann-main"
        await live.world.settle()
        await live.enter(BTC, 100.0)
        assert live.world.refusals() == ["foreign_order", "foreign_order", "shadow"]

    tell(tmp_path, story)


def test_a_key_that_may_too_much_and_a_halt_stand_before_a_rung(tmp_path: Path) -> None:
    async def story(live: Live) -> None:
        live.world.venue.keys.allow(KEY.key, Permissions(withdrawals=True))
        with rows_of(live.deployed) as rows:
            rows.halt(Halt(scope=Scope(ScopeKind.USER, "ann"), since_ms=1, by="ben", reason="odd"))
        found = {line.name: line.found for line in (await live.preview()).checklist if not line.ok}
        assert "may withdraw" in found["key"]
        assert "from any address" in found["key's list"]
        assert found["halts"] == "user ann"

    tell(tmp_path, story)
