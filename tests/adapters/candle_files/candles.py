"""Small candle files for the tests beside this file."""

from __future__ import annotations

from pathlib import Path

import polars as pl

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000
NAME = "BINANCE-BTC-USDT-1m.parquet"

Columns = dict[str, list[float | int | str | None]]


def columns(count: int = 5) -> Columns:
    """Good columns, to be spoilt by a test."""
    return {
        "timestamp": [START_MS + i * MINUTE_MS for i in range(count)],
        "open": [100.0 + i for i in range(count)],
        "high": [101.5 + i for i in range(count)],
        "low": [99.25 + i for i in range(count)],
        "close": [101.0 + i for i in range(count)],
        "volume": [float(i) for i in range(count)],
    }


def save(folder: Path, content: Columns, name: str = NAME) -> Path:
    """Write columns as they are, without any check."""
    file = folder / name
    pl.DataFrame(content, strict=False).write_parquet(file)
    return file
