"""Every indicator there is, found by walking the package: its lines as expressions over parameters of their own."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module

from tradepool.core import indicators
from tradepool.core.graph.expr import Expr, parameter

LONGEST = 60
USUAL = 14


def functions() -> Iterator[Callable[..., Expr | tuple[Expr, ...]]]:
    """The public functions of the indicators' modules."""
    for module in pkgutil.walk_packages(indicators.__path__, f"{indicators.__name__}."):
        members = vars(import_module(module.name)).items()
        yield from (
            value
            for name, value in members
            if inspect.isfunction(value) and value.__module__ == module.name and not name.startswith("_")
        )


def lines(function: Callable[..., Expr | tuple[Expr, ...]]) -> Iterator[tuple[str, Expr]]:
    """An indicator's lines by name, with a parameter for each argument that may be one."""
    given: dict[str, Expr] = {}
    for argument in inspect.signature(function).parameters.values():
        default = argument.default
        if argument.annotation == "int | Number":
            given[argument.name] = parameter(argument.name, USUAL, 1, LONGEST, 1)
        elif argument.annotation == "float | Number" and isinstance(default, float):
            name = f"{function.__name__}_{argument.name}"
            given[argument.name] = parameter(name, default, 0.0, 4.0 * default, default / 4.0)
    made = function(**given)
    if isinstance(made, Expr):
        yield function.__name__, made
    else:
        fields = getattr(made, "_fields", None) or [str(index) for index in range(len(made))]
        yield from ((f"{function.__name__} {name}", line) for name, line in zip(fields, made, strict=True))


INDICATORS: dict[str, Expr] = dict(line for function in functions() for line in lines(function))
