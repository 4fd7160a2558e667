"""Expressions: what a strategy computes from bars, declared as a graph and computed by a step.

An expression is a number or a truth value at every bar. Building one computes nothing; equal terms are one node, so
`ema(close, 12)` used twice is computed once. Every node knows how many earlier bars it needs (`lookback`) and after how
many bars a later start can no longer be told from an earlier one (`warm_up`). Kinds are checked here, when the
expression is built: an error names the expression and says what to do.

`==` is deliberately Python's own (the same node), so that expressions can be kept in sets and dictionaries.
"""

from __future__ import annotations

from typing import NoReturn, TypeAlias, TypeVar, cast
from weakref import WeakValueDictionary

from tradepool.core.graph.parameter import Parameter, WrongParameter, declare
from tradepool.core.graph.span import NONE, Span
from tradepool.domain.errors import InvalidInput

LENGTH_MAX = 100_000
_TEXT_MAX = 160
_TEXT_DEPTH = 8


class WrongOperand(InvalidInput):
    """In {expression}: {why}; {remedy}."""


class WrongLength(InvalidInput):
    """{what} cannot look over {length} bars; give a whole number from 1 to {most}, or an integer parameter."""


Payload: TypeAlias = str | int | float | Parameter | None
_nodes: WeakValueDictionary[tuple[object, ...], Expr] = WeakValueDictionary()


class Expr:
    """A node: what it does (`op`), to what (`args`), with what fixed value; made by `node`, never directly."""

    __slots__ = ("__weakref__", "args", "first_valid", "op", "settled", "value")

    def __init__(self, op: str, args: tuple[Expr, ...], value: Payload, first_valid: Span, settled: Span) -> None:
        """Keep the parts; `first_valid` is the index of the first bar with a value, `settled` see `warm_up`."""
        self.op = op
        self.args = args
        self.value = value
        self.first_valid = first_valid
        self.settled = settled

    @property
    def lookback(self) -> int:
        """Earlier bars needed for the first value, with every parameter at its default.

        >>> (close > close * 2).lookback
        0
        """
        return self.first_valid.at(defaults(self))

    @property
    def warm_up(self) -> int:
        """Bars after which a later start gives the same bits as an earlier one, parameters at their defaults."""
        return self.settled.at(defaults(self))

    def __repr__(self) -> str:
        """The expression as it would be written, cut where it is long."""
        return describe(self)

    def __bool__(self) -> NoReturn:
        """Refuse `and`, `or`, `not`, `if` and chained comparisons, which would silently drop half of the condition."""
        why = "an expression has a value at every bar, so Python cannot ask whether it is true"
        raise WrongOperand(expression=self, why=why, remedy="join conditions with & | ~, choose values with where()")

    def __add__(self, other: Number | float) -> Number:
        return _arithmetic("add", self, other)

    def __radd__(self, other: float) -> Number:
        return _arithmetic("add", other, self)

    def __sub__(self, other: Number | float) -> Number:
        return _arithmetic("subtract", self, other)

    def __rsub__(self, other: float) -> Number:
        return _arithmetic("subtract", other, self)

    def __mul__(self, other: Number | float) -> Number:
        return _arithmetic("multiply", self, other)

    def __rmul__(self, other: float) -> Number:
        return _arithmetic("multiply", other, self)

    def __truediv__(self, other: Number | float) -> Number:
        return _arithmetic("divide", self, other)

    def __rtruediv__(self, other: float) -> Number:
        return _arithmetic("divide", other, self)

    def __neg__(self) -> Number:
        return elementwise(Number, "negate", as_number(self, "-"))

    def __lt__(self, other: Number | float) -> Boolean:
        return _comparison("less", self, other)

    def __le__(self, other: Number | float) -> Boolean:
        return _comparison("less_equal", self, other)

    def __gt__(self, other: Number | float) -> Boolean:
        return _comparison("greater", self, other)

    def __ge__(self, other: Number | float) -> Boolean:
        return _comparison("greater_equal", self, other)

    def __and__(self, other: Boolean) -> Boolean:
        return elementwise(Boolean, "and", as_boolean(self, "&"), as_boolean(other, "&"))

    def __or__(self, other: Boolean) -> Boolean:
        return elementwise(Boolean, "or", as_boolean(self, "|"), as_boolean(other, "|"))

    def __invert__(self) -> Boolean:
        return elementwise(Boolean, "not", as_boolean(self, "~"))


