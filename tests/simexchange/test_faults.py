"""Which request and frame is struck: reproducible from the seed, whoever else asks; and how faults are written."""

from __future__ import annotations

import math
import random
from statistics import median

import pytest

from tests.simexchange.exchange_kit import flat, small_venue
from tradepool.runtime.clock import RealClock
from tradepool.simexchange.bad_calls import BadCalls
from tradepool.simexchange.codecs.binance.streams import Ask
from tradepool.simexchange.fault_kinds import KINDS, Fault, Strikes
from tradepool.simexchange.fault_reading import BrokenFault, read_fault
from tradepool.simexchange.faults import Faults, Place

ORDER = "POST /api/v3/order"
Struck = dict[str, list[bool]]


def ask_all(faults: Faults, asks: list[str]) -> Struck:
    """Accounts ask in this order; which of each one's requests were struck."""
    struck: Struck = {account: [] for account in sorted(set(asks))}
    for account in asks:
        struck[account].append(faults.on_call(Place(ORDER, account), 0)[0] is not None)
    return struck


def faults_of(*faults: Fault, seed: int = 1) -> Faults:
    """In force from time 0."""
    made = Faults(faults, seed)
    made.begin(0)
    return made


def test_the_order_in_which_accounts_ask_changes_nothing() -> None:
    asks = [account for account in "abcd" for _ in range(200)]
    storm = [Fault(kind="reset", share=0.3), Fault(kind="late", share=0.2, delay_ms=5)]
    told = ask_all(faults_of(*storm), asks)
    random.Random(2).shuffle(asks)
    again = ask_all(faults_of(*storm), asks)
    assert told == again
    assert told["a"] != told["b"]
    assert 0.3 < sum(told["a"]) / 200 < 0.6
    assert ask_all(faults_of(*storm, seed=2), asks) != told


def test_a_fault_strikes_where_and_when_it_is_told_to() -> None:
    fault = Fault(kind="reset", route="POST *", account="2", market="BTCUSDT", from_ms=10, until_ms=20)
    faults = faults_of(fault)
    here = Place(ORDER, "key", 2, "BTCUSDT")
    assert faults.on_call(here, 10)[0] is not None
    others = [here._replace(name="GET /x"), here._replace(number=1), here._replace(market="ETHUSDT")]
    assert [faults.on_call(place, 15)[0] for place in others] == [None] * 3
    assert [faults.on_call(here, now)[0] for now in (9, 20)] == [None] * 2
    (told,) = faults.told()
    assert (told["matched"], told["struck"]) == (1, {"key": 1})


@pytest.mark.parametrize(
    ("kind", "spoils"), [("negative_balance", "GET /api/v3/account"), ("shuffled", "GET /api/v3/klines")]
)
def test_what_spoils_one_answer_is_not_used_up_by_others(kind: str, spoils: str) -> None:
    faults = faults_of(Fault(kind=kind, last=1))
    assert faults.on_call(Place("GET /api/v3/time", "a"), 0)[0] is None
    assert faults.on_call(Place(spoils, "a"), 0)[0] is not None


def test_the_nth_to_the_mth_request_of_each_account() -> None:
    struck = ask_all(faults_of(Fault(kind="empty", first=2, last=3)), list("abababab"))
    assert struck == {"a": [False, True, True, False], "b": [False, True, True, False]}


def test_a_key_that_nobody_has_leaves_no_trace() -> None:
    """However many are made up: they are counted as one that is nobody."""
    calls = BadCalls(small_venue(flat(2)), faults_of(Fault(kind="reset", first=3)), RealClock())
    for name in ("made-up-1", "key", "made-up-2", "made-up-3"):
        calls.on_ask(Ask(1, "order.place", {"apiKey": name}))
    (rule,) = calls.faults
    assert (dict(rule.matched), dict(rule.struck)) == ({"": 3, "key": 1}, {"": 1})


def test_a_fault_counts_on_while_another_strikes() -> None:
    both = faults_of(Fault(kind="html", last=1), Fault(kind="empty", first=2))
    kinds = [rule.fault.kind for _ in range(3) if (rule := both.on_call(Place(ORDER, "a"), 0)[0])]
    assert kinds == ["html", "empty", "empty"]


