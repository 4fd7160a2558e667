"""What a strategy costs: arithmetic operations a bar and floats of state, estimated from its expressions.

An addition is one operation; the other weights are what they take beside it on a processor. A window's sums are computed
anew once in `BLOCK` bars, which is shared out over them; the largest value of a window of n, where its age is asked for,
leaves it once in about sqrt(n) bars of a random walk, and then n values are looked through. An operation that is not
listed is taken to look at all of its window.
"""

from __future__ import annotations

from collections.abc import Mapping

from tradepool.core.graph.expr import Expr, walk
from tradepool.core.graph.lengths import bars_in
from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.primitives import BLOCK
from tradepool.core.graph.whole import NEVER, Term, Whole, applied

# A market row: the level, the one before, the distances.
SIGNAL_OPERATIONS = 10
_ELEMENTWISE = {
    **dict.fromkeys(("input", "constant", "parameter", "length", "delayed", "component"), 0),
    **dict.fromkeys(("add", "subtract", "multiply", "negate", "absolute", "maximum", "minimum", "where"), 1),
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal", "and", "or", "not", "is_known"), 1),
    "divide": 5,
    "square_root": 6,
    "log": 25,
    "exp": 25,
    "tanh": 30,
    "power": 50,
}
_REMEMBERING = {
    **dict.fromkeys(("was", "previous", "lag", "external"), 1),
    **dict.fromkeys(("ema", "ema_from_first", "wilder", "smooth", "window", "rolling_sum", "sma", "since"), 4),
    **dict.fromkeys(("cumulative", "session", "on", "of"), 4),
    **dict.fromkeys(("highest", "lowest"), 10),
    **dict.fromkeys(("wma", "since_highest", "since_lowest"), 8),
    "variance": 12,
    "before": 1,
    "wilder_from_sum": 4,
}
# For each value of the window, at every bar.
_SCANNING = {"rank": 3, "slope": 4, "fitted": 5, "r2": 7, "correlation": 11, "quantile": 5}
_SCANNING |= {"moment_1": 3, "moment_3": 4, "moment_4": 4}
_SUMS_ANEW = {"rolling_sum": 1, "sma": 1, "variance": 4, "wma": 3}
_EXTREMES = ("since_highest", "since_lowest")
# A sort of its own each: what it takes to compile is charged here.
_QUANTILE_OPERATIONS = 500
_UNLISTED_OPERATIONS = 20
_WITH_RING = ("window", "quantile", "highest", "lowest")
_SMALL_STATE_FLOATS = 3


def lookback_bars(expr: Expr, values: Mapping[str, float]) -> int:
    """Earlier bars needed for the first value, with these parameter values; one of a longer timeframe counts as one."""
    return _bars_of(expr.first_valid, values)


def warm_up_bars(expr: Expr, values: Mapping[str, float]) -> int | None:
    """Bars of history before a later start equals an earlier one, counted alike; None: no number of bars does."""
    return None if expr.settled == NEVER else _bars_of(expr.settled, values)


def _bars_of(whole: Whole, values: Mapping[str, float]) -> int:
    if isinstance(whole, int):
        return whole
    if whole.op == "parameter":
        return int(values[str(whole.args[0])])
    if whole.op == "ratio":
        return 1
    return int(applied(whole.op, *(_bars_of(item, values) for item in whole.args if not isinstance(item, str))))


def lookback_terms(expr: Expr) -> int:
    """Parts of the formulas of look-back and warm-up, which every term above makes longer."""
    count = 0
    left: list[Whole | str] = [expr.first_valid, expr.settled]
    while left:
        part = left.pop()
        count += 1
        left += part.args if isinstance(part, Term) else ()
    return count


def operations_a_bar(roots: tuple[Expr, ...], values: Mapping[str, float]) -> int:
    """About how many operations the step takes a bar, with these parameter values.

    >>> from tradepool.core.graph.expr import close
    >>> operations_a_bar((close > 2 * close,), {})
    12
    """
    return SIGNAL_OPERATIONS + round(sum(node_operations(expr, values) for expr in walk(*roots)))


def node_operations(expr: Expr, values: Mapping[str, float]) -> float:
    """Operations a bar of this node alone."""
    if expr.op in _ELEMENTWISE:
        return _ELEMENTWISE[expr.op]
    bars = _bars(expr, values)
    if expr.op not in _REMEMBERING:
        least = _QUANTILE_OPERATIONS if expr.op == "quantile" else _UNLISTED_OPERATIONS
        return least + bars * _SCANNING.get(expr.op, 10)
    more = bars * _SUMS_ANEW.get(expr.op, 0) / BLOCK
    return _REMEMBERING[expr.op] + more + (bars**0.5 if expr.op in _EXTREMES else 0.0)


def node_state_floats(expr: Expr, values: Mapping[str, float]) -> int:
    """Floats of state that this node keeps, at most."""
    if expr.op in _ELEMENTWISE:
        return 0
    keeps_window = expr.op in _WITH_RING or expr.op not in (*_REMEMBERING, *_SCANNING)
    return _SMALL_STATE_FLOATS + (_bars(expr, values) if keeps_window else 0)


def _bars(expr: Expr, values: Mapping[str, float]) -> int:
    """The window length among the operands, or among those of its window; 0 without one."""
    for operand in (*expr.args, *(part for arg in expr.args if arg.op == "window" for part in arg.args)):
        if isinstance(operand.value, Parameter) and operand.value.is_integer:
            return int(values[operand.value.name])
        if operand.op == "length":
            return _bars_of(bars_in(operand), values)
    return 0
