"""Expressions: what a strategy computes from bars, declared as a graph and computed by a step.

An expression is a number or a truth value at every bar. Building one computes nothing; equal terms are one node, so
`ema(close, 12)` used twice is computed once. Every node knows how many earlier bars it needs (`lookback`) and after how
many bars a later start can no longer be told from an earlier one (`warm_up`). Kinds are checked here, when the
expression is built: an error names the expression and says what to do.

`==` is deliberately Python's own (the same node), so that expressions can be kept in sets and dictionaries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, NoReturn, TypeAlias, TypeVar, cast
from weakref import WeakValueDictionary

from tradepool.core.graph.described import describe
from tradepool.core.graph.parameter import Parameter, WrongParameter, declare
from tradepool.core.graph.units import ANY, OPERATIONS, PRICE, VOLUME, Unit, combined
from tradepool.core.graph.whole import MINUTE_MS, NEVER, Count, Term, Whole, at, largest, plus
from tradepool.domain.errors import InvalidInput

_AGES = ((1440, "d"), (60, "h"), (1, "m"))
# Each is a few calls deep in Python, which ends a program at a thousand.
_NESTED_MAX = 200


class WrongOperand(InvalidInput):
    """In {expression}: {why}; {remedy}."""


class NestedTooDeep(InvalidInput):
    """In {expression}: more than {most} windows whose lengths are parameters look into one another; give some of them plain numbers."""


class External(NamedTuple):
    """A declared input column: its name, and how old its last value may be."""

    name: str
    max_age_ms: int

    def __str__(self) -> str:
        """As it would be written."""
        minutes = self.max_age_ms // MINUTE_MS
        count, unit = next((minutes // size, unit) for size, unit in _AGES if minutes % size == 0)
        return f"external({self.name!r}, max_age='{count}{unit}')"


Payload: TypeAlias = str | int | float | Parameter | External | Term | None
Node = TypeVar("Node", bound="Expr")
_nodes: WeakValueDictionary[tuple[object, ...], Expr] = WeakValueDictionary()


Operator: TypeAlias = Callable[["Expr", "Number | float"], Node]


def _operator(kind: type[Node], op: str, left: object, right: object) -> Node:
    try:
        a, b = as_number(left, ""), as_number(right, "")
    except WrongOperand as error:
        # Written out only now: quoting every expression that is right would cost more than building it.
        raise WrongOperand(**{**error.facts, "expression": _quoted(op, left, right)}) from None
    if op == "divide" and b.op == "constant" and b.value == 0.0:
        why, remedy = "the divisor is zero", "divide by something else"
        raise WrongOperand(expression=_quoted(op, left, right), why=why, remedy=remedy)
    return elementwise(kind, op, a, b)


def _quoted(op: str, left: object, right: object) -> str:
    return f"{left!r:.60} {OPERATIONS[op][0]} {right!r:.60}"


def _arithmetic(op: str) -> tuple[Operator[Number], Operator[Number]]:
    return lambda a, b: _operator(Number, op, a, b), lambda a, b: _operator(Number, op, b, a)


def _comparison(op: str) -> Operator[Boolean]:
    return lambda a, b: _operator(Boolean, op, a, b)


class Expr:
    """A node: what it does (`op`), to what (`args`), with what fixed value; made by `node`, never directly."""

    __slots__ = ("__weakref__", "args", "first_valid", "op", "settled", "unit", "value")

    def __init__(
        self, op: str, args: tuple[Expr, ...], value: Payload, first_valid: Whole, settled: Whole, unit: Unit
    ) -> None:
        """Keep the parts; `first_valid` is the index of the first bar with a value, `settled` see `warm_up`."""
        self.op = op
        self.args = args
        self.value = value
        self.first_valid = first_valid
        self.settled = settled
        self.unit = unit

    @property
    def lookback(self) -> Count:
        """Earlier bars (of one minute) needed for the first value, with every parameter at its default.

        >>> (close > close * 2).lookback
        0
        """
        return at(self.first_valid, defaults(self), MINUTE_MS)

    @property
    def warm_up(self) -> Count | None:
        """Bars after which a later start gives the same bits as an earlier one; None: only from the same bar on."""
        return None if self.settled == NEVER else at(self.settled, defaults(self), MINUTE_MS)

    def __repr__(self) -> str:
        """The expression as it would be written, cut where it is long."""
        return describe(self)

    def __bool__(self) -> NoReturn:
        """Refuse `and`, `or`, `not`, `if` and chained comparisons, which would silently drop half of the condition."""
        why = "an expression has a value at every bar, so Python cannot ask whether it is true"
        raise WrongOperand(expression=self, why=why, remedy="join conditions with & | ~, choose values with where()")

    __add__, __radd__ = _arithmetic("add")
    __sub__, __rsub__ = _arithmetic("subtract")
    __mul__, __rmul__ = _arithmetic("multiply")
    __truediv__, __rtruediv__ = _arithmetic("divide")
    __lt__ = _comparison("less")
    __le__ = _comparison("less_equal")
    __gt__ = _comparison("greater")
    __ge__ = _comparison("greater_equal")

    def __neg__(self) -> Number:
        return elementwise(Number, "negate", as_number(self, "-"))

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


def node(
    kind: type[Node],
    op: str,
    args: tuple[Expr, ...] = (),
    value: Payload = None,
    *,
    needs: tuple[Whole, Whole] | None = None,
    unit: Unit = ANY,
) -> Node:
    """The one node of this kind, operation, operands and value; it `needs` what its operands need, or what is said."""
    key = (kind, op, tuple(id(arg) for arg in args), type(value), repr(value))
    known = _nodes.get(key)
    if known is None:
        known = _nodes.setdefault(key, kind(op, args, value, *(needs or after(*args)), unit))
    return cast(Node, known)


def after(*args: Expr, valid: Whole = 0, settled: Whole = 0) -> tuple[Whole, Whole]:
    """Look-back and warm-up of what needs so many more bars than its operands. Raises NestedTooDeep."""
    needs = (
        plus(largest(*(arg.first_valid for arg in args)), valid),
        plus(largest(*(arg.settled for arg in args)), settled),
    )
    if any(isinstance(need, Term) and need.depth > _NESTED_MAX for need in needs):
        raise NestedTooDeep(expression=args[0], most=_NESTED_MAX)
    return needs


def elementwise(kind: type[Node], op: str, *args: Expr) -> Node:
    """A node computed from its operands at the same bar alone. Raises WrongUnit."""
    rule = OPERATIONS[op][2]
    unit = combined(rule, args, op) if rule else ANY
    return node(kind, op, args, unit=ANY if kind is Boolean else unit)


open_, high, low, close = (node(Number, "input", (), name, unit=PRICE) for name in ("open", "high", "low", "close"))
volume = node(Number, "input", (), "volume", unit=VOLUME)
true, false = node(Boolean, "constant", (), True), node(Boolean, "constant", (), False)


def constant(value: float) -> Number:
    """A number that never changes. Raises WrongOperand for what is not finite.

    >>> constant(2) is constant(2.0)
    True
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1.7976931348623157e308:
        why = f"{value!r:.60} is not a finite number"
        raise WrongOperand(expression="a constant", why=why, remedy="give a finite int or float")
    return node(Number, "constant", (), float(value))


