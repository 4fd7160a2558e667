"""Many columns at once give the bits of each column alone: every word, every statement, whatever differs."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.core.compiler.test_words import CASES, EDGES, WHOLE_EDGES
from tests.core.graph.samples import bits, examples
from tradepool.core.compiler import native, reference
from tradepool.core.compiler.functions import WrongArgument
from tradepool.core.compiler.kinds import Kind
from tradepool.core.compiler.lanes import ReturnInLoop, SharedStore, StartDiffers
from tradepool.core.compiler.native import from_blocks, to_blocks
from tradepool.core.compiler.program import Program

PARTS = """
def add(row: Ints, by: int) -> None:
    row[0] += by

def each(rows: Ints, by: Ints, count: int) -> None:
    for k in range(count):
        add(rows[2 * k :], by[k])
"""
LANES = (4, 8, 16)
GROUPS = 3
Array = NDArray[Any]


def values(random_: np.random.Generator, kind: Kind, count: int, *, small: bool) -> Array:
    """Random values of a kind with all the edges among them."""
    if kind is Kind.FLOAT:
        spread = random_.normal(size=count) * 10.0 ** random_.integers(-12, 20, count)
        return np.where(random_.random(count) < 0.4, random_.choice(np.array(EDGES), count), spread)
    if small:
        return random_.integers(0, 2**31 - 1, count)
    plain = random_.integers(-(2**62), 2**62, count) >> random_.integers(0, 62, count)
    return np.where(random_.random(count) < 0.4, random_.choice(np.array(WHOLE_EDGES), count), plain)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{case[3]} {case[1][0].value}" for case in CASES])
def test_a_word_in_lanes_has_the_bits_of_the_word_alone(index: int, lanes: int) -> None:
    word, takes, gives, text = CASES[index]
    arrays = [
        f"{name}_: {'Floats' if kind is Kind.FLOAT else 'Ints'}" for name, kind in zip("abc", takes, strict=False)
    ]
    reads = [
        f"    {name} = {name}_[0]{' > 0' if kind is Kind.BOOL else ''}"
        for name, kind in zip("abc", takes, strict=False)
    ]
    result = f"where({text}, 1, 0)" if gives is Kind.BOOL else text
    out = "Floats" if gives is Kind.FLOAT else "Ints"
    source = Program.of_text(
        f"def f({', '.join(arrays)}, out: {out}) -> None:\n" + "\n".join(reads) + f"\n    out[0] = {result}"
    )
    count = 1024
    random_ = np.random.default_rng(index)
    inputs = [values(random_, kind, count, small=word in ("*", "multiply_divide")) for kind in takes]
    expected = np.zeros(count, np.float64 if gives is Kind.FLOAT else np.int64)
    alone = reference.load(source)["f"]
    for at in range(count):
        alone(*(column[at : at + 1] for column in inputs), expected[at : at + 1])
    blocks = [to_blocks(column[None, :], lanes) for column in (*inputs, np.zeros_like(expected))]
    spread = [*(f"{name}_" for name, _ in zip("abc", takes, strict=False)), "out"]
    native.load_columns(source, "f", spread, lanes)(*blocks, groups=count // lanes)
    got = from_blocks(blocks[-1], count)[0]
    same = bits(got) == bits(expected) if gives is Kind.FLOAT else got == expected
    wrong = np.flatnonzero(~same)[:3]
    assert same.all(), [([column[at] for column in inputs], expected[at], got[at]) for at in wrong]


class Writer:
    """Random step functions: branches, loops, returns, calls, arrays, in every nesting."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def number(self, depth: int = 0) -> str:
        pick = self.random.randrange(8 if depth < 3 else 3)
        if pick < 3:
            return self.random.choice(["x", "y", "own[2]", "shared[1]", "own[m]", "shared[m]", "2.5", "u"])
        if pick < 5:
            return f"({self.number(depth + 1)} {self.random.choice('+-*')} {self.number(depth + 1)})"
        if pick == 5:
            return f"divide({self.number(depth + 1)}, {self.number(depth + 1)})"
        if pick == 6:
            return f"({self.number(depth + 1)} if {self.truth(depth + 1)} else {self.number(depth + 1)})"
        callee = self.random.choice(["help", "help", "large"])
        return f"{callee}({self.number(depth + 1)}, own, {self.random.choice(['m', 'm', '1', 'c'])})"

    def truth(self, depth: int = 0) -> str:
        pick = self.random.randrange(7 if depth < 3 else 3)
        if pick == 5:
            return (
                f"{self.random.choice(['help', 'large'])}({self.number(depth + 1)}, own, m) > {self.number(depth + 1)}"
            )
        if pick == 6:
            return f"{self.random.choice(['odd(c)', 'odd(m)', 'c == 2', 'odd(c + m)'])}"
        if pick < 3:
            return self.random.choice(["x < y", "u > 0.0", "m == 1", "0.0 < x <= own[1]", "shared[0] > 0.0", "p", "q"])
        if pick == 3:
            joint = self.random.choice([" and ", " or "])
            return "(" + joint.join(self.truth(depth + 1) for _ in range(self.random.randint(2, 3))) + ")"
        return f"(not {self.truth(depth + 1)})"

    def block(self, depth: int, *, looping: bool, helper: bool = False) -> list[str]:
        lines = []
        for _ in range(self.random.randint(1, 4)):
            pick = self.random.randrange(9 if depth < 3 else 4)
            if pick < 2:
                lines.append(f"{self.random.choice('xy')} {self.random.choice(['=', '+=', '*='])} {self.number()}")
            elif pick == 2:
                lines.append(f"own[{self.random.choice(['0', '1', 'm'])}] = {self.number()}")
            elif pick == 3:
                free = [
                    f"p = {self.truth()}",
                    "m = 3 - m",
                    "own[3] += 1.0",
                    f"own[m] += {self.number()}",
                    "note(own, m)",
                ]
                lines.append(self.random.choice(free))
            elif pick < 6:
                lines += [f"if {self.truth()}:", *self.inside(depth, looping=looping)]
                if self.random.random() < 0.5:
                    lines += ["else:", *self.inside(depth, looping=looping)]
            elif pick == 6:
                limit = self.random.choice(["3", "m", "m + 1", "c", "1, m + 2", "m, c"])
                counter = self.random.choice("kkc")
                lines += [f"for {counter} in range({limit}):", *self.inside(depth, looping=True)]
                if counter == "c":
                    lines.append("c = minimum(maximum(c, 0), 3)")
            elif pick == 7 and not looping:
                lines += [f"if {self.truth()}:", "    own[4] += 1.0", "    return x"]
            else:
                lines.append("u += 1.0" if depth == 0 else "x = y")
        return lines

    def inside(self, depth: int, *, looping: bool) -> list[str]:
        return ["    " + line for line in self.block(depth + 1, looping=looping)]

    def text(self) -> str:
        head = [
            "u = 0.5",
            "p = False",
            "q = shared[0] > shared[1]",
            "m = floor_to_int(own[5])",
            "c = 2 if q else 1",
            "x = own[0]",
            "y = own[1]",
        ]
        helper = [
            "def help(a: float, own: Floats, m: int) -> float:",
            "    if a > own[1]:",
            "        own[2] = a",
            "        return a - 1.0",
            "    if m > 1 and own[m] < a:",
            "        return own[0]",
            "    return a + 1.0",
        ]
        odd = ["def odd(a: int) -> bool:", "    return remainder(a, 2) == 1"]
        note = ["def note(own: Floats, m: int) -> None:", "    if own[m] > 0.0:", "        own[4] += own[m]"]
        # Large enough to be called once for each column that wants it.
        large = [line.replace("help", "large") for line in helper[:-1]]
        large += [f"    own[{at % 5}] = minimum(own[{at % 3}], a + own[{at % 4}])" for at in range(8)]
        large += ["    for k in range(m):", "        if own[k] < a and odd(k):", "            own[2] += 0.25"]
        large += ["    return own[m] + own[2]"]
        body = [*head, *self.block(0, looping=False), "own[6] = u", "return x + y"]
        main = ["def f(own: Floats, shared: Floats) -> float:", *("    " + line for line in body)]
        call = ["def g(own: Floats, shared: Floats) -> None:", "    own[7] = f(own, shared)"]
        return "\n\n".join("\n".join(lines) for lines in (helper, odd, note, large, main, call))


