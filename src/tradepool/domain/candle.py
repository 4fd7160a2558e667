"""A closed candle, and the names of timeframes."""

from __future__ import annotations

from dataclasses import dataclass

from tradepool.domain.errors import InvalidInput
from tradepool.domain.market import Market

TIMEFRAMES_MS = {
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
}


class UnknownTimeframe(InvalidInput):
    """Timeframe {name} is not known; use one of {known}."""


def timeframe_name(length_ms: int) -> str:
    """Name of a timeframe of so many milliseconds.

    >>> timeframe_name(3_600_000)
    '1h'
    """
    for name, length in TIMEFRAMES_MS.items():
        if length == length_ms:
            return name
    raise UnknownTimeframe(name=f"of {length_ms} ms", known=", ".join(TIMEFRAMES_MS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle:
    """One closed bar of one market; its time is its open, its prices are floats on the market's tick."""

    market: Market
    timeframe_ms: int
    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float

    @property
    def close_time_ms(self) -> int:
        """When the bar ended: the T at which accounts act on it."""
        return self.open_time_ms + self.timeframe_ms
