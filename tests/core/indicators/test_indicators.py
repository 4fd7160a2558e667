"""The laws of indicators: constant in gives the stated constant out, and TA-Lib says the same where seeds agree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from tests.core.graph.samples import bars_of, bits, examples, seeds, tempers
from tradepool.core.graph.bars import Bars
from tradepool.core.graph.expr import Number, close, high, low, parameter
from tradepool.core.graph.market_step import series
from tradepool.core.graph.vocabulary import Floats
from tradepool.core.graph.whole import at
from tradepool.core.indicators.average_true_range import atr, true_range
from tradepool.core.indicators.bollinger_bands import bollinger
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.indicators.moving_average_convergence_divergence import macd
from tradepool.core.indicators.relative_strength_index import rsi
from tradepool.core.indicators.simple_moving_average import sma

N = parameter("n", 14, 2, 60, 1)
SLOW = parameter("slow", 26, 2, 60, 1)
MACD = macd(fast=N, slow=SLOW, signal=9)
BANDS = bollinger(length=N, width=2.0)

INDICATORS: dict[str, Number] = {
    "ema": ema(length=N),
    "sma": sma(length=N),
    "rsi": rsi(length=N),
    "atr": atr(length=N),
    "macd line": MACD.line,
    "macd signal": MACD.signal,
    "macd histogram": MACD.histogram,
    "bollinger upper": BANDS.upper,
    "bollinger middle": BANDS.middle,
    "bollinger lower": BANDS.lower,
}
OUT_OF_CONSTANT: dict[str, float] = {
    "rsi": 50.0,
    "atr": 0.0,
    "macd line": 0.0,
    "macd signal": 0.0,
    "macd histogram": 0.0,
}
every_indicator = pytest.mark.parametrize("name", INDICATORS)


@every_indicator
@examples(6)
@given(value=st.floats(1e-6, 1e9), n=st.integers(2, 60))
def test_constant_in_gives_the_stated_constant_out(name: str, value: float, n: int) -> None:
    flat = Bars(60_000, np.arange(200) * 60_000, *np.full((5, 200), value))
    got = series([INDICATORS[name]], flat, "native", {"n": n})[:, 0]
    expected = OUT_OF_CONSTANT.get(name, value)
    assert not np.isnan(got[at(INDICATORS[name].first_valid, {"n": n, "slow": 26}, 60_000) :]).any()
    np.testing.assert_allclose(got[~np.isnan(got)], expected, rtol=1e-12, atol=value * 1e-12)


@every_indicator
@examples(8)
@given(seed=seeds, temper=tempers, n=st.integers(2, 60))
def test_both_runners_give_the_same_bits(name: str, seed: int, temper: str, n: int) -> None:
    bars = bars_of(seed, 300, temper)
    native, plain = (series([INDICATORS[name]], bars, runner, {"n": n}) for runner in ("native", "reference"))
    assert (bits(native) == bits(plain)).all()


Oracle = Callable[[Bars, int], Floats]
ORACLES: dict[str, Oracle] = {
    "ema": lambda bars, n: talib.EMA(bars.close, n),
    "sma": lambda bars, n: talib.SMA(bars.close, n),
    "rsi": lambda bars, n: talib.RSI(bars.close, n),
    "atr": lambda bars, n: talib.ATR(bars.high, bars.low, bars.close, n),
    "bollinger upper": lambda bars, n: talib.BBANDS(bars.close, n, 2.0, 2.0)[0],
    "bollinger middle": lambda bars, n: talib.BBANDS(bars.close, n, 2.0, 2.0)[1],
    "bollinger lower": lambda bars, n: talib.BBANDS(bars.close, n, 2.0, 2.0)[2],
}


@pytest.mark.parametrize("name", ORACLES)
@examples(12)
@given(seed=seeds, n=st.integers(2, 60))
def test_ta_lib_says_the_same(name: str, seed: int, n: int) -> None:
    bars = bars_of(seed, 500)
    got = series([INDICATORS[name]], bars, "native", {"n": n})[:, 0]
    np.testing.assert_allclose(got, ORACLES[name](bars, n), rtol=1e-9)


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
