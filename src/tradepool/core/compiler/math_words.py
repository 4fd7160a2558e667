"""Logarithm, exponential, power and hyperbolic tangent, written in the other words.

No runner calls the machine's math library, so all of them give the same bits. Everything is computed straight through,
special values are chosen at the end: the same text is good vector code. What comes out is less than 0.9 ulp from the
true value (a unit in the last place of the result), in all ranges, subnormal results included.

Where a function has a pole the result is nan, as with `divide`: no infinity is born of an empty window and passes for
a very large or very small number. What is too large for a float is infinity and what is too small is 0.0, as with `*`.

Methods: J.-M. Muller, Elementary Functions (argument reduction, log as 2 atanh); T. J. Dekker, A floating-point
technique for extending the available precision (1971: a sum or product of two floats as a float and its rounding
error, without fma). The polynomials are ours: minimax by the exchange algorithm of Remez, at 60 digits.
"""

from __future__ import annotations

import math

from tradepool.core.compiler.vocabulary import (
    absolute,
    bits_of,
    divide,
    floor_div,
    from_bits,
    is_nan,
    maximum,
    minimum,
    to_float,
    where,
)

_NAN = math.nan
_INFINITY = math.inf
_SMALLEST_NORMAL = 2.0**-1022
_SUBNORMAL_BITS = 54.0
_SUBNORMAL_SCALE = 2.0**_SUBNORMAL_BITS

# Bits of a float: one more in the exponent; the exponent of 1.0; the root of a half, where fractions start.
_ONE_EXPONENT = 2**52
_EXPONENT_BIAS = 1023
_ROOT_HALF_BITS = bits_of(math.sqrt(0.5))

# From here on every float is whole; and added to a small float it leaves the nearest whole number in the last bits.
_ALL_WHOLE = 2.0**52
_ROUNDER = 1.5 * 2.0**52
_ROUNDER_BITS = bits_of(_ROUNDER)

# A float times this, and back, keeps its first 26 bits (Veltkamp).
_SPLITTER = 2.0**27 + 1.0
# Added to a small float it leaves the nearest multiple of 2^-24.
_COARSE = 1.5 * 2.0**28

# ln 2 as 42 bits, whose products with an exponent are exact, and the rest.
_LN2_HIGH = 0.6931471805598903
_LN2_LOW = 5.497923018708371e-14
_LOG2_E = 1.4426950408889634
_THIRD = 1.0 / 3.0
_TWO_THIRDS = 2.0 / 3.0
_TWO_THIRDS_LOW = 3.700743415417188e-17

# exp is 0.0 or infinity from here on; with this exponent every base but 1.0 gives such a result.
_EXP_LIMIT = 760.0
_EXPONENT_LIMIT = 1e20
# tanh: a polynomial below, an exponential above; 1.0 from here on.
_TANH_CURVE_END = 0.55
_TANH_LIMIT = 22.0


def log(a: float) -> float:
    """The natural logarithm; nan of zero (either sign) and of what lies below, infinity of infinity.

    >>> log(1.0), log(0.0), log(-1.0), log(math.inf)
    (0.0, nan, nan, inf)
    """
    bits = _scaled_bits(absolute(a))
    whole = _exponent_of(bits)
    part = _fraction_of(bits, whole) - 1.0
    k = to_float(whole) - where(a < _SMALLEST_NORMAL, _SUBNORMAL_BITS, 0.0)
    # log(1 + part) = 2 atanh(s) = 2 s + s * curve, and 2 s = part - s * part.
    s = divide(part, 2.0 + part)
    z = s * s
    z2 = z * z
    odd = 0.4000000000000625 + z2 * (0.22222222646788778 + z2 * (0.15387090716692564 + z2 * 0.13251318958073586))
    even = 0.6666666666666666 + z2 * (0.28571428569085916 + z2 * (0.1818177566631335 + z2 * 0.1325011915991733))
    half_square = 0.5 * part * part
    curve = z * (even + z * odd)
    result = k * _LN2_HIGH - ((half_square - (s * (half_square + curve) + k * _LN2_LOW)) - part)
    return where(a > 0.0, where(a == _INFINITY, a, result), _NAN)


def exp(a: float) -> float:
    """e to the power a; infinity from about 709.8 on, 0.0 below about -745.1.

    >>> exp(0.0), exp(1.0) == math.e, exp(1000.0), exp(-math.inf)
    (1.0, True, inf, 0.0)
    """
    return where(is_nan(a), a, _exp_of_sum(minimum(maximum(a, -_EXP_LIMIT), _EXP_LIMIT), 0.0))


