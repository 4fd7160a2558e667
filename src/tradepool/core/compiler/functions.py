"""What a runner gives back: the functions of a program, called by name, with their arguments checked once."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradepool.core.compiler.kinds import ELEMENT, Kind, Signature
from tradepool.core.compiler.vocabulary import INT_MAX, INT_MIN
from tradepool.domain.errors import InvalidInput

Result = int | float | bool | None
_DTYPE = {Kind.INTS: np.dtype(np.int64), Kind.FLOATS: np.dtype(np.float64)}


class WrongArgument(InvalidInput):
    """{function} cannot take {parameter}: {why}; {remedy}."""


class NoSuchFunction(InvalidInput):
    """The program has no function {name}; it has {known}."""


class Function:
    """One step function, ready to run.

    `call` takes what `convert` made of an array (a pointer or a memory view) and plain scalars. An index outside an
    array is the step's own mistake and is not looked for.
    """

    __slots__ = ("call", "convert", "owner", "signature")

    def __init__(
        self,
        signature: Signature,
        call: Callable[..., Any],
        convert: Callable[[np.ndarray[Any, Any]], object],
        owner: object = None,
    ) -> None:
        """Join a runner's function with its way to hand over an array; `owner` holds the code and lives as long."""
        self.owner = owner
        self.signature = signature
        self.call = call
        self.convert = convert

    def __call__(self, *arguments: object) -> Any:
        """Check the arguments and run: int, float, bool or None, as annotated. Raises WrongArgument."""
        return self.call(*self.prepare(arguments))

    def bind(self, *arguments: object) -> Callable[[], Any]:
        """Check the arguments now and run later, as often as wanted, over the same arrays and scalars.

        The arrays are kept alive and must not be resized; what is written into them is what the next run sees.
        """
        call, ready = self.call, tuple(self.prepare(arguments))

        def run(_kept: object = (self, arguments)) -> Any:
            return call(*ready)

        return run

    def prepare(self, arguments: tuple[object, ...]) -> Iterator[object]:
        """Each argument as the runner takes it."""
        parameters = self.signature.parameters
        if len(arguments) != len(parameters):
            wanted = ", ".join(f"{name}: {kind.value}" for name, kind in parameters)
            raise self.refuse(f"{len(arguments)} arguments", "the number differs", f"give {wanted}")
        for argument, (name, kind) in zip(arguments, parameters, strict=True):
            yield self.array(argument, name, kind) if kind in ELEMENT else self.scalar(argument, name, kind)

    def array(self, argument: object, name: str, kind: Kind) -> object:
        """An array of the right element type, one-dimensional and without gaps, writable if the step writes to it."""
        remedy = f"give a one-dimensional C-contiguous {_DTYPE[kind]} array"
        if not isinstance(argument, np.ndarray):
            raise self.refuse(name, f"it is {type(argument).__name__}", remedy)
        if argument.dtype != _DTYPE[kind] or argument.ndim != 1 or not argument.flags.c_contiguous:
            raise self.refuse(name, f"it is {argument.dtype} with strides {argument.strides}", remedy)
        if name in self.signature.writes and not argument.flags.writeable:
            raise self.refuse(name, "it is read-only and the step writes to it", "give a writable copy")
        return self.convert(argument)

    def scalar(self, argument: object, name: str, kind: Kind) -> object:
        """A Python number of exactly the annotated kind; NumPy's scalars are taken too."""
        try:
            if kind is Kind.BOOL and isinstance(argument, bool | np.bool_):
                return bool(argument)
            if kind is Kind.FLOAT and isinstance(argument, int | float | np.number):
                return float(argument)
            if kind is Kind.INT and not isinstance(argument, bool):
                number = operator.index(argument)  # type: ignore[arg-type]  # a TypeError is caught just below
                if INT_MIN <= number <= INT_MAX:
                    return number
        except (TypeError, OverflowError):
            pass
        raise self.refuse(name, f"it is {argument!r}", f"give a {'64-bit ' if kind is Kind.INT else ''}{kind.value}")

    def refuse(self, parameter: str, why: str, remedy: str) -> WrongArgument:
        """The error that names this function and the parameter."""
        return WrongArgument(function=self.signature.name, parameter=parameter, why=why, remedy=remedy)


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions of one program in one runner (`reference` or `native`), by name."""

    runner: str
    functions: Mapping[str, Function]

    def __getitem__(self, name: str) -> Function:
        """The function of that name. Raises NoSuchFunction."""
        if name not in self.functions:
            raise NoSuchFunction(name=name, known=", ".join(self.functions))
        return self.functions[name]