@examples(60)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_steps_give_every_column_its_own_bits(seed: int) -> None:
    source = replace(Program.of_text(Writer(seed).text()), rare=frozenset({"large"}))
    lanes = LANES[seed % len(LANES)]
    random_ = np.random.default_rng(seed)
    rows = random_.normal(size=(8, GROUPS * lanes))
    rows[5] = random_.integers(0, 4, GROUPS * lanes)
    shared = random_.normal(size=4)
    expected = rows.copy()
    for column in range(GROUPS * lanes):
        alone = expected[:, column].copy()
        reference.load(source)["g"](alone, shared)
        expected[:, column] = alone
    blocks = to_blocks(rows, lanes)
    native.load_columns(source, "g", ["own"], lanes)(blocks, shared, groups=GROUPS, threads=1 + seed % 2)
    assert (bits(from_blocks(blocks, GROUPS * lanes)) == bits(expected)).all(), source.text


def test_a_shared_array_that_columns_would_overwrite_is_refused() -> None:
    source = Program.of_text(
        "def f(own: Floats, shared: Floats) -> None:\n    if own[0] > 0.0:\n        shared[0] = 1.0"
    )
    with pytest.raises(SharedStore, match="f, line 3: shared is one for all columns"):
        native.load_columns(source, "f", ["own"])