def power(a: float, b: float) -> float:
    """a to the power b, with the special values of IEEE 754 but for two.

    Zero to a negative power is nan, as dividing by it is. Below zero, -inf included, only whole exponents have a
    result, else it is nan. As there: anything to the power 0.0, and 1.0 to any power, is 1.0, were it nan; an odd
    whole exponent keeps the sign of the base, that of -0.0 too.

    >>> power(2.0, 0.5) == math.sqrt(2.0), power(-2.0, 3.0), power(-8.0, 1 / 3), power(0.0, -1.0)
    (True, -8.0, nan, nan)
    """
    base = absolute(a)
    whole = _is_whole(absolute(b))
    odd = not _is_whole(0.5 * absolute(b))
    size = _power_of_positive(base, minimum(maximum(b, -_EXPONENT_LIMIT), _EXPONENT_LIMIT))
    size = where(base == _INFINITY, where(b > 0.0, _INFINITY, 0.0), size)
    size = where(base == 0.0, where(b > 0.0, 0.0, _NAN), size)
    result = where(bits_of(a) < 0, where(whole, where(odd, -size, size), where(base == 0.0, size, _NAN)), size)
    result = where(is_nan(a), a, where(is_nan(b), b, result))
    return where(b == 0.0, 1.0, where(a == 1.0, 1.0, result))


def tanh(a: float) -> float:
    """The hyperbolic tangent, from -1.0 to 1.0; -0.0 of -0.0.

    >>> tanh(0.0), tanh(-math.inf), tanh(1e-300)
    (0.0, -1.0, 1e-300)
    """
    size = minimum(absolute(a), _TANH_LIMIT)
    z = size * size
    z2 = z * z
    z4 = z2 * z2
    # tanh(a) = a + a z curve.
    rest = (0.1333333333333036 - z * 0.05396825396540131) + z2 * (0.021869488423697785 - z * 0.008863233121356605)
    rest += z4 * (
        (0.003592096552552183 - z * 0.0014555683900170427) + z2 * (0.0005885379459907683 - z * 0.0002335951998024148)
    )
    rest += z4 * z4 * (8.35936817551912e-05 - z * 1.9650577890486315e-05)
    curve = z * rest - _THIRD
    # Above: 1 - q with q = 2 / (e^2a + 1), and what the divisor, the quotient and the difference lost by rounding.
    grown = _exp_of_sum(2.0 * size, 0.0)
    total = grown + 1.0
    q = divide(2.0, total)
    product = q * total
    missing = (2.0 - product) - _product_error(q, total, product) - q * _sum_error(grown, 1.0, total)
    above = 1.0 - q
    above += _sum_error(1.0, -q, above) - 0.5 * q * missing
    result = where(size < _TANH_CURVE_END, size + size * z * curve, above)
    return where(is_nan(a), a, where(bits_of(a) < 0, -result, result))


def _power_of_positive(a: float, b: float) -> float:
    """a to the power b, for 0 < a < infinity and |b| <= _EXPONENT_LIMIT: e to the power b log(a).

    The product may be 745 and its absolute error is the relative one of the result: the logarithm has to be right
    to 2^-65. So it is a sum of two floats, and so is everything in it that is not small beside it.
    """
    bits = _scaled_bits(a)
    whole = _exponent_of(bits)
    m = _fraction_of(bits, whole)
    k = to_float(whole) - where(a < _SMALLEST_NORMAL, _SUBNORMAL_BITS, 0.0)
    # s = (m - 1) / (m + 1); the divisor is a sum of three parts, and what the quotient's head leaves over is divided.
    divisor = m + 1.0
    divisor_lost = _sum_error(1.0, m, divisor)
    divisor_head = _coarse(divisor)
    inverse = divide(1.0, divisor)
    quotient = (m - 1.0) * inverse
    s_head = _head(quotient)
    left = (m - 1.0) - s_head * divisor_head
    s_rest = (left - s_head * (divisor - divisor_head) - s_head * divisor_lost) * inverse
    s = s_head + s_rest
    # z = s^2; log(m) = 2 s + s z curve.
    z_high = s_head * s_head
    z_low = s_rest * (s_head + s)
    z = z_high + z_low
    z_head = _coarse(z_high)
    z_rest = (z_high - z_head) + z_low
    # The tail takes y, a z that is known sooner; 0.4 (z - y) makes up for it.
    y = quotient * quotient
    y2 = y * y
    tail = y * (
        0.40000000000002256
        + y * 0.285714285700994
        + y2 * (0.22222222519954216 + y * 0.18181784364423556)
        + y2 * y2 * ((0.15386757453524058 + y * 0.132568149416928) + y2 * 0.1319635441518295)
    )
    curve = _TWO_THIRDS + tail
    curve_head = _coarse(curve)
    curve_rest = (_TWO_THIRDS - curve_head) + (tail + _TWO_THIRDS_LOW + 0.4 * (z - y))
    slope = s_head * curve_head
    slope_head = _coarse(slope)
    slope_rest = (slope - slope_head) + (s_head * curve_rest + s_rest * curve)
    bend = slope_head * z_head
    # Largest first: k ln 2, 2 s, the bend; then all that is small.
    first = k * _LN2_HIGH
    second = first + 2.0 * s_head
    third = second + bend
    lost = _sum_error(first, 2.0 * s_head, second) + _sum_error(second, bend, third)
    small = lost + (2.0 * s_rest + (slope_head * z_rest + slope_rest * z) + k * _LN2_LOW)
    high = third + small
    low = _sum_error(third, small, high)
    product = b * high
    product_low = _product_error(b, high, product) + b * low
    within = absolute(product) < _EXP_LIMIT
    return _exp_of_sum(minimum(maximum(product, -_EXP_LIMIT), _EXP_LIMIT), where(within, product_low, 0.0))


