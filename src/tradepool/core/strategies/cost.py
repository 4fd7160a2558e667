"""What a strategy costs: arithmetic operations a bar and floats of state, estimated from its expressions.

An addition is one operation; the other weights are what they take beside it on a processor. A window's sums are computed
anew once in `BLOCK` bars, which is shared out over the bars; the largest value of a window of n leaves it once in
about sqrt(n) bars of a random walk, and then n values are looked through. An operation that is not listed is taken to
look at all of its window.
"""

from __future__ import annotations

from collections.abc import Mapping

from tradepool.core.graph.expr import Expr, walk
from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.primitives import BLOCK

# A market row: the level, the one before, three distances.
SIGNAL_OPERATIONS = 10
_OPERATIONS = {
    **dict.fromkeys(("input", "constant", "parameter", "length"), 0),
    **dict.fromkeys(("add", "subtract", "multiply", "negate", "absolute"), 1),
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal", "and", "or", "not"), 1),
    **dict.fromkeys(("maximum", "minimum", "where", "was", "previous", "lag"), 1),
    "divide": 5,
    "square_root": 6,
    "ema": 4,
    "wilder": 4,
    "window": 4,
    "sma": 4,
    "variance": 12,
    "highest": 4,
    "lowest": 4,
}
_UNLISTED_OPERATIONS = 20
_SUMS_ANEW = {"sma": 1, "variance": 2}
_EXTREMES = ("highest", "lowest")
_ONE_FLOAT = ("ema", "wilder", "was", "previous", "sma", "highest", "lowest")
_STATELESS = frozenset(_OPERATIONS) - {*_ONE_FLOAT, "window", "variance"}


def operations_a_bar(roots: tuple[Expr, ...], values: Mapping[str, float]) -> int:
    """About how many operations the step takes a bar, with these parameter values.

    >>> from tradepool.core.graph.expr import close
    >>> operations_a_bar((close > 2 * close,), {})
    12
    """
    return SIGNAL_OPERATIONS + round(sum(node_operations(expr, values) for expr in walk(*roots)))


def node_operations(expr: Expr, values: Mapping[str, float]) -> float:
    """Operations a bar of this node alone."""
    bars = _bars(expr, values)
    if expr.op not in _OPERATIONS:
        return _UNLISTED_OPERATIONS + bars
    more = bars * _SUMS_ANEW.get(expr.op, 0) / BLOCK
    return _OPERATIONS[expr.op] + more + (bars**0.5 if expr.op in _EXTREMES else 0.0)


def node_state_floats(expr: Expr, values: Mapping[str, float]) -> int:
    """Floats of state that this node keeps, at most."""
    if expr.op in _STATELESS:
        return 0
    if expr.op in _ONE_FLOAT:
        return 1
    return 3 if expr.op == "variance" else _bars(expr, values) + 2


def _bars(expr: Expr, values: Mapping[str, float]) -> int:
    """The window length among the operands, or among those of its window; 0 without one."""
    for operand in (*expr.args, *(part for arg in expr.args if arg.op == "window" for part in arg.args)):
        if isinstance(operand.value, Parameter) and operand.value.is_integer:
            return int(values[operand.value.name])
        if operand.op == "length":
            return int(str(operand.value))
    return 0
