"""The basic vocabulary words as LLVM instructions: the same meaning as the bodies in `vocabulary`, bit for bit.

Each function takes an IR builder and the operands (i64, double or i1, or vectors of them, all alike) and gives the
result. No fast-math flag is ever set, and the only intrinsics are ones that a processor rounds exactly (`sqrt`) or that
only move bits (`fabs`, saturating conversion); nothing here can call the machine's math library or trap.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from llvmlite import ir

from tradepool.core.compiler.words import BASIC

I64 = ir.IntType(64)
I1 = ir.IntType(1)
F64 = ir.DoubleType()
F32 = ir.FloatType()
FLOATS = (F64, F32)

Emit = Callable[..., ir.Value]


def element(kind: ir.Type) -> ir.Type:
    """The type of one lane."""
    return kind.element if isinstance(kind, ir.VectorType) else kind


def shaped(kind: ir.Type, like: ir.Type) -> ir.Type:
    """A type in as many lanes as another."""
    return ir.VectorType(kind, like.count) if isinstance(like, ir.VectorType) else kind


class Splat(ir.FormattedConstant):  # type: ignore[misc]  # llvmlite has no types
    """A constant vector, the same value in every lane; written short, as a module is full of them."""

    def __init__(self, kind: ir.VectorType, value: float) -> None:
        """Remember the value: constants are asked for it."""
        super().__init__(kind, "")
        self.constant = f"splat ({ir.Constant(kind.element, value)})"
        self.value = value


def constant(kind: ir.Type, value: float) -> ir.Constant:
    """A constant, in every lane alike."""
    return Splat(kind, value) if isinstance(kind, ir.VectorType) else ir.Constant(kind, value)


def is_float(x: ir.Value) -> bool:
    """Whether the lanes are floats."""
    return element(x.type) in FLOATS


def any_lane(b: ir.IRBuilder, mask: ir.Value) -> ir.Value:
    """Whether a condition holds in any lane."""
    if not isinstance(mask.type, ir.VectorType):
        return mask
    bits = ir.IntType(mask.type.count)
    return b.icmp_unsigned("!=", b.bitcast(mask, bits), ir.Constant(bits, 0))


def compare(b: ir.IRBuilder, sign: str, x: ir.Value, y: ir.Value) -> ir.Value:
    """A comparison as Python means it: a nan is unequal to everything and neither above nor below."""
    if not is_float(x):
        return b.icmp_signed(sign, x, y)
    return b.fcmp_unordered(sign, x, y) if sign == "!=" else b.fcmp_ordered(sign, x, y)


def _intrinsic(b: ir.IRBuilder, name: str, result: ir.Type, x: ir.Value) -> ir.Value:
    suffix = "".join(_suffix(kind) for kind in ((result, x.type) if result != x.type else (result,)))
    full = name + suffix
    function = b.module.globals.get(full) or ir.Function(b.module, ir.FunctionType(result, [x.type]), full)
    return b.call(function, [x])


def _suffix(kind: ir.Type) -> str:
    letters = {I64: "i64", F64: "f64", F32: "f32"}[element(kind)]
    return f".v{kind.count}{letters}" if isinstance(kind, ir.VectorType) else f".{letters}"


def minimum(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """Compare, then select."""
    return b.select(compare(b, "<", x, y), x, y)


def maximum(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """Compare, then select."""
    return b.select(compare(b, ">", x, y), x, y)


def absolute(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Clear the sign bit of a double, negate a negative integer."""
    if is_float(x):
        return _intrinsic(b, "llvm.fabs", x.type, x)
    return b.select(b.icmp_signed("<", x, constant(x.type, 0)), b.neg(x), x)


