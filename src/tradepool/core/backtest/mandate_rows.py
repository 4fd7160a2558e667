"""The arrays of a mandate's backtest: steps at work, candles in whole numbers, the account's rows, a block of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradepool.core.account import account_step as step
from tradepool.core.account import limit_step
from tradepool.core.account.terms import price_scale
from tradepool.core.backtest import batch_bars, fills
from tradepool.core.backtest.batch_bars import PLACE_SIZE
from tradepool.core.backtest.run import Setting, room_for, terms_under
from tradepool.core.compiler.functions import Function
from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.market.bars import Bars
from tradepool.domain.ids import MarketId
from tradepool.domain.market import Market

Ints = NDArray[np.int64]
# A market as it is counted, the slot's row in that, and the last close in its ticks.
Slot = tuple[Market, Sequence[int], int]


@dataclass(slots=True)
class Reader:
    """A strategy's step at work on one market: `columns` numbers a bar, `done` bars stepped over; `arguments` are what it is
    called with before the range of bars."""

    part: Function
    columns: int
    bars: Bars
    arguments: Sequence[object]
    done: int = 0

    def read(self, i0: int, i1: int, levels: Floats) -> None:
        """Step over bars `i0` to `i1` and write their rows; over what was left out before them, too."""
        if self.done < i0:
            self.part(*self.arguments, self.done, i0, np.empty((i0 - self.done) * self.columns))
        self.part(*self.arguments, i0, i1, levels)
        self.done = i1


@dataclass(frozen=True, slots=True)
class Series:
    """One market's candles in whole numbers, and its step at work."""

    market: Market
    bars: Bars
    ticks: Sequence[Ints]
    reader: Reader


@dataclass(frozen=True, slots=True)
class Carried:
    """What an account brings along: its wallet's row, and its slot on each market."""

    wallet: Sequence[int]
    slots: Mapping[MarketId, Slot]


@dataclass(frozen=True, slots=True)
class Rows:
    """The account's arrays, rows of each market behind each other, and the records."""

    wallet: Ints
    slots: Ints
    terms: Ints
    places: Ints
    order: Ints
    scales: Floats
    trades: Ints
    refusals: Ints
    counts: Ints

    @staticmethod
    def of(all_series: Sequence[Series], setting: Setting, carried: Carried, *, watched: bool) -> Rows:
        """Rows that go on from what the account brings along; its slots are counted as the series' markets are."""
        count, slots = len(all_series), np.zeros(len(all_series) * step.SLOT_SIZE, np.int64)
        counts = np.zeros(count * fills.COUNTS_SIZE, np.int64)
        counts[fills.CASH_PEAK :: fills.COUNTS_SIZE] = carried.wallet[step.CASH]
        places = np.zeros(count * PLACE_SIZE, np.int64)
        for m, series in enumerate(all_series):
            if series.market.id in carried.slots:
                _, row, mark = carried.slots[series.market.id]
                slots[m * step.SLOT_SIZE : (m + 1) * step.SLOT_SIZE] = row
                places[m * PLACE_SIZE + batch_bars.MARK] = mark
        terms = _terms(all_series, setting, watched=watched)
        sizes = [
            (terms[most :: step.TERMS_SIZE] * size).tolist()
            for most, size in ((step.TRADES_MAX, fills.TRADE_SIZE), (step.REFUSALS_MAX, fills.REFUSAL_SIZE))
        ]
        for field, parts in zip((batch_bars.TRADES_AT, batch_bars.REFUSALS_AT), sizes, strict=True):
            places[field::PLACE_SIZE] = np.cumsum([0, *parts[:-1]])
        symbols = [series.market.symbol for series in all_series]
        return Rows(
            wallet=np.array(carried.wallet, np.int64),
            slots=slots,
            terms=terms,
            places=places,
            order=np.array(sorted(range(count), key=symbols.__getitem__), np.int64),
            scales=np.array([price_scale(series.market) for series in all_series]),
            trades=np.empty(sum(sizes[0]), np.int64),
            refusals=np.empty(sum(sizes[1]), np.int64),
            counts=counts,
        )

    def slot(self, m: int) -> Ints:
        """A market's row."""
        return self.slots[m * step.SLOT_SIZE : (m + 1) * step.SLOT_SIZE]

    def equity(self) -> int:
        """What the mandate is worth at its markets' last closes, in quote units."""
        # As lists: Python's integers have no width, NumPy's do.
        wallet, slots, terms, places = (each.tolist() for each in (self.wallet, self.slots, self.terms, self.places))
        return batch_bars.equity_of(wallet, slots, terms, places, len(self.scales))


