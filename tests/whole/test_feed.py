"""Candles through the whole data plane into the store: whatever the stream loses, what is stored equals the venue's."""

from __future__ import annotations

import pytest

from tests.whole.feed_kit import BAD_FRAMES, Follower


@pytest.mark.parametrize("gap_share", [0.0, 0.1])
def test_random_disconnects_lose_no_candle(
    tmp_path_factory: pytest.TempPathFactory, long: bool, gap_share: float
) -> None:
    """24 virtual hours of 20 markets (an hour and a half in the short form), without and with holes at the venue."""
    follower = Follower(tmp_path_factory.mktemp("f"), 1440 if long else 90, 1, gap_share)
    follower.live()
    assert follower.stored() == follower.shown()
    assert follower.corrections() == 0
    assert follower.cuts > (1000 if long else 60)


def test_frames_lost_doubled_reordered_and_late_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, long: bool
) -> None:
    """The connection stands and lies: every frame fault at once, with cuts beside them in the long form."""
    follower = Follower(tmp_path_factory.mktemp("f"), 1440 if long else 90, 2, 0.05, BAD_FRAMES, cuts=long)
    follower.live()
    assert follower.stored() == follower.shown()
    assert follower.corrections() == 0
    struck = {rule.fault.kind: rule.struck.total() for rule in follower.server.faults}
    assert all(count > 5 for count in struck.values()) and len(struck) == len(BAD_FRAMES), struck