def square_root(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The processor's root where there is one."""
    root = _intrinsic(b, "llvm.sqrt", x.type, x)
    return b.select(b.fcmp_ordered(">=", x, constant(x.type, 0.0)), root, constant(x.type, math.nan))


def divide(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """Divide always, then discard what a zero gave."""
    return b.select(b.fcmp_unordered("!=", y, constant(y.type, 0.0)), b.fdiv(x, y), constant(x.type, math.nan))


def where(b: ir.IRBuilder, condition: ir.Value, x: ir.Value, y: ir.Value) -> ir.Value:
    """A select."""
    return b.select(condition, x, y)


def is_nan(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Only a nan is unordered with itself."""
    return b.fcmp_unordered("uno", x, x)


def to_float(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Convert, nearest, ties to even."""
    return b.sitofp(x, shaped(F64, x.type))


def _truncated(b: ir.IRBuilder, x: ir.Value, beyond: str, limit: float) -> tuple[ir.Value, ir.Value]:
    """Without its fraction, and 1 where that went beyond; from the limit on every double is whole already."""
    whole = _intrinsic(b, "llvm.fptosi.sat", shaped(I64, x.type), x)
    off = b.fcmp_ordered(beyond, b.sitofp(whole, x.type), x)
    fractional = b.fcmp_ordered(beyond, x, constant(x.type, limit))
    return whole, b.zext(b.and_(off, fractional), whole.type)


def floor_to_int(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Truncate, then step down where that went up."""
    whole, off = _truncated(b, x, ">", -(2.0**53))
    return b.sub(whole, off)


def ceil_to_int(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Truncate, then step up where that went down."""
    whole, off = _truncated(b, x, "<", 2.0**53)
    return b.add(whole, off)


def _quotient_of_lanes(b: ir.IRBuilder, x: ir.Value, divisor: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Quotient and remainder within one of the true ones, as no processor divides vectors of integers.

    The quotient of the nearest doubles is off by less than one while it is below 2^50; where any lane is beyond, what
    is left over is divided once more. Products and differences wrap, so what is left over is always exact.
    """
    wide = shaped(F64, x.type)
    most = constant(wide, 2.0**63 - 1024)
    inverse = b.fdiv(constant(wide, 1.0), b.sitofp(divisor, wide)) if isinstance(divisor, ir.Constant) else None

    def part(rest: ir.Value) -> tuple[ir.Value, ir.Value]:
        top = b.sitofp(rest, wide)
        near = b.fmul(top, inverse) if inverse else b.fdiv(top, b.sitofp(divisor, wide))
        # Rounded down, a quotient that is off by less than one leaves a rest one divisor off at most, whatever the sign.
        whole = b.fptosi(_intrinsic(b, "llvm.floor", wide, minimum(b, near, most)), x.type)
        return whole, near

    first, near = part(x)
    rest = b.sub(x, b.mul(first, divisor))
    far = b.fcmp_ordered(">", absolute(b, near), constant(wide, 2.0**50))
    before = b.block
    with b.if_then(any_lane(b, far), likely=False):
        more, _ = part(rest)
        added, left = b.add(first, more), b.sub(rest, b.mul(more, divisor))
        refined = b.block
    quotient, remains = b.phi(x.type), b.phi(x.type)
    for phi, plain, better in ((quotient, first, added), (remains, rest, left)):
        phi.add_incoming(plain, before)
        phi.add_incoming(better, refined)
    return quotient, remains


def _floored(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Quotient and remainder rounded down, and whether the divisor is one; 1 stands in for any other divisor."""
    zero, one = constant(x.type, 0), constant(x.type, 1)
    positive = b.icmp_signed(">", y, zero)
    divisor = y if _whole(y) > 0 else b.select(positive, y, one)
    if isinstance(x.type, ir.VectorType):
        quotient, rest = _quotient_of_lanes(b, x, divisor)
        over = b.icmp_signed(">=", rest, divisor)
        quotient, rest = b.add(quotient, b.zext(over, x.type)), b.sub(rest, b.select(over, divisor, zero))
    else:
        quotient, rest = b.sdiv(x, divisor), b.srem(x, divisor)
    negative = b.icmp_signed("<", rest, zero)
    floored = b.sub(quotient, b.zext(negative, x.type))
    return floored, b.select(negative, b.add(rest, divisor), rest), positive


def _whole(value: ir.Value) -> int:
    """The whole number that a constant is, in every lane; 0 for what is none."""
    if isinstance(value, Splat):
        return int(value.value)
    return int(value.constant) if isinstance(value, ir.Constant) else 0


def _shift(y: ir.Value) -> int | None:
    """By how many bits a shift divides by this; None for what is not a constant power of two."""
    divisor = _whole(y)
    return divisor.bit_length() - 1 if divisor > 0 and divisor & (divisor - 1) == 0 else None


def floor_div(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """Divide by a divisor that cannot trap, then round down; a shift, which rounds down by itself, where it can be."""
    bits = _shift(y)
    if bits is not None:
        return b.ashr(x, constant(x.type, bits))
    quotient, _, positive = _floored(b, x, y)
    return b.select(positive, quotient, constant(x.type, 0))


def remainder(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """What the rounded-down division leaves over."""
    _, rest, positive = _floored(b, x, y)
    return b.select(positive, rest, constant(x.type, 0))


def bits_of(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The same register read as an integer, once every nan is the same nan."""
    return b.bitcast(b.select(is_nan(b, x), constant(x.type, math.nan), x), shaped(I64, x.type))


def from_bits(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The same register read as a double."""
    return b.bitcast(x, shaped(F64, x.type))


# A basic word without a function of its name here would fail as this module is imported.
EMIT: dict[str, Emit] = {word: globals()[word] for word in BASIC}