def test_latency_has_the_median_and_spread_it_was_given() -> None:
    faults = faults_of(Fault(kind="latency", delay_ms=100, spread=2.0))
    late = sorted(faults.on_call(Place(ORDER, "a"), 0)[1] for _ in range(4_000))
    assert abs(median(late) - 100) < 5
    above = sum(each > 200 for each in late) / len(late)
    assert abs(above - 0.5 * math.erfc(1 / math.sqrt(2))) < 0.02


def test_what_all_read_is_lost_to_all_by_its_own_text() -> None:
    faults = faults_of(Fault(kind="lost", share=0.5))
    kline = Place("btcusdt@kline_1m", market="BTCUSDT")
    once = [faults.on_frame(kline, 0, b"%d" % n) is not None for n in range(50)]
    assert [faults.on_frame(kline, 0, b"%d" % n) is not None for n in range(50)] == once
    assert 10 < sum(once) < 40


def test_faults_come_and_go_while_the_venue_runs() -> None:
    faults, changes = faults_of(), list[int]()
    faults.on_change = lambda: changes.append(len(list(faults)))
    later = faults.add(Fault(kind="reset", from_ms=5, until_ms=10), now_ms=100)
    dark = faults.add(Fault(kind="dark", until_ms=7), now_ms=100)
    assert ([later.in_time(now) for now in (104, 105, 110)]) == [False, True, False]
    assert (faults.is_dark(100), faults.is_dark(107)) == (True, False)
    assert faults.remove(later.number)
    assert not faults.remove(later.number)
    faults.clear()
    assert not faults.is_dark(100)
    assert (dark.number, changes) == (2, [1, 2, 1, 0])


def test_a_clock_that_is_wrong_and_drifts() -> None:
    faults = faults_of(Fault(kind="clock", offset_ms=-500), Fault(kind="clock", drift_ppm=1_000, from_ms=1_000))
    assert [faults.clock_offset_ms(now) for now in (0, 1_000, 3_001_000)] == [-500, -500, 2_500]


def test_every_kind_can_be_written() -> None:
    values: dict[str, object] = {
        "delay": "5s",
        "status": 503,
        "code": -1000,
        "state": "order",
        "account": "1",
        "market": "X",
    }
    names = {"delay_ms": "delay"}
    for kind, row in KINDS.items():
        words = {"kind": kind} | {names.get(need, need): values[names.get(need, need)] for need in row.needs}
        if kind in ("key", "market"):
            words["state"] = "revoked" if kind == "key" else "halted"
        assert read_fault(words).kind == kind
        where = {"stream": "user"} if row.strikes is Strikes.FRAME else {"route": "GET *"}
        if row.strikes is not Strikes.TIME:
            read_fault(words | where | {"share": 0.5, "first": 2, "last": 4, "from": "1m", "until": "2h"})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({}, "no kind is called None"),
        ({"kind": "resett"}, "did you mean reset?"),
        ({"kind": "reset", "rout": "x"}, "no word is called 'rout'; did you mean route?"),
        ({"kind": "reset", "stream": "x"}, "no word is called 'stream'"),
        ({"kind": "dark", "share": 0.5}, "no word is called 'share'"),
        ({"kind": "late"}, "late: delay is missing"),
        ({"kind": "late", "delay": 5}, "write a duration such as 90s"),
        ({"kind": "late", "delay": "-5s"}, "write a duration such as 90s"),
        ({"kind": "reset", "from": "soon"}, "from is 'soon'"),
        ({"kind": "reset", "share": 1.5}, "share is 1.5"),
        ({"kind": "reset", "share": "all"}, "Expected `float`"),
        ({"kind": "reset", "first": 3, "last": 2}, "count from 1 upwards"),
        ({"kind": "dark", "from": "2m", "until": "1m"}, "until must be later"),
        ({"kind": "status", "status": 200}, "give 400 to 599"),
        ({"kind": "code", "code": -1}, "there are -1000"),
        ({"kind": "cut", "code": 1000}, "give 1001 or 1006"),
        ({"kind": "ghost", "state": "holy"}, "there are order, fill"),
        ({"kind": "latency", "delay": "1s", "spread": 0.5}, "give 1 or more"),
    ],
)
def test_what_is_wrong_with_a_fault_is_named(words: dict[str, object], said: str) -> None:
    with pytest.raises(BrokenFault) as caught:
        read_fault(words, "Fault 3 of storm.toml")
    assert said in str(caught.value)
    assert str(caught.value).startswith("Fault 3 of storm.toml is not usable: ")
