"""Tickers of all markets through ccxt: what they say, how old they are, and what a failure leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.whole.feed_kit import SYMBOLS, Follower
from tradepool.domain.market import Market
from tradepool.services.market_tickers import ROUND_S, MarketTickers
from tradepool.simexchange.fault_kinds import Fault


class Screener(Follower):
    """Reads tickers when its life is over."""

    async def _compare(self, markets: list[Market]) -> None:  # type: ignore[override]
        tickers = MarketTickers(self.feed, self.clock)
        running = asyncio.create_task(tickers.run())
        await self.clock.sleep(ROUND_S / 2)
        assert tickers.age_ms == ROUND_S / 2 * 1_000
        self.first = dict(tickers.all)
        self.server.faults.add(Fault(kind="status", route="GET /api/v3/ticker/24hr", status=503))
        await self.clock.sleep(ROUND_S)
        assert (tickers.all, tickers.age_ms) == (self.first, ROUND_S * 1_500)
        self.server.faults.clear()
        await self.clock.sleep(ROUND_S)
        assert tickers.age_ms == ROUND_S / 2 * 1_000
        running.cancel()


def test_tickers_say_what_the_candles_say_and_get_older_when_they_cannot_be_had(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    screener = Screener(Path(tmp_path_factory.mktemp("f")), 10, 4, cuts=False)
    screener.live()
    shown = screener.shown()
    assert {ticker.market for ticker in screener.first.values()} == {f"binance:{symbol}" for symbol in SYMBOLS}
    for ticker in screener.first.values():
        rows = list(shown[ticker.market.removeprefix("binance:")].values())
        assert float(ticker.open) == rows[0][0]
        assert float(ticker.high) >= max(row[1] for row in rows)
        assert float(ticker.low) <= min(row[2] for row in rows)
        assert float(ticker.base_volume) >= 0.99 * sum(row[4] for row in rows)
        assert ticker.spread is not None
        assert ticker.spread > 0
        assert ticker.change == ticker.last / ticker.open - 1
