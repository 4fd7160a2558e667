"""What each indicator says: of constant bars what it states, of others what TA-Lib or NumPy says where seeds agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from tests.core.graph.samples import bars_of, examples, seeds
from tests.core.graph.terms import EMA
from tests.core.indicators.found import INDICATORS, LONGEST
from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.graph.bars import Bars
from tradepool.core.graph.expr import Expr, close, defaults, high, low, parameters
from tradepool.core.graph.market_step import series
from tradepool.core.graph.whole import at
from tradepool.core.indicators.average_true_range import atr, true_range
from tradepool.core.indicators.bollinger_bands import bollinger
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.indicators.moving_average_convergence_divergence import macd
from tradepool.core.indicators.relative_strength_index import rsi
from tradepool.core.indicators.simple_moving_average import sma

Naive = Callable[[Bars, int], Floats]


class Row(NamedTuple):
    """What a line says of constant bars, and the same line in plain NumPy or by TA-Lib."""

    flat: Callable[[float], float]
    naive: Naive


def macd_line(bars: Bars, n: int) -> Floats:
    """The fast average is of half the length."""
    return EMA(bars.close, bars, n // 2) - EMA(bars.close, bars, n)


def macd_signal(bars: Bars, n: int) -> Floats:
    """The average of the line, once there is one."""
    return np.concatenate((np.full(n - 1, np.nan), EMA(macd_line(bars, n)[n - 1 :], bars, n)))


def true_ranges(bars: Bars, n: int) -> Floats:
    """From the second bar on."""
    before = np.concatenate(([np.nan], bars.close[:-1]))
    return np.fmax(bars.high, before) - np.fmin(bars.low, before) + 0.0 * before


# A new indicator needs a row here: every other law finds it by itself.
ROWS: dict[str, Row] = {
    "ema": Row(lambda value: value, lambda bars, n: talib.EMA(bars.close, n)),
    "sma": Row(lambda value: value, lambda bars, n: talib.SMA(bars.close, n)),
    "rsi": Row(lambda value: 50.0, lambda bars, n: talib.RSI(bars.close, n)),
    "true_range": Row(lambda value: 0.0, true_ranges),
    "atr": Row(lambda value: 0.0, lambda bars, n: talib.ATR(bars.high, bars.low, bars.close, n)),
    "macd line": Row(lambda value: 0.0, macd_line),
    "macd signal": Row(lambda value: 0.0, macd_signal),
    "macd histogram": Row(lambda value: 0.0, lambda bars, n: macd_line(bars, n) - macd_signal(bars, n)),
    "bollinger upper": Row(lambda value: value, lambda bars, n: talib.BBANDS(bars.close, n, 2.0, 2.0)[0]),
    "bollinger middle": Row(lambda value: value, lambda bars, n: talib.BBANDS(bars.close, n, 2.0, 2.0)[1]),
    "bollinger lower": Row(lambda value: value, lambda bars, n: talib.BBANDS(bars.close, n, 2.0, 2.0)[2]),
}
every_indicator = pytest.mark.parametrize("name", INDICATORS)


def lengths_of(expression: Expr, n: int) -> dict[str, float]:
    """Every length n, a fast one half of it, everything else as it is by default."""
    lengths = {item.name: n // 2 if item.name == "fast" else n for item in parameters(expression) if item.is_integer}
    return {**defaults(expression), **lengths}


def test_every_indicator_has_its_row() -> None:
    assert set(ROWS) == set(INDICATORS)


@every_indicator
@examples(6)
@given(value=st.floats(1e-6, 1e9), n=st.integers(2, LONGEST))
def test_constant_in_gives_the_stated_constant_out(name: str, value: float, n: int) -> None:
    flat, values = Bars(60_000, np.arange(200) * 60_000, *np.full((5, 200), value)), lengths_of(INDICATORS[name], n)
    got = series([INDICATORS[name]], flat, "native", values)[at(INDICATORS[name].first_valid, values, 60_000) :, 0]
    np.testing.assert_allclose(got, ROWS[name].flat(value), rtol=1e-12, atol=value * 1e-12)


@every_indicator
@examples(12)
@given(seed=seeds, n=st.integers(2, LONGEST))
def test_a_plain_form_says_the_same(name: str, seed: int, n: int) -> None:
    bars = bars_of(seed, 500)
    got = series([INDICATORS[name]], bars, "native", lengths_of(INDICATORS[name], n))[:, 0]
    np.testing.assert_allclose(got, ROWS[name].naive(bars, n), rtol=1e-9, atol=1e-10)


def test_macd_agrees_with_ta_lib_once_the_seed_is_forgotten() -> None:
    bars = bars_of(7, 2_000)
    lines = macd()
    got = series(list(lines), bars)
    for column, oracle in zip(got.T, talib.MACD(bars.close), strict=True):
        np.testing.assert_allclose(column[800:], oracle[800:], rtol=1e-9, atol=1e-12)
    assert not np.allclose(got[40, 0], talib.MACD(bars.close)[0][40], rtol=1e-9)


def test_the_true_range_counts_the_gap() -> None:
    columns = np.array([[10.0, 14.0], [11.0, 15.0], [9.0, 13.0], [10.0, 14.0], [1.0, 1.0]])
    bars = Bars(60_000, np.array([0, 60_000]), *columns)
    assert series([true_range()], bars, "reference")[1, 0] == 5.0


def test_indicators_share_what_is_equal() -> None:
    assert bollinger(length=20).middle is sma(length=20)
    assert ema(close, length=9) is ema(length=9)
    assert atr(length=14) is atr()
    assert rsi(high - low).lookback == 14
