"""What breaks while the whole stack trades: streams, a key, a foreign order, the disk. One account's trouble is its own.

Every story is the same replay with one thing broken in it; whoever is not concerned ends as in the undisturbed one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pysqlite3
import pytest

from tests.conftest import Series
from tests.whole.test_parity import CASH, WEIGHT, essence, listing_of, refused, stands
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.core.strategies import catalog
from tradepool.domain.errors import BrokenLaw, KeyRefused
from tradepool.entrypoints.lock_step import run_in_lock_step
from tradepool.entrypoints.replay import Outcome, Plan, Player, Replay, UserOutcome, on_our_venue
from tradepool.simexchange.codecs.websocket import text_frame
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.faults import Rule
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.market_model import model_listings
from tradepool.simexchange.records import Kind, NewOrder, Side
from tradepool.simexchange.scenario import Scenario
from tradepool.simexchange.server import SocketLink

BARS = 700
MIDDLE = 300
START_MS = 1_640_995_200_000
NAMES = ("moving_average_cross", "bollinger_breakout", "moving_average_cross")

Trouble = Callable[[Replay], bool]


@dataclass
class Told:
    """How a replay ended, and what its database says."""

    outcome: Outcome
    database: Path

    def user(self, number: int) -> tuple[object, ...]:
        """Everything of a user that must not depend on others' trouble."""
        return essence_of(self.outcome.users[number])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """From the database."""
        with pysqlite3.connect(self.database) as database:
            return list(database.execute(query))

    def steps(self) -> list[tuple[object, ...]]:
        """Every market step's state, to the bit."""
        return self.rows("select strategy_id, market, time_ms, close, state from checkpoint order by 1, 2")


def essence_of(user: UserOutcome) -> tuple[object, ...]:
    """Trades, refusals, what stands open, and the books."""
    trades = [essence(trade) for trade in user.trades]
    refusals = [refused(refusal) for refusal in user.refusals]
    return trades, refusals, [stands(p) for p in user.positions], user.final_equity, user.ledger_minus_venue


def tell(plan: Plan, folder: Path, before_step: Trouble = lambda replay: True) -> Told:
    """Replay a plan, with trouble."""
    folder.mkdir(parents=True)
    outcome = run_in_lock_step(lambda selector: Replay(plan, folder).run(selector, before_step))
    return Told(outcome, folder / "tradepool.sqlite")


@pytest.fixture(scope="module")
def plan(series: Series) -> Plan:
    """Three users of one market around its largest move."""
    listing = listing_of(series("BINANCE-BTC-USDT-5m"), BARS)
    return Plan(listings=[listing], players=[player(name, [listing], WEIGHT) for name in NAMES])


def player(name: str, listings: list[Listing], weight: Decimal) -> Player:
    """A user of these markets."""
    markets = tuple(listing.market.id for listing in listings)
    return Player(name=name, strategy=catalog.named(name), markets=markets, capital=CASH, weight=weight)


