"""Combinations: one step that holds what its parts would, and the names of their parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.graph.expr import Boolean, close, open_
from tradepool.core.graph.step import EXPOSURE
from tradepool.core.indicators.directional_movement_index import adx
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import MarketStep, series
from tradepool.core.strategies.catalog import named, names
from tradepool.core.strategies.combine import WrongCombination, gated, switched, vote, weighted
from tradepool.core.strategies.renamed import prefixed
from tradepool.core.strategies.strategy import Strategy
from tradepool.simexchange.market_model import model_bars

MINUTES = 300_000
BARS = model_bars(["BTC/USDT"], MINUTES, 0, 6_000, seed=4)["BTC/USDT"]
# Behind it every part has had an edge of its own, so all levels are what their strategies' are.
SETTLED = 2_500
MACD, SUPERTREND, TURTLE = (named(name) for name in ("macd_trend", "supertrend", "donchian_turtle"))
TRENDS = adx(length=14).adx > 25.0


def rows(strategy: Strategy, bars: Bars = BARS) -> Floats:
    """Market rows."""
    return MarketStep(strategy, MINUTES).advance(bars)


def level(strategy: Strategy) -> Floats:
    """Whether it holds, once settled."""
    return rows(strategy)[SETTLED:, EXPOSURE]


def holds(condition: Boolean) -> Floats:
    """1 where a condition holds."""
    return series([condition], BARS).ravel()[SETTLED:]


@pytest.mark.parametrize("name", names())
def test_other_names_change_nothing_else(name: str) -> None:
    plain, own = named(name), prefixed(named(name))
    assert list(own.values) == [f"{name}_{item}" for item in plain.values]
    assert np.array_equal(rows(own), rows(plain))
    first = next(iter(plain.parameters))
    changed = plain.with_parameters({first.name: first.low})
    same = own.with_parameters({f"{name}_{first.name}": first.low})
    assert np.array_equal(rows(prefixed(changed)), rows(changed))
    assert np.array_equal(rows(same), rows(changed))


@pytest.mark.parametrize("at_least", [1, 2, 3])
def test_a_vote_holds_while_enough_agree(at_least: int) -> None:
    agreed = level(MACD) + level(SUPERTREND) + level(TURTLE)
    found = level(vote("both", [MACD, SUPERTREND, TURTLE], at_least=at_least))
    assert np.array_equal(found, np.where(agreed >= at_least, 1.0, 0.0))
    assert 0.0 < found.mean() < 1.0


def test_two_of_a_kind_remember_apart() -> None:
    """Both are recursions of the same shape; what each remembers is its own."""
    slow = replace(SUPERTREND, name="slow").with_parameters({"ranges": 5.0})
    both = vote("both", [SUPERTREND, slow], at_least=2)
    assert np.array_equal(level(both), level(SUPERTREND) * level(slow))
    assert {"supertrend_ranges": 3.0, "slow_ranges": 5.0}.items() <= both.values.items()


def test_weights_enter_and_leave_at_shares() -> None:
    score = (2.0 * level(MACD) + level(SUPERTREND) + holds(close > open_)) / 4.0
    found = level(
        weighted("sum", [(MACD, 2.0), (SUPERTREND, 1.0), (close > open_, 1.0)], enter_at=0.75, leave_below=0.5)
    )
    held, expected = 0.0, []
    for share in score.tolist():
        held = 1.0 if share >= 0.75 else held if share >= 0.5 else 0.0
        expected.append(held)
    first = int(np.flatnonzero(score < 0.5)[0])
    assert found[first:].tolist() == expected[first:]
    assert 0.0 < found.mean() < 1.0


def test_a_gate_lets_through() -> None:
    opened = holds(TRENDS)
    closed = rows(gated("behind", TURTLE, TRENDS))[SETTLED:]
    assert (closed[opened == 0.0, EXPOSURE] == 0.0).all()
    assert closed[:, EXPOSURE].any()
    staying = level(gated("behind", TURTLE, TRENDS, stays=True))
    assert staying[opened == 0.0].any()
    entered = np.flatnonzero((staying[1:] == 1.0) & (staying[:-1] == 0.0)) + 1
    assert (opened[entered] == 1.0).all()
    both = level(gated("behind", TURTLE, SUPERTREND))
    assert (both <= level(SUPERTREND)).all()


def test_the_weather_chooses() -> None:
    strategy = switched("weather", [(TRENDS, SUPERTREND)], named("rsi_divergence"))
    trends = holds(TRENDS) == 1.0
    found, first, second = rows(strategy)[SETTLED:], rows(SUPERTREND)[SETTLED:], rows(named("rsi_divergence"))[SETTLED:]
    assert np.array_equal(found[:, EXPOSURE], np.where(trends, first[:, EXPOSURE], second[:, EXPOSURE]))
    assert np.array_equal(found[:, 2:], np.where(trends[:, None], first[:, 2:], second[:, 2:]))
    alone = switched("weather", [(TRENDS, SUPERTREND)])
    assert np.array_equal(level(alone), np.where(trends, first[:, EXPOSURE], 0.0))


SHORT = Strategy("short", 1, close > 1, close < 1, enter_short=close < 1, exit_short=close > 1)
WRONG: list[tuple[Callable[[], Strategy], str]] = [
    (lambda: vote("v", [MACD], at_least=2), "wants 2 of 1 votes"),
    (lambda: vote("v", [MACD, TURTLE], at_least=0), "wants 0 of 2 votes"),
    (lambda: vote("v", [MACD, MACD], at_least=1), "two parts called macd_trend"),
    (lambda: vote("v", [SHORT], at_least=1), "short, which shorts"),
    (lambda: weighted("w", [(MACD, 0.0)]), "no weights above 0"),
    (lambda: weighted("w", []), "no weights above 0"),
    (lambda: weighted("w", [(MACD, 1.0)], enter_at=0.2, leave_below=0.4), "enters at 0.2 and leaves below 0.4"),
    (lambda: gated("g", MACD), "has no gate"),
    (lambda: switched("s", []), "has no choices"),
]


@pytest.mark.parametrize(("make", "words"), WRONG)
def test_what_cannot_be_combined_is_named(make: Callable[[], Strategy], words: str) -> None:
    with pytest.raises(WrongCombination, match=words):
        make()
