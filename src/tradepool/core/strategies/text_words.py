"""Every word that a strategy text may use: a fixed table. What is not in it does not exist for a text.

A function's arguments go by position in the order of its Python signature, or by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from tradepool.core.graph import expr, primitives, recursion, scope
from tradepool.core.graph.expr import Boolean, Number
from tradepool.core.graph.parameter import Parameter
from tradepool.core.indicators.page import pages

# A literal stays a Python number until it meets an expression: a window length must be a whole number, not a node.
Value: TypeAlias = Number | Boolean | int | float | str
Outputs: TypeAlias = tuple[Number, ...]
Result: TypeAlias = Value | Outputs

INPUTS: Mapping[str, Number] = {
    "open": expr.open_,
    "high": expr.high,
    "low": expr.low,
    "close": expr.close,
    "volume": expr.volume,
}
_EXPRESSIONS: Sequence[Callable[..., Result]] = (
    expr.maximum,
    expr.minimum,
    expr.absolute,
    expr.square_root,
    expr.where,
    expr.was,
    expr.crosses_above,
    expr.crosses_below,
    expr.is_known,
    expr.log,
    expr.exp,
    expr.power,
    expr.tanh,
    scope.on,
    scope.of,
    scope.external,
    scope.session,
)
_PRIMITIVES: Sequence[Callable[..., Result]] = (
    primitives.wilder,
    primitives.variance,
    primitives.highest,
    primitives.lowest,
    primitives.lag,
    primitives.delta,
    primitives.smooth,
    primitives.rolling_sum,
    primitives.rank,
    primitives.quantile,
    primitives.regression,
    primitives.correlation,
    primitives.count,
    primitives.since,
    primitives.cumulative,
    primitives.since_highest,
    primitives.since_lowest,
    recursion.value_when,
)

RESERVED = frozenset(
    {"let", "parameter", "from", "to", "step", "and", "or", "not", "crosses", "above", "below"}
    | {"percent", "atrs", "then", "share"}
)


@dataclass(frozen=True, slots=True)
class Word:
    """A function of the language; `required` of its `arguments` have no default, `strings` take text."""

    call: Callable[..., Result]
    arguments: tuple[str, ...]
    required: tuple[str, ...]
    strings: frozenset[str]
    usage: str
    summary: str

    @property
    def source_is_close(self) -> bool:
        """Whether the first argument is a source that may be left out."""
        return bool(self.arguments) and self.arguments[0] == "source" and "source" not in self.required

    def names_of(self, positional: Sequence[Value]) -> tuple[str, ...]:
        """What each argument by position is: a whole number in the place of the source is already the length.

        >>> WORDS["rsi"].names_of([14]), WORDS["rsi"].names_of([expr.low, 14])
        (('length',), ('source', 'length'))
        """
        skip = self.source_is_close and bool(positional) and _is_whole(positional[0])
        return self.arguments[skip:][: len(positional)]


def _is_whole(value: Value) -> bool:
    if isinstance(value, Number):
        return isinstance(value.value, Parameter) and value.value.is_integer
    return isinstance(value, int)


def _word(call: Callable[..., Result]) -> Word:
    given = inspect.signature(call).parameters.values()
    arguments = tuple(item.name for item in given)
    required = tuple(item.name for item in given if item.default is item.empty)
    usage = ", ".join(item.name if item.default is item.empty else f"{item.name} = {item.default!r}" for item in given)
    strings = frozenset(item.name for item in given if item.annotation == "str")
    summary = (inspect.getdoc(call) or "").split("\n")[0]
    return Word(call, arguments, required, strings, f"{call.__name__}({usage})", summary)


WORDS: Mapping[str, Word] = {
    **{call.__name__: _word(call) for call in (*_EXPRESSIONS, *_PRIMITIVES)},
    **{name: _word(cast("Callable[..., Result]", page.call)) for name, page in pages().items()},
}