def test_a_part_of_an_array_per_column_begins_at_a_row() -> None:
    """Every column has its own rows; where the part begins is the same for all, or it is refused."""
    program = Program.of_text(PARTS)
    rows, by = np.arange(18).reshape(6, 3), np.arange(9).reshape(3, 3)
    blocks, added = to_blocks(rows, 4), to_blocks(by, 4)
    native.load_columns(program, "each", ["rows", "by"], 4)(blocks, added, 3, groups=1)
    wanted = rows.copy()
    wanted[::2] += by
    assert from_blocks(blocks, 3).tolist() == wanted.tolist()
    apart = Program.of_text(
        "def one(row: Ints) -> None:\n    row[0] = 1\n\ndef f(rows: Ints, at: Ints) -> None:\n    one(rows[at[0] :])"
    )
    with pytest.raises(StartDiffers, match="f, line 2: rows is handed on"):
        native.load_columns(apart, "f", ["rows", "at"], 4)


def test_a_rare_function_that_columns_call_one_by_one_stores_nothing_that_is_shared() -> None:
    adds = "\n".join(f"    own[{at}] += shared[{at}] * own[{at + 1}] - own[{at + 2}]" for at in range(6))
    large = f"def large(own: Floats, shared: Floats) -> None:\n{adds}\n    shared[0] = 1.0\n\n"
    text = large + "def f(own: Floats, shared: Floats) -> None:\n    if own[0] > 0.0:\n        large(own, shared)"
    source = replace(Program.of_text(text), rare=frozenset({"large"}))
    with pytest.raises(SharedStore, match="f, line 3: shared of large"):
        native.load_columns(source, "f", ["own"])


