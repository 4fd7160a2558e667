"""Strategies as text: the same graph as in Python, and errors that say where, what and what to do."""

from __future__ import annotations

import numpy as np
import pytest

from tests.core.graph.samples import bars_of, bits
from tradepool.core.graph.expr import (
    close,
    crosses_above,
    high,
    log,
    low,
    maximum,
    open_,
    parameter,
    power,
    tanh,
    volume,
    walk,
    where,
)
from tradepool.core.graph.primitives import count, cumulative, highest, lag, rank, regression, since
from tradepool.core.graph.scope import external, of, on, session
from tradepool.core.graph.step import market_step
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.bollinger_bands import bollinger
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.indicators.moving_average_convergence_divergence import macd
from tradepool.core.indicators.page import pages
from tradepool.core.indicators.relative_strength_index import rsi
from tradepool.core.market.market_step import MarketStep
from tradepool.core.strategies import exits
from tradepool.core.strategies.catalog import named
from tradepool.core.strategies.cost import node_state_floats, operations_a_bar
from tradepool.core.strategies.exits import Exits
from tradepool.core.strategies.text import strategy_of, summary_of
from tradepool.core.strategies.text_errors import NotComputable, TextRefused, UnknownStatement, WrongCall
from tradepool.core.strategies.text_words import WORDS

MINUTE_MS = 60_000
CROSS = """# The moving-average cross, as text.
name: moving_average_cross
version: 1
parameter fast: 12 from 2 to 200 step 1
parameter slow: 26 from 3 to 400 step 1
parameter atr_length: 14 from 2 to 100 step 1
parameter stop_atrs: 3.0 from 0.5 to 20 step 0.1
parameter trail_atrs: 4.0 from 0.5 to 20 step 0.1
enter: ema(close, fast) crosses above ema(close, slow)
exit: ema(close, fast) crosses below ema(close, slow)
stop: stop_atrs atrs(atr_length)
trail: trail_atrs atrs(atr_length)
"""
BREAKOUT = """
name: bollinger_breakout
version: 1
parameter length: 20 from 2 to 400 step 1
parameter width: 2.0 from 0.5 to 5 step 0.1
parameter stop_percent: 2.0 from 0.1 to 50 step 0.1
parameter trail_percent: 3.0 from 0.1 to 50 step 0.1
enter: close crosses above bollinger(length, width).upper
exit: close crosses below bollinger(length, width).middle
stop: stop_percent percent
trail: trail_percent percent
"""
MANY_WORDS = """
name: many_words
parameter fast: 12 from 2 to 200 step 1
let band = bollinger(20, width = 2)
let wildness = 100 * square_root(variance(close, 50)) / sma(50)
let turns = macd(slow = fast).histogram crosses above lag(macd().histogram, 3)
enter: (turns or not was(close > open)) and where(wildness < 1, highest(high, 10), -low) > band.upper
exit: rsi(14) > 70 and delta(close, 2) / 3 < 0
stop: 3 atrs(fast)
trail: 2 * atr(14), step 1 percent
"""
TEXTS = {"moving_average_cross": CROSS, "bollinger_breakout": BREAKOUT}


def condition(text: str) -> object:
    """The entry condition of a text with this expression."""
    return strategy_of(f"name: x\nexit: close < open\nenter: {text}\n").enter


def protections(lines: str) -> Exits:
    """What a text with these lines is protected by."""
    return strategy_of(f"name: x\nenter: close > open\nexit: close < open\n{lines}\n").exits


