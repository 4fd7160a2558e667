"""A strategy: a name, when to be in the market, when to leave, and how far away its protections are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from tradepool.core.graph.expr import Boolean, as_boolean, parameters
from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.step import Graph
from tradepool.core.strategies.exits import Exits
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import StrategyId


class UnknownParameter(InvalidInput):
    """Strategy {strategy} has no parameter {name}; it has {known}."""


@dataclass(frozen=True, eq=False)
class Strategy:
    """A declared strategy. Everything it computes is in its expressions; its parameters are found in them.

    `enter` raises the exposure to 1, `exit` clears it and wins. Raise `version` when the meaning changes: results and
    saved states of one version are not those of another. `overrides` are parameter values other than the default.

    >>> from tradepool.core.graph.expr import close, parameter
    >>> from tradepool.core.graph.primitives import ema
    >>> average = ema(close, parameter("length", 20, 2, 200, 1))
    >>> strategy = Strategy("above_average", 1, enter=close > average, exit=close < average)
    >>> strategy.with_parameters({"length": 50}).values
    {'length': 50}
    """

    name: str
    version: int
    enter: Boolean
    exit: Boolean
    exits: Exits = field(default_factory=Exits)
    overrides: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is not a condition, and one parameter name with two meanings."""
        as_boolean(self.enter, f"enter of {self.name}")
        as_boolean(self.exit, f"exit of {self.name}")
        assert self.parameters is not None

    @cached_property
    def graph(self) -> Graph:
        """The expressions the market part computes."""
        return Graph(self.enter, self.exit, self.exits.stop_distance, self.exits.trail_distance, self.exits.trail_step)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter, by first use."""
        return parameters(*self.graph.roots)

    @cached_property
    def values(self) -> dict[str, float]:
        """The value of every parameter."""
        return {item.name: self.overrides.get(item.name, item.default) for item in self.parameters}

    def with_parameters(self, values: Mapping[str, float]) -> Strategy:
        """The same strategy with other values. Raises UnknownParameter, and WrongParameter for a bad value."""
        known = {item.name: item for item in self.parameters}
        for name in values:
            if name not in known:
                raise UnknownParameter(strategy=self.name, name=repr(name)[:60], known=", ".join(known) or "none")
        taken = {name: known[name].take(value) for name, value in values.items()}
        return replace(self, overrides={**self.overrides, **taken})

    def strategy_id(self, timeframe_ms: int) -> StrategyId:
        """Sixteen hex digits: the same for the same name, version, parameter values and timeframe, on every machine."""
        key = json.dumps([self.name, self.version, sorted(self.values.items()), timeframe_ms])
        return StrategyId(hashlib.sha256(key.encode()).hexdigest()[:16])
