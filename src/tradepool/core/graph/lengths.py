"""Window lengths: whole numbers, integer parameters, and lengths that follow from one, such as half of it."""

from __future__ import annotations

from tradepool.core.graph.expr import Expr, Number, node
from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.whole import MINUTE_MS, Term, Whole, at, less, part, plus, root, times
from tradepool.domain.errors import InvalidInput

LENGTH_MAX = 100_000


class WrongLength(InvalidInput):
    """{what} cannot look over {length} bars; give a whole number from 1 to {most}, or an integer parameter."""


def length(value: int | Number, what: str) -> Number:
    """A window length as a node: a constant whole number, an integer parameter, or what follows from one.

    Raises WrongLength.
    """
    if isinstance(value, Number) and (value.op == "length" or _is_whole(value)):
        known, bars = value, bars_in(value)
    elif type(value) is int:
        known, bars = node(Number, "length", (), value), value
    else:
        raise WrongLength(what=what, length=repr(value)[:60], most=LENGTH_MAX)
    lowest, highest = _extent(known, bars)
    if lowest < 1 or highest > LENGTH_MAX:
        raise WrongLength(what=what, length=lowest if lowest == highest else f"{lowest} to {highest}", most=LENGTH_MAX)
    return known


def bars_in(length: Expr) -> Whole:
    """A window length as a whole number."""
    if isinstance(length.value, Parameter):
        return Term("parameter", (length.value.name,))
    return length.value if isinstance(length.value, Term) else int(str(length.value))


def longest(length: Expr) -> int:
    """The most bars that it can be, with its parameter at its highest."""
    return _extent(length, bars_in(length))[1]


def scaled(value: int | Number, *, multiply: int = 1, divide: int = 1, add: int = 0) -> int | Number:
    """A length times one number over another, rounded down, plus a third: `scaled(n, divide=2)` is half of it.

    >>> from tradepool.core.graph.expr import parameter
    >>> scaled(9, divide=2), scaled(parameter("n", 9, 2, 90, 1), divide=2, add=1)
    (4, n // 2 + 1)
    """
    if isinstance(value, int):
        return value * multiply // divide + add
    return _derived(value, plus(part(times(bars_in(length(value, "a length")), multiply), divide), add))


def root_of(value: int | Number) -> int | Number:
    """The square root of a length, rounded down."""
    if isinstance(value, int):
        return int(str(root(value)))
    return _derived(value, root(bars_in(length(value, "a length"))))


def excess(value: int | Number, other: int | Number) -> Whole:
    """By how many bars a length exceeds another; 0 where it does not."""
    return less(bars_in(length(value, "a length")), bars_in(length(other, "a length")))


def _derived(value: Number, bars: Whole) -> Number:
    parameter = value.args[0] if value.args else value
    return node(Number, "length", (parameter,), bars if isinstance(bars, Term) else int(bars))


def _is_whole(value: Number) -> bool:
    return isinstance(value.value, Parameter) and value.value.is_integer


def _extent(length: Expr, bars: Whole) -> tuple[int, int]:
    """Its least and its most; it follows from one parameter and grows with it."""
    if isinstance(bars, int):
        return bars, bars
    parameter = (length.args[0] if length.args else length).value
    assert isinstance(parameter, Parameter)
    low, high = (int(at(bars, {parameter.name: end}, MINUTE_MS)) for end in (parameter.low, parameter.high))
    return low, high
