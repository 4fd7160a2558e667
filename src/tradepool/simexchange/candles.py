"""Candles of every interval, and what happened in a rolling window, from a market's own candles.

A candle of a longer interval is made of the market's closed candles whose time falls into it. It is closed when its
end has come and no candle of the market is left to come inside it; over a hole in the candles that is when the market
goes on. The forming candle holds what the price has walked so far.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.tape import CLOSE, HIGH, LOW, OPEN

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
MONDAY_MS = 4 * DAY_MS
MONTH_MAX_MS = 31 * DAY_MS
Times = NDArray[np.int64]


class Interval(NamedTuple):
    """How time is cut: every `length_ms` from `offset_ms` (1970 began on a Thursday); length 0: calendar months, UTC."""

    name: str
    length_ms: int
    offset_ms: int = 0

    def starts(self, times: Times) -> Times:
        """Where the pieces begin that hold these times.

        >>> [int(INTERVALS[name].starts(np.array([1_700_000_000_000]))[0]) for name in ("1h", "1w", "1M")]
        [1699999200000, 1699833600000, 1698796800000]
        """
        if self.length_ms:
            return times - (times - self.offset_ms) % self.length_ms
        return times.astype("datetime64[ms]").astype("datetime64[M]").astype("datetime64[ms]").astype(np.int64)

    def start(self, time_ms: int) -> int:
        """Where the piece begins that holds a time."""
        return int(self.starts(np.array([time_ms], dtype=np.int64))[0])

    def end(self, start_ms: int) -> int:
        """Where the piece ends that begins there."""
        return start_ms + self.length_ms if self.length_ms else self.start(start_ms + MONTH_MAX_MS)

    def holds(self, timeframe_ms: int) -> bool:
        """Whether its pieces are whole numbers of candles of this length."""
        return (self.length_ms or DAY_MS) % timeframe_ms == 0

    def candles_max(self, timeframe_ms: int) -> int:
        """The most candles of this length in one piece."""
        return (self.length_ms or MONTH_MAX_MS) // timeframe_ms


_FIXED_MS = {
    "1s": 1_000, "1m": MINUTE_MS, "3m": 3 * MINUTE_MS, "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS, "1h": HOUR_MS, "2h": 2 * HOUR_MS, "4h": 4 * HOUR_MS, "6h": 6 * HOUR_MS, "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS, "1d": DAY_MS, "3d": 3 * DAY_MS,
}  # fmt: skip
INTERVALS = {name: Interval(name, length) for name, length in _FIXED_MS.items()} | {
    "1w": Interval("1w", 7 * DAY_MS, MONDAY_MS),
    "1M": Interval("1M", 0),
}


class Kline(NamedTuple):
    """One candle: times in ms (`end_ms` is where the next begins), prices in ticks, traded base and quote as floats.

    `first_id` and `last_id` name its prints on the tape; without prints `last_id` is `first_id` - 1.
    """

    start_ms: int
    end_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: float
    quote: float
    first_id: int
    last_id: int


def interval_of(market: ListedMarket, name: str) -> Interval | None:
    """The interval of that name, if the market's candles can make it; its own candles begin where they begin."""
    interval = INTERVALS.get(name)
    if interval is None or not interval.holds(market.timeframe_ms):
        return None
    if interval.length_ms == market.timeframe_ms and not market.is_mirrored:
        return interval._replace(offset_ms=int(market.open_time[0]) % market.timeframe_ms)
    return interval


def closed_kline(market: ListedMarket, bar: int) -> Kline:
    """A closed candle of the market's own."""
    start = int(market.open_time[bar])
    open_, high, low, close = (int(column[bar]) for column in (market.open, market.high, market.low, market.close))
    volume = float(market.volume[bar])
    return Kline(
        start, start + market.timeframe_ms, open_, high, low, close, volume, volume * _price(market, close),
        *market.tape.span(bar, bar),
    )  # fmt: skip


def forming_kline(market: ListedMarket) -> Kline | None:
    """What the market's present candle has shown so far; None before it begins."""
    bar, stage = market.tape.bar, market.tape.stage
    if stage < OPEN:
        return None
    whole = closed_kline(market, bar)
    if stage == CLOSE or market.is_mirrored:
        return whole
    close = (whole.open, whole.open, whole.low, whole.high)[stage]
    volume = float(market.market.quantity(market.tape.steps_out()))
    return whole._replace(
        high=whole.high if stage >= HIGH else whole.open,
        low=whole.low if stage >= LOW else whole.open,
        close=close,
        volume=volume,
        quote=volume * _price(market, close),
    )


def recent(
    market: ListedMarket, interval: Interval, now_ms: int, last_start_ms: int, limit: int, *, show_forming: bool
) -> list[Kline]:
    """The last `limit` candles that begin at `last_start_ms` or before."""
    over = interval.end(interval.start(last_start_ms))
    last = min(market.published, int(market.open_time.searchsorted(over)))
    first = max(0, last - (limit + 1) * interval.candles_max(market.timeframe_ms))
    rows = _rows(market, interval, first, last, now_ms, show_forming=show_forming)
    return [row for row in rows if row.start_ms <= last_start_ms][-limit:]


def since(
    market: ListedMarket, interval: Interval, now_ms: int, start_ms: int, limit: int, *, show_forming: bool
) -> list[Kline]:
    """The first `limit` candles that begin at `start_ms` or after."""
    begin = interval.start(start_ms)
    begin = begin if begin == start_ms else interval.end(begin)
    first = int(market.open_time.searchsorted(begin))
    last = min(market.published, first + limit * interval.candles_max(market.timeframe_ms))
    return _rows(market, interval, first, last, now_ms, show_forming=show_forming)[:limit]


