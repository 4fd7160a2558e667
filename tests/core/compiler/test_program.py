"""Programs: what is collected, what runs, and what is refused with which words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tradepool.core.compiler import dialect, dialect_values, functions, native, program, reference
from tradepool.core.compiler.functions import Functions
from tradepool.core.compiler.program import Program
from tradepool.core.compiler.vocabulary import Floats, Ints, floor_div, to_float
from tradepool.domain.errors import InvalidInput

CASH = 0
HELD = 1
RATE = 0.5

LOADERS = [pytest.param(reference.load, id="reference"), pytest.param(native.load, id="native")]


def cost(price: int, count: int) -> int:
    """A callee with a constant of its own."""
    return price * count + floor_div(count, 1_000)


def buy(row: Ints, price: int, count: int) -> bool:
    """Arrays, early return, augmented assignment, a call."""
    if not 0 < count <= row[CASH] or price <= 0:
        return False
    row[CASH] -= cost(price, count)
    row[HELD + 0] += count
    return True


def triangle(count: int, weights: Floats) -> float:
    """Nested loops whose variable is assigned inside, and an int literal beside a float."""
    total = 0.0
    for k in range(count):
        for j in range(k, count):
            total += weights[j] * 2 - RATE
            j = 0
        if k == 5:
            return -total
        k += 100
    return total + to_float(count)


def nothing(row: Ints) -> None:
    """A plain return, and falling off the end."""
    if row[0] == 0:
        return
    row[0] = -row[0]


def aliased(row: Ints) -> int:
    """An index read before it changes."""
    row[row[0]] += touch(row)
    return row[1]


def touch(row: Ints) -> int:
    """Changes what the caller indexes by."""
    row[0] = 2
    return 10


def loops(a: int) -> int:
    """Calls another that calls it back."""
    return calls(a)


def calls(a: int) -> int:
    """The other half."""
    return loops(a)


Load = Callable[[Program], Functions]


@pytest.mark.parametrize("load", LOADERS)
def test_functions_of_a_module_run(load: Load) -> None:
    functions_ = load(Program.of(buy, triangle, nothing, aliased))
    row = np.array([1_000, 0])
    assert functions_["buy"](row, 3, 100) is True
    assert functions_["buy"](row, 3, 0) is False
    assert row.tolist() == [700, 100]
    weights = np.arange(8.0)
    assert functions_["triangle"](3, weights) == triangle(3, weights)
    assert functions_["triangle"](8, weights) == triangle(8, weights)
    assert functions_["nothing"](row) is None
    assert row[0] == -700
    assert functions_["aliased"](np.array([1, 5, 7])) == aliased(np.array([1, 5, 7])) == 15


def test_callees_come_first_with_their_constants() -> None:
    collected = Program.of(buy)
    assert [function.name for function in collected.functions] == ["cost", "buy"]
    assert collected.constants == (("CASH", 0), ("HELD", 1))


def test_programs_join_and_the_text_decides_the_digest() -> None:
    joined = Program.of(cost) + Program.of_text("def twice(a: int) -> int:\n    return cost(a, 2)")
    assert native.load(joined, ["twice"])["twice"](5) == 10
    assert joined.digest == (Program.of(cost) + joined).digest != Program.of(cost).digest


def test_compiled_code_is_kept() -> None:
    text = "def kept(a: int) -> int:\n    return a + 12345"
    assert native.load(Program.of_text(text)) is native.load(Program.of_text(text))


def test_a_bound_call_sees_what_is_in_its_arrays() -> None:
    row = np.array([1_000, 0])
    run = native.load(Program.of(buy))["buy"].bind(row, 1, 10)
    assert run()
    assert run()
    assert row.tolist() == [980, 20]


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1, 2), "3|arguments"),
        (([1, 2], 1, 1), "list"),
        ((np.zeros(2), 1, 1), "float64"),
        ((np.zeros((2, 2), np.int64), 1, 1), "strides"),
        ((np.zeros(8, np.int64)[::2], 1, 1), "strides"),
        ((np.zeros(2, np.int64), 1.0, 1), "1.0"),
        ((np.zeros(2, np.int64), True, 1), "True"),
        ((np.zeros(2, np.int64), 2**63, 1), "64-bit"),
    ],
)
def test_wrong_arguments_are_named(load: Load, arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(functions.WrongArgument, match=words):
        load(Program.of(buy))["buy"](*arguments)


PARTS = """
def add(row: Ints, by: int) -> int:
    row[0] += by
    return row[1]

