"""The sorted book beside one kept in the plainest way, and what a taker meets in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tradepool.core.matching.depth_book import DepthBook, Taken
from tradepool.domain.depth import BookDiff, BookSnapshot, Level
from tradepool.domain.ids import MarketId
from tradepool.domain.order import Side

MARKET = MarketId("binance:BTC/USDT")
levels = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3)), max_size=12)
sides = st.tuples(levels, levels)


def snapshot(bids: list[Level], asks: list[Level], last_id: int = 1) -> BookSnapshot:
    return BookSnapshot(market=MARKET, last_id=last_id, bids=tuple(bids), asks=tuple(asks))


def diff(bids: list[Level], asks: list[Level], number: int = 2) -> BookDiff:
    return BookDiff(market=MARKET, first_id=number, last_id=number, bids=tuple(bids), asks=tuple(asks))


@given(sides, st.lists(sides, max_size=8))
def test_it_is_what_dictionaries_say(
    first: tuple[list[Level], list[Level]], more: list[tuple[list[Level], list[Level]]]
) -> None:
    book = DepthBook()
    # The last word on a level is what counts, in a snapshot too.
    plain_bids, plain_asks = dict(first[0]), dict(first[1])
    book.load(snapshot(list(plain_bids.items()), list(plain_asks.items())))
    for number, (bids, asks) in enumerate(more, 2):
        book.apply(diff(bids, asks, number))
        plain_bids.update(bids)
        plain_asks.update(asks)
    wanted_bids = sorted(((t, s) for t, s in plain_bids.items() if s), reverse=True)
    wanted_asks = sorted((t, s) for t, s in plain_asks.items() if s)
    assert list(book.bids()) == wanted_bids
    assert list(book.asks()) == wanted_asks
    assert book.best_bid == (wanted_bids[0] if wanted_bids else None)
    assert book.best_ask == (wanted_asks[0] if wanted_asks else None)
    assert book.is_empty == (not wanted_bids or not wanted_asks)
    assert book.is_crossed == (not book.is_empty and wanted_bids[0][0] >= wanted_asks[0][0])
    assert book.last_id == 1 + len(more)
    for ticks in (1, 7, 15, 30):
        assert book.units_to(Side.BUY, ticks) == sum(s for t, s in wanted_asks if t <= ticks)
        assert book.units_to(Side.SELL, ticks) == sum(s for t, s in wanted_bids if t >= ticks)
        assert book.units_at(Side.BUY, ticks) == dict(wanted_bids).get(ticks, 0)


@given(levels, st.integers(0, 40))
def test_a_taker_pays_level_by_level(asks: list[Level], wanted: int) -> None:
    book = DepthBook()
    plain = dict(asks)
    book.load(snapshot([], list(plain.items())))
    one_by_one = [ticks for ticks, units in sorted(plain.items()) for _ in range(units)][:wanted]
    assert book.take(Side.BUY, wanted) == Taken(len(one_by_one), sum(one_by_one), one_by_one[-1] if one_by_one else 0)


def test_a_seller_meets_the_bids_from_the_top() -> None:
    book = DepthBook()
    book.load(snapshot([(98, 4), (99, 1)], [(101, 1)]))
    assert book.take(Side.SELL, 3) == Taken(3, 99 + 2 * 98, 98)
    assert book.take(Side.SELL, 9).units == 5
