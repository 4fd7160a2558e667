"""Break-even and time as a strategy declares them: in Python, as text, joined, renamed, and in what it is known by."""

from __future__ import annotations

import numpy as np
import pytest

from tests.core.graph.samples import MINUTE_MS, bars_of
from tradepool.core.graph.expr import close, parameter
from tradepool.core.graph.market_step import MarketStep
from tradepool.core.graph.step import BREAK_EVEN, HOLD_MS, NARROW, WIDE
from tradepool.core.graph.units import WrongUnit
from tradepool.core.strategies.exits import (
    Exits,
    break_even_atrs,
    break_even_percent,
    stop_percent,
    targets_percent,
    time_exit,
)
from tradepool.core.strategies.renamed import prefixed
from tradepool.core.strategies.strategy import NotYetLive, Strategy
from tradepool.core.strategies.text import strategy_of
from tradepool.core.strategies.text_errors import TextRefused

TEXT = """
name: patient
parameter bars: 24 from 1 to 99 step 1
enter: close > sma(3)
exit: close < sma(3)
{}
"""


def declared(exits: Exits) -> Strategy:
    return Strategy("one", 1, close > 5.0, close < 5.0, exits)


def test_the_market_part_tells_them() -> None:
    """A distance in price, a time in ms; rows of strategies without them are as narrow as they were."""
    bars = bars_of(3, 50)
    rows = MarketStep(declared(break_even_percent(2.0) + time_exit(7)), MINUTE_MS).advance(bars)
    assert np.allclose(rows[:, BREAK_EVEN], bars.close * 0.02, rtol=1e-15)
    assert (rows[:, HOLD_MS] == 7 * MINUTE_MS).all()
    widths = [MarketStep(declared(each), MINUTE_MS).columns for each in (stop_percent(1.0), targets_percent(1.0))]
    assert widths == [NARROW, WIDE]


def test_of_two_of_a_kind_the_right_one_counts() -> None:
    """As with stops and targets."""
    both = break_even_percent(1.0) + time_exit(5) + break_even_percent(2.0) + stop_percent(1.0)
    assert (repr(both.break_even), repr(both.hold_bars)) == (repr(break_even_percent(2.0).break_even), "5.0")


def test_they_are_part_of_what_a_strategy_is() -> None:
    """Each is another strategy; without them one is known as before they were there."""
    ids = {
        declared(exits).strategy_id(MINUTE_MS)
        for exits in (Exits(), Exits(break_even=close * 0.5), Exits(hold_bars=close * 0.5), time_exit(3), time_exit(4))
    }
    assert len(ids) == 5
    assert len(declared(Exits()).graph.roots) == 8


def test_a_part_of_a_combination_keeps_them() -> None:
    """Under its own parameters."""
    own = declared(break_even_atrs(1.0) + time_exit(parameter("wait", 9, 1, 99, 1)))
    assert prefixed(own).values == {"one_wait": 9}
    assert prefixed(own).breaks_even
    assert prefixed(own).timed


def test_a_text_says_them() -> None:
    """With the names of exits in Python."""
    strategy = strategy_of(TEXT.format("break_even: 2 percent\nhold: bars bars"))
    assert repr(strategy.exits.break_even) == repr(break_even_percent(2.0).break_even)
    assert repr(strategy.exits.hold_bars) == "bars"
    assert strategy.breaks_even
    assert strategy.timed
    assert not strategy.targets


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("hold: 24", "write hold: 24 bars"),
        ("hold: 0 bars", "a time of 0 bars is none"),
        ("hold: -1 bars", "is none"),
        ("break_even: 2", "a plain number has no unit"),
        ("break_even: 0 percent", "a distance of 0 is none"),
    ],
)
def test_a_text_that_says_them_wrongly_is_refused(line: str, words: str) -> None:
    with pytest.raises(TextRefused, match=words):
        strategy_of(TEXT.format(line))


def test_a_gain_is_a_price() -> None:
    with pytest.raises(WrongUnit, match="break_even"):
        MarketStep(declared(Exits(break_even=close / close)), MINUTE_MS)


def test_only_shorts_are_refused_live() -> None:
    """By name."""
    declared(targets_percent(1.0, 2.0) + break_even_percent(1.0) + time_exit(3)).refuse_unless_live()
    short = Strategy("down", 1, close > 5.0, close < 5.0, enter_short=close < 5.0, exit_short=close > 5.0)
    with pytest.raises(NotYetLive, match="uses shorts"):
        short.refuse_unless_live()