class Number(Expr):
    """An expression whose value at a bar is a float."""

    __slots__ = ()


class Boolean(Expr):
    """An expression whose value at a bar is true or false."""

    __slots__ = ()


class Window(Expr):
    """The last values of a number, kept in a ring: what several rolling primitives share."""

    __slots__ = ()


Node = TypeVar("Node", bound=Expr)


def node(
    kind: type[Node], op: str, args: tuple[Expr, ...], first_valid: Span, settled: Span, value: Payload = None
) -> Node:
    """The one node of this kind, operation, operands and value."""
    key = (kind, op, tuple(id(arg) for arg in args), type(value), repr(value))
    known = _nodes.get(key)
    if known is None:
        known = _nodes.setdefault(key, kind(op, args, value, first_valid, settled))
    return cast(Node, known)


def elementwise(kind: type[Node], op: str, *args: Expr) -> Node:
    """A node computed from its operands at the same bar alone."""
    first_valid = settled = NONE
    for arg in args:
        first_valid, settled = first_valid | arg.first_valid, settled | arg.settled
    return node(kind, op, args, first_valid, settled)


def _input(name: str) -> Number:
    return node(Number, "input", (), NONE, NONE, name)


open_ = _input("open")
high = _input("high")
low = _input("low")
close = _input("close")
volume = _input("volume")


