"""Candle files of the market model, written where the real data are absent; half of them have holes and jumps."""

from __future__ import annotations

import zlib
from pathlib import Path

from tradepool.adapters.candle_files.name import series_name
from tradepool.adapters.candle_files.write import write_candles
from tradepool.simexchange.market_model import model_bars

BARS = 60_000
START_MS = 1_640_995_200_000  # 2022-01-01T00:00:00Z
GAP_SHARE = 0.02


def write_series(name: str, folder: Path, count: int = BARS) -> Path:
    """The candle file of a model series under `folder`, written once; the name alone decides what is in it."""
    file = folder / f"{name}.parquet"
    if not file.exists():
        series, seed = series_name(file), zlib.crc32(name.encode())
        symbol = f"{series.base}/{series.quote}"
        gap_share = GAP_SHARE if seed % 2 else 0.0
        bars = model_bars([symbol], series.timeframe_ms, START_MS, count, seed, gap_share)[symbol]
        write_candles(file, bars)
    return file
