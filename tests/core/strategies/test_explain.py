"""Explanations: what they say is what the step computes."""

from __future__ import annotations

import numpy as np
import pytest

from tradepool.core.graph.expr import close, crosses_above, open_, parameter, where
from tradepool.core.graph.primitives import since, sma
from tradepool.core.graph.step import EXPOSURE, PREVIOUS_EXPOSURE
from tradepool.core.indicators.divergence import divergence
from tradepool.core.indicators.moving_average_convergence_divergence import macd
from tradepool.core.indicators.volume_z_score import volume_z_score
from tradepool.core.market.bars import COLUMNS
from tradepool.core.market.market_step import MarketStep, series
from tradepool.core.strategies.catalog import named, names
from tradepool.core.strategies.combine import vote
from tradepool.core.strategies.explain import Explainer, NoSuchBar, explained, split
from tradepool.core.strategies.strategy import Strategy
from tradepool.core.strategies.support_resistance import recommended
from tradepool.domain.candle import Candle
from tradepool.services.reader import Reader
from tradepool.simexchange.market_model import model_bars, model_market

HOUR_MS = 3_600_000
BARS = model_bars(["BTC/USDT"], HOUR_MS, 0, 3_000, seed=7)["BTC/USDT"]


@pytest.mark.parametrize("name", [name for name in names() if name != "trend_pullback"])
def test_the_entry_holds_where_the_step_enters(name: str) -> None:
    """At every edge of the row the entry holds and has a reason; its rows agree with it."""
    strategy = named(name)
    explainer, rows = Explainer(strategy, BARS), MarketStep(strategy, HOUR_MS).advance(BARS)
    edges = np.flatnonzero((rows[:, EXPOSURE] > 0.0) & (rows[:, PREVIOUS_EXPOSURE] == 0.0))
    assert len(edges) > 2
    for index in edges.tolist():
        found = explainer.at(index)
        assert found.holds
        assert found.reason
        assert 0.0 <= found.confidence <= 1.0
    for index in range(-40, 0):
        found = explainer.at(index)
        top = [row for row in found.rows if row.depth == 1] if found.rows[0].text == "all of" else found.rows[:1]
        assert found.holds == found.rows[0].holds == all(row.holds for row in top)


def test_values_and_what_is_missing_are_those_of_the_series() -> None:
    average = sma(close, parameter("length", 30, 2, 100, 1))
    condition = (close > average) & (close < 1.01 * average) & ~(open_ > close)
    strategy = Strategy("between", 1, condition, close < average).with_parameters({"length": 50})
    found = Explainer(strategy, BARS)
    price, mean, opened = series([close, average, open_], BARS, values={"length": 50}).T
    for index in range(200, 400):
        rows = found.at(index).rows
        assert [row.depth for row in rows] == [0, 1, 1, 1]
        above, below, rising = rows[1:]
        assert (above.value, above.limit) == (price[index], mean[index])
        assert above.missing == (None if price[index] > mean[index] else mean[index] - price[index])
        assert below.missing == (None if below.holds else price[index] - 1.01 * mean[index])
        assert rising.holds == (opened[index] <= price[index])
        assert rising.text == "open <= close"
    assert {row.holds for index in range(200, 400) for row in found.at(index).rows} == {True, False}


def test_how_long_is_counted_from_where_it_changed() -> None:
    strategy = Strategy("above", 1, close > sma(close, 20), close < 1, words={sma(close, 20): "its average"})
    explainer, above = Explainer(strategy, BARS), series([close > sma(close, 20)], BARS).ravel()
    index = next(i for i in range(100, 3_000) if above[i - 4 : i + 1].tolist() == [0.0, 1.0, 1.0, 1.0, 1.0])
    assert explainer.at(index).rows[0].bars == 3
    assert explainer.at(index).reason == "close above its average for 3 h"
    assert explainer.at(index - 3).reason == "close above its average"
    assert explainer.at(index - 4).reason == ""


def test_the_sentence_of_a_combination() -> None:
    lines, busy, recent = macd(), volume_z_score(), since(divergence().bullish) < 12.0
    words = {
        lines.line: "MACD",
        lines.signal: "its signal",
        recent: "bullish RSI divergence",
        busy: "volume {:.1f} sigma",
    }
    three = vote("three", [lines.line > lines.signal, recent, busy > 1.5], at_least=2, words=words)
    explainer = Explainer(three, BARS)
    found = [explainer.at(index) for index in range(100, 3_000)]
    reasons = [item.reason for item in found if item.holds and item.confidence == 1.0]
    assert reasons
    assert all(r.startswith("MACD above its signal") and "bullish RSI divergence" in r for r in reasons)
    assert all(r.split("; ")[2].startswith("volume ") and r.endswith(" sigma") for r in reasons)
    assert {round(item.confidence * 3) for item in found} == {0, 1, 2, 3}


def test_a_signal_is_given_its_reason() -> None:
    """From a reader's bars up to that signal, it is what the whole series says there."""
    strategy = named("support_resistance")
    reader = Reader(strategy.strategy_id(HOUR_MS), strategy, model_market("BTC/USDT"), HOUR_MS, {})
    whole, entered = Explainer(strategy, BARS), 0
    for index in range(len(BARS)):
        prices = {name: float(getattr(BARS, name)[index]) for name in COLUMNS}
        candle = Candle(market=reader.market, timeframe_ms=HOUR_MS, open_time_ms=int(BARS.open_time[index]), **prices)
        signal = reader.advance(candle)
        if signal.enters and entered < 5:
            entered += 1
            told = explained(signal, strategy, BARS.slice(0, index + 1))
            assert (told.confidence, told.reason) == (whole.at(index).confidence, whole.at(index).reason)
            assert told.exposure == signal.exposure == 1.0
            with pytest.raises(NoSuchBar, match="give those up to it"):
                explained(signal, strategy, BARS.slice(0, index))
    assert entered == 5


def test_what_is_told_of_a_crossing_and_of_a_part() -> None:
    cross = crosses_above(close, sma(close, 10))
    assert [row.sign for row in split(cross)] == ["crosses above"]
    points = where(close > open_, 1.0, 0.0) + where(cross, 2.0, 0.0)
    told = split((points >= 2.0) | ~(close > 5.0))
    assert [(row.depth, row.kind) for row in told] == [(0, "one of"), (1, ""), (2, ""), (2, ""), (1, "")]
    assert not told[-1].wanted
    assert [recommended(points) for points in (-4.0, -3.0, 1.0, 2.0, 5.0)] == [
        "strong sell",
        "sell",
        "neutral",
        "buy",
        "strong buy",
    ]
