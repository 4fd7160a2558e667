"""Expressions: equal terms are one node, kinds are checked when built, look-back and warm-up are derived."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepool.core.graph import expr, primitives, scope
from tradepool.core.graph.expr import (
    Expr,
    NestedTooDeep,
    Number,
    WrongOperand,
    absolute,
    close,
    constant,
    crosses_above,
    exp,
    high,
    log,
    low,
    maximum,
    open_,
    parameter,
    power,
    square_root,
    tanh,
    volume,
    was,
    where,
)
from tradepool.core.graph.lengths import WrongLength
from tradepool.core.graph.parameter import Parameter, WrongParameter, declare
from tradepool.core.graph.primitives import (
    correlation,
    cumulative,
    delta,
    ema,
    highest,
    lag,
    quantile,
    rank,
    regression,
    sma,
    variance,
    wilder,
)
from tradepool.core.graph.units import ANY, PLAIN, PRICE, VOLUME, Unit, WrongUnit
from tradepool.core.graph.whole import Term, Whole, at, largest, names_in, plus, times
from tradepool.domain.errors import InvalidInput


def test_equal_terms_are_one_node() -> None:
    assert ema(close, 12) - 1 is ema(close, 12) - 1.0
    assert ema(close, 12) is not ema(close, 13)
    assert ema(close, parameter("n", 12, 1, 20, 1)) is not ema(close, parameter("n", 12, 1, 21, 1))
    assert constant(0.0) is not constant(-0.0)
    assert len({close, high, close}) == 2


def test_nodes_that_nobody_holds_are_forgotten() -> None:
    gc.collect()
    before = len(expr._nodes)
    sma(close * 12345.678, 17)
    gc.collect()
    assert len(expr._nodes) == before


@pytest.mark.parametrize(
    ("expression", "lookback"),
    [
        (close, 0),
        (delta(close), 1),
        (lag(close, 5), 5),
        (sma(close, 20), 19),
        (ema(sma(close, 20), 10), 28),
        (variance(close, 1), 0),
        (maximum(highest(high, 7), lag(low, 3)), 6),
        (was(close > sma(close, 4)), 4),
        (where(crosses_above(close, ema(close, 9)), close, wilder(delta(close), 14)), 14),
        (sma(close, parameter("n", 30, 1, 50, 1)), 29),
    ],
)
def test_lookback_is_derived(expression: Expr, lookback: int) -> None:
    assert expression.lookback == lookback


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: close & (close > 1), r"`close` is a number.*compare it first"),
    (lambda: (close > 1) & close, r"`close` is a number"),  # type: ignore[operator]
    (lambda: ~close, r"`close` is a number"),
    (lambda: (close > 1) + 1, r"close > 1.0.*true or false.*where"),
    (lambda: close + (close > 1), r"true or false"),
    (lambda: close > (close > 1), r"true or false"),
    (lambda: -(close > 1), r"true or false"),
    (lambda: maximum(close, True), r"true or false"),
    (lambda: close + "1", r"is not an expression"),  # type: ignore[arg-type]
    (lambda: close * math.nan, r"finite"),
    (lambda: close * math.inf, r"finite"),
    (lambda: close + 10**400, r"finite"),
    (lambda: close / 0, r"divisor is zero"),
    (lambda: where(close, 1, 2), r"`close` is a number"),  # type: ignore[arg-type]
    (lambda: close > 1 and close < 2, r"close > 1.0.*join conditions with &"),
    (lambda: 1 < close < 2, r"join conditions"),
    (lambda: not close, r"join conditions"),
]


@pytest.mark.parametrize(("build", "words"), WRONG)
def test_wrong_kinds_are_refused_when_built(build: Callable[[], object], words: str) -> None:
    with pytest.raises(WrongOperand, match=words):
        build()


@pytest.mark.parametrize("length", [0, -1, 10**9, 2.0, "9", None, True, close, parameter("x", 1.0, 1.0, 2.0, 0.5)])
def test_wrong_lengths_are_refused(length: int) -> None:
    with pytest.raises(WrongLength, match="whole number"):
        sma(close, length)
    with pytest.raises(WrongLength):
        ema(close, parameter("n", 5, 0, 9, 1))


@pytest.mark.parametrize(
    "arguments",
    [
        ("Bad", 1, 1, 2, 1),
        ("a b", 1, 1, 2, 1),
        ("__import__('os')", 1, 1, 2, 1),
        ("a" * 41, 1, 1, 2, 1),
        ("\u0430", 1, 1, 2, 1),
        ("a", 1, 1.0, 2, 1),
        ("a", True, 0, 1, 1),
        ("a", 3, 1, 2, 1),
        ("a", 1, 1, 2, 0),
        ("a", math.nan, 0.0, 1.0, 0.1),
        ("a", 1.05, 1.0, 2.0, 0.1),
        ("a", 1.0, 1.0, math.inf, 0.1),
    ],
)
def test_wrong_parameters_are_refused(arguments: tuple[str, float, float, float, float]) -> None:
    with pytest.raises(WrongParameter):
        parameter(*arguments)


def test_one_name_has_one_meaning() -> None:
    with pytest.raises(WrongParameter, match="declare it once"):
        expr.parameters(ema(close, parameter("n", 12, 1, 20, 1)), sma(close, parameter("n", 12, 1, 21, 1)))


@given(st.integers(0, 400))
def test_a_parameter_takes_what_is_on_its_grid(steps: int) -> None:
    width = parameter("width", 2.0, 0.5, 50.0, 0.1).value
    assert isinstance(width, Parameter)
    assert width.take(0.5 + steps * 0.1) == float(f"{0.5 + steps * 0.1:.1f}")
    with pytest.raises(WrongParameter, match="nearest"):
        width.take(0.55 + steps * 0.1)


def test_deep_and_wide_expressions_are_built_walked_and_shown() -> None:
    deep = close
    for _ in range(5_000):
        deep = deep + deep
    assert len(expr.walk(deep)) == 5_001
    assert len(repr(deep)) <= 160


def test_windows_of_windows_add_up_in_one_sum() -> None:
    n, nested = parameter("n", 5, 1, 60, 1), close
    for _ in range(100):
        nested = sma(nested, n) + nested
    assert nested.lookback == 100 * 4
    assert len(str(nested.first_valid)) < 1_000


Tree = tuple[Whole, Callable[[dict[str, int]], int]]
leaves: st.SearchStrategy[Tree] = st.one_of(
    st.integers(0, 50).map(lambda value: (value, lambda values: value)),
    st.sampled_from("ab").map(lambda name: (Term("parameter", (name,)), lambda values: values[name])),
)


def joined(parts: tuple[Tree, Tree, str]) -> Tree:
    """Two whole numbers put together, and the same in Python."""
    (a, x), (b, y), sign = parts
    if sign == "+":
        return plus(a, b), lambda values: x(values) + y(values)
    if sign == "*":
        return times(a, b), lambda values: x(values) * y(values)
    return largest(a, b), lambda values: max(x(values), y(values))


@given(
    st.recursive(leaves, lambda inner: st.tuples(inner, inner, st.sampled_from("+*m")).map(joined), max_leaves=12),
    st.lists(st.tuples(st.integers(1, 99), st.integers(1, 99)), min_size=1, max_size=5),
)
def test_a_whole_number_is_the_same_for_one_set_and_for_many(tree: Tree, sets: list[tuple[int, int]]) -> None:
    whole, plain = tree
    expected = [plain({"a": a, "b": b}) for a, b in sets]
    assert [at(whole, {"a": a, "b": b}, 60_000) for a, b in sets] == expected
    many = at(whole, dict(zip("ab", np.array(sets).T, strict=True)), 60_000)
    assert np.broadcast_to(many, len(sets)).tolist() == expected
    assert names_in(whole) <= {"a", "b"}


UNITS: list[tuple[Callable[[], Expr], str]] = [
    (lambda: close + volume, r"In add: `close` is price, `volume` is volume; divide each"),
    (lambda: close > volume, r"In greater: .*volume"),
    (lambda: maximum(close, variance(close, 5)), r"price\^2"),
    (lambda: where(close > 1, close, close / open_), r"a plain number"),
    (lambda: close - close * volume, r"price volume"),
    (lambda: log(close), r"In log: `close` is price, which has no meaning here; divide it"),
    (lambda: exp(close - open_), r"`close - open` is price"),
    (lambda: tanh(volume), r"`volume` is volume"),
    (lambda: power(volume, 2), r"`volume` is volume"),
    (lambda: crosses_above(rank(close, 5), close), r"a plain number"),
]


@pytest.mark.parametrize(("build", "words"), UNITS)
def test_units_that_do_not_fit_are_refused(build: Callable[[], Expr], words: str) -> None:
    with pytest.raises(WrongUnit, match=words):
        build()


@pytest.mark.parametrize(
    ("expression", "unit"),
    [
        (close * 2 + 1, PRICE),
        (close / lag(close) - 1, PLAIN),
        (square_root(variance(close, 9)), PRICE),
        (cumulative(close * volume) / cumulative(volume), PRICE),
        (regression(close, 9).slope, PRICE),
        (regression(close, 9).r2, PLAIN),
        (correlation(close, volume, 9) * volume, VOLUME),
        (-absolute(volume), VOLUME),
        (where(close > 100, 1, 2) * parameter("x", 1.0, 0.0, 2.0, 0.5), ANY),
        (log(close / open_), PLAIN),
        (1 / close, (-1.0, 0.0)),
        (quantile(volume, 5, 0.5), VOLUME),
    ],
)
def test_units_are_derived(expression: Expr, unit: Unit) -> None:
    assert expression.unit == unit


def test_errors_are_invalid_input() -> None:
    assert all(issubclass(error, InvalidInput) for error in (WrongOperand, WrongLength, WrongParameter, WrongUnit))


def test_square_root_and_absolute_take_numbers() -> None:
    assert repr(square_root(absolute(close - 1))) == "square_root(absolute(close - 1.0))"


def test_a_value_is_forgiven_its_rounding_at_the_ends_too() -> None:
    width = declare("width", 2.0, 0.1, 50.0, 0.1)
    assert width.take(50.00000000000001) == 50.0
    assert width.take(0.1 + 499 * 0.1) == 50.0
    for value in (50.01, float("inf"), float("-inf"), float("nan"), 1e300, -0.0):
        with pytest.raises(WrongParameter):
            width.take(value)


@pytest.mark.parametrize("word", [sma, lag, highest])
@pytest.mark.parametrize("names", ["n", "n{}"])
def test_hundreds_of_windows_in_one_another_are_refused_by_name(word: Callable[..., Number], names: str) -> None:
    """Their look-back would be a formula too deep to be walked; with plain numbers it is a number, however many."""

    def nested(*lengths: int | Number) -> Number:
        inner = close
        for length in lengths:
            inner = word(inner, length)
        return inner

    with pytest.raises(NestedTooDeep, match=r"more than 200 windows .* give some of them plain numbers"):
        nested(*(parameter(names.format(index), 3, 2, 9, 1) for index in range(1_000)))
    assert nested(*[3] * 1_000).lookback in (2_000, 3_000)


@pytest.mark.parametrize(
    "written",
    [
        "lag(close)",
        "regression(close, 14).slope",
        "regression(close, 14).r2",
        "moment(close, 9, 3)",
        "ema(close, 9, seed='first')",
        "wilder(close, 9, seed='sum')",
        "session('4h')",
        "external('score', max_age='90m')",
        "external('score', max_age='3h')",
        "on('1h', highest(close, 3))",
    ],
)
def test_an_expression_is_shown_as_it_is_written(written: str) -> None:
    words = {**vars(expr), **vars(primitives), **vars(scope)}
    assert repr(eval(written, words)) == written  # noqa: S307  # a literal of this file
