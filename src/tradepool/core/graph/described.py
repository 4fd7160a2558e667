"""Expressions as text: as they would be written in Python, cut to one readable line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.units import OPERATIONS

if TYPE_CHECKING:
    from tradepool.core.graph.expr import Expr

_TEXT_MAX = 160
_TEXT_DEPTH = 8
# What a node is called by who makes it, where that is not the node's own operation.
_CALLS = {
    "previous": "lag({})",
    "ema_from_first": "ema({}, seed='first')",
    "wilder_from_sum": "wilder({}, seed='sum')",
    "slope": "regression({}).slope",
    "fitted": "regression({}).value",
    "r2": "regression({}).r2",
}


def describe(expr: Expr, depth: int = _TEXT_DEPTH) -> str:
    """The expression as it would be written, cut to one readable line.

    >>> from tradepool.core.graph.expr import close, high, open_
    >>> describe((close - open_) * 2 > high)
    '((close - open) * 2.0) > high'
    """
    text = _describe(expr, depth, {})
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 3] + "..."


def _sign(expr: Expr) -> str:
    return OPERATIONS[expr.op][0] if expr.op in OPERATIONS else ""


def _describe(expr: Expr, depth: int, known: dict[tuple[int, int], str]) -> str:
    # Kept by node, and no longer than it can be shown: terms are shared, so that the whole text may be without end.
    key = id(expr), depth
    if key not in known:
        known[key] = _written(expr, depth, known)[: _TEXT_MAX + 1]
    return known[key]


def _written(expr: Expr, depth: int, known: dict[tuple[int, int], str]) -> str:
    if isinstance(expr.value, Parameter):
        return expr.value.name
    if not expr.args and expr.op == "session":
        return f"session({expr.value!r})"
    if not expr.args or expr.op == "length":
        return str(expr.value)
    if depth == 0:
        return "..."
    args = [_describe(arg, depth - 1, known) for arg in expr.args]
    if expr.op == "window":
        return ", ".join(args)
    if expr.op.startswith("moment_"):
        # The mean beside the window is its own.
        return f"moment({args[0]}, {expr.op[-1]})"
    if not _sign(expr):
        inside = ", ".join([*([] if expr.value is None else [repr(expr.value)]), *args])
        return _CALLS.get(expr.op, f"{expr.op}({{}})").format(inside)
    inner = [
        f"({text})" if _sign(arg) and len(arg.args) > 1 else text for arg, text in zip(expr.args, args, strict=True)
    ]
    return _sign(expr) + inner[0] if len(inner) == 1 else f" {_sign(expr)} ".join(inner)
