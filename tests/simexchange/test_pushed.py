"""Candles made of prints that are pushed in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.simexchange.exchange_kit import MINUTE, START, market
from tradepool.simexchange.candles import closed_kline, forming_kline
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.pushed import ROWS_FIRST
from tradepool.simexchange.venue import Venue

PUSHES = st.lists(st.tuples(st.integers(0, 90_000), st.integers(1, 900), st.integers(1, 10**9)), max_size=80)


def mirrored() -> Venue:
    """A venue of one market without candles."""
    return Venue([Listing(market())])


@given(PUSHES)
def test_each_minute_with_prints_is_a_candle(pushes: list[tuple[int, int, int]]) -> None:
    venue, now = mirrored(), START
    at, minutes = venue.markets[0], dict[int, list[tuple[int, int]]]()
    for wait, ticks, steps in pushes:
        now += wait
        venue.push_trade("BTCUSDT", ticks, steps, now, buyer_is_maker=False)
        minutes.setdefault(now // MINUTE * MINUTE, []).append((ticks, steps))
        forming = forming_kline(at)
        assert forming is not None
        rows = [closed_kline(at, bar) for bar in range(at.published)] + [forming]
        assert [row.start_ms for row in rows] == [*minutes]
        for row, prints in zip(rows, minutes.values(), strict=True):
            prices = [price for price, _ in prints]
            assert row[2:6] == (prices[0], max(prices), min(prices), prices[-1])
            assert row.volume == float(market().quantity(sum(size for _, size in prints)))
            assert row.last_id - row.first_id + 1 == len(prints)


def test_a_book_of_a_later_minute_ends_a_candle() -> None:
    venue = mirrored()
    at = venue.markets[0]
    venue.push_trade("BTCUSDT", 100, 5, START + 1, buyer_is_maker=True)
    venue.push_book("BTCUSDT", [(99, 5)], [(101, 5)], START + MINUTE - 1)
    assert at.published == 0
    venue.push_book("BTCUSDT", [(99, 5)], [(101, 5)], START + MINUTE)
    assert (at.published, forming_kline(at)) == (1, None)


def test_candles_grow_without_end() -> None:
    venue = mirrored()
    at = venue.markets[0]
    for number in range(ROWS_FIRST + 5):
        venue.push_trade("BTCUSDT", 100 + number, 1, START + number * MINUTE, buyer_is_maker=True)
    assert at.published == ROWS_FIRST + 4
    assert at.close.tolist() == [*range(100, 105 + ROWS_FIRST)]
