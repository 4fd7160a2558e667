"""Logarithm, exponential, power and hyperbolic tangent: right to 1 ulp everywhere, the same bits in both runners."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Context, Decimal, localcontext

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.core.graph.samples import bits
from tradepool.core.compiler import native, reference
from tradepool.core.compiler.functions import Functions
from tradepool.core.compiler.math_words import log, tanh
from tradepool.core.compiler.program import NameClash, Program
from tradepool.core.compiler.vocabulary import Floats

inf, nan = math.inf, math.nan
SMALLEST = 5e-324
LARGEST = np.finfo(np.float64).max
CHUNK = 1_000_000
WORD_ARGUMENTS = {"log": "x[k]", "exp": "x[k]", "power": "x[k], y[k]", "tanh": "x[k]"}
LOADERS = [pytest.param(reference.load, id="reference"), pytest.param(native.load, id="native")]
Load = Callable[[Program], Functions]


def program() -> Program:
    """For each word a function that takes and fills whole arrays."""
    head = "def all_{}(x: Floats, y: Floats, out: Floats, count: int) -> None:"
    body = "\n    for k in range(count):\n        out[k] = {}({})\n"
    return Program.of_text("\n".join((head + body).format(word, word, a) for word, a in WORD_ARGUMENTS.items()))


def run(load: Load, word: str, x: Floats, y: Floats) -> Floats:
    """The word of each pair; `y` counts for power only."""
    out = np.empty(len(x))
    load(program())[f"all_{word}"](x, y, out, len(x))
    return out


def steps_apart(a: Floats, b: Floats) -> NDArray[np.int64]:
    """How many floats lie between, infinity after the largest and 0.0 beside -0.0; nan is nowhere but at nan."""
    places = [np.where(whole < 0, np.iinfo(np.int64).min - whole, whole) for whole in (bits(a), bits(b))]
    # Half of each, as their difference may not fit; what is below 2 is told exactly.
    far = np.abs(places[0] // 2 - places[1] // 2) > 1
    return np.where(far, 2**62, np.abs(np.where(far, 0, places[0]) - np.where(far, 0, places[1])))


def of_any_size(random: np.random.Generator, count: int, low: float = SMALLEST, high: float = LARGEST) -> Floats:
    """Floats between two positive ones, every exponent alike."""
    first, last = bits([low, high])
    return random.integers(first, last, count, endpoint=True).view(np.float64)


def near_one(random: np.random.Generator, count: int) -> Floats:
    """1.0 more or less 2^-53 to 2^-2."""
    return 1.0 + random.choice((-1.0, 1.0), count) * of_any_size(random, count, 2.0**-53, 0.25)


def arguments_of_log(random: np.random.Generator, n: int) -> Iterator[tuple[Floats, Floats]]:
    """All positive floats, subnormal ones, those near 1."""
    none = np.zeros(n)
    yield of_any_size(random, n), none
    yield of_any_size(random, n, high=2.0**-1022), none
    yield near_one(random, n), none
    yield random.uniform(0.5, 2.0, n), none


def arguments_of_exp(random: np.random.Generator, n: int) -> Iterator[tuple[Floats, Floats]]:
    """What neither overflows nor vanishes, small numbers, subnormal results, the last that do not overflow."""
    none = np.zeros(n)
    yield random.uniform(-746.0, 710.5, n), none
    yield random.choice((-1.0, 1.0), n) * of_any_size(random, n, high=2.0), none
    yield random.uniform(-745.2, -708.0, n), none
    yield random.uniform(709.7, 709.8, n), none


def arguments_of_tanh(random: np.random.Generator, n: int) -> Iterator[tuple[Floats, Floats]]:
    """Numbers of any size, those whose result is neither themselves nor 1, those where two formulas meet."""
    none = np.zeros(n)
    yield random.choice((-1.0, 1.0), n) * of_any_size(random, n), none
    yield random.choice((-1.0, 1.0), n) * of_any_size(random, n, 1e-9, 25.0), none
    yield random.uniform(-3.0, 3.0, n), none
    yield random.uniform(0.5, 0.6, n), none


def arguments_of_power(random: np.random.Generator, n: int) -> Iterator[tuple[Floats, Floats]]:
    """Bases of any size and near 1 with exponents that use the whole range; negative bases; the usual; the edges."""
    for base in (of_any_size(random, n), of_any_size(random, n, high=2.0**-1022), near_one(random, n)):
        with np.errstate(divide="ignore"):
            yield base, random.uniform(-746.0, 710.0, n) / np.log(base)
    yield random.uniform(0.01, 100.0, n), random.uniform(-5.0, 5.0, n)
    yield -random.uniform(0.01, 10.0, n), random.integers(-300, 300, n).astype(np.float64)
    for first, last in ((-745.2, -708.0), (709.7, 709.8)):
        base = random.uniform(1.5, 100.0, n)
        yield base, random.uniform(first, last, n) / np.log(base)
    yield random.choice((-1.0, 1.0), n) * of_any_size(random, n), random.choice((-1.0, 1.0), n) * of_any_size(random, n)


ARGUMENTS = {
    "log": arguments_of_log,
    "exp": arguments_of_exp,
    "power": arguments_of_power,
    "tanh": arguments_of_tanh,
}


def arguments(word: str, seed: int, count: int) -> tuple[Floats, Floats]:
    """About so many arguments of a word, from all the ranges that it has."""
    random = np.random.default_rng(seed)
    kinds = len(list(ARGUMENTS[word](random, 1)))
    columns = zip(*ARGUMENTS[word](random, -(-count // kinds)), strict=True)
    x, y = (np.concatenate(column) for column in columns)
    return x, y


def libm(word: str, x: Floats, y: Floats) -> Floats:
    """What the C library gives; nan and infinity where Python raises instead."""
    function: Callable[..., float] = getattr(math, {"power": "pow"}.get(word, word))

    def call(*values: float) -> float:
        try:
            return function(*values)
        except ValueError:
            return nan
        except OverflowError:
            return -inf if values[0] < 0.0 and values[-1] % 2.0 == 1.0 else inf

    columns = (x.tolist(), y.tolist()) if word == "power" else (x.tolist(),)
    return np.fromiter(map(call, *columns), np.float64, len(x))


def extended(word: str, x: Floats, y: Floats) -> Floats:
    """The correctly rounded tanh (all but ties), by way of the 64-bit fractions of x86."""
    return np.tanh(x.astype(np.longdouble)).astype(np.float64)


@pytest.mark.parametrize("word", WORD_ARGUMENTS)
def test_a_word_is_within_one_float_of_the_c_library(word: str, long: bool) -> None:
    truth = libm
    if word == "tanh":
        # The C library itself may be 2 ulp off here (glibc 2.36: 1 in 400 near 0.5); so the true value is the bar.
        if np.finfo(np.longdouble).nmant < 63:
            pytest.skip("no number with more bits here; the test against decimals has to do")
        truth = extended
    for seed in range(10 if long else 1):
        x, y = arguments(word, seed, CHUNK if long else CHUNK // 5)
        apart = steps_apart(run(native.load, word, x, y), truth(word, x, y))
        worst = int(np.argmax(apart))
        assert apart[worst] <= 1, (word, x[worst], y[worst])


@pytest.mark.parametrize("word", WORD_ARGUMENTS)
def test_both_runners_give_the_same_bits(word: str, long: bool) -> None:
    x, y = arguments(word, 7, 300_000 if long else 30_000)
    assert (bits(run(reference.load, word, x, y)) == bits(run(native.load, word, x, y))).all()


DECIMALS: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "log": lambda x, _: x.ln(),
    "exp": lambda x, _: x.exp(),
    "power": lambda x, y: (y * x.ln()).exp(),
    "tanh": lambda x, _: 1 - 2 / ((2 * x).exp() + 1),
}


@pytest.mark.parametrize("word", WORD_ARGUMENTS)
def test_the_error_is_below_nine_tenths_of_a_unit_in_the_last_place(word: str, long: bool) -> None:
    x, y = arguments(word, 11, 20_000 if long else 2_000)
    got = run(native.load, word, x, y)
    asked = np.isfinite(got) & ((x > 0.0) | (word in ("exp", "tanh")))
    if word == "tanh":
        # Of a tiny x 60 digits of 1 - 2 / (e^2x + 1) say nothing; of a large one e^2x is too large for a decimal.
        asked &= (np.abs(x) > 1e-20) & (np.abs(x) < 1e3)
    assert asked.sum() > 1_000
    # A context of its own: ccxt, once it has rounded an amount, leaves the thread's one trapping underflow.
    with localcontext(Context(prec=60)):
        for a, b, value in zip(x[asked].tolist(), y[asked].tolist(), got[asked].tolist(), strict=True):
            true = DECIMALS[word](Decimal(a), Decimal(b))
            assert abs(Decimal(value) - true) < Decimal("0.9") * Decimal(math.ulp(float(true))), (word, a, b)


SPECIAL: list[tuple[str, tuple[float, ...], float]] = [
    ("log", (0.0,), nan),
    ("log", (-0.0,), nan),
    ("log", (-1.0,), nan),
    ("log", (-inf,), nan),
    ("log", (nan,), nan),
    ("log", (inf,), inf),
    ("log", (1.0,), 0.0),
    ("exp", (0.0,), 1.0),
    ("exp", (-0.0,), 1.0),
    ("exp", (nan,), nan),
    ("exp", (inf,), inf),
    ("exp", (-inf,), 0.0),
    ("exp", (710.0,), inf),
    ("exp", (1e300,), inf),
    ("exp", (-746.0,), 0.0),
    ("exp", (-745.0,), SMALLEST),
    ("tanh", (0.0,), 0.0),
    ("tanh", (-0.0,), -0.0),
    ("tanh", (nan,), nan),
    ("tanh", (inf,), 1.0),
    ("tanh", (-inf,), -1.0),
    ("tanh", (-SMALLEST,), -SMALLEST),
    ("power", (nan, 0.0), 1.0),
    ("power", (1.0, nan), 1.0),
    ("power", (nan, 1.0), nan),
    ("power", (2.0, nan), nan),
    ("power", (0.0, 0.0), 1.0),
    ("power", (0.0, 2.0), 0.0),
    ("power", (-0.0, 3.0), -0.0),
    ("power", (-0.0, 2.0), 0.0),
    ("power", (-0.0, 0.5), 0.0),
    ("power", (0.0, inf), 0.0),
    ("power", (0.0, -1.0), nan),
    ("power", (-0.0, -1.0), nan),
    ("power", (0.0, -inf), nan),
    ("power", (-8.0, 1 / 3), nan),
    ("power", (-2.0, 3.0), -8.0),
    ("power", (-2.0, -2.0), 0.25),
    ("power", (-2.0, 1025.0), -inf),
    ("power", (-2.0, 2.0**53), inf),
    ("power", (-2.0, 2.0**53 - 1), -inf),
    ("power", (-1.0, 2.0**52 + 1), -1.0),
    ("power", (-1.0, 1e300), 1.0),
    ("power", (-1.0, inf), 1.0),
    ("power", (1.0, inf), 1.0),
    ("power", (2.0, inf), inf),
    ("power", (2.0, -inf), 0.0),
    ("power", (0.5, inf), 0.0),
    ("power", (0.5, -inf), inf),
    ("power", (-0.5, -inf), inf),
    ("power", (inf, 0.5), inf),
    ("power", (inf, -0.5), 0.0),
    ("power", (inf, -inf), 0.0),
    ("power", (-inf, 3.0), -inf),
    ("power", (-inf, -3.0), -0.0),
    ("power", (-inf, 2.0), inf),
    ("power", (-inf, 0.5), nan),
    ("power", (-inf, inf), inf),
    ("power", (10.0, 1e300), inf),
    ("power", (1.0 - 2.0**-53, 1e300), 0.0),
    ("power", (1.0 + 2.0**-52, 1e300), inf),
    ("power", (LARGEST, 1.0), LARGEST),
    ("power", (SMALLEST, 1.0), SMALLEST),
    ("power", (2.0, -1074.0), SMALLEST),
]


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize(("word", "values", "meaning"), SPECIAL)
def test_special_values(load: Load, word: str, values: tuple[float, ...], meaning: float) -> None:
    x, y = (np.array([value]) for value in (*values, 0.0)[:2])
    assert bits(run(load, word, x, y)) == bits(meaning)


def test_powers_that_are_floats_are_exact() -> None:
    random = np.random.default_rng(3)
    base = random.integers(-(2**17), 2**17, 20_000).astype(np.float64)
    for exponent in (1.0, 2.0, 3.0):
        got = run(native.load, "power", base, np.full_like(base, exponent))
        assert (got == base**exponent).all()
    exponents = np.arange(-1074.0, 1024.0)
    assert run(native.load, "power", np.full_like(exponents, 2.0), exponents).tolist() == [2.0**k for k in exponents]


def test_only_words_in_use_are_compiled() -> None:
    source = Program.of_text("def squared(a: float) -> float:\n    return power(a, 2.0) + 1.0")
    assert "log" not in [function.name for function in source.words.functions]
    for load in (reference.load, native.load):
        assert load(source)["squared"](3.0) == 10.0


def test_a_step_function_named_as_a_part_of_a_word_is_refused() -> None:
    source = Program.of_text("def _head(a: float) -> float:\n    return power(a, 2.0) + 1.0")
    with pytest.raises(NameClash, match="_head"):
        native.load(source)


def test_a_step_of_python_functions_may_use_them() -> None:
    source = Program.of(squashed)
    assert native.load(source)["squashed"](3.0) == tanh(log(3.0))


def squashed(a: float) -> float:
    """Two words, one in the other."""
    return tanh(log(a))
