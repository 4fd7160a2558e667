"""ns per bar of `backtest/run`, native and reference, beside the package `backtesting` on the same signals; and of a mandate.

Both hold 95 % of the equity between an EMA 12/26 cross up and the cross down, fee 0.1 %, no slippage, no stops, orders
filled at the next open. What differs by design: we size from the close in whole steps and pay a buy's fee in the coin
bought, they size from the open and pay in cash. So trades must be the same bar for bar, and the equities within a bound
that follows from the trades (`bound`).
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from decimal import Decimal
from importlib import import_module
from typing import Any

import numpy as np

from tradepool.core.backtest.mandate_run import run_mandate
from tradepool.core.backtest.result import BacktestResult
from tradepool.core.backtest.run import Setting, run
from tradepool.core.compiler.runners import Runner
from tradepool.core.graph.expr import crosses_above, crosses_below
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import series
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import TradepoolError
from tradepool.domain.market import Market
from tradepool.entrypoints.bench import Figure, Measure, say
from tradepool.simexchange.market_model import model_listings

BARS, REFERENCE_BARS, MARKETS = 50_000, 5_000, 10
START_MS, MINUTES_5_MS = 1_704_067_200_000, 300_000
FAST, SLOW, FEE, WEIGHT = 12, 26, 0.001, 0.95
CASH = Decimal(1_000_000)
STEP = 1e-6
SETTING = Setting(cash=CASH, weight=Decimal(str(WEIGHT)), slippage_bp=0)


class EnginesDisagree(TradepoolError):
    """Our backtest and `backtesting` disagree: {why}; this is a bug, please report it."""


@dataclass(frozen=True, slots=True)
class PeerResult:
    """What `backtesting` found: bars of entry and exit of the closed trades, and the equity at the last close."""

    entries: list[int]
    exits: list[int]
    final_equity: float


def cross() -> Strategy:
    """The strategy of the comparison: no stops."""
    fast, slow = ema(length=FAST), ema(length=SLOW)
    return Strategy("bench_cross", 1, enter=crosses_above(fast, slow), exit=crosses_below(fast, slow))


def data() -> tuple[Market, Bars]:
    """A modelled market with a step of 1e-6, in which all prices are whole ticks."""
    listing = model_listings(["BTC/USDT"], MINUTES_5_MS, START_MS, BARS, seed=42)[0]
    return replace(listing.market, quantity_step=Decimal(str(STEP)), quantity_min=Decimal(str(STEP))), listing.bars


def rounds() -> Measure:
    """Prepare the data, compile, compare once, then measure."""
    market, bars = data()
    few = bars.slice(0, REFERENCE_BARS)
    peer = Peer(bars)
    run(cross(), market, few, SETTING)
    _mandate_ns_per_bar(market, few)
    compare(market, bars, run(cross(), market, bars, SETTING), peer.run())

    def once() -> list[Figure]:
        native = _ns_per_bar(market, bars, "native")
        began = time.process_time()
        peer.run()
        theirs = 1e9 * (time.process_time() - began) / len(bars)
        reference = _ns_per_bar(market, few, "reference")
        return [
            Figure("backtest native", "ns/bar", native, peers={"backtesting": theirs}),
            Figure(f"backtest native, {MARKETS} markets with one cash", "ns/bar", _mandate_ns_per_bar(market, bars)),
            Figure("backtest reference", "ns/bar", reference, peers={"backtesting": theirs}),
        ]

    return once


def _ns_per_bar(market: Market, bars: Bars, runner: Runner) -> float:
    began = time.process_time()
    run(cross(), market, bars, SETTING, runner=runner)
    return 1e9 * (time.process_time() - began) / len(bars)


def _mandate_ns_per_bar(market: Market, bars: Bars) -> float:
    """The same candles on several markets of one mandate, so that entries and exits of one T meet; per bar of a market."""
    traded = [(replace(market, base=f"{market.base}{number}"), bars) for number in range(MARKETS)]
    setting = replace(SETTING, weight=SETTING.weight / MARKETS)
    began = time.process_time()
    run_mandate(cross(), traded, setting)
    return 1e9 * (time.process_time() - began) / (len(bars) * MARKETS)


class Peer:
    """`backtesting` on the same bars and our averages; one of its units is one step of ours, so sizes are whole."""

    def __init__(self, bars: Bars) -> None:
        """Import it (a development dependency) and prepare its data frame."""
        pandas: Any = import_module("pandas")
        frame = {name.title(): getattr(bars, name) * STEP for name in ("open", "high", "low", "close")}
        index = pandas.to_datetime(bars.open_time, unit="ms")
        self._frame = pandas.DataFrame({**frame, "Volume": bars.volume}, index=index)
        averages = series([ema(length=FAST), ema(length=SLOW)], bars)
        self._strategy = _peer_strategy(averages[:, 0], averages[:, 1])

    def run(self) -> PeerResult:
        """One run from nothing but the data frame."""
        import backtesting

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            test = backtesting.Backtest(self._frame, self._strategy, cash=float(CASH), commission=FEE)
            found = test.run()
        trades = found["_trades"]
        exits = trades["ExitBar"].tolist()
        return PeerResult(trades["EntryBar"].tolist(), exits, float(found["_equity_curve"]["Equity"].iloc[-1]))


def _peer_strategy(fast: Any, slow: Any) -> Any:
    import backtesting

    class Cross(backtesting.Strategy):  # type: ignore[misc]  # the package has no types
        def init(self) -> None:
            self.fast, self.slow = self.I(lambda: fast), self.I(lambda: slow)

        def next(self) -> None:
            above, was_above = self.fast[-1] > self.slow[-1], self.fast[-2] > self.slow[-2]
            below, was_below = self.fast[-1] < self.slow[-1], self.fast[-2] < self.slow[-2]
            if below and not was_below:
                self.position.close()
            elif above and not was_above:
                self.buy(size=WEIGHT)

    return Cross


def compare(market: Market, bars: Bars, ours: BacktestResult, theirs: PeerResult) -> None:
    """Say how the two results compare. Raises EnginesDisagree."""
    at = bars.open_time
    entries = [int(np.searchsorted(at, trade.entry_time_ms)) for trade in ours.trades]
    exits = [int(np.searchsorted(at, trade.exit_time_ms)) for trade in ours.trades]
    if (entries, exits) != (theirs.entries, theirs.exits):
        first = next((pair for pair in zip(entries, theirs.entries, strict=False) if pair[0] != pair[1]), "the number")
        raise EnginesDisagree(why=f"{len(entries)} trades and {len(theirs.entries)}; first difference: {first}")
    off = abs(float(ours.final_equity) / theirs.final_equity - 1.0)
    limit = bound(bars, entries, exits, ours)
    say(
        f"{len(entries)} trades, the same bars in both; final equity {ours.final_equity:.2f} and"
        f" {theirs.final_equity:.2f}: {off:.2e} apart, explained up to {limit:.2e}"
    )
    if off > limit:
        raise EnginesDisagree(why=f"final equities are {off:.2e} apart, sizing and fees explain {limit:.2e}")


def bound(bars: Bars, entries: list[int], exits: list[int], ours: BacktestResult) -> float:
    """How far the equities may be apart, as a share.

    A trade's size differs by the fee, by the gap from close to open and by one step; that share of its return and of its
    two fees is the most it can part the equities by. The fee taken in coins adds its own fee.
    """
    total = 0.0
    for entry, left in zip([*entries, *_still_open(bars, ours)], [*exits, len(bars) - 1], strict=False):
        price, gap = bars.open[entry], abs(bars.open[entry] / bars.close[entry - 1] - 1.0)
        step = STEP * price / (WEIGHT * float(ours.final_equity))
        moved = abs(bars.open[left] / price - 1.0)
        total += (FEE + gap + 2 * step) * (moved + 2 * FEE) + 2 * FEE * FEE + FEE * moved
    return total


def _still_open(bars: Bars, ours: BacktestResult) -> list[int]:
    return [int(np.searchsorted(bars.open_time, position.opened_time_ms)) for position in ours.open_positions]
