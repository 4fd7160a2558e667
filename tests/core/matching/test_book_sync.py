"""Frames dropped, repeated and reordered: each gap is seen at once and mended by the next snapshot."""

from __future__ import annotations

from random import Random

import pytest

from tradepool.core.matching.book_sync import BEYOND, BUFFERED_DIFFS_MAX, OLD_SNAPSHOT, BookSync
from tradepool.domain.depth import BookDiff, BookSnapshot, Level
from tradepool.domain.ids import MarketId

MARKET = MarketId("binance:BTC/USDT")


def diff(first_id: int, last_id: int, bids: tuple[Level, ...] = ()) -> BookDiff:
    return BookDiff(market=MARKET, first_id=first_id, last_id=last_id, bids=bids, asks=())


def snapshot(last_id: int, bid: int = 99) -> BookSnapshot:
    return BookSnapshot(market=MARKET, last_id=last_id, bids=((bid, 1),), asks=((101, 1),))


def started(last_id: int = 10) -> BookSync:
    sync = BookSync()
    assert sync.restart(snapshot(last_id))
    return sync


@pytest.mark.parametrize(("first_id", "last_id"), [(8, 11), (11, 11), (11, 14), (1, 30)])
def test_the_first_diff_bridges_the_snapshot(first_id: int, last_id: int) -> None:
    sync = started(10)
    assert sync.take(diff(first_id, last_id))
    assert sync.book.last_id == last_id


@pytest.mark.parametrize("first_id", [10, 11, 13])
def test_every_later_diff_begins_one_after_the_last(first_id: int) -> None:
    """One that overlaps is as wrong as one that leaves a hole."""
    sync = started(10)
    assert sync.take(diff(11, 11))
    assert not sync.take(diff(first_id, 13))
    assert (sync.why, sync.gaps) == (f"gap: update 12 expected, {first_id} came", 1)


def test_what_is_old_is_skipped() -> None:
    sync = started(10)
    assert sync.take(diff(5, 10, bids=((100, 7),)))
    assert sync.book.best_bid == (99, 1)
    assert sync.take(diff(11, 12))
    assert sync.take(diff(11, 12))
    assert (sync.book.last_id, sync.gaps) == (12, 0)


def test_a_gap_stands_until_a_snapshot_reaches_beyond_it() -> None:
    sync = started(10)
    assert not sync.take(diff(12, 13))
    assert not sync.take(diff(14, 14))
    assert not sync.restart(snapshot(10)), "older than the gap"
    assert (sync.waiting, sync.gaps) == (2, 1)
    assert sync.restart(snapshot(11))
    assert (sync.book.last_id, sync.waiting, sync.gaps) == (14, 0, 1)
    assert sync.take(diff(15, 15))


def test_a_second_gap_in_what_waits_keeps_what_follows_it() -> None:
    sync = started(10)
    for each in (diff(12, 12), diff(14, 14), diff(15, 15)):
        assert not sync.take(each)
    assert not sync.restart(snapshot(11))
    assert sync.waiting == 2
    assert sync.restart(snapshot(13))
    assert sync.book.last_id == 15


def test_a_crossed_book_is_not_whole() -> None:
    sync = started(10)
    assert not sync.take(diff(11, 11, bids=((101, 1),)))
    assert sync.why.startswith("crossed")
    assert not sync.restart(snapshot(12, bid=101))
    assert sync.restart(snapshot(13))
    assert sync.gaps == 1


def test_what_waits_has_a_limit() -> None:
    sync = BookSync()
    for number in range(BUFFERED_DIFFS_MAX + 5):
        sync.take(diff(number, number))
    assert sync.waiting == BUFFERED_DIFFS_MAX
    assert sync.restart(snapshot(3)) is False
    assert sync.restart(snapshot(4))
    assert sync.book.last_id == BUFFERED_DIFFS_MAX + 4


def deep(last_id: int, first_ask: int, depth: int = 10) -> BookSnapshot:
    """Asks at every tick, of which the venue shows so many; all it has of bids."""
    asks = tuple((first_ask + n, 1) for n in range(depth))
    return BookSnapshot(market=MARKET, last_id=last_id, bids=((99, 1),), asks=asks, depth=depth)