@pytest.mark.parametrize("decided", ["shared[0] > 0.0 or", "shared[0] < 0.0 and", "own[0] < own[0] and"])
def test_what_an_earlier_part_has_decided_is_not_called(decided: str) -> None:
    note = "def note(own: Floats) -> bool:\n    own[1] = 1.0\n    return own[0] > 0.0\n\n"
    text = f"def f(own: Floats, shared: Floats) -> None:\n    if {decided} note(own):\n        own[2] = 1.0"
    own = np.zeros((GROUPS, 3, 4))
    native.load_columns(Program.of_text(note + text), "f", ["own"], 4)(own, np.ones(1), groups=GROUPS)
    assert (own[:, 1] == 0.0).all()


@pytest.mark.parametrize(
    "own", [np.zeros((2, 1, 4)), np.zeros((3, 1, 8)), np.zeros((3, 4)), np.zeros((3, 1, 8))[:, :, ::2], [0.0]]
)
def test_blocks_of_another_shape_are_refused(own: object) -> None:
    run = native.load_columns(Program.of_text("def f(own: Floats) -> None:\n    own[0] = 1.0"), "f", ["own"], 4)
    with pytest.raises(WrongArgument, match=r"f cannot take own: .*shape \(3, -1, 4\)"):
        run(own, groups=3)


def test_no_rows_are_no_rows_in_blocks() -> None:
    blocks = to_blocks(np.zeros((0, 5)), 4)
    assert blocks.shape == (2, 0, 4)
    assert from_blocks(blocks, 5).shape == (0, 5)


def test_a_return_in_a_loop_is_refused_for_columns_only() -> None:
    text = "def f(own: Floats) -> None:\n    for k in range(2):\n        if own[k] > 0.0:\n            return"
    source = Program.of_text(text)
    assert native.load(source)["f"](np.ones(2)) is None
    with pytest.raises(ReturnInLoop, match="f, line 4"):
        native.load_columns(source, "f", ["own"])


def test_what_is_one_for_all_is_kept_once_for_a_group() -> None:
    text = "def f(own: Floats, state: Floats, i1: int) -> None:\n    for i in range(i1):\n        state[0] += 1.0\n    own[0] = state[0]"
    own, state = np.zeros((GROUPS, 1, 4)), np.zeros((GROUPS, 1))
    native.load_columns(Program.of_text(text), "f", ["own"], 4)(own, state, 5, groups=GROUPS)
    assert (own == 5.0).all()
    assert (state == 5.0).all()


@examples(20)
@given(seed=st.integers(0, 2**32 - 1))
def test_whole_numbers_of_all_64_bits_are_divided_exactly(seed: int) -> None:
    text = "def f(a: Ints, b: Ints, q: Ints, r: Ints) -> None:\n    q[0] = floor_div(a[0], b[0])\n    r[0] = remainder(a[0], b[0])"
    random_, count = np.random.default_rng(seed), 4_096
    a, b = (random_.integers(-(2**63), 2**63 - 1, (2, count)) >> random_.integers(0, 63, (2, count)))[:]
    b = np.maximum(1, np.abs(b))
    a = np.where(
        random_.random(count) < 0.3, b * random_.integers(-999, 999, count) + random_.integers(-1, 2, count), a
    )
    blocks = [to_blocks(column[None], 8) for column in (a, b, a, a)]
    native.load_columns(Program.of_text(text), "f", "abqr", 8)(*blocks, groups=count // 8)
    assert (from_blocks(blocks[2], count)[0] == a // b).all()
    assert (from_blocks(blocks[3], count)[0] == a % b).all()


def test_machine_code_that_is_dropped_lives_on_with_whoever_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment that checks a thousand texts does not keep a thousand programs."""
    monkeypatch.setattr(native, "_loaded", {})
    monkeypatch.setattr(native, "LOADED_MAX", 2)
    made = [
        native.load(Program.of_text(f"def plus(x: float) -> float:\n    return x + {number}.0\n"))
        for number in range(4)
    ]
    assert [each["plus"](1.0) for each in made] == [1.0, 2.0, 3.0, 4.0]
    assert len(native._loaded) == 2
    assert native.load(Program.of_text("def plus(x: float) -> float:\n    return x + 3.0\n")) is made[-1]