@pytest.mark.parametrize("name", TEXTS)
def test_a_strategy_as_text_is_the_one_in_python(name: str) -> None:
    text, python = strategy_of(TEXTS[name]), named(name)
    assert text.strategy_id(MINUTE_MS) == python.strategy_id(MINUTE_MS)
    assert text.parameters == python.parameters
    assert all(ours is theirs for ours, theirs in zip(text.graph.roots, python.graph.roots, strict=True))
    steps = MarketStep(text, MINUTE_MS), MarketStep(python, MINUTE_MS)
    assert steps[0].lookback == steps[1].lookback
    assert steps[0].warm_up == steps[1].warm_up
    bars = bars_of(5, 1_500)
    rows = [step.advance(bars) for step in steps]
    assert np.array_equal(bits(rows[0]), bits(rows[1]))
    assert rows[0][:, 0].max() == 1.0


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("close > 2", close > 2),
        ("1_000 < volume", volume > 1_000),
        ("close > open and high > 1 or low > 2", (close > open_) & (high > 1) | (low > 2)),
        ("close > open or high > 1 and low > 2", (close > open_) | (high > 1) & (low > 2)),
        ("not close > open and high > 1", ~(close > open_) & (high > 1)),
        ("not (close > open and high > 1)", ~((close > open_) & (high > 1))),
        ("close - open - low > 0", close - open_ - low > 0),
        ("close - open * 3 / 2 >= -high", close - open_ * 3 / 2 >= -high),
        ("close > (1 + 2) * 3e-1", close > (1 + 2) * 3e-1),
        ("close > ema(2 * 5)", close > ema(length=10)),
        ("rsi(14) < 30", rsi(length=14) < 30),
        ("rsi(low, 14) < 30", rsi(low, length=14) < 30),
        ("rsi(length = 14) < 30", rsi(length=14) < 30),
        ("rsi() < rsi(source = high)", rsi() < rsi(high)),
        ("macd().histogram > macd(slow = 30).signal", macd().histogram > macd(slow=30).signal),
        ("close crosses above highest(high, 20)", crosses_above(close, highest(high, 20))),
        ("close crosses above lag(bollinger(20, 2).upper, 3)", crosses_above(close, lag(bollinger().upper, 3))),
        ("where(close > open, high, low) > 1", where(close > open_, high, low) > 1),
        ("maximum(close, 1) > 1\n  and was(close > open)\r", None),
        (
            'on("1h", close > open) and of("ETH/USDT", ema(9)) > 1',
            on("1h", close > open_) & (of("ETH/USDT", ema(length=9)) > 1),
        ),
        ('on(timeframe = "1h", expr = rsi()) < 3', on("1h", rsi()) < 3),
        ('external("score", max_age = "3h") > 0.5', external("score", max_age="3h") > 0.5),
        ('cumulative(volume, reset = session("1d")) > 5', cumulative(volume, reset=session("1d")) > 5),
        (
            "count(close > open, 5) > 3 or since(close > open) > 9",
            (count(close > open_, 5) > 3) | (since(close > open_) > 9),
        ),
        ("regression(close, 20).r2 > rank(close, 9)", regression(close, 20).r2 > rank(close, 9)),
        (
            "power(log(close / lag(close)), 2) < tanh(close / open)",
            power(log(close / lag(close)), 2) < tanh(close / open_),
        ),
        ("\tclose   >\topen # a comment, with ümläuts", close > open_),
    ],
)
def test_a_text_says_what_python_says(text: str, python: object) -> None:
    if python is None:
        assert condition(text.replace("\r", "")) is condition(text.replace("\n  ", " ").replace("\r", ""))
        assert condition("maximum(close, 1) > 1") is (maximum(close, 1) > 1)
    else:
        assert condition(text) is python


def test_lines_may_end_as_on_any_machine_and_go_on_when_indented() -> None:
    unix = CROSS.replace("crosses above", "\n    crosses\n\tabove")
    assert strategy_of(unix.replace("\n", "\r\n")).enter is strategy_of(CROSS).enter


def test_protections() -> None:
    assert protections("stop: 2 percent").stop_distance is exits.stop_percent(2).stop_distance
    assert protections("stop: 3 atrs").stop_distance is exits.stop_atrs(3).stop_distance
    assert protections("stop: 3 atrs(20)").stop_distance is exits.stop_atrs(3, length=20).stop_distance
    assert protections("stop: 2 * atr(14)").stop_distance is 2 * atr()
    assert protections("trail: 3 percent").trail_step is exits.trail_percent(3).trail_step
    assert protections("trail: 3 percent, step 1 percent").trail_step is exits.stop_percent(1).stop_distance
    assert protections("trail: 4 atrs").trail_step is exits.trail_atrs(4).trail_step
    assert protections("trail: high - low").trail_step is (high - low) * 0.25
    both = protections("stop: 2 percent\ntrail: 3 percent")
    assert (both.stop_distance, both.trail_distance) == (
        exits.stop_percent(2).stop_distance,
        exits.trail_percent(3).trail_distance,
    )


def test_targets() -> None:
    def same(lines: str, theirs: Exits) -> bool:
        ours = protections(lines)
        return (ours.first_target, ours.second_target, ours.target_share) == (
            theirs.first_target,
            theirs.second_target,
            theirs.target_share,
        )

    assert same("target: 4 percent", exits.targets_percent(4))
    assert same("target: 4 percent, share 0.5", exits.targets_percent(4, share=0.5))
    assert same("target: 4 percent, then 8 percent", exits.targets_percent(4, 8))
    assert same("target: 4 percent, then 8 percent, share 0.3", exits.targets_percent(4, 8, 0.3))
    assert same("target: 2 atrs(20), then 3 atrs(20)", exits.targets_atrs(2, 3, length=20))
    assert protections("target: high - low").first_target is high - low
    with pytest.raises(TextRefused, match="a share of 2 is none"):
        protections("target: 4 percent, share 2")
    with pytest.raises(TextRefused, match="`share` was expected; write target: 4 percent, then 8 percent"):
        protections("target: 4 percent, 8 percent")


