"""Every word and operator gives the same bits in both runners, for every value there is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.graph.samples import bits, examples
from tradepool.core.compiler import native, reference
from tradepool.core.compiler.kinds import BY_ANNOTATION, Kind, word_kinds
from tradepool.core.compiler.program import Program
from tradepool.core.compiler.words import WORDS

EDGES = [
    0.0,
    -0.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    math.nan,
    math.inf,
    -math.inf,
    2.0**53,
    -(2.0**53) - 2,
    2.0**63,
    -(2.0**63),
    5e-324,
]
WHOLE_EDGES = [0, 1, -1, 7, -7, 2**31, 2**53 + 1, -(2**53) - 1, 2**62 - 1, -(2**62)]
VALUES = {
    Kind.FLOAT: st.one_of(st.sampled_from(EDGES), st.floats()),
    Kind.INT: st.one_of(st.sampled_from(WHOLE_EDGES), st.integers(-(2**62), 2**62 - 1)),
    Kind.BOOL: st.booleans(),
}
SMALL = st.integers(0, 2**31 - 1)
OPERATORS = ("+", "-", "*", "<", "<=", ">", ">=", "==", "!=")


def word_cases() -> list[tuple[str, tuple[Kind, ...], Kind]]:
    """Each word with each kind it takes."""
    cases = []
    for word in WORDS:
        takes, gives = word_kinds(word)
        variables = [kind for kind in takes if isinstance(kind, TypeVar)]
        for choice in variables[0].__constraints__ if variables else (float,):
            bound = [BY_ANNOTATION[choice] if isinstance(kind, TypeVar) else kind for kind in takes]
            cases.append((word, tuple(bound), BY_ANNOTATION[choice] if isinstance(gives, TypeVar) else gives))
    return cases


def expression_cases() -> list[tuple[str, tuple[Kind, ...], Kind, str]]:
    """Words and operators as expressions over a, b, c."""
    cases = [(word, takes, gives, f"{word}({', '.join('abc'[: len(takes)])})") for word, takes, gives in word_cases()]
    for kind, sign in itertools.product((Kind.FLOAT, Kind.INT), OPERATORS):
        cases.append((sign, (kind, kind), kind if sign in "+-*" else Kind.BOOL, f"a {sign} b"))
    for kind in (Kind.FLOAT, Kind.INT):
        cases.append(("minus", (kind,), kind, "-a"))
        cases.append(("chain", (kind, kind, kind), Kind.BOOL, "a < b <= c"))
        cases.append(("choice", (kind, kind, Kind.BOOL), kind, "a if c else b"))
    cases.append(("logic", (Kind.BOOL, Kind.BOOL, Kind.BOOL), Kind.BOOL, "a and not b or c"))
    return cases


CASES = expression_cases()


@cache
def program() -> Program:
    """One function for each case, so that all are compiled at once."""
    lines = []
    for index, (_, takes, gives, text) in enumerate(CASES):
        arguments = ", ".join(f"{name}: {kind.value}" for name, kind in zip("abc", takes, strict=False))
        lines.append(f"def case{index}({arguments}) -> {gives.value}:\n    return {text}\n")
    return Program.of_text("\n".join(lines))


@pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{case[3]} {case[1][0].value}" for case in CASES])
@examples(60)
@given(data=st.data())
def test_both_runners_give_the_same_bits(index: int, data: st.DataObject) -> None:
    word, takes, gives, _ = CASES[index]
    # Products of whole numbers must stay within 64 bits: that is the step's promise, not the word's.
    whole = SMALL if word in ("*", "multiply_divide") else VALUES[Kind.INT]
    values = [data.draw(whole if kind is Kind.INT else VALUES[kind]) for kind in takes]
    expected = reference.load(program())[f"case{index}"](*values)
    got = native.load(program())[f"case{index}"](*values)
    assert type(got) is type(expected) is {"int": int, "float": float, "bool": bool}[gives.value]
    assert got == expected if gives is not Kind.FLOAT else (bits(got) == bits(expected)).all()


@examples(60)
@given(a=VALUES[Kind.INT], shift=st.integers(0, 62))
def test_a_constant_divisor_gives_the_same(a: int, shift: int) -> None:
    source = Program.of_text(f"def f(a: int) -> int:\n    return floor_div(a, {2**shift})")
    assert native.load(source)["f"](a) == reference.load(source)["f"](a) == a // 2**shift


@pytest.mark.parametrize(
    ("word", "arguments", "meaning"),
    [
        ("minimum", (math.nan, 1.0), 1.0),
        ("maximum", (1.0, math.nan), math.nan),
        ("maximum", (0.0, -0.0), -0.0),
        ("absolute", (-0.0,), 0.0),
        ("square_root", (-0.0,), -0.0),
        ("square_root", (-1.0,), math.nan),
        ("divide", (1.0, -0.0), math.nan),
        ("floor_to_int", (-1.5,), -2),
        ("ceil_to_int", (-1.5,), -1),
        ("round_to_int", (-0.5,), 0),
        ("floor_to_int", (math.nan,), 0),
        ("floor_to_int", (math.inf,), 2**63 - 1),
        ("floor_to_int", (-1e300,), -(2**63)),
        ("floor_div", (-7, 2), -4),
        ("floor_div", (7, 0), 0),
        ("remainder", (-7, 2), 1),
        ("remainder", (7, -2), 0),
        ("multiply_divide", (10**15, 10**6, 10**9), 10**12),
        ("bits_of", (1.0,), 0x3FF0000000000000),
        ("bits_of", (-math.nan,), 0x7FF8000000000000),
        ("from_bits", (-1,), math.nan),
        ("from_bits", (1,), 5e-324),
    ],
)
def test_a_word_means(word: str, arguments: tuple[float, ...], meaning: float) -> None:
    function: Callable[..., float] = WORDS[word]
    got = function(*arguments)
    assert (bits(got) == bits(meaning)).all()


Texts = st.SearchStrategy[str]
floats: Texts = st.deferred(lambda: FLOATS)
wholes: Texts = st.deferred(lambda: WHOLES)
truths: Texts = st.deferred(lambda: TRUTHS)
LEAVES = st.sampled_from(["x", "y", "0.1", "-3.0"])
FLOATS: Texts = st.one_of(
    LEAVES,
    st.builds("({} {} {})".format, floats, st.sampled_from("+-*"), floats),
    st.builds("({} {} 2)".format, floats, st.sampled_from("+-*")),
    st.builds("divide({}, {})".format, floats, floats),
    st.builds("({} if {} else {})".format, floats, truths, floats),
    st.builds("to_float({})".format, wholes),
)
WHOLES: Texts = st.one_of(
    st.sampled_from(["m", "n", "3", "-1"]),
    st.builds("({} {} {})".format, wholes, st.sampled_from("+-"), wholes),
    st.builds("floor_div({}, {})".format, wholes, wholes),
    st.builds("where({}, {}, {})".format, truths, wholes, wholes),
)
TRUTHS: Texts = st.one_of(
    st.sampled_from(["p", "True", "x < y", "m == n"]),
    st.builds("({} and {})".format, truths, truths),
    st.builds("(not {} or {})".format, truths, truths),
    st.builds("(0 < {} <= {})".format, floats, floats),
    st.builds("({} != {})".format, wholes, wholes),
)


@examples(60)
@given(text=floats, x=VALUES[Kind.FLOAT], y=VALUES[Kind.FLOAT], m=SMALL, n=SMALL, p=st.booleans())
def test_whole_expressions_give_the_same_bits(text: str, x: float, y: float, m: int, n: int, p: bool) -> None:
    source = Program.of_text(f"def f(x: float, y: float, m: int, n: int, p: bool) -> float:\n    return {text}")
    expected, got = (load(source)["f"](x, y, m, n, p) for load in (reference.load, native.load))
    assert (bits(got) == bits(expected)).all()
