"""The same expressions with other names for their parameters, so that two strategies can be one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tradepool.core.graph.expr import Expr, Number, node, parameters, walk
from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.whole import Term, Whole
from tradepool.core.strategies.exits import Exits
from tradepool.core.strategies.strategy import Strategy

Rename = Callable[[Parameter], Parameter]


def prefixed(strategy: Strategy) -> Strategy:
    """A strategy whose parameters begin with its name: `fast` of macd_trend becomes `macd_trend_fast`.

    Values that were given to it become the defaults.

    >>> from tradepool.core.graph.expr import close, parameter
    >>> above = Strategy("above", 1, close > parameter("least", 5, 1, 9, 1), close < 1).with_parameters({"least": 7})
    >>> prefixed(above).values, prefixed(above).enter
    ({'above_least': 7}, close > above_least)
    """

    def rename(item: Parameter) -> Parameter:
        return replace(item, name=f"{strategy.name}_{item.name}", default=strategy.values.get(item.name, item.default))

    graph, more = strategy.graph, [strategy.confidence] if strategy.confidence is not None else []
    new = with_renamed([*graph.roots, *more, *strategy.words], rename)
    late = [new.get(item, item) for item in (graph.break_even, graph.hold_bars)]
    exits = Exits(*(new[item] for item in (*graph.distances, graph.target_share)), *late)  # type: ignore[arg-type]  # numbers
    return Strategy(
        strategy.name,
        strategy.version,
        enter=new[strategy.enter],  # type: ignore[arg-type]  # a node keeps its kind
        exit=new[strategy.exit],  # type: ignore[arg-type]
        exits=exits,
        enter_short=None if strategy.enter_short is None else new[strategy.enter_short],  # type: ignore[arg-type]
        exit_short=None if strategy.exit_short is None else new[strategy.exit_short],  # type: ignore[arg-type]
        confidence=None if strategy.confidence is None else new[strategy.confidence],  # type: ignore[arg-type]
        words={new[item]: word for item, word in strategy.words.items()},
    )


def with_renamed(roots: Sequence[Expr], rename: Rename) -> dict[Expr, Expr]:
    """What becomes of every node under the roots when each parameter is another one; what has none stays itself."""
    order = walk(*roots)
    names = {item.name: rename(item).name for item in parameters(*roots)}
    varies: set[Expr] = set()
    for expr in order:
        if isinstance(expr.value, Parameter) or any(arg in varies for arg in expr.args):
            varies.add(expr)
    # What a recursion remembers is its own: two recursions must not share it.
    remembered = {arg for expr in varies if expr.op == "recursion" for arg in expr.args if arg.op == "before"}
    new: dict[Expr, Expr] = {}
    for expr in order:
        if expr in remembered:
            new[expr] = Number("before", (), expr.value, 0, 0, expr.unit)
        elif expr in varies or any(new[arg] is not arg for arg in expr.args):
            value = rename(expr.value) if isinstance(expr.value, Parameter) else expr.value
            new[expr] = node(
                type(expr),
                expr.op,
                tuple(new[arg] for arg in expr.args),
                _term(value, names) if isinstance(value, Term) else value,
                needs=(_whole(expr.first_valid, names), _whole(expr.settled, names)),
                unit=expr.unit,
            )
        else:
            new[expr] = expr
    return new


def _term(term: Term, names: Mapping[str, str]) -> Term:
    if term.op == "parameter":
        return Term("parameter", (names[str(term.args[0])],))
    return Term(term.op, tuple(item if isinstance(item, str) else _whole(item, names) for item in term.args))


def _whole(whole: Whole, names: Mapping[str, str]) -> Whole:
    return _term(whole, names) if isinstance(whole, Term) else whole
