"""A mandate on two markets climbs from shadow to live, and each rung asks its real explanation: two markets, one cash.

The real trading process before a venue of ours on virtual time, three lives of it; between them the commands look with
their own hands, over the same wire. Only the way to the venue, its clock and the key are handed in.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Thread
from unittest import mock

import pytest
from rich.console import Console

from tests.contract.watch_kit import CASH, SAFE, START_MS, World
from tests.entrypoints.test_rungs import HOUR_MS, KEY, NAME, configured, promote
from tests.simexchange.exchange_kit import MINUTE, START, Row, bars, market
from tradepool.adapters.candle_store.store import FileStore
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.database.risk import DatabaseRisk
from tradepool.core.backtest.differences import Cause
from tradepool.domain.deed import Deed
from tradepool.domain.deployment import Mode, Promotion
from tradepool.domain.event import StreamRestored
from tradepool.domain.flow import FlowCause, FlowSeen, Move
from tradepool.domain.limit import Override
from tradepool.domain.trade import Trade
from tradepool.entrypoints import promotion
from tradepool.entrypoints.deployment import Deployed, deployed_from
from tradepool.entrypoints.explain import _outages, explain, unexplained
from tradepool.entrypoints.lock_step import IdleSelector, run_in_lock_step
from tradepool.entrypoints.promotion import NotReady
from tradepool.entrypoints.replay import connection_of
from tradepool.entrypoints.running import STARTED, books_of
from tradepool.entrypoints.trading import Trading
from tradepool.presentation.explain_page import ExplainedMandate, ExplainJson, explain_page
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.accounts import FeePlan
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.scenario import CALM, Scenario
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import TlsFiles, make_tls_files
from tradepool.simexchange.venue import Venue

# The first life begins after midnight: one day is explained.
WARM_UP, LIFE = 110, 130
# It trades two markets and looks at a third.
TIDE = """\
name: tide
version: 1
enter: close > lag(highest(high, 20)) and of("SOL/USDT", close > sma(30))
exit: close < lag(lowest(low, 10))
stop: 2 percent
"""
DAY = datetime.fromtimestamp(START / 1_000 + WARM_UP * 60, UTC).date().isoformat()


def waves(count: int, price: float, period: float, phase: float) -> list[Row]:
    """Candles of a price that swings by 4 %."""
    closes = [price * (1 + 0.04 * math.sin(math.tau * (n / period + phase))) for n in range(count + 1)]
    rows = ((round(a, 2), round(b, 2)) for a, b in itertools.pairwise(closes))
    return [(a, max(a, b), min(a, b), b) for a, b in rows]


@dataclass
class Climb:
    """A live deployment whose process lives again and again before one venue."""

    folder: Path
    deployed: Deployed
    files: TlsFiles
    venue: Venue
    scenario: Scenario = CALM
    clock: VirtualClock = field(init=False)
    lives: list[Trading] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = VirtualClock(self.venue.now_ms)

    def live(self, count: int, then: Callable[[], None] | None = None) -> None:
        """The trading process, for so many bars; and as many again after something has happened `then`."""

        async def run(selector: IdleSelector) -> None:
            server = Server(self.venue, UnixSocket(str(self.folder / "v")), self.files.server_context(), self.scenario)
            place, connection = await server.start(), books_of(self.deployed, "")
            trading = Trading(self.deployed, connection, self.clock, connection_of(place, self.files), lambda _: KEY)
            self.lives.append(trading)
            world = World(self.folder, selector, server, self.venue, self.clock, [], trading._platform)
            running = asyncio.ensure_future(trading.run())
            try:
                desk = trading._platform.desk
                await world.until(lambda: running.done() or (trading._standing.ready and not desk.starting), START_MS)
                await self._pass(selector, self.venue.now_ms + count * MINUTE)
                if then is not None:
                    then()
                    await self._pass(selector, self.venue.now_ms + count * MINUTE)
            finally:
                trading._over.set()
                await running
                await server.stop()
                dispose(connection)

        run_in_lock_step(run)

    async def _pass(self, selector: IdleSelector, end_ms: int) -> None:
        """Time goes on, here and at the venue, whenever nobody has anything to do."""
        over = asyncio.get_running_loop().create_future()

        def on_idle() -> bool:
            times = [each for each in (self.venue.next_time_ms(), self.clock.next_wake_ms()) if each is not None]
            if self.clock.now_ms() >= end_ms and not over.done():
                over.set_result(None)
            elif not over.done():
                now_ms = max(min(times), self.clock.now_ms())
                self.venue.run_until(now_ms)
                self.clock.advance_to(now_ms)
            return not over.done()

        selector.on_idle = on_idle
        await over
        selector.on_idle = None

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Commands look for themselves meanwhile: nobody trades."""
        loop = asyncio.new_event_loop()
        thread = Thread(target=loop.run_forever)
        thread.start()
        server = Server(self.venue, UnixSocket(str(self.folder / "v")), self.files.server_context())
        place = asyncio.run_coroutine_threadsafe(server.start(), loop).result()
        way, emergency = (self.clock, connection_of(place, self.files)), "tradepool.entrypoints.emergency"
        try:
            with ExitStack() as stack:
                stack.enter_context(mock.patch(f"{emergency}.way_to", return_value=way))
                stack.enter_context(mock.patch(f"{emergency}.keys_of", return_value=lambda seat: KEY))
                stack.enter_context(mock.patch("tradepool.entrypoints.promotion.now_ms", self.clock.now_ms))
                yield
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def stood(self, mode: Mode, hours: float) -> None:
        """It has stood on its rung for so long already when the venue's story begins."""
        (seat,) = self.deployed.seats
        connection = open_store(self.deployed.database)
        DatabasePromotions(connection).promote(
            Promotion(
                time_ms=self.clock.now_ms() - int(hours * HOUR_MS),
                by="test",
                mandate=seat.mandate.id,
                strategy_id=seat.mandate.strategy_id,
                before=mode,
                after=mode,
                reason="time passed",
            )
        )
        dispose(connection)

    def climb(self, wanted: Mode, practised: Path | None = None) -> None:
        """A rung up, through the checklist with everything in it as it really is."""
        assert promotion.refuse_unless(self.deployed, NAME, wanted)
        shown = promotion.preview(self.deployed, NAME, practised, unexplained)
        assert [line for line in shown.checklist if not line.ok] == []
        promotion.refuse_unready(shown, wanted)
        promote(self.deployed, wanted)

    def rewrite(self, pattern: str, text: str) -> None:
        """Somebody edits the configuration between two lives."""
        file = self.deployed.file
        file.write_text(re.sub(pattern, text, file.read_text()))
        self.deployed = deployed_from(file)

    def explained(self) -> ExplainedMandate:
        """The day, asked while nobody trades."""
        with self.beside():
            (told,) = explain(self.deployed, "ann", DAY).mandates
        return told

    def trades(self) -> list[Trade]:
        """What was closed so far."""
        connection = open_store(self.deployed.database)
        found = DatabaseBooks(connection).trades(self.deployed.seats[0].account_id)
        dispose(connection)
        return found

    def causes(self) -> Counter[tuple[str, str]]:
        """How often which market differed from the backtest, and why."""
        (told,) = explain(self.deployed, "ann", DAY).mandates
        assert (told.note, len(told.markets)) == ("", 2)
        return Counter((row.market, row.cause) for row in told.differences)


