"""Commission is counted in full precision: a result that would have to be rounded raises, until it is floored on purpose."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_FLOOR, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, localcontext
from functools import wraps
from typing import ParamSpec, TypeVar

UNIT = Decimal("0.00000001")
CENT = Decimal("0.01")
ZERO = Decimal(0)
# Wide enough for any product of money, price and quantity; whatever is not exact in it raises.
EXACT = Context(prec=120, traps=[Inexact, InvalidOperation, DivisionByZero])

P = ParamSpec("P")
R = TypeVar("R")


def exact(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function in a decimal context of its own, in which nothing is ever rounded in silence.

    >>> @exact
    ... def third() -> Decimal:
    ...     return Decimal(1) / 3
    >>> third()
    Traceback (most recent call last):
    decimal.Inexact: [<class 'decimal.Inexact'>]
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext(EXACT):
            return function(*args, **kwargs)

    return wrapped


def floored(amount: Decimal, unit: Decimal = CENT) -> Decimal:
    """The largest multiple of `unit` (a power of ten) that is not above the amount: the one rounding there is.

    >>> floored(Decimal("60.0117")), floored(Decimal("-0.001"))
    (Decimal('60.01'), Decimal('-0.01'))
    """
    with localcontext(EXACT):
        return ((amount / unit).to_integral_value(ROUND_FLOOR) * unit).quantize(unit)


def share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """`amount` x `part` / `whole`, floored to a unit; what is floored away stays with the rest.

    >>> share(Decimal("600.60"), Decimal("0.007"), Decimal("0.01"))
    Decimal('420.42000000')
    """
    with localcontext(EXACT):
        units = amount * part // (whole * UNIT) if amount >= 0 else -(-amount * part // (whole * UNIT))
        return units * UNIT
