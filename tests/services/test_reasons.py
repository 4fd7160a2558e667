"""Live, a signal that enters says why, in the words of an explanation over all bars; so it does after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.leader import with_leader
from tests.nouns import BTC, ETH
from tradepool.core.graph.expr import close
from tradepool.core.graph.scope import of
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.core.strategies.catalog import named
from tradepool.core.strategies.combine import vote
from tradepool.core.strategies.explain import Explainer
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.candle import Candle
from tradepool.domain.ids import StrategyId
from tradepool.domain.market import Market
from tradepool.domain.signal import Signal
from tradepool.services.reader import Reader
from tradepool.simexchange.market_model import model_bars

HOUR_MS = 3_600_000
BARS = model_bars(["BTC/USDT", "ETH/USDT"], HOUR_MS, 0, 4_000, seed=7)
LEADER = with_leader("ETH/USDT")
LED = replace(LEADER, words={of("ETH/USDT", close > 0): "nothing"})
AGREED = vote("agreed", [named("macd_trend"), named("moving_average_cross")], at_least=1)


def candles_of(market: Market, bars: Bars) -> list[Candle]:
    """Each bar as a candle."""
    columns = np.array([getattr(bars, name) for name in COLUMNS]).T.tolist()
    return [
        Candle(market=market, timeframe_ms=HOUR_MS, open_time_ms=time, **dict(zip(COLUMNS, prices, strict=True)))
        for time, prices in zip(bars.open_time.tolist(), columns, strict=True)
    ]


def read(reader: Reader, candles: Sequence[Candle], beside: Sequence[Candle]) -> list[Signal]:
    """The signals, candle by candle; what is due is stepped over, as market data does it."""
    signals = []
    for candle, other in zip(candles, beside, strict=True):
        reader.wait(other)
        reader.wait(candle)
        if reader.is_due(candle):
            signals.append(reader.advance(candle))
    return signals


@pytest.mark.parametrize("strategy", [named("macd_trend"), named("rsi_divergence"), AGREED, LED], ids=lambda s: s.name)
def test_an_entry_says_why_and_how_sure_it_is_and_so_it_does_after_a_restart(strategy: Strategy) -> None:
    candles, beside = candles_of(BTC, BARS["BTC/USDT"]), candles_of(ETH, BARS["ETH/USDT"])
    listed = {"ETH/USDT": ETH}
    reader = Reader(StrategyId("s"), strategy, BTC, HOUR_MS, listed)
    first = read(reader, candles[:3_000], beside[:3_000])
    again = Reader(StrategyId("s"), strategy, BTC, HOUR_MS, listed)
    again.load(reader.checkpoint())
    lacked = again.lacks_from_ms // HOUR_MS
    assert lacked < 2_900
    signals = [*first, *read(again, candles[lacked:], beside[lacked:])]
    assert len(signals) == len(candles)
    others = {"ETH/USDT": BARS["ETH/USDT"]} if reader.others else None
    entries = 0
    for index, signal in enumerate(signals):
        if not signal.enters:
            assert (signal.reason, signal.confidence) == ("", 1.0)
            continue
        entries += index > 3_000
        begin = max(0, index + 1 - min(reader.history + 200, 10_000))
        bars = BARS["BTC/USDT"].slice(begin, index + 1)
        told = Explainer(strategy, bars, others).at(-1)
        assert told.holds
        assert (signal.reason, signal.confidence) == (told.reason, told.confidence)
        assert signal.reason
    assert entries > 1


def test_a_strategy_that_declares_nothing_keeps_nothing() -> None:
    plain = Strategy("plain", 1, enter=close > 100, exit=close < 100)
    reader = Reader(StrategyId("s"), plain, BTC, HOUR_MS, {})
    signals = read(reader, *(candles_of(market, BARS["BTC/USDT"].slice(0, 500)) for market in (BTC, ETH)))
    assert any(signal.enters for signal in signals)
    assert not any(signal.reason for signal in signals)
    assert reader.lacks_from_ms == reader.last_open_ms + 1