def _exp_of_sum(high: float, low: float) -> float:
    """e to the power high + low, for |high| <= _EXP_LIMIT and a low that is small beside 1.0."""
    shifted = high * _LOG2_E + _ROUNDER
    k = shifted - _ROUNDER
    whole = bits_of(shifted) - _ROUNDER_BITS
    r_high = high - k * _LN2_HIGH
    r_low = low - k * _LN2_LOW
    r = r_high + r_low
    r2 = r * r
    r4 = r2 * r2
    curve = r2 * (
        (0.5 + r * 0.16666666666666685)
        + r2 * (0.04166666666666673 + r * 0.008333333333316685)
        + r4
        * (
            (0.0013888888888858454 + r * 0.0001984126989719383)
            + r2 * (2.4801587373714583e-05 + r * 2.7557234099901077e-06)
        )
        + r4 * r4 * ((2.755723338375178e-07 + r * 2.511228824720062e-08) + r2 * 2.0926935860545993e-09)
    )
    # e^r = 1 + r + curve, the largest two summed first and what their sum lost put back.
    grown = 1.0 + r_high
    result = grown + (_sum_error(1.0, r_high, grown) + (curve + r_low))
    # Two factors, as one alone may be out of range; only the last product rounds.
    half = floor_div(whole, 2)
    return result * _power_of_two(half) * _power_of_two(whole - half)


def _scaled_bits(a: float) -> int:
    """The bits of a float >= 0.0, made normal: of a itself, or of a 2^54 where it is subnormal."""
    return bits_of(where(a < _SMALLEST_NORMAL, a * _SUBNORMAL_SCALE, a))


def _exponent_of(bits: int) -> int:
    """The k of a = 2^k m with the fraction m between the roots of 1/2 and 2."""
    return floor_div(bits - _ROOT_HALF_BITS, _ONE_EXPONENT)


def _fraction_of(bits: int, exponent: int) -> float:
    """The m of a = 2^k m."""
    return from_bits(bits - exponent * _ONE_EXPONENT)


def _power_of_two(exponent: int) -> float:
    """2^exponent, for -1022 <= exponent <= 1023."""
    return from_bits((exponent + _EXPONENT_BIAS) * _ONE_EXPONENT)


def _is_whole(a: float) -> bool:
    """Whether a float >= 0.0 is a whole number; infinity is."""
    return where(a < _ALL_WHOLE, (a + _ALL_WHOLE) - _ALL_WHOLE == a, True)


def _head(a: float) -> float:
    """The first 26 bits of a float below 1e300: products of two heads are exact, so is what is left of a."""
    grown = a * _SPLITTER
    return grown - (grown - a)


def _coarse(a: float) -> float:
    """The nearest multiple of 2^-24 of a float below 2^27: a cheaper head for what is neither tiny nor large."""
    return (a + _COARSE) - _COARSE


def _sum_error(a: float, b: float, total: float) -> float:
    """What a + b = total lost by rounding, exactly, if |a| >= |b| or a is 0.0."""
    return b - (total - a)


def _product_error(a: float, b: float, product: float) -> float:
    """What a * b = product lost by rounding, exactly unless it underflows; both below 1e300."""
    a_head = _head(a)
    b_head = _head(b)
    a_rest = a - a_head
    b_rest = b - b_head
    return ((a_head * b_head - product) + a_head * b_rest + a_rest * b_head) + a_rest * b_rest
