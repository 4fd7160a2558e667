"""Whole counts of a decimal step, and their text on the wire."""

from __future__ import annotations

from decimal import Decimal

from tradepool.domain.errors import InvalidInput

DIGITS_MAX = 20


class NotANumber(InvalidInput):
    """{text} is not a plain decimal number."""


class FixedPoint:
    """Counts of a step written as decimals, without floats and without Decimal's cost on the hot path.

    >>> tick = FixedPoint(Decimal("0.05"))
    >>> tick.text(2001), tick.text(-1), tick.count("100.0500"), tick.count("100.06")
    ('100.05', '-0.05', 2001, None)
    """

    __slots__ = ("_mantissa", "_places", "_scale", "step")

    def __init__(self, step: Decimal) -> None:
        """Read the step once: `step` = mantissa / 10^places."""
        exponent = step.normalize().as_tuple().exponent
        self.step = step
        self._places = max(0, -exponent) if isinstance(exponent, int) else 0
        self._scale = 10**self._places
        self._mantissa = int(step * self._scale)

    def text(self, count: int) -> str:
        """So many steps as a plain decimal with the step's own number of decimals."""
        if count < 0:
            return f"-{self.text(-count)}"
        # Slicing digits is three times as fast as dividing by the scale, and every order writes thirty amounts.
        digits, places = str(count * self._mantissa), self._places
        if not places:
            return digits
        if len(digits) <= places:
            digits = digits.zfill(places + 1)
        return f"{digits[:-places]}.{digits[-places:]}"

    def count(self, text: str) -> int | None:
        """Steps in a plain decimal; None when it is not a whole number of them, NotANumber when it is no number."""
        whole, _, part = text.partition(".")
        digits = whole + part
        if not (digits.isascii() and digits.isdigit()) or max(len(whole), len(part)) > DIGITS_MAX or not whole:
            raise NotANumber(text=text)
        used, rest = part[: self._places], part[self._places :]
        if rest.strip("0"):
            return None
        count, remainder = divmod(int(whole + used.ljust(self._places, "0")), self._mantissa)
        return None if remainder else count
