"""A platform that is given a store: what its strategies start from is kept, and not asked for twice."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest

from tests.contract.watch_kit import BTC, ETH, World, tell
from tradepool.adapters.candle_store.store import FileStore
from tradepool.ports.candles import Series
from tradepool.ports.market_state import PlaneState
from tradepool.simexchange.tls import make_tls_files


def ten_bars(world: World) -> None:
    world.venue.step_bars(10)


def test_a_platform_with_a_store_keeps_what_it_saw_and_lets_go_of_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    """C-638: two runs fill one store; it holds the series watched, and no lock is left."""
    files, store = make_tls_files(tmp_path_factory.mktemp("tls")), FileStore(tmp_path_factory.mktemp("s"))
    series = [Series("binance", each.symbol, "1m") for each in (BTC, ETH)]
    states: list[PlaneState] = []

    async def story(world: World) -> None:
        states.append(world.platform.market_data.state())
        await world.settle()

    def told(folder: Path) -> int:
        tell(story, folder, files, before=ten_bars, candles=store)
        return sum(len(store.reader(each).bars()) for each in store.series())

    assert told(tmp_path_factory.mktemp("a")) == told(tmp_path_factory.mktemp("b")) > 0
    assert set(store.series()) <= set(series)
    assert all(state.lost == "" and state.oldest_ms is not None for state in states)
    for each in store.series():
        # Nobody else could, while the platform ran.
        with store.writer(each) as writer:
            assert len(writer.corrections()) == 0


def test_a_market_without_a_candle_costs_no_more_requests_than_without_a_store(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """It was listed a moment ago: nobody waits while the venue is asked for each stretch since 1970."""
    files, asked = make_tls_files(tmp_path_factory.mktemp("tls")), list[int]()

    async def story(world: World) -> None:
        await world.settle()

    async def sent(session: object, context: SimpleNamespace, told: aiohttp.TraceRequestStartParams) -> None:
        asked[-1] += told.url.path.endswith("klines")

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(sent)
    for store in (None, FileStore(tmp_path_factory.mktemp("s"))):
        asked.append(0)
        tell(story, tmp_path_factory.mktemp("w"), files, candles=store, traces=(trace,))
    assert 0 < asked[0] == asked[1]
