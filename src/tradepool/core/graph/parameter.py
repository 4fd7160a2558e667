"""Parameters: the values of an expression that a user or a sweep may vary."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.errors import InvalidInput

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class WrongParameter(InvalidInput):
    """Parameter {name} {why}; {remedy}."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value the user or a sweep may vary, from `low` to `high` in steps of `step`; all ints, or all floats."""

    name: str
    default: float
    low: float
    high: float
    step: float

    @property
    def is_integer(self) -> bool:
        """Whether only whole numbers are allowed: the kind of the default decides."""
        return isinstance(self.default, int)

    def take(self, value: object) -> float:
        """A value for this parameter, brought to its kind and onto its grid. Raises WrongParameter.

        >>> declare("width", 2.0, 0.5, 5.0, 0.1).take(1.7000000000000002)
        1.7
        """
        kind = "a whole number" if self.is_integer else "a number"
        if isinstance(value, bool) or not isinstance(value, int if self.is_integer else int | float):
            raise WrongParameter(name=self.name, why=f"cannot be {value!r:.40}", remedy=f"give {kind}")
        slack = 1e-9 * max(abs(self.low), abs(self.high), self.step)
        if not self.low - slack <= value <= self.high + slack:
            why = f"cannot be {value!r:.40}"
            raise WrongParameter(name=self.name, why=why, remedy=f"give {kind} from {self.low} to {self.high}")
        steps = round((value - self.low) / self.step)
        # In decimals, so that the value a user writes and the value a sweep counts up to are the same float.
        nearest = Decimal(str(self.low)) + steps * Decimal(str(self.step))
        if abs(value - float(nearest)) > slack:
            remedy = f"go in steps of {self.step} from {self.low}; the nearest is {nearest}"
            raise WrongParameter(name=self.name, why=f"cannot be {value!r:.40}", remedy=remedy)
        return int(nearest) if self.is_integer else float(nearest)


def declare(name: str, default: float, low: float, high: float, step: float) -> Parameter:
    """A parameter whose name, kinds and range make sense. Raises WrongParameter.

    >>> declare("fast", 12, 2, 200, 1).is_integer
    True
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        why, remedy = "has an unusable name", "use a-z, 0-9 and _, from a letter, at most 40"
        raise WrongParameter(name=repr(name)[:60], why=why, remedy=remedy)
    values = (default, low, high, step)
    kinds = {type(value) for value in values}
    if not (kinds == {int} or (type(default) is float and kinds <= {int, float})):
        raise WrongParameter(name=name, why=f"mixes kinds in {values}", remedy="give ints only, or a float default")
    if not (all(math.isfinite(value) for value in values) and low <= default <= high and step > 0):
        why = f"has no usable range in {values}"
        raise WrongParameter(name=name, why=why, remedy="give finite values, low <= default <= high, step > 0")
    if type(default) is float:
        low, high, step = float(low), float(high), float(step)
    parameter = Parameter(name, default, low, high, step)
    parameter.take(default)
    return parameter
