"""Expressions: equal terms are one node, kinds are checked when built, look-back and warm-up are derived."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepool.core.graph import expr
from tradepool.core.graph.expr import (
    Expr,
    WrongLength,
    WrongOperand,
    absolute,
    close,
    constant,
    crosses_above,
    high,
    low,
    maximum,
    parameter,
    square_root,
    was,
    where,
)
from tradepool.core.graph.parameter import Parameter, WrongParameter
from tradepool.core.graph.primitives import delta, ema, highest, lag, sma, variance, wilder
from tradepool.core.graph.span import Span
from tradepool.domain.errors import InvalidInput


def test_equal_terms_are_one_node() -> None:
    assert ema(close, 12) - 1 is ema(close, 12) - 1.0
    assert ema(close, 12) is not ema(close, 13)
    assert ema(close, parameter("n", 12, 1, 20, 1)) is not ema(close, parameter("n", 12, 1, 21, 1))
    assert constant(0.0) is not constant(-0.0)
    assert len({close, high, close}) == 2


def test_nodes_that_nobody_holds_are_forgotten() -> None:
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
    (lambda: close + (close > 1), r"true or false"),  # type: ignore[operator]
    (lambda: close > (close > 1), r"true or false"),
    (lambda: -(close > 1), r"true or false"),
    (lambda: maximum(close, True), r"true or false"),
    (lambda: close + "1", r"is not an expression"),  # type: ignore[operator]
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


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=6), st.data())
def test_a_span_is_the_largest_of_its_sums(sums: list[tuple[int, int, int]], data: st.DataObject) -> None:
    values = {"a": data.draw(st.integers(1, 99)), "b": data.draw(st.integers(1, 99))}
    span, plain = Span.of(0), 0
    for constant_, a, b in sums:
        times = {name: count for name, count in (("a", a), ("b", b)) if count}
        span = span | Span.of(constant_, **times)
        plain = max(plain, constant_ + a * values["a"] + b * values["b"])
    assert span.at(values) == plain
    assert (span + span).at(values) == 2 * plain


def test_errors_are_invalid_input() -> None:
    assert all(issubclass(error, InvalidInput) for error in (WrongOperand, WrongLength, WrongParameter))


def test_square_root_and_absolute_take_numbers() -> None:
    assert repr(square_root(absolute(close - 1))) == "square_root(absolute(close - 1.0))"
