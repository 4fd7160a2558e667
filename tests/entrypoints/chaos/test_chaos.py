"""The platform killed again and again while everything goes wrong: nothing lost, doubled, left bare, or off by a digit.

And what finds that out finds it: a run that is clean because nobody looks would be worse than none.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.nouns import request
from tests.simexchange.exchange_kit import flat, small_venue
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.core.ledger.posting import opening_entry
from tradepool.domain.balance import Balance
from tradepool.domain.event import AccountOpened, OrderRejected
from tradepool.domain.ids import client_order_id
from tradepool.entrypoints.chaos.books import AccountState, Amount, Ordered, VenueState, compare
from tradepool.entrypoints.chaos.exposed import NEW_MS, Exposed
from tradepool.entrypoints.chaos.place import Place
from tradepool.entrypoints.chaos.plan import DEAD_BARS_MAX, Chaos
from tradepool.entrypoints.chaos.points import POINTS, Fate, MortalJournal
from tradepool.entrypoints.chaos.run import run
from tradepool.entrypoints.chaos.weather import weather
from tradepool.ports.journal import Record
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.fault_kinds import KINDS
from tradepool.simexchange.faults import Faults
from tradepool.simexchange.records import Kind, NewOrder, Side

# A venue that lies is another test's.
NOT_WEATHER = {"ghost", "spike"}


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a path short enough for a socket."""
    return tmp_path_factory.mktemp("k")


@pytest.mark.parametrize("seed", [3])
def test_chaos_leaves_nothing_lost_doubled_or_bare(place: Path, long: bool, seed: int) -> None:
    """In the long form, 20 users for a day, killed 100 times."""
    asked = Chaos(users=20, hours=24, seed=seed) if long else Chaos(users=6, hours=3, seed=seed, kills=12)
    told = run(Place(chaos=asked, folder=place))
    assert told.wrong == []
    assert told.is_clean
    assert told.kills == asked.kills == sum(told.kill_points.values())
    assert told.fills > (1_000 if long else 20)
    assert told.kill_points.keys() <= POINTS.keys()
    assert len(told.kill_points) >= (len(POINTS) if long else 4)


def test_every_point_has_its_turn_and_the_venue_goes_on_meanwhile() -> None:
    """The same seed plans the same deaths; half of the time at most is spent dead."""
    chaos = Chaos(users=20, hours=24, seed=1)
    deaths = chaos.deaths()
    assert deaths == replace(chaos).deaths()
    assert set(Counter(death.point for death in deaths)) == set(POINTS)
    pauses = [death.dead_bars for death in deaths]
    assert min(pauses) == 0
    assert DEAD_BARS_MAX // 2 < max(pauses) <= DEAD_BARS_MAX
    assert sum(pauses) <= chaos.bars // 2


def test_the_weather_has_every_fault_of_a_truthful_venue() -> None:
    """Those left out are named here."""
    kinds = {fault.kind for fault in weather(Chaos(users=1, hours=24, seed=1)).faults}
    assert kinds == KINDS.keys() - NOT_WEATHER


