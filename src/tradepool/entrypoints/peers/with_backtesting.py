"""backtesting.py on TA-Lib's indicators."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pandas as pd
import talib
from backtesting import Backtest, Strategy
from backtesting.lib import crossover

from .work import FEE, Bars, Found, Request, Row, signals

WEIGHT, STOP_ATRS, TRAIL_ATRS = 0.01, 3.0, 4.0


def prepare(request: Request, bars: Bars) -> Callable[[], Found]:
    """What to time."""
    warnings.simplefilter("ignore")
    columns = {"Open": bars.open, "High": bars.high, "Low": bars.low, "Close": bars.close, "Volume": bars.volume}
    frame = pd.DataFrame(columns, index=pd.to_datetime(bars.open_time, unit="ms"))
    strategy = AccountCross if request.work == "account cross" else unit(bars, request)
    return lambda: run(frame, strategy, request)


def run(frame: pd.DataFrame, strategy: type[Strategy], request: Request) -> Found:
    """One backtest, orders at the next open, the last position left open."""
    test = Backtest(frame, strategy, cash=request.cash, commission=FEE)
    stats = test.run()
    trades = stats["_trades"]
    return Found(len(trades), float(stats["_equity_curve"]["Equity"].iloc[-1]), lambda: rows(trades))


def rows(trades: pd.DataFrame) -> list[Row]:
    """Closed trades."""
    columns = ("EntryBar", "EntryPrice", "ExitBar", "ExitPrice")
    return sorted(zip(*(trades[name].tolist() for name in columns), strict=True))


def unit(bars: Bars, request: Request) -> type[Strategy]:
    """A strategy that holds one unit; its stop lies below the open it is bought at."""

    class Unit(Strategy):  # type: ignore[misc]  # the package has no types
        def init(self) -> None:
            self.found = signals(request.work, bars)

        def next(self) -> None:
            now = len(self.data) - 1
            if self.found.enter[now]:
                order = self.buy(size=1)
                if self.found.distance is not None:
                    # Not given to buy(), which refuses a stop above this close even where the next open is higher.
                    order._replace(sl_price=bars.open[now + 1] - self.found.distance[now])
            elif self.found.leave[now]:
                self.position.close()

    return Unit


class AccountCross(Strategy):  # type: ignore[misc]  # the package has no types
    """The cross as the package's own guide writes one: most of the equity, a stop and a trailing stop in ranges."""

    def init(self) -> None:
        """Averages and range from TA-Lib."""
        self.fast = self.I(talib.EMA, self.data.Close, 12)
        self.slow = self.I(talib.EMA, self.data.Close, 26)
        self.range = self.I(talib.ATR, self.data.High, self.data.Low, self.data.Close, 14)

    def next(self) -> None:
        """Trade the crosses, follow the high by a quarter of a range or more at a time."""
        if crossover(self.fast, self.slow):
            self.buy(size=WEIGHT, sl=self.data.Close[-1] - STOP_ATRS * self.range[-1])
        elif crossover(self.slow, self.fast):
            self.position.close()
        else:
            for trade in self.trades:
                level = self.data.High[-1] - TRAIL_ATRS * self.range[-1]
                if level >= trade.sl + 0.25 * self.range[-1]:
                    trade.sl = level
