"""A strategy: a name, when to be in the market, when to leave, and how far away its protections and targets are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from tradepool.core.graph.expr import Boolean, Expr, Number, as_boolean, as_number, parameters, walk
from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.step import Graph
from tradepool.core.strategies.exits import NONE, Exits
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import StrategyId


class UnknownParameter(InvalidInput):
    """Strategy {strategy} has no parameter {name}; it has {known}."""


class HalfAShort(InvalidInput):
    """Strategy {strategy} has {given} but not {missing}; declare both, or neither for a strategy that is long only."""


class NotYetLive(TradepoolError):
    """Strategy {strategy} uses {what}; it can be backtested and swept, live trading, replay and demo have no {what} yet."""


@dataclass(frozen=True, eq=False)
class Strategy:
    """A declared strategy. Everything it computes is in its expressions; its parameters are found in them.

    `enter` raises the exposure to 1, `exit` clears it and wins. `enter_short` and `exit_short` do the same below zero;
    an entry of one side turns a position of the other at once. Raise `version` when the meaning changes: results and
    saved states of one version are not those of another. `overrides` are parameter values other than the default.
    `confidence`, 0 to 1, and `words`, what its expressions are called, only explain it (`core.strategies.explain`);
    no step computes them.

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
    enter_short: Boolean | None = None
    exit_short: Boolean | None = None
    overrides: Mapping[str, float] = field(default_factory=dict)
    confidence: Number | None = None
    words: Mapping[Expr, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is not a condition, half a short, and one parameter name with two meanings."""
        as_boolean(self.enter, f"enter of {self.name}")
        as_boolean(self.exit, f"exit of {self.name}")
        shorts = {"enter_short": self.enter_short, "exit_short": self.exit_short}
        given = {name: side for name, side in shorts.items() if side is not None}
        for name, side in given.items():
            as_boolean(side, f"{name} of {self.name}")
        if len(given) == 1:
            (name,) = given
            (missing,) = shorts.keys() - given.keys()
            raise HalfAShort(strategy=self.name, given=name, missing=missing)
        if self.confidence is not None:
            as_number(self.confidence, f"confidence of {self.name}")
        assert self.parameters is not None

    @cached_property
    def graph(self) -> Graph:
        """The expressions the market part computes."""
        exits = self.exits
        return Graph(
            self.enter,
            self.exit,
            exits.stop_distance,
            exits.trail_distance,
            exits.trail_step,
            exits.first_target,
            exits.second_target,
            exits.target_share,
            self.enter_short,
            self.exit_short,
            exits.break_even,
            exits.hold_bars,
        )

    @property
    def shorts(self) -> bool:
        """Whether it sells what it does not hold."""
        return self.enter_short is not None

    @property
    def targets(self) -> bool:
        """Whether it takes profit at a level."""
        return self.exits.first_target is not NONE or self.exits.second_target is not NONE

    @property
    def breaks_even(self) -> bool:
        """Whether its stop is moved to the entry price after a gain."""
        return self.exits.break_even is not NONE

    @property
    def timed(self) -> bool:
        """Whether it leaves after a time."""
        return self.exits.hold_bars is not NONE

    def refuse_unless_live(self) -> None:
        """Raise NotYetLive for what only the backtest's account knows: asked wherever a strategy is to place orders."""
        if self.shorts:
            raise NotYetLive(strategy=self.name, what="shorts")

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

    @cached_property
    def rules(self) -> str:
        """SHA-256 of everything it computes, in hex; of a parameter only the name counts."""
        place: dict[Expr, int] = {}
        rows = []
        for expr in walk(*self.graph.roots):
            value = expr.value.name if isinstance(expr.value, Parameter) else repr(expr.value)
            rows.append([type(expr).__name__, expr.op, value, [place[arg] for arg in expr.args]])
            place[expr] = len(place)
        return hashlib.sha256(json.dumps([rows, [place[root] for root in self.graph.roots]]).encode()).hexdigest()

    def strategy_id(self, timeframe_ms: int) -> StrategyId:
        """Sixteen hex digits: the same for the same name, version, rules, parameter values and timeframe, everywhere.

        The rules are in it because steps are shared by it: another's text of the same name is another strategy.
        """
        key = json.dumps([self.name, self.version, self.rules, sorted(self.values.items()), timeframe_ms])
        return StrategyId(hashlib.sha256(key.encode()).hexdigest()[:16])
