"""Whole numbers of bars that follow from parameters: look-back, warm-up, and the bars in a bar of a longer timeframe.

A whole number is an int, or a term: a sum, product or maximum of parameters and ratios. Equal terms are equal in
Python. `at` computes one in plain Python, for one parameter set or for an array of sets at once; a step is handed the
numbers beside its parameters.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tradepool.domain.candle import timeframe_name
from tradepool.domain.errors import InvalidInput

MINUTE_MS = 60_000


class NotAMultiple(InvalidInput):
    """Bars of {longer} cannot be made of bars of {shorter}; use a whole multiple of {shorter}."""


@dataclass(frozen=True, slots=True, repr=False)
class Term:
    """A parameter by name, a ratio by the longer timeframe in ms, or `+`, `*`, `max` of two; `never` without end.

    `//` is a part, rounded down, `less` what one exceeds another by (or 0), `root` a square root, rounded down. `most`
    is the largest of one number over all parameter sets.
    """

    op: str
    args: tuple[Whole | str, ...]
    depth: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Count how deep it goes: what is too deep to be walked is refused where an expression is built."""
        deepest = max((item.depth for item in self.args if isinstance(item, Term)), default=0)
        object.__setattr__(self, "depth", 1 + deepest)

    def __str__(self) -> str:
        """As it would be written."""
        if self.op in ("+", "*", "//"):
            inner = [f"({a})" if self.op != "+" and isinstance(a, Term) and a.op == "+" else f"{a}" for a in self.args]
            return f" {self.op} ".join(inner).replace("+ -", "- ")
        if self.op == "ratio":
            return f"bars in {timeframe_name(int(str(self.args[0])))}"
        named = self.op in ("max", "less", "root")
        return f"{self.op}({', '.join(map(str, self.args))})" if named else str(self.args[0])

    def __repr__(self) -> str:
        """As it would be written."""
        return str(self)


Whole: TypeAlias = int | Term
Count: TypeAlias = int | NDArray[np.int64]
NEVER = Term("never", ("never",))


def _parts(whole: Whole) -> tuple[Whole, int]:
    """A term and the int added to it."""
    if isinstance(whole, Term) and whole.op == "+" and isinstance(whole.args[1], int):
        assert not isinstance(whole.args[0], str)
        return whole.args[0], whole.args[1]
    return (0, whole) if isinstance(whole, int) else (whole, 0)


def plus(a: Whole, b: Whole) -> Whole:
    """The sum.

    >>> print(plus(plus(Term("parameter", ("fast",)), 5), -6))
    fast - 1
    """
    if NEVER in (a, b):
        return NEVER
    # Kept as the largest of sums, so that what is compared often does not grow each time.
    (several, other) = (a, b) if isinstance(a, Term) and a.op == "max" else (b, a)
    if isinstance(several, Term) and several.op == "max" and not (isinstance(other, Term) and other.op == "max"):
        return largest(*(plus(item, other) for item in _alternatives(several)))
    (a, more), (b, yet_more) = _parts(a), _parts(b)
    terms, constant = [item for item in (a, b) if item != 0], more + yet_more
    whole: Whole = Term("+", (a, b)) if len(terms) == 2 else terms[0] if terms else 0
    return Term("+", (whole, constant)) if constant and terms else constant or whole


def times(a: Whole, b: Whole) -> Whole:
    """The product."""
    if NEVER in (a, b):
        return NEVER
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    return a if b == 1 else b if a == 1 else Term("*", (a, b))


def part(whole: Whole, divisor: int) -> Whole:
    """The whole over a divisor, rounded down."""
    return whole // divisor if isinstance(whole, int) else whole if divisor == 1 else Term("//", (whole, divisor))


def less(a: Whole, b: Whole) -> Whole:
    """By how much the one exceeds the other, or 0."""
    return max(a - b, 0) if isinstance(a, int) and isinstance(b, int) else Term("less", (a, b))


def root(whole: Whole) -> Whole:
    """The square root, rounded down."""
    return isqrt(whole) if isinstance(whole, int) else Term("root", (whole,))