def lifted(number: int, ticks: int) -> BookDiff:
    return BookDiff(market=MARKET, first_id=number, last_id=number, bids=(), asks=((ticks, 0),))


@pytest.mark.parametrize("beyond", [(), ((150, 1),)])
def test_a_price_beyond_the_snapshots_depth_is_not_believed(beyond: tuple[Level, ...]) -> None:
    """All asks it knew are lifted: there are others at the venue, better than one that it happened to hear of."""
    sync = BookSync()
    assert sync.restart(deep(10, 101, depth=2))
    assert sync.take(BookDiff(market=MARKET, first_id=11, last_id=11, bids=(), asks=((101, 0), *beyond)))
    assert not sync.take(lifted(12, 102))
    assert (sync.why, sync.gaps) == (BEYOND, 0)
    assert sync.restart(deep(12, 103, depth=2))
    assert sync.book.best_ask == (103, 1)


def test_near_the_edge_another_snapshot_is_taken_while_the_book_stays_whole() -> None:
    """What comes meanwhile follows it; one from before is refused, and the book is the better one."""
    sync = BookSync()
    assert sync.restart(deep(10, 101))
    for number in range(11, 19):
        assert sync.take(lifted(number, number + 90))
        assert sync.near_edge is (number >= 17)
    sync.refresh()
    assert sync.take(lifted(19, 109))
    assert sync.take(lifted(20, 110)) is False, "the last one known is gone before a snapshot came"
    sync = BookSync()
    assert sync.restart(deep(10, 101))
    sync.refresh()
    assert sync.take(lifted(11, 101))
    assert not sync.restart(deep(9, 100))
    assert (sync.whole, sync.book.last_id, sync.book.best_ask) == (True, 11, (102, 1))
    assert sync.restart(deep(10, 101, depth=20))
    assert (sync.book.last_id, sync.book.best_ask, sync.near_edge) == (11, (102, 1), False)
    assert sync.take(lifted(12, 102))


def test_a_side_shorter_than_its_depth_is_all_there_is() -> None:
    sync = started(10)
    assert sync.restart(BookSnapshot(market=MARKET, last_id=10, bids=((99, 1),), asks=((101, 1),), depth=2))
    assert sync.take(lifted(11, 101))
    assert sync.book.best_ask is None


def test_a_snapshot_older_than_what_was_seen_is_refused() -> None:
    """After a reconnect too; unless the stream itself begins anew."""
    sync = started(100)
    assert sync.take(diff(101, 101))
    sync.suspend("the connection is gone")
    assert not sync.restart(snapshot(50))
    assert sync.why == OLD_SNAPSHOT
    assert sync.restart(snapshot(101))
    sync.suspend("the connection is gone")
    sync.take(diff(6, 7))
    assert sync.restart(snapshot(5))
    assert sync.book.last_id == 7


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_stream_does_a_whole_book_is_the_true_one(seed: int, long: bool) -> None:
    """The truth is kept apart; a snapshot of it comes some frames after it was needed, sometimes an old one."""
    rng = Random(seed)
    truth = {99: 1}
    sync = BookSync()
    last_id, delayed, old = 0, [], snapshot(0)
    for _ in range(3_000 if long else 300):
        first_id, last_id = last_id + 1, last_id + rng.randint(1, 3)
        change = (rng.randint(90, 100), rng.randint(0, 3))
        truth.update([change])
        frame = diff(first_id, last_id, bids=(change,))
        fate = rng.random()
        if fate < 0.05:
            continue
        delayed.append(frame)
        if fate < 0.10:
            continue
        if fate < 0.15:
            rng.shuffle(delayed)
        for each in delayed + delayed[:1] * (fate > 0.95):
            sync.take(each)
        delayed = []
        if sync.whole:
            assert sync.book.last_id == last_id
            assert dict(sync.book.bids()) == {t: s for t, s in truth.items() if s}
        elif rng.random() < 0.3:
            now = BookSnapshot(market=MARKET, last_id=last_id, bids=tuple(truth.items()), asks=((101, 1),))
            sync.restart(old if rng.random() < 0.2 else now)
            old = now
    assert sync.gaps > 5