def test_shorts() -> None:
    sides = "enter: close > open\nexit: close < open\nenter_short: close < open\nexit_short: close > open\n"
    strategy = strategy_of(f"name: x\n{sides}")
    assert strategy.enter_short is (close < open_)
    assert strategy.exit_short is (close > open_)
    with pytest.raises(NotComputable, match="has exit_short but not enter_short"):
        strategy_of("name: x\n" + sides.replace("enter_short: close < open\n", ""))


def test_a_parameter_is_a_length_or_a_number_as_its_default_is_written() -> None:
    text = "parameter n: 5 from 2 to 9 step 1\nparameter w: -0.5 from -2 to 2 step 0.5\nlet level = w * 2\n"
    strategy = strategy_of(f"{text}name: x\nenter: ema(n) > level + n\nexit: close < open")
    n, w = parameter("n", 5, 2, 9, 1), parameter("w", -0.5, -2, 2, 0.5)
    assert strategy.enter is (ema(length=n) > w * 2 + n)
    with pytest.raises(NotComputable, match="cannot look over w bars"):
        strategy_of("parameter w: 5.0 from 2 to 9 step 1\nname: x\nenter: ema(close, w) > 1\nexit: close < 1")


def test_a_let_may_hold_a_number_or_a_condition() -> None:
    lets = "let level = 2 * 3\nlet up = close > open\n"
    strategy = strategy_of(f"{lets}name: x\nenter: up and sma(level) > level\nexit: not up")
    assert strategy.exit is ~(close > open_)
    assert strategy.graph.roots[0].lookback == 5


def test_a_let_may_hold_several_outputs() -> None:
    band = "let band = bollinger(20, 2)\nlet middle = bollinger(30).middle * 2\n"
    strategy = strategy_of(f"{band}name: x\nenter: close > band.upper\nexit: close < middle")
    assert strategy.enter is (close > bollinger().upper)
    assert strategy.exit is (close < bollinger(length=30).middle * 2)
    with pytest.raises(WrongCall, match=r"band has the outputs upper, middle, lower; write band.upper"):
        strategy_of(f"{band}name: x\nenter: close > band\nexit: close < 1")
    with pytest.raises(WrongCall, match="band has no output top, only upper"):
        strategy_of(f"{band}name: x\nenter: close > band.top\nexit: close < 1")


def test_an_error_names_line_column_and_place() -> None:
    with pytest.raises(TextRefused) as refused:
        strategy_of("name: x\nexit: close < 1\nenter: close > 1 and\n  emaa(close, 12) > 3")
    assert str(refused.value) == ("Line 4, column 3, at `emaa(close, 12) > 3`: emaa is not known; did you mean ema?")
    assert refused.value.facts["line"] == 4
    with pytest.raises(UnknownStatement, match="did you mean enter"):
        strategy_of("entr: close > 1")
    with pytest.raises(WrongCall, match=r"write bollinger\(source = close, length = 20, width = 2.0\)"):
        condition("bollinger(size = 20).upper > 1")
    with pytest.raises(TextRefused, match="line 3, column 8"):
        condition("(close > 1 and open > 2")


def test_the_first_comment_is_the_summary() -> None:
    assert summary_of(CROSS) == "The moving-average cross, as text."
    assert summary_of(BREAKOUT) == ""


def test_every_indicator_is_a_word() -> None:
    """And nothing else of its modules: what has a page is a word, not what happens to be there."""
    assert pages().keys() - WORDS.keys() == set()
    assert not {"pages", "indicator", "is_peak", "position"} & WORDS.keys()
    assert all(word.summary and word.usage for word in WORDS.values())


def test_state_is_never_more_than_estimated() -> None:
    for text in TEXTS.values():
        strategy = strategy_of(text)
        highs = {item.name: item.high for item in strategy.parameters}
        from_graph = sum(node_state_floats(expr, highs) for expr in walk(*strategy.graph.roots))
        assert market_step(strategy.graph, timeframe_ms=60_000).state_size <= from_graph + 2


def test_a_longer_window_costs_more() -> None:
    short, long = (strategy_of(f"name: x\nenter: rank(high, {n}) > 0.9\nexit: close < 1") for n in (20, 2_000))
    assert operations_a_bar(short.graph.roots, {}) < operations_a_bar(long.graph.roots, {})
