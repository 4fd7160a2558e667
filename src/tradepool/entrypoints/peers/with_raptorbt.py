"""raptorbt, a Rust engine with indicators of its own; it always invests all it has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import raptorbt

from .work import FEE, Bars, Flags, Found, Request

ITEMS_AT_ONCE = 50


def prepare(request: Request, bars: Bars) -> Callable[[], Found]:
    """What to time."""
    times = bars.open_time.astype(np.int64) * 1_000_000
    return lambda: sweep(bars, times, request) if request.work == "sweep" else own_cross(bars, times, request)


def own_cross(bars: Bars, times: np.ndarray, request: Request) -> Found:
    """The cross with raptorbt's own averages."""
    enter, leave = crosses(bars, 12, 26)
    found = raptorbt.run_single_backtest(
        timestamps=times,
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        volume=bars.volume,
        entries=enter,
        exits=leave,
        config=raptorbt.BacktestConfig(initial_capital=request.cash, fees=FEE),
        position_sizes=np.ones(len(enter)),
    )
    return Found(found.metrics.total_trades, float(found.metrics.end_value))


def sweep(bars: Bars, times: np.ndarray, request: Request) -> Found:
    """Many crosses, long only, with a trailing stop, one target, fee and slippage: as much as it has of the work."""
    trades, equity = 0, 0.0
    config = raptorbt.BacktestConfig(initial_capital=request.cash, fees=FEE, slippage=0.0001)
    config.set_trailing_stop(0.015)
    config.set_fixed_target(0.03)
    whole = np.ones(len(bars.close))
    for at in range(0, len(request.lengths), ITEMS_AT_ONCE):
        items = []
        for fast, slow in request.lengths[at : at + ITEMS_AT_ONCE]:
            enter, leave = crosses(bars, fast, slow)
            items.append(raptorbt.BatchSingleItem(f"{fast}-{slow}", enter, leave, position_sizes=whole))
        for _, found in raptorbt.batch_single_backtest(
            timestamps=times,
            open=bars.open,
            high=bars.high,
            low=bars.low,
            close=bars.close,
            volume=bars.volume,
            items=items,
            config=config,
        ):
            trades += found.metrics.total_trades
            equity += float(found.metrics.end_value)
    return Found(trades, equity)


def crosses(bars: Bars, fast: int, slow: int) -> tuple[Flags, Flags]:
    """Where one average crosses above the other, and below."""
    quick, calm = raptorbt.ema(bars.close, fast), raptorbt.ema(bars.close, slow)
    known = ~np.isnan(calm[:-1])
    above, below = quick > calm, quick < calm
    enter, leave = np.zeros(len(above), bool), np.zeros(len(above), bool)
    enter[1:], leave[1:] = above[1:] & ~above[:-1] & known, below[1:] & ~below[:-1] & known
    return enter, leave
