"""`strategies check`: whether a strategy file can be used, and what would be refused, found out by running it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tradepool.core.graph.bars import COLUMNS as BAR_COLUMNS
from tradepool.core.graph.bars import Bars
from tradepool.core.graph.market_step import MarketStep, Runner
from tradepool.core.graph.native import NativeUnavailable
from tradepool.core.graph.step import EXPOSURE, PREVIOUS_EXPOSURE
from tradepool.core.graph.vocabulary import Floats
from tradepool.core.strategies.strategy import Strategy
from tradepool.core.strategies.text_errors import TextRefused
from tradepool.core.strategies.text_limits import Meter
from tradepool.core.strategies.text_tokens import Token
from tradepool.entrypoints.strategies import file_source, page_of
from tradepool.presentation.results import Check
from tradepool.presentation.strategy_page import StrategyPage
from tradepool.simexchange.market_model import model_bars

TIMEFRAME_MS = 300_000
START_MS = 1_704_067_200_000
# Enough for a few signals after the look-back; the plain-Python runner takes microseconds for each.
BARS, BARS_MAX = 2_000, 30_000


@dataclass(frozen=True, slots=True)
class StrategyCheck:
    """What was found; `entries` is how often it enters on the modelled bars, parameters at their defaults."""

    page: StrategyPage
    checks: list[Check]
    entries: int


def check(file: Path) -> StrategyCheck:
    """Read, show and run a strategy file over modelled bars. Raises StrategyFileUnusable and StrategyTextUnusable."""
    source = file_source(file)
    strategy, page = source.load().strategy, page_of(source)
    count = min(page.lookback_bars + BARS, BARS_MAX)
    bars, other = (model_bars(["BTC/USDT"], TIMEFRAME_MS, START_MS, count, seed)["BTC/USDT"] for seed in (1, 2))
    rows = _rows(strategy, bars, "reference")
    entries = int(((rows[:, EXPOSURE] > 0) & (rows[:, PREVIOUS_EXPOSURE] == 0)).sum())
    checks = [_limits(strategy), _history(page, entries, count)]
    checks += [_runners(strategy, bars, rows), _ahead(strategy, bars, other, rows)]
    return StrategyCheck(page, checks, entries)


def _rows(strategy: Strategy, bars: Bars, runner: Runner) -> Floats:
    return MarketStep(strategy, TIMEFRAME_MS, runner).advance(bars)


def _limits(strategy: Strategy) -> Check:
    """Whether it is within what a text may take; Python is the operator's own, so there it is said and no fault."""
    meter = Meter({item.name: item.high for item in strategy.parameters})
    try:
        for root in strategy.graph.roots:
            meter.admit(root, Token("name", strategy.name, 1, 1, strategy.name))
    except TextRefused as error:
        return Check("limits", True, f"as a text it would be refused: {type(error).__name__}", "")
    found = f"{len(meter.seen)} terms, {meter.state_floats} numbers of state at most, within what a text may take"
    return Check("limits", True, found, "")


def _history(page: StrategyPage, entries: int, count: int) -> Check:
    enough = page.lookback_bars < count
    found = f"first signal after {page.lookback_bars} of {count} modelled bars, {entries} entries"
    remedy = "" if enough else f"use shorter windows: at most {BARS_MAX} bars are tried"
    return Check("signals", enough, found, remedy or ("" if entries else "it never enters here; is that meant?"))


def _runners(strategy: Strategy, bars: Bars, expected: Floats) -> Check:
    name = "native = reference"
    try:
        rows = _rows(strategy, bars, "native")
    except NativeUnavailable as error:
        return Check(name, False, f"{error}", "run doctor; plain Python works, slowly")
    same = np.array_equal(rows, expected)
    found = f"{'the same' if same else 'not the same'} {expected.size} numbers"
    return Check(name, same, found, "" if same else "this is our mistake; please report it with the file")


def _ahead(strategy: Strategy, bars: Bars, other: Bars, rows: Floats) -> Check:
    """What was said up to a bar must not change when all later bars do."""
    half = len(bars) // 2
    columns = [np.concatenate((getattr(bars, name)[:half], getattr(other, name)[half:])) for name in BAR_COLUMNS]
    changed = _rows(strategy, Bars(TIMEFRAME_MS, bars.open_time, *columns), "reference")
    same = np.array_equal(changed[:half], rows[:half])
    found = f"with other bars after bar {half} it says {'the same' if same else 'something else'} before"
    return Check("no look-ahead", same, found, "" if same else "this is our mistake; please report it with the file")