def test_a_fate_counts_and_says_where_it_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the n-th passing from its time on, or at any point when it is late."""
    deaths = list[int]()
    monkeypatch.setattr(os, "kill", lambda process, number: deaths.append(process))
    clock = VirtualClock()
    diary = tmp_path / "diary"
    fate = Fate("intent", 2, diary, from_ms=10, by_ms=100, now_ms=clock.now_ms)
    for time_ms, point in ((0, "intent"), (10, "intent"), (20, "booked")):
        clock.advance_to(time_ms)
        fate.pass_by(point)
        assert deaths == []
    fate.pass_by("intent")
    assert deaths == [os.getpid()]
    clock.advance_to(100)
    fate.pass_by("idle")
    assert len(deaths) == 2
    assert diary.read_text() == '{"died":"intent"}\n{"died":"idle"}\n'


def test_what_is_lost_doubled_or_off_is_found(place: Path) -> None:
    """An intent nobody knows, an order nobody intended, one placed twice, a candle entered on by two orders, and a digit."""
    here = Place(chaos=Chaos(users=1, hours=1, seed=1), folder=place)
    (seat,) = here.chaos.plan().seats()
    account, names = seat.account.id, [client_order_id(1, number) for number in (1, 2, 3, 4)]
    connection = open_store(here.database)
    journal = MortalJournal(connection)
    journal.fate = Fate("never", 0)
    opened = AccountOpened(
        time_ms=1, balances=(Balance(account=account, asset="USDT", free=Decimal(5), locked=Decimal(0)),)
    )
    # The last two are of one candle.
    times = zip(names, (1, 2, 2), strict=False)
    intents = [request(account=account, client_order_id=name, time_ms=at) for name, at in times]
    entries = [opening_entry(account, 1, opened.balances)]
    journal.write(Record(account=account, sequence=1, as_of_ms=1, event=opened, entries=entries, intents=intents))
    refused = OrderRejected(time_ms=2, client_order_id=names[2], reason="venue_rejected")
    journal.write(Record(account=account, sequence=2, as_of_ms=1, event=refused))
    dispose(connection)

    def found(orders: list[str], usdt: str) -> tuple[int, int, int]:
        balances = {"USDT": Amount(free=Decimal(usdt), locked=Decimal(0))}
        told = AccountState(balances=balances, orders=[Ordered(client_id=name) for name in orders], trades=[])
        said = compare(here, VenueState(accounts={seat.credentials.key: told}))
        return len(said.lost), len(said.doubled), len(said.ledger_off)

    assert found([names[0], names[1]], "5") == (0, 0, 0)
    assert found([names[0]], "5") == (1, 0, 0)
    assert found([names[0], names[1], names[3]], "5") == (1, 0, 0)
    assert found([names[0], names[1], names[1]], "5") == (0, 1, 0)
    assert found([*names[:3]], "5") == (0, 1, 0)
    assert found([names[0], names[1]], "5.00000001") == (0, 0, 1)


def test_a_position_without_its_stop_is_found_at_the_end_of_the_first_whole_bar() -> None:
    """A stop for a part is not enough; a market that was halted meanwhile is looked at a bar later."""
    venue = small_venue(flat(10))
    account = venue.account("key")
    exposed = Exposed(venue, Faults())
    bare = [["key", "BTCUSDT", "10000", "0"]]
    exposed.restarted()
    assert exposed.now() == bare == exposed.at_the_end_of_a_bar()
    assert exposed.at_the_end_of_a_bar() == []
    venue.place(account, NewOrder("BTCUSDT", "s1", Side.SELL, Kind.STOP_LOSS, 6_000, 0, 9_000))
    assert exposed.now() == [["key", "BTCUSDT", "10000", "6000"]]
    exposed.restarted()
    venue.set_status("BTCUSDT", "HALT")
    exposed.look()
    venue.set_status("BTCUSDT", "TRADING")
    assert exposed.at_the_end_of_a_bar() == []
    assert len(exposed.at_the_end_of_a_bar()) == 1
    venue.place(account, NewOrder("BTCUSDT", "s2", Side.SELL, Kind.STOP_LOSS, 4_000, 0, 9_000))
    assert exposed.now() == []


def test_what_was_bought_just_before_a_bar_ended_is_looked_at_when_the_next_one_ends() -> None:
    """Its stop may be on its way: ten seconds are given. What was held before gets none for that."""
    venue = small_venue(flat(10))
    account = venue.account("key")
    exposed = Exposed(venue, Faults())
    venue.place(account, NewOrder("BTCUSDT", "s1", Side.SELL, Kind.STOP_LOSS, 10_000, 0, 9_000))
    exposed.restarted()
    venue.place(account, NewOrder("BTCUSDT", "b1", Side.BUY, Kind.MARKET, 1_000))
    [[_, _, held, covered]] = exposed.now()
    assert int(held) > int(covered) == 10_000
    assert exposed.at_the_end_of_a_bar() == []
    venue.pass_time(venue.now_ms + NEW_MS)
    assert exposed.at_the_end_of_a_bar() == [["key", "BTCUSDT", held, covered]]
    assert exposed.at_the_end_of_a_bar() == []
    venue.cancel(account, "BTCUSDT", client_id="s1")
    exposed.restarted()
    venue.place(account, NewOrder("BTCUSDT", "b2", Side.BUY, Kind.MARKET, 1_000))
    assert len(exposed.at_the_end_of_a_bar()) == 1