def _of(folder: Path, configured: Deployed) -> Deployed:
    text = re.sub(r'strategy = "\w+"', f'strategy = "{folder}/tide.strategy"', configured.file.read_text())
    # Two positions at once need more than there is.
    text = re.sub(r"weight = .*", "weight = 0.6", text)
    configured.file.write_text(re.sub(r"order_notional_max = .*", "order_notional_max = 4000", text))
    return deployed_from(configured.file)


def climb_of(tmp_path: Path, slippage_bp: int) -> Climb:
    """A mandate of tide's, in practice already a shadow, and a venue with so much slippage."""
    (tmp_path / "tide.strategy").write_text(TIDE)
    practice, deployed = (_of(tmp_path, configured(tmp_path, kind)) for kind in ("practice", "live"))
    promotion.mandates(practice)
    promote(practice, Mode.SHADOW)
    count = WARM_UP + 3 * LIFE + 2
    listings = [
        Listing(market("BTC"), bars(waves(count, 100.0, 37.0, 0.0))),
        Listing(market("ETH"), bars(waves(count, 10.0, 43.0, 0.3))),
        Listing(market("SOL"), bars(waves(count, 20.0, 160.0, 0.0625))),
    ]
    venue = Venue(listings, slippage_bp)
    venue.open_account(KEY.key, KEY.secret, {"USDT": CASH})
    venue.keys.allow(KEY.key, SAFE)
    venue.step_bars(WARM_UP)
    return Climb(tmp_path, deployed, make_tls_files(tmp_path), venue)


