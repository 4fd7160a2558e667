"""The words a step may use, with their exact meaning.

A step is source text: plain Python runs it (`reference`), LLVM compiles it (`native`), and both give the same bits.
That holds because a step uses nothing but `+ - *`, comparisons, branches and these words, and because each word is
defined for every value of its types: nan, infinity, -0.0, a divisor of zero. The bodies below *are* the definition;
the compiler emits the same for LLVM, or compiles the body itself. `words` lists them all, `math_words` has the
logarithm and its kin.

Integers are 64 bits: a step keeps its own results inside them (money stays below 2^53).
"""

from __future__ import annotations

import math
import struct
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64] | list[int]
Floats: TypeAlias = NDArray[np.float64]

Number = TypeVar("Number", int, float)
Value = TypeVar("Value", int, float, bool)

INT_MIN = -(2**63)
INT_MAX = 2**63 - 1

_DOUBLE = struct.Struct("<d")
_WHOLE = struct.Struct("<q")


def minimum(a: Number, b: Number) -> Number:
    """The smaller one; `b` where neither is smaller (equal, -0.0 beside 0.0, or a nan on either side).

    >>> minimum(1, 2), minimum(math.nan, 1.0), minimum(1.0, math.nan)
    (1, 1.0, nan)
    """
    return a if a < b else b


def maximum(a: Number, b: Number) -> Number:
    """The larger one; `b` where neither is larger (equal, -0.0 beside 0.0, or a nan on either side).

    >>> maximum(1, 2), maximum(math.nan, 1.0), maximum(1.0, math.nan)
    (2, 1.0, nan)
    """
    return a if a > b else b


def absolute(a: Number) -> Number:
    """The value without its sign; -0.0 becomes 0.0.

    >>> absolute(-3), absolute(-0.0)
    (3, 0.0)
    """
    return abs(a)


def square_root(a: float) -> float:
    """The correctly rounded root; nan below zero, -0.0 of -0.0.

    >>> square_root(9.0), square_root(-1.0)
    (3.0, nan)
    """
    return math.sqrt(a) if a >= 0.0 else math.nan


def divide(a: float, b: float) -> float:
    """The quotient; nan where the divisor is zero of either sign, so no infinity is born of an empty window.

    >>> divide(1.0, 4.0), divide(1.0, 0.0)
    (0.25, nan)
    """
    return a / b if b != 0.0 else math.nan


def where(condition: bool, a: Value, b: Value) -> Value:
    """`a` where the condition holds, else `b`; both are computed.

    >>> where(True, 1.0, 2.0)
    1.0
    """
    return a if condition else b


def is_nan(a: float) -> bool:
    """Whether the value is not a number.

    >>> is_nan(divide(0.0, 0.0))
    True
    """
    return a != a


def to_float(a: int) -> float:
    """The nearest float, ties to even; exact up to 2^53.

    >>> to_float(3)
    3.0
    """
    return float(a)


def floor_to_int(a: float) -> int:
    """The largest integer not above; 0 for nan, the nearest 64-bit integer for what lies outside.

    >>> floor_to_int(2.9), floor_to_int(-0.5), floor_to_int(math.nan), floor_to_int(math.inf) == INT_MAX
    (2, -1, 0, True)
    """
    if a != a:
        return 0
    if a >= 2.0**63:
        return INT_MAX
    return math.floor(a) if a > -(2.0**63) else INT_MIN


def ceil_to_int(a: float) -> int:
    """The smallest integer not below; 0 for nan, the nearest 64-bit integer for what lies outside.

    >>> ceil_to_int(2.1), ceil_to_int(-0.5), ceil_to_int(-math.inf) == INT_MIN
    (3, 0, True)
    """
    if a != a:
        return 0
    if a >= 2.0**63:
        return INT_MAX
    return math.ceil(a) if a > -(2.0**63) else INT_MIN


def floor_div(a: int, b: int) -> int:
    """How many whole times `b` > 0 goes into `a`, rounded down; 0 where `b` is not positive (never a crash).

    >>> floor_div(7, 2), floor_div(-7, 2), floor_div(7, 0)
    (3, -4, 0)
    """
    return a // b if b > 0 else 0


def remainder(a: int, b: int) -> int:
    """What `floor_div(a, b)` leaves over, 0 <= result < b; 0 where `b` is not positive.

    >>> remainder(7, 2), remainder(-7, 2), remainder(7, 0)
    (1, 1, 0)
    """
    return a % b if b > 0 else 0


def bits_of(a: float) -> int:
    """The 64 bits of a float read as an integer: sign, 11 bits of exponent, 52 of fraction; every nan gives the same.

    >>> hex(bits_of(1.0)), bits_of(-0.0) == INT_MIN, bits_of(-math.nan) == bits_of(math.nan)
    ('0x3ff0000000000000', True, True)
    """
    bits: int = _WHOLE.unpack(_DOUBLE.pack(a if a == a else math.nan))[0]
    return bits


def from_bits(a: int) -> float:
    """The float that has these 64 bits.

    >>> from_bits(bits_of(-1.5)), from_bits(1)
    (-1.5, 5e-324)
    """
    number: float = _DOUBLE.unpack(_WHOLE.pack(a))[0]
    return number


def round_to_int(a: float) -> int:
    """The nearest integer, halves up: floor(a + 0.5).

    >>> round_to_int(2.5), round_to_int(-2.5), round_to_int(2.4)
    (3, -2, 2)
    """
    return floor_to_int(a + 0.5)


def multiply_divide(a: int, b: int, c: int) -> int:
    """floor(a * b / c) of non-negative integers, exact while (c - 1)^2 and the result fit 64 bits.

    >>> multiply_divide(7, 10, 4), multiply_divide(3 * 10**18, 1_000, 10**6)
    (17, 3000000000000000)
    """
    rest = remainder(a, c)
    return floor_div(a, c) * b + rest * floor_div(b, c) + floor_div(rest * remainder(b, c), c)