def each(rows: Ints, by: Ints, count: int) -> int:
    total = 0
    for k in range(count):
        total += add(rows[2 * k :], by[k])
    return total
"""


@pytest.mark.parametrize("load", LOADERS)
def test_a_part_of_an_array_is_the_same_memory(load: Load) -> None:
    """Rows of several behind each other, handed to what knows of one."""
    functions_of = load(Program.of_text(PARTS))
    rows = np.array([1, 10, 2, 20, 3, 30])
    assert functions_of["each"](rows, np.array([5, 6, 7]), 3) == 60
    assert rows.tolist() == [6, 10, 8, 20, 10, 30]
    assert functions_of["each"].signature.writes == {"rows"}


@pytest.mark.parametrize("load", LOADERS)
def test_a_read_only_array_is_not_written(load: Load) -> None:
    row = np.zeros(2, np.int64)
    row.flags.writeable = False
    with pytest.raises(functions.WrongArgument, match="read-only"):
        load(Program.of(buy))["buy"](row, 1, 1)
    weights = np.arange(8.0)
    weights.flags.writeable = False
    assert load(Program.of(triangle))["triangle"](3, weights) == triangle(3, weights)


def test_an_unknown_function_is_named() -> None:
    with pytest.raises(functions.NoSuchFunction, match=r"sell.*cost, buy"):
        reference.load(Program.of(buy))["sell"]


REFUSED = [
    ("return a / b", "divide"),
    ("return a // b", "floor_div"),
    ("return a % b", "remainder"),
    ("return a ** b", "multiply it out"),
    ("return a << b", "dialect"),
    ("while True:\n        pass", "range"),
    ("for k in range(3):\n        break\n    return 0", "if"),
    ("for k in [1, 2]:\n        pass\n    return 0", "not step source"),
    ("for k in range(0, 9, 2):\n        pass\n    return 0", "not step source"),
    ("a, b = b, a\n    return a", "one name"),
    ("a = b = 1\n    return a", "not step source"),
    ("return row.size", "by its own name"),
    ("return row[-1]", "from the start"),
    ("return row[0:1]", "one element"),
    ("return row[1:][0]", "not an array"),
    ("c = row[1:]\n    return a", "keep int"),
    ("row[1:] = a\n    return a", "one element"),
    ("return minimum(row[1:], row[2:])", "number"),
    ("return row[-1:]", "from an element on"),
    ("return a[1:]", "from an element on"),
    ("return row[x:]", "floor_to_int"),
    ("return a[0]", "not an array"),
    ("return __import__('os').system('true')", "not step source"),
    ("return print(a)", "print"),
    ("return minimum(a, b=b)", "by position"),
    ("return minimum(*row)", "by position"),
    ("return minimum(a)", "takes 2"),
    ("return minimum(p, p)", "number"),
    ("return [k for k in row][0]", "not an array"),
    ("return (lambda: 1)()", "by position"),
    ("import os\n    return 1", "not step source"),
    ("assert a\n    return 1", "not step source"),
    ("return 'text'", "literal"),
    ("return None", "literal"),
    ("return 9223372036854775808", "literal"),
    ("return (c := 1)", "not step source"),
    ("return x", "floor_to_int"),
    ("return a + x", "floor_to_int"),
    ("return round_to_int(x + a)", "to_float"),
    ("return round_to_int(x + 9007199254740993)", "not exact"),
    ("x = 0\n    return a", "to_float"),
    ("c = row\n    return a", "keep int"),
    ("row = 1\n    return a", "needs Ints"),
    ("minimum = 1\n    return a", "another meaning"),
    ("return a if b else a", "needs bool"),
    ("if a:\n        return 1\n    return 0", "needs bool"),
    ("return a and b", "needs bool"),
    ("return p + p", "computes with bool"),
    ("if a < x:\n        return 1\n    return 0", "floor_to_int"),
    ("if a < 1 < x:\n        return 1\n    return 0", "floor_to_int"),
    ("if p < p:\n        return 1\n    return 0", "computes with bool"),
    ("if p:\n        c = 1\n    return c", "before it has a value"),
    ("for k in range(a):\n        c = k\n    return c", "before it has a value"),
    ("for k in range(a):\n        c = k\n    return k", "before it has a value"),
    ("return unknown", "unknown is not known"),
    ("if p:\n        return 1", "not every path"),
    ("return 1\n    return 2", "never runs"),
    ("return", "nothing is returned"),
    ("return f(a, b, x, p, row)", "function f"),
    ("c: object = 1\n    return c", "annotation"),
    ("global c\n    return 1", "not step source"),
]


@pytest.mark.parametrize(("body", "words"), REFUSED, ids=[body.replace("\n", "; ") for body, _ in REFUSED])
def test_what_is_outside_the_dialect_is_refused(body: str, words: str) -> None:
    text = f"def f(a: int, b: int, x: float, p: bool, row: Ints) -> int:\n    {body}"
    with pytest.raises(InvalidInput, match=words) as caught:
        dialect.check(Program.of_text(text))
    assert str(caught.value).startswith("f, line ")
    assert "{" not in str(caught.value)


def test_a_call_in_a_chain_is_refused_as_compiled_code_would_always_make_it() -> None:
    note = "def note(row: Ints) -> int:\n    row[0] += 1\n    return row[0]\n\n"
    with pytest.raises(
        dialect_values.OutsideDialect, match=r"f, line 6: `note\(row\)` in a chain.*write a < b and b < c"
    ):
        dialect.check(Program.of_text(f"{note}def f(a: int, row: Ints) -> bool:\n    return 0 < a < note(row)"))
    assert dialect.check(Program.of_text(f"{note}def f(a: int, row: Ints) -> bool:\n    return 0 < note(row) < a"))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("def f(a: int -> int:", program.NotSourceText),
        ("x = 1", program.NotSourceText),
        ("def f(a) -> int:\n    return 1", dialect_values.OutsideDialect),
        ("def f(a: str) -> int:\n    return 1", dialect_values.OutsideDialect),
        ("def f(a: int = 1) -> int:\n    return 1", dialect_values.OutsideDialect),
        ("def f(*a: int) -> int:\n    return 1", dialect_values.OutsideDialect),
        ("def f(a: int):\n    return 1", dialect_values.OutsideDialect),
        ("@staticmethod\ndef f(a: int) -> int:\n    return 1", program.NotSourceText),
        ("def minimum(a: int) -> int:\n    return 1", dialect_values.OutsideDialect),
        ("def range(a: int) -> int:\n    return 1", dialect_values.OutsideDialect),
        ("def f() -> None:\n    return 1", dialect_values.WrongKind),
        ("def f() -> int:\n    return 1\n\ndef f() -> int:\n    return 2", program.NameClash),
    ],
)
def test_definitions_outside_the_dialect_are_refused(text: str, error: type[InvalidInput]) -> None:
    with pytest.raises(error):
        dialect.check(Program.of_text(text))


def test_an_error_in_a_module_names_its_line() -> None:
    with pytest.raises(dialect_values.OutsideDialect, match=r"test_program.*, line \d{2,3}: "):
        dialect.check(Program.of(quotient))


def quotient(a: float) -> float:
    """Not step source."""
    return a / 2.0


def test_clashes_and_recursion_are_named() -> None:
    with pytest.raises(program.NameClash, match="cost"):
        Program.of(cost) + Program.of_text("def cost(a: int) -> int:\n    return a")
    with pytest.raises(program.NameClash, match="CASH"):
        Program.of(buy) + Program.of_text("def g() -> int:\n    return CASH", {"CASH": 7})
    with pytest.raises(program.CallsItself, match="loops -> calls -> loops"):
        Program.of(loops)


def test_native_says_when_llvm_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    native._machine.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "llvmlite.binding", None)
    with pytest.raises(native.NativeUnavailable, match="install llvmlite"):
        native.load(Program.of_text("def absent(a: int) -> int:\n    return a"))
    native._machine.cache_clear()
