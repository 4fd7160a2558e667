"""Which candles a file holds, by its name: our own names, freqtrade's, and those of Binance's public dumps."""

from __future__ import annotations

import re
from pathlib import Path

from tradepool.adapters.candle_files.errors import UnknownFormat, UnnamedMarket
from tradepool.core.market.resample import LENGTHS_MS
from tradepool.ports.candles import Series

# Longest ending first, so that the kind of `.json.gz` is not `.gz`.
KINDS = {
    ".parquet": "Parquet",
    ".feather": "feather",
    ".csv.gz": "CSV",
    ".csv": "CSV",
    ".zip": "CSV",
    ".json.gz": "JSON",
    ".json": "JSON",
}
QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD", "EUR", "TRY", "BRL", "JPY", "BTC", "ETH", "BNB")
_OURS = re.compile(r"([A-Za-z0-9]+)-([^-_\s]+)-([^-_\s]+?)(?:_([^-_\s]+))?-([0-9]+[A-Za-z])")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_FREQTRADE = re.compile(r"([^-_\s]+)_([^-_\s]+?)(?:_([^-_\s]+))?-([0-9]+[A-Za-z])(?:-([a-zA-Z_]+))?")
_DUMP = re.compile(r"([A-Z0-9]+)-([0-9]+[A-Za-z])-[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?")


def kind_of(file: Path) -> str:
    """The format a file's name ends on. Raises UnknownFormat.

    >>> kind_of(Path("BTC_USDT-5m.json.gz")), kind_of(Path("a/BTCUSDT-1m-2024-01.zip"))
    ('JSON', 'CSV')
    """
    for ending, kind in KINDS.items():
        if file.name.lower().endswith(ending):
            return kind
    raise UnknownFormat(file=file, known=", ".join(KINDS))


def series_of(file: Path, venue: str | None = None) -> Series:
    """The series a file's name speaks of; `venue` for names that do not say it. Raises UnnamedMarket, UnknownFormat.

    >>> for name in ("BYBIT-BTC-USDT-5m.csv", "BINANCE-BTC-USDT-5m/2024-01.parquet", "binance/BTC_USDT-5m.feather",
    ...              "okx/futures/BTC_USDT_USDT-1h-futures.feather", "BTCUSDT-1m-2024-01.zip"):
    ...     print(series_of(Path(name)))
    bybit:BTC/USDT@5m
    binance:BTC/USDT@5m
    binance:BTC/USDT@5m
    okx:BTC/USDT:USDT@1h
    binance:BTC/USDT@1m
    """
    kind_of(file)
    stem = file.name
    for ending in KINDS:
        if stem.lower().endswith(ending):
            stem = stem[: -len(ending)]
            break
    if _MONTH.fullmatch(stem):
        stem = file.parent.name
    if parts := _OURS.fullmatch(stem):
        exchange, base, quote, settle, timeframe = parts.groups()
        return _series(file, venue or exchange, base, quote, settle, timeframe)
    if parts := _FREQTRADE.fullmatch(stem):
        base, quote, settle, timeframe, kind = parts.groups()
        if kind not in (None, "futures", "spot"):
            raise UnnamedMarket(file=file, why=f"it holds {kind}, which are no candles of trades")
        return _series(file, venue or _folder_venue(file), base, quote, settle, timeframe)
    if parts := _DUMP.fullmatch(stem):
        symbol, timeframe = parts.groups()
        quote = next((each for each in QUOTES if symbol.endswith(each) and symbol != each), None)
        if quote is None:
            raise UnnamedMarket(file=file, why=f"where {symbol} divides is not known")
        return _series(file, venue or "binance", symbol.removesuffix(quote), quote, None, timeframe)
    raise UnnamedMarket(file=file, why="it has none of the known forms")


def _series(file: Path, venue: str, base: str, quote: str, settle: str | None, timeframe: str) -> Series:
    if timeframe not in LENGTHS_MS:
        raise UnnamedMarket(file=file, why=f"timeframe {timeframe} is not one of {', '.join(LENGTHS_MS)}")
    return Series(venue.lower(), f"{base}/{quote}{f':{settle}' if settle else ''}", timeframe)


def _folder_venue(file: Path) -> str:
    """freqtrade keeps an exchange's files in a folder of its name, futures in one below."""
    folder = file.absolute().parent
    name = folder.parent.name if folder.name == "futures" else folder.name
    if not re.fullmatch(r"[A-Za-z0-9]+", name):
        raise UnnamedMarket(file=file, why=f"its folder {name!r} is no exchange")
    return name


def exported_name(series: Series) -> str:
    """The name of a series in our files, without an ending.

    >>> exported_name(Series.parse("binanceusdm:BTC/USDT:USDT@5m"))
    'BINANCEUSDM-BTC-USDT_USDT-5m'
    """
    return f"{series.venue.upper()}-{series.symbol.replace('/', '-').replace(':', '_')}-{series.timeframe}"


def freqtrade_name(series: Series) -> str:
    """The name of a series in freqtrade's folder of an exchange, without an ending.

    >>> freqtrade_name(Series.parse("okx:BTC/USDT:USDT@5m")), freqtrade_name(Series.parse("okx:BTC/USDT@5m"))
    ('futures/BTC_USDT_USDT-5m-futures', 'BTC_USDT-5m')
    """
    name = f"{series.symbol.replace('/', '_').replace(':', '_')}-{series.timeframe}"
    return f"futures/{name}-futures" if ":" in series.symbol else name
