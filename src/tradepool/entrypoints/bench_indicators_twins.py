"""What TA-Lib says, for every line of ours that it has a twin of, with the default parameters of our page.

Needs TA-Lib, which only the bench and the tests do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import talib

from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.market.bars import Bars

Twin = Callable[[Bars], Floats]


def named(function: Callable[..., Floats], twin: Twin) -> Twin:
    """The twin, called as the function that it calls."""
    twin.__name__ = function.__name__
    return twin


def of_close(function: Callable[..., Floats], *args: float, **kwargs: float) -> Twin:
    """A function of the close."""
    return named(function, lambda bars: function(bars.close, *args, **kwargs))


def of_bar(function: Callable[..., Floats], *args: float) -> Twin:
    """A function of high, low and close."""
    return named(function, lambda bars: function(bars.high, bars.low, bars.close, *args))


def of_range(function: Callable[..., Floats], *args: float) -> Twin:
    """A function of high and low."""
    return named(function, lambda bars: function(bars.high, bars.low, *args))


def pattern(name: str) -> Twin:
    """A candlestick pattern: its sign, as we say no more."""
    function: Callable[..., Floats] = getattr(talib, name)
    return lambda bars: np.sign(function(bars.open, bars.high, bars.low, bars.close)).astype(np.float64)


def part(function: Callable[..., tuple[Floats, ...]], at: int) -> Callable[..., Floats]:
    """One output of several."""

    def one(*args: object, **kwargs: object) -> Floats:
        return function(*args, **kwargs)[at]

    one.__name__ = function.__name__
    return one


TWINS: dict[str, Twin] = {
    "sma": of_close(talib.SMA, 14),
    "ema": of_close(talib.EMA, 14),
    "wma": of_close(talib.WMA, 20),
    "dema": of_close(talib.DEMA, 20),
    "tema": of_close(talib.TEMA, 20),
    "trima": of_close(talib.TRIMA, 20),
    "tillson_t3": of_close(talib.T3, 5, 0.7),
    "kama": of_close(talib.KAMA, 10),
    "lsma": of_close(talib.LINEARREG, 14),
    "midpoint": of_close(talib.MIDPOINT, 14),
    "midprice": of_range(talib.MIDPRICE, 14),
    "average_price": lambda bars: talib.AVGPRICE(bars.open, bars.high, bars.low, bars.close),
    "median_price": of_range(talib.MEDPRICE),
    "typical_price": of_bar(talib.TYPPRICE),
    "weighted_close": of_bar(talib.WCLPRICE),
    "rsi": of_close(talib.RSI, 14),
    "stochastic k": of_bar(part(talib.STOCH, 0), 14, 3, 0, 3, 0),
    "stochastic d": of_bar(part(talib.STOCH, 1), 14, 3, 0, 3, 0),
    "stochastic_fast k": of_bar(part(talib.STOCHF, 0), 14, 3, 0),
    "stochastic_fast d": of_bar(part(talib.STOCHF, 1), 14, 3, 0),
    "stochastic_rsi k": of_close(part(talib.STOCHRSI, 0), 14, 14, 3, 0),
    "stochastic_rsi d": of_close(part(talib.STOCHRSI, 1), 14, 14, 3, 0),
    "macd line": of_close(part(talib.MACD, 0)),
    "macd signal": of_close(part(talib.MACD, 1)),
    "macd histogram": of_close(part(talib.MACD, 2)),
    "ppo line": of_close(talib.PPO, 12, 26, 1),
    "apo": of_close(talib.APO, 12, 26, 1),
    "roc": of_close(talib.ROC, 10),
    "rocp": of_close(talib.ROCP, 10),
    "momentum": of_close(talib.MOM, 10),
    "cci": of_bar(talib.CCI, 20),
    "williams_r": of_bar(talib.WILLR, 14),
    "ultimate_oscillator": of_bar(talib.ULTOSC, 7, 14, 28),
    "cmo": of_close(talib.CMO, 14),
    "balance_of_power": lambda bars: talib.BOP(bars.open, bars.high, bars.low, bars.close),
    "trix": of_close(talib.TRIX, 15),
    "adx plus": of_bar(talib.PLUS_DI, 14),
    "adx minus": of_bar(talib.MINUS_DI, 14),
    "adx dx": of_bar(talib.DX, 14),
    "adx": of_bar(talib.ADX, 14),
    "aroon down": of_range(part(talib.AROON, 0), 14),
    "aroon up": of_range(part(talib.AROON, 1), 14),
    "aroon oscillator": of_range(talib.AROONOSC, 14),
    "parabolic_sar": of_range(talib.SAR, 0.02, 0.2),
    "linear_regression value": of_close(talib.LINEARREG, 14),
    "linear_regression slope": of_close(talib.LINEARREG_SLOPE, 14),
    "time_series_forecast": of_close(talib.TSF, 14),
    "true_range": of_bar(talib.TRANGE),
    "atr": of_bar(talib.ATR, 14),
    "natr": of_bar(talib.NATR, 14),
    "bollinger upper": of_close(part(talib.BBANDS, 0), 20, 2.0, 2.0),
    "bollinger middle": of_close(part(talib.BBANDS, 1), 20, 2.0, 2.0),
    "bollinger lower": of_close(part(talib.BBANDS, 2), 20, 2.0, 2.0),
    "standard_deviation": of_close(talib.STDDEV, 20, 1.0),
    "obv": lambda bars: talib.OBV(bars.close, bars.volume),
    "mfi": lambda bars: talib.MFI(bars.high, bars.low, bars.close, bars.volume, 14),
    "accumulation_distribution": lambda bars: talib.AD(bars.high, bars.low, bars.close, bars.volume),
    "chaikin_oscillator": lambda bars: talib.ADOSC(bars.high, bars.low, bars.close, bars.volume, 3, 10),
    "doji": pattern("CDLDOJI"),
    "dragonfly_doji": pattern("CDLDRAGONFLYDOJI"),
    "gravestone_doji": pattern("CDLGRAVESTONEDOJI"),
    "long_legged_doji": pattern("CDLLONGLEGGEDDOJI"),
    "hammer": pattern("CDLHAMMER"),
    "hanging_man": pattern("CDLHANGINGMAN"),
    "inverted_hammer": pattern("CDLINVERTEDHAMMER"),
    "shooting_star": pattern("CDLSHOOTINGSTAR"),
    "engulfing": pattern("CDLENGULFING"),
    "harami": pattern("CDLHARAMI"),
    "harami_cross": pattern("CDLHARAMICROSS"),
    "piercing_line": pattern("CDLPIERCING"),
    "dark_cloud_cover": pattern("CDLDARKCLOUDCOVER"),
    "morning_star": pattern("CDLMORNINGSTAR"),
    "evening_star": pattern("CDLEVENINGSTAR"),
    "three_white_soldiers": pattern("CDL3WHITESOLDIERS"),
    "three_black_crows": pattern("CDL3BLACKCROWS"),
    "marubozu": pattern("CDLMARUBOZU"),
    "spinning_top": pattern("CDLSPINNINGTOP"),
    "belt_hold": pattern("CDLBELTHOLD"),
    "three_inside": pattern("CDL3INSIDE"),
    "three_outside": pattern("CDL3OUTSIDE"),
}
