"""A thousand users on one address under the venue's real limits: nobody is refused, nobody who matters waits."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.whole.paced_sockets import sockets_day
from tests.whole.thousand_users import MINUTE_MS, SHARES, Seen, day, exposures
from tradepool.adapters.exchanges.rate_limits import BINANCE
from tradepool.ports.weights import Limit, Measure, Priority
from tradepool.services.account_reads import Exposure
from tradepool.simexchange.limits import Limits

USERS = 1_000
SHORT_MINUTES, LONG_MINUTES = 6, 30


@pytest.fixture(scope="module")
def seen(long: bool) -> Seen:
    """The first minutes of a platform; the long form goes on to the thirtieth."""
    return day(USERS, LONG_MINUTES if long else SHORT_MINUTES, seed=3)


def test_the_venue_refuses_nobody(seen: Seen) -> None:
    """No 429, no ban, for all that reads would take more than they may have."""
    assert seen.refused == 0
    assert max(seen.used.values()) <= Limits().weight_per_minute
    assert seen.percentile(Priority.READ, 50) > 1_000, "reads do not saturate what they may have"


def test_protective_exits_do_not_wait(seen: Seen) -> None:
    """At most 250 ms in the broker for 99 of 100, in each single minute, also in that in which all get out at once."""
    busiest = max(seen.exits_by_minute.values(), key=len)
    assert len(busiest) > USERS * (1 - SHARES[Exposure.IDLE]) * 2
    assert len(seen.waits[Priority.EXIT]) > 2_000
    for waits in seen.exits_by_minute.values():
        assert sorted(waits)[int(len(waits) * 0.99)] <= 250


def test_market_data_is_at_most_two_seconds_behind(seen: Seen) -> None:
    """Whenever the stream broke: connected again and everything fetched, the way to the venue and back included."""
    assert seen.behind_ms
    assert max(seen.behind_ms) <= 2_000


def test_nobody_is_starved(seen: Seen, long: bool) -> None:
    """First everybody is read once, then those with more at stake more often, however long reads are too many."""
    assert len(seen.reads) >= 0.95 * USERS
    if long:
        at_stake = Counter[Exposure]()
        for account, exposure in exposures(USERS).items():
            at_stake[exposure] += seen.reads[account]
        each = {exposure: at_stake[exposure] / (share * USERS) for exposure, share in SHARES.items()}
        assert each[Exposure.OPEN_ORDERS] > 1.5 * each[Exposure.POSITION] > 2 * each[Exposure.IDLE] > 2


def test_streams_come_up_in_the_order_of_exposure(seen: Seen, long: bool) -> None:
    """About one a second, those with something at stake first; all of them within 18 minutes."""
    minutes = LONG_MINUTES if long else SHORT_MINUTES
    assert [exposure for _, exposure in seen.streams] == sorted(exposure for _, exposure in seen.streams)
    came = len(seen.streams)
    assert came >= min(USERS, 55 * minutes)
    assert seen.streams[-1][0] <= 18 * MINUTE_MS


@pytest.mark.parametrize("kept", [[], [limit for limit in BINANCE if limit.measure is not Measure.WEIGHT]])
def test_without_the_broker_the_same_crowd_is_refused(kept: list[Limit]) -> None:
    """The venue of this test does count: no limits, or only those on connections and orders, and it says 429."""
    assert day(USERS, 2, seed=3, limits=kept).refused > 10


def test_one_seed_is_one_day() -> None:
    """Twice the same, to the last wait."""
    first, second = (day(200, 2, seed=5) for _ in range(2))
    assert first == second


def test_real_clients_over_real_sockets(long: bool, tmp_path: Path) -> None:
    """50 accounts' ccxt clients (short form: 10) before the venue's server, limits a twentieth of the real ones."""
    users, part = (50, 20) if long else (10, 100)
    ours = [
        replace(limit, amount=limit.amount // part) if limit.measure is Measure.WEIGHT else limit for limit in BINANCE
    ]
    theirs = Limits(weight_per_minute=6_000 // part)
    began_s = time.process_time()
    seen = sockets_day(users, 8 if long else 3, ours, theirs, tmp_path)
    assert seen.refused == 0
    assert seen.requests > users * 4
    assert max(seen.exit_waits) <= 250
    assert seen.reads_waited_ms > 1_000, f"reads do not saturate, after {time.process_time() - began_s:.0f} s"