@pytest.fixture
def climb(tmp_path: Path) -> Climb:
    return climb_of(tmp_path, 3)


@pytest.fixture
def exact(tmp_path: Path) -> Climb:
    """Where nothing slips, and every size is what the backtest has."""
    return climb_of(tmp_path, 0)


def test_a_flow_that_a_history_told_is_no_sign_that_anybody_listened() -> None:
    """Killed after 10 and started at 100; coins moved at 50, and were booked after that."""
    move = Move(asset="USDT", amount=Decimal(1))
    told = FlowSeen(time_ms=50, cause=FlowCause.DEPOSIT, moves=(move,), reference="1")
    starts = [Deed(time_ms=at, by="eva", what=STARTED, scope="", reason="") for at in (1, 100)]
    assert _outages([StreamRestored(time_ms=2), StreamRestored(time_ms=10), told], starts, runs=True) == [
        (0, 1),
        (10, 100),
    ]


def test_two_markets_with_one_cash_are_explained_on_every_rung(climb: Climb) -> None:
    practised = climb.folder / "practice.toml"
    climb.live(LIFE)
    climb.stood(Mode.SHADOW, 25)
    with climb.beside():
        causes = climb.causes()
        assert {cause for _, cause in causes} == {Cause.REFUSAL}
        with pytest.raises(NotReady, match="practised"):
            promotion.refuse_unready(promotion.preview(climb.deployed, NAME, None, unexplained), Mode.CANARY)
        climb.climb(Mode.CANARY, practised)
    climb.live(LIFE)
    climb.stood(Mode.CANARY, 73)
    with climb.beside():
        assert Cause.CAP in {cause for _, cause in climb.causes()}
        climb.climb(Mode.LIVE)
    climb.live(LIFE)
    with climb.beside():
        causes = climb.causes()
    assert {cause for _, cause in causes} <= {*Cause} - {Cause.UNEXPLAINED, Cause.OUTAGE}
    assert causes["BTC/USDT", Cause.SLIPPAGE]
    assert causes["ETH/USDT", Cause.SLIPPAGE]
    # Each life kept the candles it saw where the next one looked first, and all its accounts share a connection.
    store = FileStore(climb.folder / "candles")
    assert [str(series) for series in store.series()] == [f"binance:{name}/USDT@1m" for name in ("BTC", "ETH", "SOL")]
    assert all(len(store.reader(series).bars()) >= 3 * LIFE for series in store.series())
    assert all(life._platform.session.shared_streams is not None for life in climb.lives)
    # Both of the last rung's: in the whole size, and refused where the other market had the cash.
    connection = open_store(climb.deployed.database)
    books = DatabaseBooks(connection)
    traded = {str(trade.market) for trade in books.trades(climb.deployed.seats[0].account_id) if trade.quantity > 1}
    refused = Counter(refusal.reason for refusal in books.refusals(climb.deployed.seats[0].account_id))
    dispose(connection)
    assert traded == {"binance:BTC/USDT", "binance:ETH/USDT"}
    assert refused["insufficient_cash"]


def test_the_backtest_beside_it_has_the_capital_and_the_limits_it_had_then(climb: Climb) -> None:
    """Half the capital is taken out between two lives, and a person sets another limit: what each was sized by is no
    difference."""
    climb.stood(Mode.LIVE, 1)
    climb.live(LIFE)
    changed_ms, file = climb.clock.now_ms(), climb.deployed.file
    before = climb.deployed.seats[0].mandate.capital
    file.write_text(re.sub(r"(?m)^capital = .*", f"capital = {before / 2}", file.read_text()))
    climb.deployed = deployed_from(file)
    connection = open_store(climb.deployed.database)
    key = f"mandate.{NAME}.order_notional_max"
    DatabaseRisk(connection).override(Override(key=key, value=Decimal(400), since_ms=0, by="eva", reason="less"), None)
    dispose(connection)
    climb.live(2 * LIFE)
    told = climb.explained()
    connection = open_store(climb.deployed.database)
    trades = DatabaseBooks(connection).trades(climb.deployed.seats[0].account_id)
    dispose(connection)
    sizes: tuple[list[Decimal], list[Decimal]] = ([], [])
    for trade in trades:
        sizes[trade.entry_time_ms > changed_ms].append(trade.quantity * trade.entry_price)
    assert max(sizes[1]) < 401 < min(sizes[0])
    assert {row.cause for row in told.differences} <= {Cause.SLIPPAGE, Cause.ROUNDING, Cause.FOLLOWS, Cause.OUTAGE}
    assert told.entries == told.expected == len(trades)
    for row in told.differences:
        # What slippage has cost by then is all that a size may lack.
        if row.what == "quantity":
            assert abs(Decimal(row.expected) / Decimal(row.happened) - 1) < Decimal("0.05"), row


