"""JSON that was sent to the control door, read so that nothing in it can be kept that the venue can't count or show.

Every decimal is finite and of a size that can be divided by any unit, every whole number and every delay has an end.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec

from tradepool.domain.errors import InvalidInput
from tradepool.domain.market import EXACT_MAX

# A hundred years: the moment it leads to can still be written as a date.
DELAY_MAX_MS = 100 * 365 * 86_400_000
DelayMs = Annotated[int, msgspec.Meta(ge=0, le=DELAY_MAX_MS)]
LARGEST, FINEST = 14, -12

Body = TypeVar("Body")


class Uncountable(InvalidInput):
    """{where} cannot be {value}; give a finite number below 1e15, not finer than 1e-12."""


def read_body(raw: bytes, kind: type[Body]) -> Body:
    """A body as its kind; Uncountable names a number that is none the venue counts with, msgspec says what else is wrong.

    >>> read_body(b'{"fee": ["1E+999999"]}', dict[str, list[Decimal]])
    Traceback (most recent call last):
    tradepool.simexchange.bodies.Uncountable: fee cannot be 1E+999999; give a finite number below 1e15, not finer...
    """
    body = msgspec.json.decode(raw, type=kind)
    check_numbers(body)
    return body


def check_numbers(body: object, where: str = "the body") -> None:
    """Uncountable unless the venue can count with every number of a body, and show it."""
    said = msgspec.to_builtins(body, builtin_types=(Decimal,))
    if isinstance(said, dict):
        for name, value in said.items():
            check_numbers(value, str(name))
    elif isinstance(said, list | tuple):
        for value in said:
            check_numbers(value, where)
    elif isinstance(said, Decimal | int) and not _counts(said):
        raise Uncountable(where=where, value=str(said)[:40])


def _counts(number: Decimal | int) -> bool:
    if isinstance(number, int):
        return abs(number) <= EXACT_MAX
    if not number.is_finite():
        return False
    exponent = number.as_tuple().exponent
    return not number or (number.adjusted() <= LARGEST and isinstance(exponent, int) and exponent >= FINEST)
