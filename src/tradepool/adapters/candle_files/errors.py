"""What can be wrong with a candle file; each message is one line and names the file."""

from __future__ import annotations

from tradepool.domain.errors import InvalidInput, TradepoolError


class BadCandleFile(InvalidInput):
    """Candle file {file} is not valid: {why}; correct the file."""


class BadFileName(BadCandleFile):
    """Candle file {file} is not named EXCHANGE-BASE-QUOTE-TIMEFRAME.parquet ({why}); rename it, e.g. BINANCE-BTC-USDT-5m.parquet."""


class CandleFileMissing(BadCandleFile):
    """Candle file {file} does not exist; check the path given to --candles."""


class CandleFileUnreadable(BadCandleFile):
    """Candle file {file} cannot be read as Parquet: {why}; fetch or write it again."""


class WrongColumns(BadCandleFile):
    """Candle file {file} has {why}; wanted are timestamp (whole ms, UTC), open, high, low, close, volume (numbers)."""


class NoBars(BadCandleFile):
    """Candle file {file} holds no bars; fetch it again or choose another."""


class UnsortedBars(BadCandleFile):
    """Candle file {file} is not sorted by time: row {row} ({time}) comes before the row above it; sort it by timestamp."""


class DuplicateBars(BadCandleFile):
    """Candle file {file} holds the bar of {time} twice (row {row}); remove one of them."""


class OffTimeframe(BadCandleFile):
    """Candle file {file} has a bar at {time} (row {row}), which is no multiple of {timeframe}; correct its name or its times."""


class TimeOutOfRange(BadCandleFile):
    """Candle file {file} has a timestamp of {value} (row {row}), which is not between 1970 and 2100; timestamps are milliseconds since 1970 UTC, divide or correct them."""


class NotANumber(BadCandleFile):
    """Candle file {file} has no number as {column} at {time} (row {row}); leave such bars out, holes are allowed."""


class PriceNotPositive(BadCandleFile):
    """Candle file {file} has {column} {value} at {time} (row {row}); prices are above zero, leave such bars out."""


class BrokenRange(BadCandleFile):
    """Candle file {file} has a bar at {time} (row {row}) whose {why}; correct it or leave it out."""


class NegativeVolume(BadCandleFile):
    """Candle file {file} has volume {value} at {time} (row {row}); a volume is zero or more, correct it."""


class PriceBelowTick(BadCandleFile):
    """Candle file {file} has prices that round to zero on a tick of {tick}; give a finer price_tick."""


class PriceTooLarge(BadCandleFile):
    """Candle file {file} has a price of {price}: one quantity_step of {step} {base} is then worth 2^53 units of {unit} {quote} or more, which is not counted exactly; correct the price or give a smaller quantity_step."""


class BadMarketFile(InvalidInput):
    """Market file {file} is not valid: {why}; correct it."""


class UnknownMarketKey(BadMarketFile):
    """Market file {file} has the unknown key {key}{hint}; correct or remove it."""


class CandleFileUnwritable(TradepoolError):
    """Candle file {file} could not be written: {why}; free space or mend permissions, what stood there before is untouched."""


class UnknownFormat(BadCandleFile):
    """Candle file {file} is of a kind not known here; known are {known}."""


class FileUnreadable(BadCandleFile):
    """Candle file {file} cannot be read as {kind}: {why}; fetch or write it again."""


class UnnamedMarket(BadCandleFile):
    """Candle file {file} does not say by its name which candles it holds ({why}); say it with --series, e.g. --series binance:BTC/USDT@5m."""


class MixedTimes(BadCandleFile):
    """Candle file {file} has times that are not all of one unit: {why}; divide or correct them."""


class MixedTimeframes(BadCandleFile):
    """Candle file {file} is said to hold bars of {timeframe}, but most of its bars are {found} apart; correct its name, or say what it holds with --series."""


class BadRows(BadCandleFile):
    """Candle file {file} has {count} bars that cannot be: the first, of {time}, is {why}; correct them, or leave them out with --drop-bad."""
