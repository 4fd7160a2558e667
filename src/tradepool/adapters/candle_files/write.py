"""Write a candle file: whole or not at all."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path

import polars as pl

from tradepool.adapters.candle_files.errors import BadFileName, CandleFileUnwritable
from tradepool.adapters.candle_files.name import series_name
from tradepool.adapters.candle_files.read import check
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.domain.candle import timeframe_name


def write_candles(file: Path, bars: Bars) -> None:
    """Write bars to EXCHANGE-BASE-QUOTE-TIMEFRAME.parquet; a reader sees the old file or the whole new one.

    Errors: BadFileName (the timeframe included), a BadCandleFile for bars that could not be read back,
    CandleFileUnwritable when the disk is full or the folder refuses; then nothing has changed.
    """
    if series_name(file).timeframe_ms != bars.timeframe_ms:
        raise BadFileName(file=file, why=f"its bars are of {timeframe_name(bars.timeframe_ms)}")
    check(file, bars)
    columns = {"timestamp": bars.open_time, **{name: getattr(bars, name) for name in COLUMNS}}
    packed = io.BytesIO()
    pl.DataFrame(columns).write_parquet(packed, compression="zstd")
    try:
        replace_file(file, packed.getbuffer())
    except OSError as error:
        raise CandleFileUnwritable(file=file, why=error.strerror or str(error)) from error


def replace_file(file: Path, content: memoryview) -> None:
    """Write beside the file, bring it to the disk, then rename over it."""
    handle, part = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem}-", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        # mkstemp makes files for the owner alone; a candle file is as readable as any other the user makes.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(part, 0o666 & ~mask)
        os.replace(part, file)
    finally:
        Path(part).unlink(missing_ok=True)
