"""The public tape over REST, through ccxt.pro's unmodified binance client (cases C-214 to C-217)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest

from tests.contract.ccxt_kit import Exchange
from tests.contract.market_kit import (
    BEGIN,
    BTC,
    ETH,
    MINUTE,
    Play,
    all_prints,
    model_venue,
    own_rows,
)


def test_c214(play: Play) -> None:
    """C-214: the tape is every candle: prints sum to its volume, begin at its open, end at its close, stay inside."""
    venue = model_venue(120)
    venue.step_bars(100)

    async def story(running: Exchange) -> None:
        for symbol, market in zip((BTC, ETH), venue.markets, strict=True):
            prints = await all_prints(running.client(None), symbol)
            assert [int(each["id"]) for each in prints] == [*range(1, len(prints) + 1)]
            for start, opened, high, low, closed, volume, _ in own_rows(market):
                inside = [each for each in prints if start <= each["timestamp"] < start + MINUTE]
                prices = [each["price"] for each in inside]
                assert (prices[0], max(prices), min(prices), prices[-1]) == (opened, high, low, closed)
                assert abs(sum(each["amount"] for each in inside) - volume) <= market.market.quantity_step / 2

    play(venue, story)


def test_c215(play: Play) -> None:
    """C-215: the last prints, those from an id and those between two times are pieces of one tape."""
    venue = model_venue(120)
    venue.step_bars(100)

    async def story(running: Exchange) -> None:
        client, asked = running.client(), {"symbol": "BTCUSDT"}
        tape = await all_prints(client)
        ids = [int(each["id"]) for each in tape]
        assert [each["id"] for each in await client.public_get_trades(asked | {"limit": 7})] == ids[-7:]
        assert [each["id"] for each in await client.public_get_trades(asked)] == ids[-500:]
        old = await client.public_get_historicaltrades(asked | {"fromId": 41, "limit": 9})
        assert [each["id"] for each in old] == ids[40:49]
        start, end = BEGIN + 20 * MINUTE, BEGIN + 25 * MINUTE
        inside = [int(each["id"]) for each in tape if start <= each["timestamp"] <= end]
        found = await client.fetch_trades(BTC, start, 1000, {"until": end})
        assert sorted(int(each["id"]) for each in found) == inside
        assert sorted(int(each["id"]) for each in await client.fetch_trades(BTC, start, 10)) == inside[:10]
        assert await client.fetch_trades(BTC, venue.now_ms + 1) == []
        with pytest.raises(ccxt.pro.BadRequest, match="-1128"):
            await client.public_get_aggtrades(asked | {"fromId": 1, "startTime": start})

    play(venue, story)


def test_c216(play: Play) -> None:
    """C-216: a user's own fills are on the tape, and the ids go on without a hole."""
    venue = model_venue(60)

    async def story(running: Exchange) -> None:
        client = running.client()
        venue.step_bars(3)
        before = await all_prints(client)
        order = await client.create_order(BTC, "market", "sell", Decimal("0.5"))
        own = (await all_prints(client))[len(before) :]
        assert sum(each["amount"] for each in own) == order["filled"] == Decimal("0.5")
        assert {each["side"] for each in own} == {"sell"}
        assert sum(each["cost"] for each in own) == order["cost"]
        venue.step_bars(3)
        after = await all_prints(client)
        assert after[: len(before) + len(own)] == [*before, *own]
        assert [int(each["id"]) for each in after] == [*range(1, len(after) + 1)]
        kline = (await client.public_get_klines({"symbol": "BTCUSDT", "interval": "1m"}))[3]
        minute = [each for each in after if each["timestamp"] // MINUTE == int(kline[0]) // MINUTE]
        assert int(kline[8]) == len(minute) > len(own)

    play(venue, story)


def test_c217(play: Play) -> None:
    """C-217: the same candles have the same tape, whoever asks for which part and when."""
    tapes: list[list[Any]] = []

    def once(stops: int) -> None:
        venue = model_venue(60)

        async def story(running: Exchange) -> None:
            client = running.client(None)
            for _ in range(stops):
                venue.step_bars(40 // stops)
                await client.fetch_trades(BTC, limit=5)
            tapes.append([each["info"] for each in await all_prints(client)])

        play(venue, story)

    once(1)
    once(8)
    assert tapes[0] == tapes[1] != []