def parameter(name: str, default: float, low: float, high: float, step: float) -> Number:
    """A value to vary: an int if the default is one (then it may be a window length), else a float.

    >>> parameter("fast", 12, 2, 200, 1)
    fast
    """
    return node(Number, "parameter", (), declare(name, default, low, high, step))


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


def _word(op: str, *args: object) -> Number:
    return elementwise(Number, op, *(as_number(arg, op) for arg in args))


def maximum(a: Number | float, b: Number | float) -> Number:
    """The larger one at each bar.

    >>> maximum(close, 1)
    maximum(close, 1.0)
    """
    return _word("maximum", a, b)


def minimum(a: Number | float, b: Number | float) -> Number:
    """The smaller one at each bar."""
    return _word("minimum", a, b)


def absolute(a: Number) -> Number:
    """The value without its sign."""
    return _word("absolute", a)


def square_root(a: Number) -> Number:
    """The root; nan below zero."""
    return _word("square_root", a)


def log(a: Number) -> Number:
    """The natural logarithm of a plain number; nan below zero."""
    return _word("log", a)


def exp(a: Number) -> Number:
    """e to a plain number."""
    return _word("exp", a)


def power(a: Number | float, b: Number | float) -> Number:
    """A plain number to the power of another."""
    return _word("power", a, b)


def tanh(a: Number) -> Number:
    """The hyperbolic tangent of a plain number: about itself near zero, never beyond 1."""
    return _word("tanh", a)


def is_known(a: Number) -> Boolean:
    """Whether there is a number: false for nan, such as an external value that is missing or too old."""
    return elementwise(Boolean, "is_known", as_number(a, "is_known"))


def where(condition: Boolean, a: Number | float, b: Number | float) -> Number:
    """`a` at bars where the condition holds, else `b`."""
    return elementwise(Number, "where", as_boolean(condition, "where"), as_number(a, "where"), as_number(b, "where"))


def was(condition: Boolean) -> Boolean:
    """Whether the condition held one bar ago.

    >>> was(close > open_).lookback
    1
    """
    condition = as_boolean(condition, "was")
    return node(Boolean, "was", (condition,), needs=after(condition, valid=1, settled=1))


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


SCOPES = ("on", "of")


def walk(*roots: Expr, into_scopes: bool = True) -> list[Expr]:
    """Every node under the roots once, operands before what uses them; no recursion, so depth is no danger."""
    order: dict[int, Expr] = {}
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        expr, ready = stack.pop()
        if ready:
            order.setdefault(id(expr), expr)
        elif id(expr) not in order:
            stack.append((expr, True))
            if into_scopes or expr.op not in SCOPES:
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