def constant(value: float) -> Number:
    """A number that never changes. Raises WrongOperand for what is not finite.

    >>> constant(2) is constant(2.0)
    True
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1.7976931348623157e308:
        why = f"{value!r:.60} is not a finite number"
        raise WrongOperand(expression="a constant", why=why, remedy="give a finite int or float")
    return node(Number, "constant", (), NONE, NONE, float(value))


def parameter(name: str, default: float, low: float, high: float, step: float) -> Number:
    """A value to vary: an int if the default is one (then it may be a window length), else a float.

    >>> parameter("fast", 12, 2, 200, 1)
    fast
    """
    return node(Number, "parameter", (), NONE, NONE, declare(name, default, low, high, step))


def length(value: int | Number, what: str) -> Number:
    """A window length as a node: a constant whole number or an integer parameter. Raises WrongLength."""
    if isinstance(value, Number) and isinstance(value.value, Parameter) and value.value.is_integer:
        lowest, highest = value.value.low, value.value.high
    elif type(value) is int:
        lowest = highest = value
    else:
        raise WrongLength(what=what, length=repr(value)[:60], most=LENGTH_MAX)
    if lowest < 1 or highest > LENGTH_MAX:
        raise WrongLength(what=what, length=f"{lowest} to {highest}", most=LENGTH_MAX)
    return value if isinstance(value, Number) else node(Number, "length", (), NONE, NONE, int(lowest))


def as_number(value: object, place: str) -> Number:
    """A number as it is, or a Python number as a constant. Raises WrongOperand for a condition."""
    if isinstance(value, Number):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return constant(value)
    what = "is true or false, not a number" if isinstance(value, Boolean | bool) else "is not an expression"
    raise WrongOperand(
        expression=place, why=f"`{value!r:.60}` {what}", remedy="use where(condition, 1.0, 0.0) or a number"
    )


def as_boolean(value: object, place: str) -> Boolean:
    """A condition as it is. Raises WrongOperand for a number."""
    if isinstance(value, Boolean):
        return value
    what = "is a number, not true or false" if isinstance(value, Number | int | float) else "is not an expression"
    raise WrongOperand(
        expression=place, why=f"`{value!r:.60}` {what}", remedy="compare it first, in parentheses: (a > b)"
    )


def _operands(op: str, left: object, right: object) -> tuple[Number, Number]:
    try:
        return as_number(left, ""), as_number(right, "")
    except WrongOperand as error:
        # Written out only now: quoting every expression that is right would cost more than building it.
        raise WrongOperand(**{**error.facts, "expression": _quoted(op, left, right)}) from None


def _quoted(op: str, left: object, right: object) -> str:
    return f"{left!r:.60} {_SIGNS[op]} {right!r:.60}"


def _arithmetic(op: str, left: object, right: object) -> Number:
    a, b = _operands(op, left, right)
    if op == "divide" and b.op == "constant" and b.value == 0.0:
        why, remedy = "the divisor is zero", "divide by something else"
        raise WrongOperand(expression=_quoted(op, left, right), why=why, remedy=remedy)
    return elementwise(Number, op, a, b)


def _comparison(op: str, left: object, right: object) -> Boolean:
    return elementwise(Boolean, op, *_operands(op, left, right))


def maximum(a: Number | float, b: Number | float) -> Number:
    """The larger one at each bar.

    >>> maximum(close, 1)
    maximum(close, 1.0)
    """
    return elementwise(Number, "maximum", as_number(a, "maximum"), as_number(b, "maximum"))


def minimum(a: Number | float, b: Number | float) -> Number:
    """The smaller one at each bar."""
    return elementwise(Number, "minimum", as_number(a, "minimum"), as_number(b, "minimum"))


def absolute(a: Number) -> Number:
    """The value without its sign."""
    return elementwise(Number, "absolute", as_number(a, "absolute"))


def square_root(a: Number) -> Number:
    """The root; nan below zero."""
    return elementwise(Number, "square_root", as_number(a, "square_root"))


def where(condition: Boolean, a: Number | float, b: Number | float) -> Number:
    """`a` at bars where the condition holds, else `b`."""
    return elementwise(Number, "where", as_boolean(condition, "where"), as_number(a, "where"), as_number(b, "where"))


def was(condition: Boolean) -> Boolean:
    """Whether the condition held one bar ago.

    >>> was(close > open_).lookback
    1
    """
    condition = as_boolean(condition, "was")
    one = Span.of(1)
    return node(Boolean, "was", (condition,), condition.first_valid + one, condition.settled + one)


def crosses_above(a: Number | float, b: Number | float) -> Boolean:
    """True at the bar where `a` is above `b` and was not one bar ago.

    >>> crosses_above(close, open_)
    (close > open) & ~was(close > open)
    """
    above = as_number(a, "crosses_above") > as_number(b, "crosses_above")
    return above & ~was(above)


def crosses_below(a: Number | float, b: Number | float) -> Boolean:
    """True at the bar where `a` is below `b` and was not one bar ago."""
    below = as_number(a, "crosses_below") < as_number(b, "crosses_below")
    return below & ~was(below)


def walk(*roots: Expr) -> list[Expr]:
    """Every node under the roots once, operands before what uses them; no recursion, so depth is no danger."""
    order: dict[int, Expr] = {}
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        expr, ready = stack.pop()
        if ready:
            order.setdefault(id(expr), expr)
        elif id(expr) not in order:
            stack.append((expr, True))
            stack.extend((arg, False) for arg in reversed(expr.args))
    return list(order.values())


def parameters(*roots: Expr) -> tuple[Parameter, ...]:
    """The parameters under the roots, by first use. Raises WrongParameter if one name has two meanings."""
    found: dict[str, Parameter] = {}
    for expr in walk(*roots):
        if isinstance(expr.value, Parameter) and found.setdefault(expr.value.name, expr.value) != expr.value:
            why = f"is declared as {found[expr.value.name]} and as {expr.value}"
            raise WrongParameter(name=expr.value.name, why=why, remedy="declare it once and use it twice")
    return tuple(found.values())


def defaults(*roots: Expr) -> dict[str, float]:
    """Default value of every parameter under the roots."""
    return {item.name: item.default for item in parameters(*roots)}


_SIGNS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "and": "&",
    "or": "|",
    "negate": "-",
    "not": "~",
}


def describe(expr: Expr, depth: int = _TEXT_DEPTH) -> str:
    """The expression as it would be written, cut to one readable line.

    >>> describe((close - open_) * 2 > high)
    '((close - open) * 2.0) > high'
    """
    text = _describe(expr, depth)
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 3] + "..."


def _describe(expr: Expr, depth: int) -> str:
    if isinstance(expr.value, Parameter):
        return expr.value.name
    if not expr.args:
        return str(expr.value)
    if depth == 0:
        return "..."
    args = [_describe(arg, depth - 1) for arg in expr.args]
    if expr.op not in _SIGNS:
        return f"{expr.op}({', '.join(args)})"
    inner = [
        f"({text})" if arg.op in _SIGNS and arg.op not in ("negate", "not") else text
        for arg, text in zip(expr.args, args, strict=True)
    ]
    return _SIGNS[expr.op] + inner[0] if len(inner) == 1 else f" {_SIGNS[expr.op]} ".join(inner)