@pytest.fixture(scope="module")
def calm(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The undisturbed replay."""
    told = tell(plan, tmp_path_factory.mktemp("f") / "calm")
    assert told.outcome.halted == {}
    assert all(len(user.trades) > 5 for user in told.outcome.users)
    return told


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a path short enough for a socket."""
    return tmp_path_factory.mktemp("f") / "r"


def cut_user(replay: Replay, number: int) -> int:
    """Cut a user's stream without a word; the number of connections cut."""
    key = replay.seats[number].credentials.key
    return cut([link for link in replay.server.links if key in link.accounts.values()])


def cut_candles(replay: Replay) -> int:
    """Cut the candle stream."""
    return cut([link for link in replay.server.links if not link.accounts])


def cut(links: Sequence[SocketLink]) -> int:
    """End connections at once; what the venue writes from now on is lost."""
    for link in links:
        link.drop()
    return len(links)


def sometimes(seed: int, share: float, trouble: Callable[[Replay], None]) -> Trouble:
    """Trouble before some of the steps, but once a bar's quarter at most."""
    dice, last_ms = random.Random(seed), 0

    def before_step(replay: Replay) -> bool:
        nonlocal last_ms
        if replay.venue.now_ms > last_ms and dice.random() < share:
            last_ms = replay.venue.now_ms
            trouble(replay)
        return True

    return before_step


def check_books(told: Told) -> None:
    """Every fill booked once, each order placed once, the ledger is the venue's."""
    assert told.outcome.halted == {}
    booked = told.rows("select count(*), count(distinct account || body) from event where kind = 'OrderFilled'")
    assert booked == [(told.outcome.fills, told.outcome.fills)]
    for user in told.outcome.users:
        assert not any(user.ledger_minus_venue.values())


def test_fills_while_the_user_stream_is_down_are_booked_once(plan: Plan, calm: Told, place: Path) -> None:
    """Cut before one step in four, so that entries, exits and stops fill unheard of: same trades, same books."""
    cuts = 0

    def trouble(replay: Replay) -> None:
        nonlocal cuts
        cuts += sum(cut_user(replay, number) for number in range(3))

    told = tell(plan, place, sometimes(5, 0.25, trouble))
    assert cuts > 300
    check_books(told)
    assert told.outcome.users == calm.outcome.users


@pytest.mark.parametrize(
    "frame",
    [
        b'{"subscriptionId":0,"event":{"e":"executionReport","E":1,"s":"BTCUSDT","x":"TRADE"}}',
        b'{"subscriptionId":0,"event":{"e":"executionReport","E":1,"s":"BTCUSDT","x":"TRADE","T":1,"c":"p1","t":9,'
        b'"S":"BUY","L":"1","l":"-1","n":"0","N":null,"m":false}}',
        b'{"subscriptionId":0,"event":{"e":"executionReport","E":1,"s":["BTCUSDT"],"x":"NEW"}}',
        b'{"subscriptionId":0,"event":{"e":"executionReport","E":1,"s":"BTC',
        b'{"subscriptionId":0,"event":{"e":"exec]}}',
        b'[{"e":7}]',
        b'{"event":{"e":"eventStreamTerminated","E":1}}',
    ],
)
def test_a_report_that_makes_no_sense_costs_nothing(plan: Plan, calm: Told, place: Path, frame: bytes) -> None:
    """Nor does the end of the events on a connection that stands: the stream is opened anew, the venue is asked."""
    sent = 0

    def trouble(replay: Replay) -> None:
        nonlocal sent
        key = replay.seats[1].credentials.key
        for link in [link for link in replay.server.links if key in link.accounts.values()]:
            link.write(text_frame(frame))
            sent += 1

    told = tell(plan, place, sometimes(9, 0.02, trouble))
    assert sent > 10
    check_books(told)
    assert told.outcome.users == calm.outcome.users


def test_candles_while_their_stream_is_down_come_from_history(plan: Plan, calm: Told, place: Path) -> None:
    """The next look at the stream is the hole's end: nobody is a bar late, and every market step is bit-equal."""
    cuts = 0

    def trouble(replay: Replay) -> None:
        nonlocal cuts
        cuts += cut_candles(replay)

    told = tell(plan, place, sometimes(6, 0.25, trouble))
    assert cuts > 50
    check_books(told)
    assert told.steps() == calm.steps()
    assert told.outcome.users == calm.outcome.users


def test_a_hole_of_several_bars_on_two_markets_is_filled(place: Path) -> None:
    """The venue goes on 1 to 9 bars unheard of: steps bit-equal, entries that were missed are not made late."""
    listings = [on_our_venue(m) for m in model_listings(["AAA/USDT", "BBB/USDT"], 300_000, START_MS, BARS, 9)]
    users = [player(name, listings, Decimal("0.4")) for name in NAMES[:2]]
    plan, dice = Plan(listings=listings, players=users), random.Random(8)

    def trouble(replay: Replay) -> None:
        if replay.platform.market_data.candles < 2 * (BARS - 20):
            cut_candles(replay)
            replay.venue.step_bars(dice.randint(1, 9))

    calm = tell(plan, place / "calm")
    told = tell(plan, place / "holes", sometimes(7, 0.05, trouble))
    check_books(told)
    assert told.steps() == calm.steps()
    refusals = [refusal for user in told.outcome.users for refusal in user.refusals]
    assert "aged_out" in {refusal.reason for refusal in refusals}
    assert told.rows("select count(*) from event where kind = 'CandlesClosed' and body like '%\"late\":true%'") != [
        (0,)
    ]


def once(when: Callable[[Replay], bool], trouble: Callable[[Replay], None]) -> Trouble:
    """Trouble before one step."""
    done = False

    def before_step(replay: Replay) -> bool:
        nonlocal done
        if not done and when(replay):
            done = True
            trouble(replay)
        return True

    return before_step


def late(replay: Replay) -> bool:
    """In the middle of the candles."""
    return replay.platform.market_data.candles > MIDDLE


def holds(replay: Replay) -> bool:
    """Whether the second user has a position, in the middle of the candles."""
    return late(replay) and bool(replay.platform.desk.actors[1].account.positions())


def check_alone(plan: Plan, calm: Told, told: Told, error: type[Exception], word: str) -> None:
    """The second user's account is halted, with the reason; the others' end is the undisturbed one."""
    halted = plan.seats()[1].account.id
    assert set(told.outcome.halted) == {halted}
    assert isinstance(told.outcome.halted[halted], error)
    assert word in str(told.outcome.halted[halted])
    assert [told.user(n) for n in (0, 2)] == [calm.user(n) for n in (0, 2)]
    assert len(told.outcome.users[1].trades) < len(calm.outcome.users[1].trades)


def check_off(calm: Told, told: Told) -> None:
    """The second user enters nothing any more, nobody is halted, and the others' end is the undisturbed one."""
    assert told.outcome.halted == {}
    assert [told.user(n) for n in (0, 2)] == [calm.user(n) for n in (0, 2)]
    assert len(told.outcome.users[1].trades) < len(calm.outcome.users[1].trades)


@pytest.mark.parametrize("state", ["narrowed", "revoked"])
def test_a_key_in_trouble_halts_its_account_only(plan: Plan, calm: Told, place: Path, state: str) -> None:
    """At the next order, or when its stream has ended with it; it is given back for the last look at the balances."""
    key = plan.seats()[1].credentials.key
    struck: list[Rule] = []

    def before_step(replay: Replay) -> bool:
        if late(replay) and not struck:
            fault = Fault(kind="key", account=key, state=state)
            struck.append(replay.server.faults.add(fault, replay.venue.now_ms))
        elif struck and replay.platform.desk.halted:
            replay.server.faults.remove(struck[0].number)
        return True

    told = tell(plan, place, before_step)
    check_alone(plan, calm, told, KeyRefused, "-2015")
    assert key not in str(told.outcome.halted)
    # Without a stream nobody hears of the stop that fills; with the stream alone it is still booked.
    assert state == "revoked" or not any(told.outcome.users[1].ledger_minus_venue.values())


@pytest.mark.parametrize("state", ["order", "fill"])
def test_a_fill_that_never_was_ends_the_entries_of_its_account_only(
    plan: Plan, calm: Told, place: Path, state: str
) -> None:
    """The venue reports a fill under a name that we never gave: it is booked as its owner's, and the books say that the
    venue has no such thing."""
    key = plan.seats()[1].credentials.key
    ghost = Fault(kind="ghost", stream="user", account=key, state=state, from_ms=MIDDLE * 300_000, last=1)
    told = tell(replace(plan, scenario=Scenario(faults=(ghost,))), place)
    check_off(calm, told)
    assert any(told.outcome.users[1].ledger_minus_venue.values())


def test_a_foreign_order_ends_the_entries_of_its_account_only(plan: Plan, calm: Told, place: Path) -> None:
    """Somebody sells a little with the same key: it is booked as his, and nothing is entered until he says that it is over."""
    seat, market = plan.seats()[1], plan.listings[0].market

    def sell(replay: Replay) -> None:
        account = replay.venue.account(seat.credentials.key)
        steps = market.steps(Decimal("0.001"))
        symbol = f"{market.base}{market.quote}"
        for name in [order.client_id for order in account.open.values()]:
            replay.venue.cancel(account, symbol, client_id=name)
        replay.venue.place(account, NewOrder(symbol, "web_1", Side.SELL, Kind.MARKET, steps, 0, 0))

    told = tell(plan, place, once(holds, sell))
    check_off(calm, told)
    assert not any(told.outcome.users[1].ledger_minus_venue.values())


def test_a_record_that_cannot_be_written_halts_its_account_before_anything_is_sent(
    plan: Plan, calm: Told, place: Path
) -> None:
    """The write fails half-way, at the intent of an exit: no event stays, and no order goes out but the stop that had made
    way for it: it rests again, sells in the end, and the books lack just that."""
    account, key = plan.seats()[1].account.id, plan.seats()[1].credentials.key
    replays = list[Replay]()

    def refuse(replay: Replay) -> None:
        replays.append(replay)
        with pysqlite3.connect(replay.folder / "tradepool.sqlite") as database:
            database.execute(
                f"create trigger no before insert on order_intent when new.account = '{account}'"
                " begin select raise(abort, 'refused by the test'); end"
            )

    told = tell(plan, place, once(holds, refuse))
    check_alone(plan, calm, told, BrokenLaw, "refused by the test")
    intents = told.rows(f"select max(sequence) from order_intent where account = '{account}'")
    events = told.rows(f"select count(*), max(sequence) from event where account = '{account}'")
    assert events[0][0] == events[0][1] >= intents[0][0]
    placed = {name for (name,) in told.rows("select client_order_id from order_intent")}
    beyond = [order for order in replays[0].venue.orders(key) if order.client_id not in placed]
    assert {order.kind for order in beyond} == {Kind.STOP_LOSS}
    assert told.outcome.orders == len(placed) + len(beyond)
    sold = sum(order.market.market.quantity(order.filled_steps) for order in beyond)
    assert told.outcome.users[1].ledger_minus_venue["BTC"] == sold > 0


def test_a_full_disk_halts_whoever_has_something_to_write(plan: Plan, place: Path) -> None:
    """And nobody else: the disk has room again in the end, and what was written is whole."""

    def fill(replay: Replay) -> None:
        connection = replay.platform.books._connection
        pages = connection.exec_driver_sql("pragma page_count").scalar()
        connection.exec_driver_sql(f"pragma max_page_count = {pages}")
        connection.rollback()

    told = tell(plan, place, once(late, fill))
    assert {type(error).__name__ for error in told.outcome.halted.values()} == {"StoreUnusable"}
    assert told.outcome.orders == told.rows("select count(*) from order_intent")[0][0]
    connection = open_store(told.database)
    for seat in plan.seats():
        events = list(DatabaseJournal(connection).read(seat.account.id))
        assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    dispose(connection)