def test_each_time_is_replayed_at_the_fees_and_on_the_grid_of_then(exact: Climb) -> None:
    """Between two lives the fees are others, within the second one steps and least amounts are: nothing differs."""

    def coarse() -> None:
        for base in ("BTC", "ETH"):
            wide = replace(market(base), quantity_step=Decimal(1), quantity_min=Decimal(1), notional_min=Decimal(50))
            exact.venue.change_filters(f"{base}USDT", wide)

    exact.stood(Mode.LIVE, 1)
    exact.live(LIFE)
    exact.venue.account(KEY.key).fees = FeePlan(maker_ppm=9_000, taker_ppm=9_000)
    exact.live(LIFE, coarse)
    told, trades = exact.explained(), exact.trades()
    assert (told.differences, told.before, told.note) == ([], "", "")
    assert told.entries == told.expected >= len(trades)
    # They were paid, and sizes went by the grid.
    fees = {(trade.exit_fee / (trade.quantity * trade.exit_price)).quantize(Decimal("0.001")) for trade in trades}
    assert fees == {Decimal("0.001"), Decimal("0.009")}
    assert {trade.quantity % 1 == 0 for trade in trades} == {True, False}


EBB = """\
name: ebb
version: 1
enter: close < lag(lowest(low, 15))
exit: close > lag(highest(high, 15))
stop: 3 percent
"""


def test_each_time_is_replayed_by_the_strategy_and_on_the_markets_of_then(exact: Climb) -> None:
    """Another strategy, one more market and another order of them from a start on. The strategy it was before is still
    there under its name."""
    (exact.folder / "ebb.strategy").write_text(EBB)
    exact.rewrite(r"\Z", f'\n[strategies]\nfolder = "{exact.folder}"\n')
    exact.rewrite(r'strategy = ".*"', 'strategy = "tide"')
    exact.stood(Mode.LIVE, 1)
    exact.live(LIFE)
    exact.rewrite(r'strategy = ".*"', 'strategy = "ebb"')
    exact.rewrite(r"(?m)^markets = .*", 'markets = ["SOL/USDT", "ETH/USDT", "BTC/USDT"]')
    exact.stood(Mode.LIVE, 1)
    exact.live(LIFE)
    told, trades = exact.explained(), exact.trades()
    assert (told.differences, told.before) == ([], "")
    assert told.markets == ["BTC/USDT", "ETH/USDT", "SOL/USDT"]
    assert told.entries == told.expected >= len(trades)
    assert len({trade.strategy_id for trade in trades}) == 2
    assert "binance:SOL/USDT" in {trade.market for trade in trades}


def test_what_no_backtest_answers_for_is_said_and_the_rest_goes_on_from_what_was_held(exact: Climb) -> None:
    """The strategy's file is written over: what it was before can't be run again. Then its entries may rest."""
    exact.stood(Mode.LIVE, 1)
    exact.live(LIFE)
    begun_ms, (seat,) = exact.clock.now_ms(), exact.deployed.seats
    (exact.folder / "tide.strategy").write_text(EBB)
    exact.rewrite(r"\Z", "")
    exact.stood(Mode.LIVE, 1)
    exact.live(LIFE)
    told = exact.explained()
    assert told.differences == []
    assert told.entries == told.expected > 0
    assert f"it traded by strategy {seat.mandate.strategy_id}, whose rules are not here any more" in told.before
    assert "the backtest goes on from what the account held" in told.before
    page = Console(width=300)
    with page.capture() as shown:
        page.print(explain_page(ExplainJson("ann", DAY, [told])))
    assert told.before in shown.get()
    with exact.beside():
        assert unexplained(exact.deployed, exact.deployed.seats[0], begun_ms) == []
    for entry in ("post_only", "limit"):
        exact.rewrite(r"(?m)^(entry = .*\n)?weight = ", f'entry = "{entry}"\nweight = ')
        exact.live(5)
        told = exact.explained()
        assert (told.entries, told.differences) == (0, [])
        assert told.note.startswith(f"it traded by {entry} entries")
