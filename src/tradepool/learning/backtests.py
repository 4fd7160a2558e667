"""Backtest trades beside the real ones: what the same strategies would have done on the same markets, nobody's trades.

Users' trades are few and come late; half of what is learnt from may be these. They are of built-in strategies as they came,
so they tell nothing of anybody, and of the same numbers at entry: one function computes both.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal

from tradepool.core.backtest.run import Setting, run
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import MarketStep
from tradepool.core.strategies import catalog
from tradepool.domain.market import Market
from tradepool.learning.features import features_at
from tradepool.learning.pool import PooledTrade, bar_of, pooled
from tradepool.learning.public_names import Public

NOBODY = ""
# Far above the least order; returns hardly depend on it.
CASH = Decimal(10_000)


def backtests(public: Public, market: Market, bars: Bars) -> list[PooledTrade]:
    """The trades of a built-in strategy over a market's bars, those of its warm-up left out.

    The id follows from the trade, so that the same one comes once however often it is found. None of a strategy that
    shorts or that reads other markets: no user's real trade is of the former, and bars of the latter are not at hand.
    """
    strategy = catalog.named(public.name)
    step = MarketStep(strategy, public.timeframe_ms)
    if strategy.shorts or step.source.others or len(bars) <= step.history:
        return []
    first_ms = int(bars.open_time[step.history])
    trades = [trade for trade in run(strategy, market, bars, Setting(CASH)).trades if trade.entry_time_ms >= first_ms]
    entries = [bar_of(trade.entry_time_ms, public.timeframe_ms) for trade in trades]
    return [
        pooled(
            trade,
            id=_id_of(public, market, entry_ms),
            pseudonym=NOBODY,
            strategy=public.name,
            timeframe_ms=public.timeframe_ms,
            entry_ms=entry_ms,
            features=row,
        )
        for trade, entry_ms, row in zip(trades, entries, features_at(bars, entries).tolist(), strict=True)
    ]


def _id_of(public: Public, market: Market, entry_ms: int) -> str:
    text = f"backtest {public.name} {public.timeframe_ms} {market.id} {entry_ms}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
