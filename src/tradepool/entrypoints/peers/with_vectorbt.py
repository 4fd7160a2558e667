"""vectorbt with its Rust engine, and TA-Lib where the work says so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import vectorbt as vbt

from .work import FEE, Bars, Found, Request, Row, Signals, signals

vbt.settings["engine"] = "rust"
vbt.settings.caching["enabled"] = False

COLUMNS_AT_ONCE = 100


def prepare(request: Request, bars: Bars) -> Callable[[], Found]:
    """What to time."""
    close = pd.Series(bars.close, index=pd.to_datetime(bars.open_time, unit="ms"))
    if request.work == "own cross":
        return lambda: own_cross(close, request)
    if request.work == "sweep":
        return lambda: sweep(bars, close, request)
    return lambda: strategy(bars, close, request)


def strategy(bars: Bars, close: pd.Series, request: Request) -> Found:
    """One unit, filled at the next open: that open is the price of a bar's orders, and of its stop."""
    found = signals(request.work, bars)
    following = np.append(bars.open[1:], bars.close[-1])
    stops = {} if found.distance is None else {"sl_stop": found.distance / following, "stop_entry_price": "fillprice"}
    portfolio = vbt.Portfolio.from_signals(
        close,
        found.enter,
        found.leave,
        open=bars.open,
        high=bars.high,
        low=bars.low,
        price=following,
        size=1.0,
        size_type="amount",
        fees=FEE,
        init_cash=request.cash,
        freq="1min",
        **stops,
    )
    count = int(portfolio.trades.closed.count())
    return Found(count, float(portfolio.final_value()), lambda: rows(portfolio, found, following))


def rows(portfolio: vbt.Portfolio, found: Signals, following: np.ndarray) -> list[Row]:
    """Closed trades. An order is filled at the open after its bar, a stop inside its own."""
    told = []
    for trade in portfolio.trades.closed.values:
        left, price = int(trade["exit_idx"]), float(trade["exit_price"])
        by_signal = found.leave[left] and price == following[left]
        told.append((int(trade["entry_idx"]) + 1, float(trade["entry_price"]), left + int(by_signal), price))
    return told


def own_cross(close: pd.Series, request: Request) -> Found:
    """The cross with averages of vectorbt's own, which start from the first close."""
    fast, slow = vbt.MA.run(close, 12, ewm=True), vbt.MA.run(close, 26, ewm=True)
    portfolio = vbt.Portfolio.from_signals(
        close,
        fast.ma_crossed_above(slow),
        fast.ma_crossed_below(slow),
        size=1.0,
        size_type="amount",
        fees=FEE,
        init_cash=request.cash,
        freq="1min",
    )
    return Found(int(portfolio.trades.closed.count()), float(portfolio.final_value()))


def sweep(bars: Bars, close: pd.Series, request: Request) -> Found:
    """Many crosses, long and short, with a trailing stop, one target, fee and slippage: as much as it has of the work."""
    trades, equity = 0, 0.0
    for at in range(0, len(request.lengths), COLUMNS_AT_ONCE):
        fasts, slows = (list(lengths) for lengths in zip(*request.lengths[at : at + COLUMNS_AT_ONCE], strict=True))
        fast = vbt.MA.run(close, fasts, ewm=True, short_name="fast")
        slow = vbt.MA.run(close, slows, ewm=True, short_name="slow")
        above, below = fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
        portfolio = vbt.Portfolio.from_signals(
            close,
            entries=above,
            short_entries=below,
            open=bars.open[:, None],
            high=bars.high[:, None],
            low=bars.low[:, None],
            sl_stop=0.015,
            sl_trail=True,
            tp_stop=0.03,
            slippage=0.0001,
            size=request.cash / 100,
            size_type="value",
            fees=FEE,
            init_cash=request.cash,
            freq="1min",
        )
        trades += int(portfolio.trades.closed.count().sum())
        equity += float(portfolio.final_value().sum())
    return Found(trades, equity)
