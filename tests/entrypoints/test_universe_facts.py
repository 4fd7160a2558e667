"""Spread and status, asked of an exchange over HTTPS through ccxt: what removes a market, and by how much."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.adapters.exchanges.wire_kit import Say, error
from tests.entrypoints.downloading import Place, exchange
from tradepool.adapters.candle_files.write import write_candles
from tradepool.adapters.exchanges.transport import Transport
from tradepool.core.market.bars import Bars
from tradepool.domain.errors import VenueError
from tradepool.entrypoints.universe import universe
from tradepool.presentation.universe_page import MarketRow
from tradepool.simexchange.tls import TlsFiles

Ask = Callable[..., Awaitable[MarketRow]]


def play(files: TlsFiles, folder: Path, story: Callable[[Place, Ask], Awaitable[None]]) -> None:
    """A story beside an exchange of one market, whose candles are a file; `ask` judges it by these rules."""

    async def run() -> None:
        async with exchange(files, folder, range(300)) as (place, whole):
            place.fault.path = "/api/v3/ticker/bookTicker"
            file = candles_of(whole, folder)
            transport = Transport(ca_file=files.ca_file, loopback_port=place.port)

            async def ask(rules: str, **how: bool | None) -> MarketRow:
                config = folder / "tradepool.toml"
                config.write_text(f"[universe]\n{rules}\n", encoding="utf-8")
                found = await asyncio.to_thread(universe, [file], config, transport=transport, **how)
                return found.markets[0]

            await story(place, ask)

    asyncio.run(asyncio.wait_for(run(), 60))


def candles_of(whole: Bars, folder: Path) -> Path:
    """A file of them."""
    file = folder / "BINANCE-BTC-USDT-1m.parquet"
    write_candles(file, whole)
    return file


def test_the_venue_is_asked_where_a_rule_is_about_what_only_it_knows(files: TlsFiles, tmp_path: Path) -> None:
    async def story(place: Place, ask: Ask) -> None:
        row = await ask('statuses = ["TRADING"]\nspread_max = 5.0')
        assert (row.is_in, row.status) == (True, "TRADING")
        spread = row.measured["spread"]
        assert 0.0 <= spread < 5.0
        asked = place.fault.asked
        row = await ask('quotes = ["USDT"]')
        assert (row.is_in, row.status, "spread" in row.measured) == (True, None, False)
        row = await ask("spread_max = 5.0", ask=False)
        assert [item.text for item in row.removed_by] == ["spread not known"]
        assert place.fault.asked == asked
        row = await ask('quotes = ["USDT"]', ask=True)
        assert (row.status, row.measured["spread"]) == ("TRADING", spread)
        place.venue.set_status("BTCUSDT", "HALT")
        row = await ask('statuses = ["TRADING"]')
        assert [item.text for item in row.removed_by] == ["status HALT, wanted TRADING"]

    play(files, tmp_path, story)


def test_a_spread_too_wide_says_by_how_much(files: TlsFiles, tmp_path: Path) -> None:
    async def story(place: Place, ask: Ask) -> None:
        quote = '[{"symbol":"BTCUSDT","bidPrice":"99.00","bidQty":"1","askPrice":"101.00","askQty":"1"}]'
        place.fault.says = [Say(body=quote)]
        (removal,) = (await ask("spread_max = 0.5")).removed_by
        assert (removal.rule, removal.value, removal.limit, removal.by) == ("spread", 2.0, 0.5, 1.5)
        assert removal.text == "spread 2 %, at most 0.5: over by 1.5"
        one_sided = quote.replace("101.00", "0.00")
        place.fault.says = [Say(body=one_sided)]
        assert [item.text for item in (await ask("spread_max = 0.5")).removed_by] == ["spread not known"]

    play(files, tmp_path, story)


def test_a_venue_that_does_not_answer_is_named(files: TlsFiles, tmp_path: Path) -> None:
    async def story(place: Place, ask: Ask) -> None:
        place.fault.says = [error(-1000, "no", 503)]
        with pytest.raises(VenueError, match="fetch_bids_asks"):
            await ask("spread_max = 5.0")

    play(files, tmp_path, story)
