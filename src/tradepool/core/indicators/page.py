"""The one page shape: what each indicator says of itself, in a table that docs, texts, tests and benchmarks read.

What can be derived is: names and defaults from the signature, inputs, unit, look-back, warm-up and cost from the graph.
"""

from __future__ import annotations

import functools
import inspect
import pkgutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, TypeAlias, TypeVar, cast

from tradepool.core.graph.expr import Expr, Number, as_boolean, as_number
from tradepool.core.graph.lengths import LENGTH_MAX
from tradepool.core.graph.parameter import Parameter
from tradepool.domain.errors import InvalidInput

Group: TypeAlias = Literal[
    "averages",
    "prices",
    "momentum",
    "trend",
    "volatility",
    "volume",
    "structure",
    "candlesticks",
    "statistics",
]
Limits: TypeAlias = tuple[float, float]
Made: TypeAlias = "Expr | tuple[Expr, ...]"
# What becomes of bars that never change: a number, the same number again, or nothing.
SAME = "the same"
NOTHING = "no value"
Flat: TypeAlias = float | str
LENGTH: Limits = (1, LENGTH_MAX)
LENGTH_FROM_2: Limits = (2, LENGTH_MAX)
WIDTH: Limits = (0.0, 1_000.0)
_Function = TypeVar("_Function", bound=Callable[..., object])


class BeyondLimits(InvalidInput):
    """{call}: {name} cannot be {value}; give one from {low} to {high}."""


class NotFixed(InvalidInput):
    """{call}: {name} is fixed and cannot be {value}; write {kind} from {low} to {high}."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument: its default (an expression, a number or a text) and, of a number, its limits."""

    name: str
    kind: str
    default: object
    limits: Limits | None

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is inspect.Parameter.empty

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole number, such as a length."""
        return self.kind.startswith("int")

    @property
    def may_vary(self) -> bool:
        """Whether a parameter may stand in its place."""
        return self.limits is not None and "Number" in self.kind


@dataclass(frozen=True, slots=True)
class Page:
    """An indicator: how it is called, what it may be given, and what cannot be derived from its graph.

    `span` and `flat` are one for each output, or one for all of them; `twin` names the function of TA-Lib that says the
    same.
    """

    name: str
    group: Group
    title: str
    call: Callable[..., Made]
    arguments: tuple[Argument, ...]
    span: tuple[str, ...]
    source: str
    flat: tuple[Flat, ...]
    twin: str

    def lines(self, **given: object) -> dict[str, Expr]:
        """Its outputs by name; an indicator of one output has its own name."""
        made = self.call(**given)
        if isinstance(made, Expr):
            return {self.name: made}
        fields: tuple[str, ...] = type(made)._fields  # type: ignore[attr-defined]  # every tuple here is a NamedTuple
        return dict(zip(fields, made, strict=True))


_PAGES: dict[str, Page] = {}


def indicator(
    group: Group,
    *,
    span: str | tuple[str, ...],
    source: str,
    flat: Flat | tuple[Flat, ...],
    twin: str = "",
    **limits: Limits,
) -> Callable[[_Function], _Function]:
    """Put a function into the table and check what it is given: kinds, and that numbers keep their limits.

    A parameter keeps them with its whole range. The function then raises BeyondLimits, NotFixed or WrongOperand.
    """

    def enter(function: _Function) -> _Function:
        signature = inspect.signature(function)
        name, module = function.__name__, sys.modules[function.__module__]
        arguments = tuple(
            Argument(item.name, str(item.annotation), item.default, limits.get(item.name))
            for item in signature.parameters.values()
        )

        @functools.wraps(function)
        def checked(*args: object, **kwargs: object) -> object:
            given = signature.bind(*args, **kwargs).arguments
            for item in arguments:
                if item.name in given:
                    given[item.name] = _checked(name, item, given[item.name])
            return function(**given)

        spans = span if isinstance(span, tuple) else (span,)
        flats = flat if isinstance(flat, tuple) else (flat,)
        call = cast("Callable[..., Made]", checked)
        title = (module.__doc__ or "").strip().rstrip(".")
        _PAGES[name] = Page(name, group, title, call, arguments, spans, source, flats, twin)
        return cast(_Function, checked)

    return enter


def pages() -> Mapping[str, Page]:
    """Every indicator by name, in the order of their modules' names."""
    package = import_module(__name__.rpartition(".")[0])
    for module in sorted(item.name for item in pkgutil.iter_modules(package.__path__)):
        import_module(f"{package.__name__}.{module}")
    return dict(sorted(_PAGES.items()))


def _checked(call: str, argument: Argument, value: object) -> object:
    if argument.kind == "Number":
        return as_number(value, f"{call}({argument.name}=...)")
    if argument.kind == "Boolean":
        return as_boolean(value, f"{call}({argument.name}=...)")
    if argument.limits is None:
        return value
    if not argument.may_vary and not isinstance(value, int if argument.is_whole else int | float):
        kind = "a whole number" if argument.is_whole else "a number"
        raise NotFixed(**_told(call, argument, value, argument.limits), kind=kind)
    ends: tuple[object, ...] = (value,)
    if isinstance(value, Number) and isinstance(value.value, Parameter):
        ends = (value.value.low, value.value.high)
    low, high = argument.limits
    for end in ends:
        fits = not isinstance(end, int | float) or (not isinstance(end, bool) and low <= end <= high)
        if not fits:
            shown = {"value": f"{value!r} ({ends[0]} to {ends[-1]})"} if len(ends) > 1 else {}
            raise BeyondLimits(**_told(call, argument, value, argument.limits) | shown)
    if not isinstance(value, int | float | Number):
        as_number(value, f"{call}({argument.name}=...)")
    return value


def _told(call: str, argument: Argument, value: object, limits: Limits) -> dict[str, str]:
    shown, (low, high) = f"{value!r:.40}", limits
    facts = {"call": f"{call}({argument.name}={shown})", "name": argument.name, "value": shown}
    return {**facts, "low": f"{low:g}", "high": f"{high:g}"}
