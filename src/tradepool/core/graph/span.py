"""A number of bars that depends on parameters: the largest of some sums, such as max(fast, slow) + 8.

Look-back and warm-up of an expression are spans: known when it is built, a number once its parameters have values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# constant + sum of coefficient * parameter, the parameters in order of name
Sum = tuple[int, tuple[tuple[str, int], ...]]


@dataclass(frozen=True, slots=True)
class Span:
    """The largest of `sums`, in bars.

    >>> span = (Span.of(3) | Span.of(0, fast=1, slow=1)) + Span.of(8)
    >>> print(span, span.at({"fast": 12, "slow": 26}))
    max(11, fast + slow + 8) 46
    """

    sums: frozenset[Sum]

    @staticmethod
    def of(constant: int, **coefficients: int) -> Span:
        """One sum."""
        return Span(frozenset({(constant, tuple(sorted(coefficients.items())))}))

    def __or__(self, other: Span) -> Span:
        """The larger of two spans; a sum that another one reaches for all parameters (they are 1 or more) is dropped."""
        constants: dict[tuple[tuple[str, int], ...], int] = {}
        for constant, terms in self.sums | other.sums:
            constants[terms] = max(constant, constants.get(terms, constant))
        least = max(
            (constant + sum(times for _, times in terms) for terms, constant in constants.items() if terms), default=-1
        )
        if constants.get((), least + 1) <= least:
            del constants[()]
        return Span(frozenset((constant, terms) for terms, constant in constants.items()))

    def __add__(self, other: Span) -> Span:
        """One span after the other."""
        return Span(frozenset(_plus(a, b) for a in self.sums for b in other.sums))

    def at(self, values: Mapping[str, float]) -> int:
        """Bars for given parameter values."""
        return max(constant + sum(int(values[name]) * times for name, times in terms) for constant, terms in self.sums)

    @property
    def ordered(self) -> list[Sum]:
        """The sums in an order that is the same in every run."""
        return sorted(self.sums, key=lambda item: (item[1], item[0]))

    def __str__(self) -> str:
        """As it would be written."""
        sums = [_text(item) for item in self.ordered]
        return sums[0] if len(sums) == 1 else f"max({', '.join(sums)})"


NONE = Span.of(0)


def _plus(a: Sum, b: Sum) -> Sum:
    terms = dict(a[1])
    for name, times in b[1]:
        terms[name] = terms.get(name, 0) + times
    return a[0] + b[0], tuple(sorted(terms.items()))


def _text(item: Sum) -> str:
    constant, terms = item
    names = " + ".join(name if times == 1 else f"{times} * {name}" for name, times in terms)
    if not names:
        return str(constant)
    return f"{names} {'+' if constant > 0 else '-'} {abs(constant)}" if constant else names
