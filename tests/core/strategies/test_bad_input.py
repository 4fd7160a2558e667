"""What is wrong with a strategy is said when it is built, by name and with the text of the expression."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tradepool.core.graph.expr import Boolean, WrongOperand, close, parameter, volume
from tradepool.core.graph.lengths import WrongLength
from tradepool.core.graph.parameter import WrongParameter
from tradepool.core.graph.primitives import sma
from tradepool.core.graph.scope import of, on, session
from tradepool.core.graph.step import TimeframeTooFine
from tradepool.core.graph.units import WrongUnit
from tradepool.core.indicators.bollinger_bands import bollinger
from tradepool.core.indicators.page import BeyondLimits
from tradepool.core.indicators.relative_strength_index import rsi
from tradepool.core.market.align import WrongInputs
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import MarketStep
from tradepool.core.strategies.exits import Exits
from tradepool.core.strategies.strategy import Strategy, UnknownParameter
from tradepool.core.strategies.text import strategy_of
from tradepool.core.strategies.text_errors import NotComputable, UnknownName, WrongCall
from tradepool.domain.candle import UnknownTimeframe
from tradepool.domain.errors import InvalidInput

HOUR_MS = 3_600_000
HOURS = Bars(HOUR_MS, np.arange(50) * HOUR_MS, *np.ones((5, 50)))


def strategy(enter: Boolean) -> Strategy:
    """A strategy of this entry."""
    return Strategy("bad", 1, enter, close < 1)


def text(enter: str, above: str = "") -> Strategy:
    """The same as a text, with lines above the entry."""
    return strategy_of(f"name: bad\n{above}enter: {enter}\nexit: close < 1\n")


WRONG: dict[str, tuple[Callable[[], object], type[InvalidInput], str]] = {
    "a condition for a number": (lambda: sma(close > 1, 5), WrongOperand, "`close > 1.0` is true or false"),  # type: ignore[arg-type]
    "a number for a condition": (lambda: (close > 1) & close, WrongOperand, "`close` is a number"),  # type: ignore[operator]
    "a text for a number": (lambda: rsi("close"), WrongOperand, r"In rsi\(source=...\): `'close'` is not an expr"),  # type: ignore[arg-type]
    "a number as an entry": (lambda: strategy(close), WrongOperand, "enter of bad: `close` is a number"),  # type: ignore[arg-type]
    "Python's own equality": (lambda: strategy(close == 1), WrongOperand, "enter of bad: `False` is"),  # type: ignore[arg-type, comparison-overlap]
    "Python's own and": (lambda: strategy(close > 1 and close > 2), WrongOperand, "In close > 1.0"),
    "prices and volumes": (lambda: close > volume, WrongUnit, "`close` is price, `volume` is volume"),
    "a distance that is no price": (
        lambda: MarketStep(Strategy("bad", 1, close > 1, close < 1, Exits(stop_distance=rsi())), HOUR_MS),
        WrongUnit,
        "not price",
    ),
    "a window of zero": (lambda: sma(close, 0), WrongLength, r"sma\(close, 0\) cannot look over 0 bars"),
    "a window that may be zero": (
        lambda: rsi(length=parameter("n", 5, 0, 9, 1)),
        BeyondLimits,
        r"rsi\(length=n\): .*0 to 9",
    ),
    "half a bar": (lambda: sma(close, 2.5), WrongLength, r"sma\(close, 2.5\) .*over 2.5 bars"),  # type: ignore[arg-type]
    "a negative width": (lambda: bollinger(width=-1), BeyondLimits, r"bollinger\(width=-1\): width cannot be -1"),
    "a default out of range": (lambda: parameter("n", 5, 6, 9, 1), WrongParameter, "n has no usable range"),
    "a value out of range": (
        lambda: strategy(close > parameter("n", 5, 1, 9, 1)).with_parameters({"n": 10}),
        WrongParameter,
        "Parameter n cannot be 10; give a whole number from 1 to 9",
    ),
    "a parameter it has not": (
        lambda: strategy(close > parameter("n", 5, 1, 9, 1)).with_parameters({"m": 5}),
        UnknownParameter,
        "no parameter 'm'; it has n",
    ),
    "a timeframe nobody knows": (lambda: on("7m", close), UnknownTimeframe, "Timeframe '7m' is not known"),
    "a timeframe finer than the data": (
        lambda: MarketStep(strategy(close > on("5m", sma(close, 3))), HOUR_MS),
        TimeframeTooFine,
        r"In on\('5m', sma\(close, 3\)\): bars of 5m cannot be made of bars of 1h",
    ),
    "a session finer than the data": (
        lambda: MarketStep(strategy(session("30m")), HOUR_MS),
        TimeframeTooFine,
        r"In session\('30m'\): bars of 30m",
    ),
    "a market without data": (
        lambda: MarketStep(strategy(close > of("AAA/USDT", close)), HOUR_MS).advance(HOURS),
        WrongInputs,
        r"reads AAA/USDT in `of\('AAA/USDT', close\)` but was given nothing else",
    ),
    "text: an unknown name": (
        lambda: text("clos > 1"),
        UnknownName,
        "at `clos > 1`: clos is not known; did you mean close",
    ),
    "text: an unknown function": (lambda: text("rsii(14) > 1"), UnknownName, "did you mean rsi?"),
    "text: an unknown output": (
        lambda: text("bollinger(20).uper > 1"),
        WrongCall,
        "no output uper, only upper, middle",
    ),
    "text: itself": (lambda: text("a > 1", "let a = a + 1\n"), UnknownName, "at `a \\+ 1`: a is not known yet"),
    "text: in a circle": (
        lambda: text("a > 1", "let a = b + 1\nlet b = a + 1\n"),
        UnknownName,
        "b is not known yet: line 3 declares it; a line can only use the lines above it",
    ),
    "text: a window of zero": (lambda: text("sma(0) > 1"), NotComputable, r"at `sma\(0\) > 1`: sma.*0"),
    "text: a wrong kind": (lambda: text("rsi(close > 1) > 1"), NotComputable, "`close > 1.0` is true or false"),
    "text: a default out of range": (
        lambda: text("close > n", "parameter n: 5 from 6 to 9 step 1\n"),
        NotComputable,
        "at `n: 5 from 6 to 9 step 1`: Parameter n has no usable range",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_it_is_named_when_it_is_built(what: str) -> None:
    build, kind, words = WRONG[what]
    with pytest.raises(kind, match=words) as caught:
        build()
    assert "\n" not in str(caught.value)
