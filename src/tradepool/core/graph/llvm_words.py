"""The basic vocabulary words as LLVM instructions: the same meaning as the bodies in `vocabulary`, bit for bit.

Each function takes an IR builder and the operands (i64, double or i1) and gives the result. No fast-math flag is ever
set, and the only intrinsics are ones that a processor rounds exactly (`sqrt`) or that only move bits (`fabs`,
saturating conversion); nothing here can call the machine's math library or trap.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from llvmlite import ir

I64 = ir.IntType(64)
I1 = ir.IntType(1)
F64 = ir.DoubleType()
NAN = ir.Constant(F64, math.nan)
ZERO = ir.Constant(F64, 0.0)

Emit = Callable[..., ir.Value]


def _constant(kind: ir.Type, value: float) -> ir.Constant:
    """A number of this type, in every lane if it has lanes."""
    return ir.Constant(kind, [value] * kind.count if isinstance(kind, ir.VectorType) else value)


def _less(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    return b.fcmp_ordered("<", x, y) if x.type == F64 else b.icmp_signed("<", x, y)


def minimum(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """Compare, then select."""
    return b.select(_less(b, x, y), x, y)


def maximum(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """Compare, then select."""
    return b.select(_less(b, y, x), x, y)


def absolute(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Clear the sign bit of a double, negate a negative integer."""
    if x.type == F64:
        return b.call(b.module.declare_intrinsic("llvm.fabs", [F64]), [x])
    return b.select(b.icmp_signed("<", x, ir.Constant(I64, 0)), b.neg(x), x)


def square_root(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The processor's root where there is one."""
    root = b.call(b.module.declare_intrinsic("llvm.sqrt", [F64]), [x])
    return b.select(b.fcmp_ordered(">=", x, ZERO), root, NAN)


def divide(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """Divide always, then discard what a zero gave."""
    return b.select(b.fcmp_unordered("!=", y, ZERO), b.fdiv(x, y), NAN)


def where(b: ir.IRBuilder, condition: ir.Value, x: ir.Value, y: ir.Value) -> ir.Value:
    """A select."""
    return b.select(condition, x, y)


def is_nan(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Only a nan is unordered with itself."""
    return b.fcmp_unordered("uno", x, x)


def to_float(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Convert, nearest, ties to even."""
    return b.sitofp(x, F64)


def _truncate(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    name = "llvm.fptosi.sat.i64.f64"
    function = b.module.globals.get(name) or ir.Function(b.module, ir.FunctionType(I64, [F64]), name)
    return b.call(function, [x])


def floor_to_int(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Truncate, then step down where that went up; beyond 2^53 every double is whole already."""
    whole = _truncate(b, x)
    above = b.fcmp_ordered(">", b.sitofp(whole, F64), x)
    fractional = b.fcmp_ordered(">", x, ir.Constant(F64, -(2.0**53)))
    return b.sub(whole, b.zext(b.and_(above, fractional), I64))


def ceil_to_int(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Truncate, then step up where that went down."""
    whole = _truncate(b, x)
    below = b.fcmp_ordered("<", b.sitofp(whole, F64), x)
    fractional = b.fcmp_ordered("<", x, ir.Constant(F64, 2.0**53))
    return b.add(whole, b.zext(b.and_(below, fractional), I64))


def _floored(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Quotient and remainder rounded down, and whether the divisor is one; 1 stands in for any other divisor."""
    zero, one = ir.Constant(I64, 0), ir.Constant(I64, 1)
    positive = b.icmp_signed(">", y, zero)
    divisor = b.select(positive, y, one)
    quotient, rest = b.sdiv(x, divisor), b.srem(x, divisor)
    negative = b.icmp_signed("<", rest, zero)
    floored = b.sub(quotient, b.zext(negative, I64))
    return floored, b.select(negative, b.add(rest, divisor), rest), positive


def _shift(y: ir.Value) -> int | None:
    """By how many bits a shift divides by this; None for what is not a constant power of two, the same in each lane."""
    divisor = y.constant if isinstance(y, ir.Constant) else None
    if isinstance(divisor, list) and all(lane.constant == divisor[0].constant for lane in divisor):
        divisor = divisor[0].constant
    if not isinstance(divisor, int) or divisor <= 0 or divisor & (divisor - 1):
        return None
    return divisor.bit_length() - 1


def floor_div(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """Divide by a divisor that cannot trap, then round down; a shift, which rounds down by itself, where it can be."""
    bits = _shift(y)
    if bits is not None:
        return b.ashr(x, _constant(x.type, bits))
    quotient, _, positive = _floored(b, x, y)
    return b.select(positive, quotient, ir.Constant(I64, 0))


def remainder(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """What the rounded-down division leaves over."""
    _, rest, positive = _floored(b, x, y)
    return b.select(positive, rest, ir.Constant(I64, 0))


def _read_as(b: ir.IRBuilder, x: ir.Value, element: ir.Type) -> ir.Value:
    return b.bitcast(x, ir.VectorType(element, x.type.count) if isinstance(x.type, ir.VectorType) else element)


def bits_of(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The same register read as an integer, once every nan is the same nan."""
    return _read_as(b, b.select(is_nan(b, x), _constant(x.type, math.nan), x), I64)


def from_bits(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The same register read as a double."""
    return _read_as(b, x, F64)


EMIT: dict[str, Emit] = {
    function.__name__: function
    for function in (
        minimum,
        maximum,
        absolute,
        square_root,
        divide,
        where,
        is_nan,
        to_float,
        floor_to_int,
        ceil_to_int,
        floor_div,
        remainder,
        bits_of,
        from_bits,
    )
}
