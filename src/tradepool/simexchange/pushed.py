"""Minute candles of a mirrored market, made of the prints pushed in; every longer interval follows from them.

A candle is over when a print or a book of a later minute comes. A minute without a print has no candle.
"""

from __future__ import annotations

import numpy as np

from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.tape import CLOSE, OPEN

ROWS_FIRST = 1_024
_COLUMNS = ("open_time", "open", "high", "low", "close")


class PushedCandles:
    """Lets the columns of a market without candles grow; its last row is the forming one while its minute lasts."""

    def __init__(self, market: ListedMarket) -> None:
        """No print yet."""
        self._market, self._count = market, 0
        self._columns = {name: np.zeros(ROWS_FIRST, dtype=np.int64) for name in (*_COLUMNS, "steps")}
        self._volume = np.zeros(ROWS_FIRST)

    def pass_time(self, now_ms: int) -> bool:
        """Time went on to there; whether that closed a candle."""
        market, count = self._market, self._count
        if market.published == count or now_ms < int(market.open_time[-1]) + market.timeframe_ms:
            return False
        market.published = count
        market.tape.reach(count, 0)
        return True

    def add(self, ticks: int, steps: int, time_ms: int) -> None:
        """Somebody traded; `pass_time` has been told of that time before."""
        market, columns = self._market, self._columns
        is_new = market.published == self._count
        if is_new:
            self._begin(ticks, time_ms - time_ms % market.timeframe_ms)
        row = self._count - 1
        columns["high"][row] = max(int(columns["high"][row]), ticks)
        columns["low"][row] = min(int(columns["low"][row]), ticks)
        columns["close"][row] = ticks
        columns["steps"][row] += steps
        self._volume[row] = float(market.market.quantity(int(columns["steps"][row])))
        market.tape.reach(row, OPEN if is_new else CLOSE)

    def _begin(self, ticks: int, start_ms: int) -> None:
        row, market = self._count, self._market
        if row == len(self._volume):
            self._columns = {name: np.concatenate([column, column]) for name, column in self._columns.items()}
            self._volume = np.concatenate([self._volume, self._volume])
        self._count += 1
        for name, column in self._columns.items():
            column[row] = {"open_time": start_ms, "steps": 0}.get(name, ticks)
            if name in _COLUMNS:
                setattr(market, name, column[: self._count])
        market.volume = self._volume[: self._count]
