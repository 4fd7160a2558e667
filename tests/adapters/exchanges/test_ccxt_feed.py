"""Candles of a venue whose record holds one that makes no sense: it must not keep everybody from starting."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.adapters.exchanges.wire_kit import MARKET, Fault, Say, desk
from tests.simexchange.exchange_kit import MINUTE, START
from tradepool.domain.errors import VenueError
from tradepool.simexchange.tls import TlsFiles


def rows(*opens: str) -> Say:
    """A page of klines; an open of 0 contradicts the low of its candle."""
    page = [[START - (len(opens) - i) * MINUTE, open_, "101", "99", "100", "1"] for i, open_ in enumerate(opens)]
    return Say(200, json.dumps(page))


def test_a_candle_that_makes_no_sense_twice_in_the_same_words_does_not_exist(files: TlsFiles) -> None:
    """The first time it may be the wire, and the page fails; the second time it is what the venue has on record."""

    async def run() -> None:
        page = rows("100", "0", "100", "0.0")
        fault = Fault("GET", "/api/v3/klines", [page, page, rows("100", "100", "100", "100")])
        async with desk(files, fault) as at:
            with pytest.raises(VenueError):
                await at.feed.history(MARKET, MINUTE, START - 4 * MINUTE)
            second = await at.feed.history(MARKET, MINUTE, START - 4 * MINUTE)
            assert [candle.open_time_ms for candle in second] == [START - 4 * MINUTE, START - 2 * MINUTE]
            # Corrected, it is there.
            assert len(await at.feed.history(MARKET, MINUTE, START - 4 * MINUTE)) == 4

    asyncio.run(run())


def test_another_word_is_another_fault(files: TlsFiles) -> None:
    """Noise on the wire is never taken for the venue's word."""

    async def run() -> None:
        fault = Fault("GET", "/api/v3/klines", [rows("100", "0"), rows("100", "1")])
        async with desk(files, fault) as at:
            for _ in range(2):
                with pytest.raises(VenueError):
                    await at.feed.history(MARKET, MINUTE, START - 2 * MINUTE)

    asyncio.run(run())