def _addends(whole: Whole) -> tuple[Counter[Term], int]:
    """The terms whose sum it is, and the int among them."""
    terms, constant, rest = Counter[Term](), 0, [whole]
    while rest:
        item = rest.pop()
        if isinstance(item, int):
            constant += item
        elif item.op == "+":
            rest += [part for part in item.args if not isinstance(part, str)]
        else:
            terms[item] += 1
    return terms, constant


def _covers(a: Whole, b: Whole) -> bool:
    """Whether `a` is surely not below `b`: it has all addends of `b`, and of the others each parameter or ratio is at least 1."""
    (terms, constant), (others, other_constant) = _addends(a), _addends(b)
    more = sum(count for term, count in (terms - others).items() if term.op in ("parameter", "ratio"))
    return not others - terms and constant + more >= other_constant


def largest(*wholes: Whole) -> Whole:
    """The largest of numbers that are never negative.

    >>> n = Term("parameter", ("n",))
    >>> print(largest(plus(n, 5), plus(plus(n, n), 4)))
    n + n + 4
    """
    kept: list[Whole] = []
    for item in (part for whole in wholes for part in _alternatives(whole)):
        if item == NEVER:
            return NEVER
        if not any(_covers(other, item) for other in kept):
            kept = [*(other for other in kept if not _covers(item, other)), item]
    most: Whole = kept[0] if kept else 0
    for item in kept[1:]:
        most = Term("max", (most, item))
    return most


def _alternatives(whole: Whole) -> list[Whole]:
    """The numbers of which it is the largest."""
    if isinstance(whole, int) or whole.op != "max":
        return [whole]
    return [part for item in whole.args if not isinstance(item, str) for part in _alternatives(item)]


def at(whole: Whole, values: Mapping[str, float | NDArray[np.generic]], timeframe_ms: int) -> Count:
    """The number for these parameter values (ints, or one int array each) and this timeframe of the base bars.

    Raises NotAMultiple where a longer timeframe is not made of whole base bars.

    >>> n = Term("parameter", ("n",))
    >>> at(largest(plus(n, 2), 7), {"n": np.array([4, 9])}, 60_000)
    array([ 7, 11])
    """
    if isinstance(whole, int):
        return whole
    if whole.op == "parameter":
        value = values[str(whole.args[0])]
        return value.astype(np.int64) if isinstance(value, np.ndarray) else int(value)
    if whole.op == "ratio":
        return ratio(int(str(whole.args[0])), timeframe_ms)
    if whole.op == "most":
        assert not isinstance(whole.args[0], str)
        return int(np.max(at(whole.args[0], values, timeframe_ms)))
    found = [at(item, values, timeframe_ms) for item in whole.args if not isinstance(item, str)]
    return applied(whole.op, *found)


def applied(op: str, a: Count, b: Count = 0) -> Count:
    """An operation of a term, done to numbers."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return _APPLIED_TO_MANY[op](a, b)
    return _APPLIED[op](a, b)


_APPLIED: Mapping[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "*": operator.mul,
    "//": operator.floordiv,
    "max": max,
    "less": lambda a, b: max(a - b, 0),
    "root": lambda a, b: isqrt(a),
}
_APPLIED_TO_MANY: Mapping[str, Callable[[Count, Count], NDArray[np.int64]]] = {
    "+": np.add,
    "*": np.multiply,
    "//": np.floor_divide,
    "max": np.maximum,
    "less": lambda a, b: np.maximum(np.subtract(a, b), 0),
    "root": lambda a, b: np.array([isqrt(int(one)) for one in np.ravel(a)], np.int64),
}


def ratio(longer_ms: int, shorter_ms: int) -> int:
    """Bars of the shorter timeframe in one of the longer. Raises NotAMultiple."""
    if longer_ms % shorter_ms:
        raise NotAMultiple(longer=timeframe_name(longer_ms), shorter=timeframe_name(shorter_ms))
    return longer_ms // shorter_ms


def names_in(whole: Whole) -> set[str]:
    """The parameters a number depends on."""
    if isinstance(whole, int) or whole.op in ("ratio", "most"):
        return set()
    if whole.op == "parameter":
        return {str(whole.args[0])}
    return {name for item in whole.args if not isinstance(item, str) for name in names_in(item)}
