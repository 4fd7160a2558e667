"""`strategies list` and `strategies show`: what is known about a strategy, gathered for the pages."""

from __future__ import annotations

import inspect
import sys
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from tradepool.core import strategies
from tradepool.core.graph.expr import describe
from tradepool.core.graph.step import market_step
from tradepool.core.graph.whole import MINUTE_MS
from tradepool.core.strategies import catalog
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import InvalidInput
from tradepool.presentation.strategy_page import ParameterRow, StrategyPage

# What a file may raise: all but what ends the program (an interrupt, no memory).
FILE_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    SystemExit,
    TypeError,
    ValueError,
)
ROOTS = (
    *("enter", "exit", "stop distance", "trail distance", "trail step"),
    *("first target", "second target", "target share", "enter short", "exit short"),
)


class StrategyFileUnusable(InvalidInput):
    """Strategy file {file} cannot be used: {why}; it needs a function strategy() that returns a Strategy."""


def strategy_in(file: Path) -> Strategy:
    """The strategy that a Python file of one's own declares. The file is run: only give it your own."""
    if not file.is_file():
        raise StrategyFileUnusable(file=file, why="it does not exist")
    spec = spec_from_file_location(f"tradepool_own_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise StrategyFileUnusable(file=file, why="it is no Python file")
    module = module_from_spec(spec)
    # Dataclasses look their module up by its name.
    sys.modules[spec.name] = module
    try:
        # What it prints is no part of our answer.
        with redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
            declared: object = module.strategy()
    except FILE_FAULTS as error:
        raise StrategyFileUnusable(file=file, why=f"{type(error).__name__}: {error}") from error
    if not isinstance(declared, Strategy):
        raise StrategyFileUnusable(file=file, why=f"strategy() returned a {type(declared).__name__}")
    return declared


def summaries() -> dict[str, str]:
    """Every strategy with its first sentence."""
    return {name: summary(name) for name in catalog.names()}


def summary(name: str) -> str:
    """What a strategy's file says it does."""
    declaration = import_module(f"{strategies.__name__}.{name}").strategy
    return (inspect.getdoc(declaration) or "").split("\n\n")[0].replace("\n", " ")


def page_of(name: str) -> StrategyPage:
    """Everything about one strategy, by name or by file. Raises UnknownStrategy and StrategyFileUnusable."""
    own = name.endswith(".py")
    strategy = strategy_in(Path(name)) if own else catalog.named(name)
    step = market_step(strategy.graph, timeframe_ms=MINUTE_MS)
    return StrategyPage(
        name=strategy.name,
        version=strategy.version,
        summary=f"declared in {name}" if own else summary(name),
        parameters=[ParameterRow(p.name, p.default, p.low, p.high, p.step) for p in strategy.parameters],
        rules=_rules(strategy),
        source=step.text,
        legend=dict(step.legend),
        state_rows=list(step.state_rows),
        lookback=f"{step.first_valid}",
        lookback_bars=step.lookback(strategy.values),
        warm_up_bars=step.warm_up(strategy.values),
    )


def _rules(strategy: Strategy) -> dict[str, str]:
    roots = zip(ROOTS, strategy.graph.roots, strict=False)
    return {what: describe(root) for what, root in roots if strategy.targets or "target" not in what}
