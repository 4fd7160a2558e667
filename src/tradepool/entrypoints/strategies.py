"""`strategies list` and `strategies show`: what is known about a strategy, gathered for the pages."""

from __future__ import annotations

import inspect
from importlib import import_module

from tradepool.core import strategies
from tradepool.core.graph.expr import describe
from tradepool.core.graph.step import market_step
from tradepool.core.strategies import catalog
from tradepool.presentation.strategy_page import ParameterRow, StrategyPage

ROOTS = ("enter", "exit", "stop distance", "trail distance", "trail step")


def summaries() -> dict[str, str]:
    """Every strategy with its first sentence."""
    return {name: summary(name) for name in catalog.names()}


def summary(name: str) -> str:
    """What a strategy's file says it does."""
    module = import_module(f"{strategies.__name__}.{name}")
    return (inspect.getdoc(module.strategy) or "").split("\n\n")[0].replace("\n", " ")


def page_of(name: str) -> StrategyPage:
    """Everything about one strategy. Raises UnknownStrategy."""
    strategy = catalog.named(name)
    step = market_step(strategy.graph)
    return StrategyPage(
        name=strategy.name,
        version=strategy.version,
        summary=summary(name),
        parameters=[
            ParameterRow(p.name, f"{p.default}", f"{p.low} to {p.high}", f"{p.step}") for p in strategy.parameters
        ],
        rules={what: describe(root) for what, root in zip(ROOTS, strategy.graph.roots, strict=True)},
        source=step.text,
        legend=dict(step.legend),
        state_rows=list(step.state_rows),
        lookback=f"{step.first_valid}",
        lookback_bars=step.lookback(strategy.values),
        warm_up_bars=step.warm_up(strategy.values),
    )