def _terms(all_series: Sequence[Series], setting: Setting, *, watched: bool) -> Ints:
    """The terms of every market. Live, the equity at the start of a day is noted whatever is asked; here only where a limit
    wants it, or may come to want it (`watched`)."""
    found: list[int] = []
    for series in all_series:
        terms = terms_under(series.market, setting)
        terms[step.TRADES_MAX], terms[step.REFUSALS_MAX] = room_for(series.bars)
        terms[limit_step.WATCHED] |= watched
        found += terms
    return np.array(found, np.int64)


class Block:
    """Bars and levels of a block of time, `stride` rows a market: those that close in it, and one more to act at."""

    def __init__(self, markets: int, columns: int, block_bars: int) -> None:
        """Room for so many bars of each market, and so many numbers a bar."""
        self.stride = block_bars + 1
        self.bars = [np.empty(markets * self.stride, np.int64) for _ in range(5)]
        self.levels = np.empty((markets * self.stride, columns))
        self.equity = np.empty(block_bars, np.int64)

    def take(self, places: Ints, m: int, series: Series, i0: int, i1: int) -> None:
        """Copy a market's bars `i0` to `i1`, which may be the one after the last, read them, and say where it stands."""
        begin, more = m * self.stride, min(i1 + 1, len(series.bars))
        for column, values in zip(self.bars, (series.bars.open_time, *series.ticks), strict=True):
            column[begin : begin + more - i0] = values[i0:more]
        place = places[m * PLACE_SIZE :]
        place[batch_bars.BAR], place[batch_bars.BARS] = 0, i1 - i0
        place[batch_bars.ENDS] = min(i1, len(series.bars) - 1) - i0
        series.reader.read(i0, i1, self.levels[begin:].reshape(-1))

    def shown(
        self,
        all_series: Sequence[Series],
        ranges: Sequence[tuple[int, int]],
        first_ms: int,
        steps: int,
        timeframe_ms: int,
    ) -> tuple[Ints, Ints]:
        """The Ts of the block at which some candle closed, and the equity there."""
        there = np.zeros(steps, bool)
        for series, (i0, i1) in zip(all_series, ranges, strict=True):
            there[(series.bars.open_time[i0:i1] + timeframe_ms - first_ms) // timeframe_ms] = True
        at = np.flatnonzero(there)
        return first_ms + at * timeframe_ms, self.equity[at]


def blocks(
    all_series: Sequence[Series], begin_ms: int, end_ms: int, timeframe_ms: int, block_bars: int
) -> Iterator[tuple[int, int, Sequence[tuple[int, int]]]]:
    """First T and number of Ts of each block of the bars that open from a time until another one, and which bars of each
    market close in it; empty ones are left out."""
    for begin in range(begin_ms, end_ms, block_bars * timeframe_ms):
        end = min(begin + block_bars * timeframe_ms, end_ms)
        ranges = [
            (int(at[0]), int(at[1]))
            for at in (np.searchsorted(series.bars.open_time, (begin, end)) for series in all_series)
        ]
        if any(i1 > i0 for i0, i1 in ranges):
            yield begin + timeframe_ms, (end - begin) // timeframe_ms, ranges