def just_closed(market: ListedMarket, interval: Interval) -> Kline | None:
    """The candle of an interval that the stage the market has reached closes, if it closes one."""
    bar, stage = market.tape.bar, market.tape.stage
    if stage > OPEN or not bar:
        return None
    begin = interval.start(int(market.open_time[bar - 1]))
    end, before = interval.end(begin), int(market.open_time[bar - 1]) + market.timeframe_ms
    if (end != before) if stage < OPEN else not before < end <= int(market.open_time[bar]):
        return None
    return _merged(market, interval, int(market.open_time.searchsorted(begin)), bar)[-1]


def present(market: ListedMarket, interval: Interval) -> Kline | None:
    """The forming candle of an interval; None before it begins."""
    now = forming_kline(market)
    if now is None:
        return None
    first = int(market.open_time.searchsorted(interval.start(now.start_ms)))
    closed = _merged(market, interval, first, market.published)
    return _joined(interval, closed[-1] if closed else None, now)


class Window(NamedTuple):
    """What happened in a stretch of time up to now; `before` is the last price before it began."""

    candle: Kline
    before: int


def window(market: ListedMarket, start_ms: int, now_ms: int) -> Window:
    """Everything from the first candle that begins at `start_ms` or after; at least the present candle."""
    first = min(int(market.open_time.searchsorted(start_ms)), market.published)
    now = forming_kline(market)
    parts = list(_summed(market, np.array([first]), first, market.published)) if first < market.published else []
    parts += [now] if now else []
    price = market.price or 0
    before = int(market.close[first - 1]) if first else int(market.open[0]) if len(market.open) else price
    if not parts:
        ids = market.tape.span(first, first)
        return Window(Kline(start_ms, now_ms, price, price, price, price, 0.0, 0.0, *ids), before)
    whole = parts[0] if len(parts) == 1 else _sum(parts[0], parts[1])
    return Window(whole._replace(start_ms=start_ms, end_ms=now_ms), before)


def _rows(
    market: ListedMarket, interval: Interval, first: int, last: int, now_ms: int, *, show_forming: bool
) -> list[Kline]:
    """Candles of closed ones `first` to `last` - 1; the one that is not over only if asked, with what forms."""
    rows = _merged(market, interval, first, last)
    if last < market.published:
        return rows if not rows or int(market.open_time[last]) >= rows[-1].end_ms else rows[:-1]
    left_ms = int(market.open_time[last]) if last < len(market.open_time) else now_ms
    is_open = bool(rows) and min(now_ms, left_ms) < rows[-1].end_ms
    unfinished = rows.pop() if is_open else None
    if show_forming:
        now = forming_kline(market)
        newest = _joined(interval, unfinished, now) if now else unfinished
        rows += [newest] if newest else []
    return rows


def _joined(interval: Interval, closed: Kline | None, now: Kline) -> Kline:
    start = interval.start(now.start_ms)
    if closed is not None and closed.start_ms == start:
        return _sum(closed, now)._replace(end_ms=closed.end_ms)
    return now._replace(start_ms=start, end_ms=interval.end(start))


def _merged(market: ListedMarket, interval: Interval, first: int, last: int) -> list[Kline]:
    """Candles `first` to `last` - 1 put together."""
    if first >= last:
        return []
    if interval.length_ms == market.timeframe_ms:
        return [closed_kline(market, bar) for bar in range(first, last)]
    starts = interval.starts(market.open_time[first:last])
    cuts = np.concatenate([[0], np.flatnonzero(np.diff(starts)) + 1])
    rows = _summed(market, cuts + first, first, last)
    begins = starts[cuts].tolist()
    return [row._replace(start_ms=at, end_ms=interval.end(at)) for row, at in zip(rows, begins, strict=True)]


def _summed(market: ListedMarket, cuts: Times, first: int, last: int) -> Iterator[Kline]:
    """One candle for each piece of candles `first` to `last` - 1, which begin at `cuts`."""
    at, ends = cuts - first, np.append(cuts[1:], last)
    piece = slice(first, last)
    highs = np.maximum.reduceat(market.high[piece], at).tolist()
    lows = np.minimum.reduceat(market.low[piece], at).tolist()
    volume = market.volume[piece]
    volumes = np.add.reduceat(volume, at).tolist()
    quotes = np.add.reduceat(volume * _prices(market, market.close[piece]), at).tolist()
    for index, (begin, end) in enumerate(zip(cuts.tolist(), ends.tolist(), strict=True)):
        start, over = int(market.open_time[begin]), int(market.open_time[end - 1]) + market.timeframe_ms
        yield Kline(
            start, over, int(market.open[begin]), highs[index], lows[index], int(market.close[end - 1]),
            round(volumes[index], 8), quotes[index], *market.tape.span(begin, end - 1),
        )  # fmt: skip


def _sum(one: Kline, two: Kline) -> Kline:
    """Two candles in a row as one."""
    return Kline(
        one.start_ms, two.end_ms, one.open, max(one.high, two.high), min(one.low, two.low), two.close,
        round(one.volume + two.volume, 8), one.quote + two.quote, one.first_id, two.last_id,
    )  # fmt: skip


def _price(market: ListedMarket, ticks: int) -> float:
    top, bottom = market.market.price_tick.as_integer_ratio()
    return ticks * top / bottom


def _prices(market: ListedMarket, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
    top, bottom = market.market.price_tick.as_integer_ratio()
    prices: NDArray[np.float64] = ticks * top / bottom
    return prices
