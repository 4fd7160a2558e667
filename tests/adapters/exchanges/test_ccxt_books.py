"""The books' client beside others: what it asks of the weight broker, and markets it need not load again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.books_kit import ETH, fill_books
from tests.nouns import BTC
from tests.replay_kit import files_in, replay_venue
from tradepool.adapters.exchanges.ccxt_books import CcxtBooks
from tradepool.adapters.exchanges.rate_limits import limits_of
from tradepool.adapters.exchanges.transport import Session
from tradepool.domain.depth import BookDiff
from tradepool.ports.market_stream import MarketEars
from tradepool.ports.weights import Measure
from tradepool.runtime.clock import VirtualClock
from tradepool.runtime.throttle import Throttle

EARS = MarketEars(
    on_bad=lambda market, why: None,
    on_diff=lambda diff: None,
    on_trade=lambda trade: None,
    on_quote=lambda quote: None,
)
LISTS, SNAPSHOT = 20, 50


def on_lost(why: str) -> None:
    raise AssertionError(why)


def test_every_request_and_connection_passes_the_broker_and_markets_are_loaded_once(tmp_path: Path) -> None:
    """exchangeInfo weighs 20, a thousand levels 50; one connection for each kind that somebody hears."""

    async def tell() -> None:
        files, clock = files_in(tmp_path), VirtualClock(1_000_000)
        async with replay_venue([BTC, ETH], files) as (venue, transport):
            fill_books(venue)
            session = Session(transport)
            broker = Throttle(limits_of("binance"), clock)

            async def used(measure: Measure) -> int:
                limit = next(n for n, each in enumerate(limits_of("binance")) if each.measure is measure)
                return (await broker.snapshot()).uses[limit].used

            first = CcxtBooks("binance", session, clock, broker=broker)
            await first.subscribe([BTC, ETH], EARS, on_lost)
            assert (await used(Measure.CONNECTIONS), await used(Measure.WEIGHT), venue.connections) == (3, LISTS, 3)
            assert (await first.snapshot(ETH)).last_id == 100
            assert await used(Measure.WEIGHT) == LISTS + SNAPSHOT
            second = CcxtBooks("binance", session, clock, master=first.client, broker=broker)
            diffs: list[BookDiff] = []
            ears = MarketEars(on_bad=EARS.on_bad, on_diff=diffs.append)
            await second.subscribe([ETH], ears, on_lost)
            assert (await used(Measure.CONNECTIONS), await used(Measure.WEIGHT)) == (4, LISTS + SNAPSHOT)
            assert second.client.markets is first.client.markets
            for each in (second, first):
                await each.close()
            await session.close()

    asyncio.run(tell())


def test_a_new_subscription_replaces_the_one_before(tmp_path: Path) -> None:
    """As often as one likes: ccxt would refuse another connection after some, and tell the end of each as a loss."""

    async def tell() -> None:
        files = files_in(tmp_path)
        async with replay_venue([BTC, ETH], files) as (venue, transport):
            fill_books(venue)
            session = Session(transport)
            stream = CcxtBooks("binance", session, VirtualClock(1))
            for number in range(60):
                await stream.subscribe([BTC] if number % 2 else [BTC, ETH], EARS, on_lost)
            assert venue.connections == 180
            assert len(stream.client.clients) == 3
            await stream.close()
            await session.close()

    asyncio.run(tell())
