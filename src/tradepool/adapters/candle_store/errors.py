"""What can be wrong with stored candles; each message is one line and names the series."""

from __future__ import annotations

from tradepool.domain.errors import InvalidInput, TradepoolError


class NoSuchSeries(InvalidInput):
    """Candles {series} are not in the store {folder}; see `tradepool data list`, or download or import them."""


class BrokenSeries(TradepoolError):
    """Candles in {folder} cannot be used: {why}; `tradepool data repair` sets them aside, then download them again."""


class BrokenBlock(TradepoolError):
    """Candles {series} are damaged from {first} to {end}: {why}; `tradepool data repair {series}` sets that part aside and fetches it again."""


class SeriesLocked(TradepoolError):
    """Candles {series} are being written by process {process}; wait for it or end it."""


class StoreUnwritable(TradepoolError):
    """Candles {series} could not be written: {why}; free space or mend permissions, what was stored before is untouched."""


class WrongBars(InvalidInput):
    """Candles for {series} are not valid: the bar of {time} has {why}; correct it or leave it out."""


class NotStorable(InvalidInput):
    """Candles {series} cannot be stored: {why}; {remedy}."""
