"""The key figures of a run, none of them rosier than it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from tradepool.domain.trade import Trade


@dataclass(frozen=True, slots=True)
class Figures:
    """Win rate and profit factor are None where there is nothing to divide by; drawdowns are shares of the peak."""

    trades: int
    win_rate: float | None
    profit_factor: float | None
    max_drawdown: float
    total_return: float


def figures(trades: Sequence[Trade], cash: Decimal, final_equity: Decimal, equity: Sequence[float]) -> Figures:
    """The figures of a run; without an equity series the drawdown is that of closed trades.

    >>> figures([], Decimal(100), Decimal(90), [100.0, 120.0, 90.0]).max_drawdown
    0.25
    """
    won = [trade.pnl for trade in trades if trade.pnl > 0]
    lost = [-trade.pnl for trade in trades if trade.pnl < 0]
    steps = equity if len(equity) else [float(value) for value in accumulate((t.pnl for t in trades), initial=cash)]
    return Figures(
        trades=len(trades),
        win_rate=len(won) / len(trades) if trades else None,
        profit_factor=float(sum(won) / sum(lost)) if lost else None,
        max_drawdown=max_drawdown(steps),
        total_return=float(final_equity / cash) - 1.0,
    )


def max_drawdown(equity: Sequence[float]) -> float:
    """The deepest fall from a peak, as a share of that peak.

    >>> max_drawdown([100.0, 50.0, 200.0, 150.0])
    0.5
    """
    peak, deepest = 0.0, 0.0
    for value in equity:
        peak = max(peak, value)
        deepest = max(deepest, (peak - value) / peak)
    return deepest
