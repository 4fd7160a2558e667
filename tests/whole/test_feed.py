"""Candles through the whole data plane into the store: whatever the stream loses, what is stored equals the venue's."""

from __future__ import annotations

import random

import pytest

from tests.whole.feed_kit import BAD_FRAMES, FRAMES, SYMBOLS, Follower
from tradepool.simexchange.fault_kinds import Fault, Strikes


@pytest.mark.parametrize("gap_share", [0.0, 0.1])
def test_random_disconnects_lose_no_candle(
    tmp_path_factory: pytest.TempPathFactory, long: bool, gap_share: float
) -> None:
    """24 virtual hours of 20 markets (an hour and a half in the short form), without and with holes at the venue."""
    follower = Follower(tmp_path_factory.mktemp("f"), 1440 if long else 60, 1, gap_share)
    follower.live()
    assert follower.stored() == follower.shown()
    assert follower.corrections() == 0
    assert follower.cuts > (1000 if long else 40)


def test_frames_lost_doubled_reordered_and_late_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, long: bool
) -> None:
    """The connection stands and lies: every frame fault at once, with cuts beside them in the long form."""
    follower = Follower(tmp_path_factory.mktemp("f"), 1440 if long else 60, 2, 0.05, BAD_FRAMES, cuts=long)
    follower.live()
    assert follower.stored() == follower.shown()
    assert follower.corrections() == 0
    struck = {rule.fault.kind: rule.struck.total() for rule in follower.server.faults}
    assert len(struck) == len(BAD_FRAMES)
    assert min(struck.values()) > 5, struck


def test_a_restart_asks_only_for_what_was_missed(tmp_path_factory: pytest.TempPathFactory, long: bool) -> None:
    """The platform is off for a quarter of the time in the middle; what it begins with is what REST alone would give."""
    quarter = 360 if long else 12
    place = tmp_path_factory.mktemp("f")
    Follower(place, 4 * quarter, 3).live(end=quarter)
    second = Follower(place, 4 * quarter, 3, cuts=False)
    second.live(begin=2 * quarter)
    assert second.stored() == second.shown()
    # An answer begins with the bar before the hole.
    assert len(SYMBOLS) * quarter <= second.asked <= len(SYMBOLS) * (quarter + 3)


def test_a_kill_at_any_write_loses_no_candle(tmp_path_factory: pytest.TempPathFactory, long: bool) -> None:
    """kill -9 in the middle of the store's work, then a new start over the same files."""
    minutes = 600 if long else 20
    for seed in range(4 if long else 1):
        place = tmp_path_factory.mktemp("f")
        # A candle is seven writes.
        writes = random.Random(seed).randrange(7 * len(SYMBOLS), 7 * len(SYMBOLS) * minutes * 3 // 4)
        Follower(place, minutes, seed, 0.05).live_until_killed(writes)
        second = Follower(place, minutes, seed, 0.05, BAD_FRAMES)
        second.live(begin=minutes * 4 // 5)
        assert second.stored() == second.shown()
        assert second.corrections() == 0


def test_candles_come_in_time_while_no_stream_can_be_opened(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The stream's host refuses everybody for ten minutes: what REST alone gives is at most five seconds late."""
    minute_ms = 60_000
    refused = [
        Fault(kind="cut", stream=FRAMES, code=1006, from_ms=5 * minute_ms, last=1),
        Fault(kind="reset", route="CONNECT", from_ms=5 * minute_ms, until_ms=15 * minute_ms),
    ]
    follower = Follower(tmp_path_factory.mktemp("f"), 20, 1, faults=refused, cuts=False)
    follower.live()
    assert follower.stored() == follower.shown()
    assert follower.server.faults.by_kind[Strikes.CALL][0].struck.total() > 10
    # What comes by the stream comes at its time; the candles of ten ends of bars were asked for.
    late = sorted({came - candle_ms for candle_ms, came in follower.came})
    assert len(follower.came) == 19 * len(SYMBOLS)
    assert late[-1] <= 5_000, late
    assert sum(came - candle_ms >= 1_000 for candle_ms, came in follower.came) >= 10 * len(SYMBOLS)
