"""Units: what a number is a number of, as exponents of price (quote asset) and volume (base asset).

A plain number (a ratio, a percentage, a count of bars) has neither. Constants, parameters and external values are of
any unit: `close > 100` and `rsi < 30` both make sense.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from tradepool.domain.errors import InvalidInput

Unit: TypeAlias = tuple[float, float] | None
ANY = None
PLAIN = (0.0, 0.0)
PRICE = (1.0, 0.0)
VOLUME = (0.0, 1.0)


# What is computed at one bar alone: its sign where it has one, how a step writes it, how its unit follows (see `combined`).
OPERATIONS: dict[str, tuple[str, str, str]] = {
    "add": ("+", "{} + {}", "same"),
    "subtract": ("-", "{} - {}", "same"),
    "multiply": ("*", "{} * {}", "product"),
    "divide": ("/", "divide({}, {})", "quotient"),
    "less": ("<", "{} < {}", "same"),
    "less_equal": ("<=", "{} <= {}", "same"),
    "greater": (">", "{} > {}", "same"),
    "greater_equal": (">=", "{} >= {}", "same"),
    "and": ("&", "{} and {}", ""),
    "or": ("|", "{} or {}", ""),
    "negate": ("-", "-{}", "same"),
    "not": ("~", "not {}", ""),
    "maximum": ("", "maximum({}, {})", "same"),
    "minimum": ("", "minimum({}, {})", "same"),
    "absolute": ("", "absolute({})", "same"),
    "square_root": ("", "square_root({})", "root"),
    "log": ("", "log({})", "plain"),
    "exp": ("", "exp({})", "plain"),
    "power": ("", "power({}, {})", "plain"),
    "tanh": ("", "tanh({})", "plain"),
    "is_known": ("", "not is_nan({})", ""),
    "where": ("", "where({}, {}, {})", "same"),
}


class WrongUnit(InvalidInput):
    """In {expression}: {why}; {remedy}."""


class Measured(Protocol):
    """Whatever has a unit."""

    @property
    def unit(self) -> Unit:
        """Its unit."""


def unit_name(unit: Unit) -> str:
    """How a unit is called.

    >>> unit_name((2.0, 0.0)), unit_name((1.0, -0.5)), unit_name(PLAIN)
    ('price^2', 'price volume^-0.5', 'a plain number')
    """
    if unit is ANY or unit == PLAIN:
        return "of any unit" if unit is ANY else "a plain number"
    parts = [(name, power) for name, power in zip(("price", "volume"), unit, strict=True) if power]
    return " ".join(name if power == 1 else f"{name}^{power:g}" for name, power in parts)


def combined(rule: str, args: Sequence[Measured], place: str) -> Unit:
    """The unit of what is computed from operands. Raises WrongUnit.

    `same` demands equal units, `plain` plain numbers; `product`, `quotient`, `square`, `root` compute the unit; any
    other rule gives a plain number.
    """
    units = [arg.unit for arg in args if arg.unit is not ANY]
    if rule == "same":
        if len(set(units)) > 1:
            why = ", ".join(f"`{arg!r:.50}` is {unit_name(arg.unit)}" for arg in args if arg.unit is not ANY)
            raise WrongUnit(expression=place, why=why, remedy="divide each by a number of its own unit first")
        return units[0] if units else ANY
    if rule == "plain":
        for arg in args:
            if arg.unit not in (ANY, PLAIN):
                why = f"`{arg!r:.60}` is {unit_name(arg.unit)}, which has no meaning here"
                raise WrongUnit(expression=place, why=why, remedy="divide it by its own earlier value, such as lag(x)")
        return PLAIN if units else ANY
    if rule not in ("product", "quotient", "square", "root"):
        return PLAIN
    if not units:
        return ANY
    signs = {"quotient": (1.0, -1.0), "square": (2.0,), "root": (0.5,)}.get(rule, (1.0, 1.0))
    known = [(sign, arg.unit) for sign, arg in zip(signs, args, strict=True) if arg.unit is not ANY]
    return sum(sign * unit[0] for sign, unit in known) + 0.0, sum(sign * unit[1] for sign, unit in known) + 0.0
