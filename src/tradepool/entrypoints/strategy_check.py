"""`strategies check`: whether a strategy file can be used, and what would be refused, found out by running it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tradepool.core.compiler.runners import Runner, why_not_native
from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.graph.expr import walk
from tradepool.core.graph.step import EXPOSURE, PREVIOUS_EXPOSURE
from tradepool.core.graph.whole import MINUTE_MS
from tradepool.core.market.bars import COLUMNS as BAR_COLUMNS
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import MarketStep
from tradepool.core.strategies.cost import operations_a_bar
from tradepool.core.strategies.strategy import Strategy
from tradepool.core.strategies.text_errors import TextRefused
from tradepool.core.strategies.text_limits import Meter
from tradepool.core.strategies.text_tokens import Token
from tradepool.domain.candle import TIMEFRAMES_MS
from tradepool.entrypoints.strategies import file_source, page_of
from tradepool.presentation.results import Check
from tradepool.presentation.strategy_page import StrategyPage
from tradepool.simexchange.market_model import model_bars

# Bars of the longest of these of which every timeframe in the strategy is made.
BASES_MS = (3_600_000, 900_000, 300_000)
START_MS = 1_704_067_200_000
# Enough for a few signals after the look-back.
BARS, BARS_MAX = 2_000, 30_000
# What plain Python does in about a second.
REFERENCE_OPERATIONS = 10_000_000


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
    timeframe_ms = _base_ms(strategy)
    lookback = MarketStep(strategy, timeframe_ms, "reference").lookback
    count = min(lookback + BARS, BARS_MAX)
    bars, other = (model_bars(["BTC/USDT"], timeframe_ms, START_MS, count, seed)["BTC/USDT"] for seed in (1, 2))
    rows = _rows(strategy, bars, "any")
    entries = int(((rows[:, EXPOSURE] > 0) & (rows[:, PREVIOUS_EXPOSURE] == 0)).sum())
    checks = [_limits(strategy), _history(lookback, entries, count)]
    checks += [_runners(strategy, bars, rows), _ahead(strategy, bars, other, rows)]
    return StrategyCheck(page, checks, entries)


def _rows(strategy: Strategy, bars: Bars, runner: Runner) -> Floats:
    """Market rows; the same bars stand for every other market, and a ratio of their prices for every outside value."""
    step = MarketStep(strategy, bars.timeframe_ms, runner)
    outside = bars.open_time + bars.timeframe_ms, bars.close / bars.open
    return step.advance(
        bars,
        others=dict.fromkeys(step.source.others, bars),
        externals={item.name: outside for item in step.source.externals},
    )


def _base_ms(strategy: Strategy) -> int:
    nodes = walk(*strategy.graph.roots)
    longer_ms = [TIMEFRAMES_MS[str(node.value)] for node in nodes if node.op in ("on", "session")]
    fits = (base for base in BASES_MS if all(base < longer and longer % base == 0 for longer in longer_ms))
    return next(fits, MINUTE_MS)


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


def _history(lookback: int, entries: int, count: int) -> Check:
    enough = lookback < count
    found = f"first signal after {lookback} of {count} modelled bars, {entries} entries"
    remedy = "" if enough else f"use shorter windows: at most {BARS_MAX} bars are tried"
    return Check("signals", enough, found, remedy or ("" if entries else "it never enters here; is that meant?"))


def _runners(strategy: Strategy, bars: Bars, rows: Floats) -> Check:
    name = "native = reference"
    if why := why_not_native():
        return Check(name, False, why, "run doctor; plain Python works, slowly")
    operations = operations_a_bar(strategy.graph.roots, strategy.values)
    tried = bars.slice(0, min(len(bars), max(1, REFERENCE_OPERATIONS // operations)))
    plain = _rows(strategy, tried, "reference")
    same = np.array_equal(rows[: len(tried)], plain)
    found = f"{'the same' if same else 'not the same'} {plain.size} numbers"
    return Check(name, same, found, "" if same else "this is our mistake; please report it with the file")


def _ahead(strategy: Strategy, bars: Bars, other: Bars, rows: Floats) -> Check:
    """What was said up to a bar must not change when all later bars do."""
    half = len(bars) // 2
    columns = [np.concatenate((getattr(bars, name)[:half], getattr(other, name)[half:])) for name in BAR_COLUMNS]
    changed = _rows(strategy, Bars(bars.timeframe_ms, bars.open_time, *columns), "any")
    same = np.array_equal(changed[:half], rows[:half])
    found = f"with other bars after bar {half} it says {'the same' if same else 'something else'} before"
    return Check("no look-ahead", same, found, "" if same else "this is our mistake; please report it with the file")
