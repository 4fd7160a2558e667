"""A board of many markets gives each the bits of its own MarketStep, markets that are missing a bar included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.graph.samples import MINUTE_MS, bars_of, bits, examples, seeds
from tradepool.core.graph.expr import close
from tradepool.core.graph.market_board import MarketBoard, NotForABoard, WrongPrices
from tradepool.core.graph.market_step import MarketStep
from tradepool.core.graph.scope import of
from tradepool.core.strategies import catalog
from tradepool.core.strategies.strategy import Strategy

BARS = 120


@examples(5)
@given(seed=seeds, markets=st.integers(1, 21))
def test_every_market_has_the_bits_of_its_own_step(seed: int, markets: int) -> None:
    strategies = [catalog.named(name) for name in ("moving_average_cross", "bollinger_breakout")]
    board = MarketBoard(strategies, MINUTE_MS, markets)
    steps = [[MarketStep(strategy, MINUTE_MS) for _ in range(markets)] for strategy in strategies]
    random = np.random.default_rng(seed)
    series = [bars_of(seed + number, BARS) for number in range(markets)]
    columns = np.array([[b.open, b.high, b.low, b.close, b.volume] for b in series])
    for i in range(BARS):
        there = random.random(markets) < 0.9
        rows = board.advance(np.ascontiguousarray(columns[:, :, i].T), 7_000 + i, None if there.all() else there)
        for at, own in enumerate(steps):
            for market in np.flatnonzero(there):
                open_, high, low, close_, volume = columns[market, :, i].tolist()
                expected = own[market].advance_bar(open_, high, low, close_, volume, 7_000 + i)
                assert (bits(rows[at, :, market]) == bits(list(expected[: rows.shape[1]]))).all()


def test_what_a_board_cannot_step_is_refused_by_name() -> None:
    other = of("BTC/USDT", close)
    strategy = Strategy("two_markets", 1, enter=close > other, exit=close < other)
    with pytest.raises(NotForABoard, match="BTC/USDT"):
        MarketBoard([strategy], MINUTE_MS, 4)
    with pytest.raises(WrongPrices, match=r"\(5, 4\), not \(5, 3\)"):
        MarketBoard([catalog.named("bollinger_breakout")], MINUTE_MS, 4).advance(np.zeros((5, 3)), 0)
