"""A backtest of the longest recorded series (1.5 million bars) where TRADEPOOL_DATA is, else of as many modelled bars."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tradepool.adapters.candle_files.read import open_candles
from tradepool.core.backtest.run import Setting, run
from tradepool.core.market.bars import Bars
from tradepool.core.strategies import catalog
from tradepool.domain.market import Market
from tradepool.entrypoints.bench import Figure, Measure, say
from tradepool.entrypoints.bench_backtest import CASH, START_MS
from tradepool.simexchange.market_model import model_listings

SERIES = "BITFINEX-BTC-USD-1m.parquet"
MODEL_BARS = 1_500_000
MINUTE_MS = 60_000


def long_series() -> tuple[Market, Bars, str]:
    """The market, its bars, and whether they were `recorded` or `modelled`."""
    data = os.environ.get("TRADEPOOL_DATA")
    file = Path(data or "") / "ohlcv" / SERIES
    if data and file.is_file():
        say(f"long series: {file}")
        return *open_candles(file), "recorded"
    say(f"long series: the market model, as {f'{file} does not exist' if data else 'TRADEPOOL_DATA is not set'}")
    listing = model_listings(["BTC/USDT"], MINUTE_MS, START_MS, MODEL_BARS, seed=42)[0]
    return listing.market, listing.bars, "modelled"


def rounds() -> Measure:
    """Load and compile, then measure."""
    market, bars, what = long_series()
    setting = Setting(cash=CASH)
    for name in catalog.names():
        trades = len(run(catalog.named(name), market, bars, setting).trades)
        say(f"long series: {what}, {len(bars):,} bars, {trades:,} trades of {name}")

    def once() -> list[Figure]:
        figures = []
        for name in catalog.names():
            began = time.process_time()
            run(catalog.named(name), market, bars, setting)
            passed_s = time.process_time() - began
            figures.append(Figure(f"long series ({what}) {name}", "ms", 1000 * passed_s))
            figures.append(Figure(f"long series ({what}) {name}, a bar", "ns/bar", 1e9 * passed_s / len(bars)))
        return figures

    return once
