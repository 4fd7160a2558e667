"""Which venues there are, how far each is supported, and where its requests may go."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import ccxt
import pytest
from yarl import URL

from tests.adapters.exchanges.wire_kit import Fault, Say, desk
from tests.simexchange.exchange_kit import MINUTE, START
from tradepool.adapters.exchanges.ccxt_reader import CcxtReader
from tradepool.adapters.exchanges.venues import BINANCE, ReadsOnly, UnknownVenue, facts_of, require_certified
from tradepool.simexchange.tls import make_tls_files

API = "https://api.binance.com"
READS = ["/api/v3/klines", "/api/v3/account", "/sapi/v1/account/apiRestrictions", "/sapi/v1/capital/withdraw/history"]
NEVER = [
    ("POST", "/sapi/v1/capital/withdraw/apply"),
    ("POST", "/sapi/v1/asset/transfer"),
    ("POST", "/sapi/v1/sub-account/universalTransfer"),
    ("GET", "/sapi/v1/sub-account/list"),
    ("POST", "/sapi/v1/convert/acceptQuote"),
    ("POST", "/sapi/v1/asset/dust"),
    ("POST", "/sapi/v1/account/apiRestrictions/ipRestriction"),
    ("POST", "/api/v3/order/"),
    ("POST", "/api/v3/%6frder"),
    ("PUT", "/api/v3/order"),
]


@pytest.mark.parametrize("venue", ["kraken", "okx", "mexc", "bybit"])
def test_any_other_id_of_ccxt_is_read_only(venue: str) -> None:
    facts = facts_of(venue)
    assert not facts.certified
    assert facts.reach.read_hosts
    host = min(facts.reach.read_hosts)
    assert facts.reach.allows("GET", URL(f"https://{host}/any/thing"))
    assert not facts.reach.allows("POST", URL(f"https://{host}/any/thing"))
    assert not facts.reach.allows("GET", URL("https://api.binance.com/api/v3/time"))
    with pytest.raises(ReadsOnly, match=venue):
        require_certified(venue)


def test_every_id_of_ccxt_has_facts() -> None:
    """None breaks the table; each can be read somewhere."""
    assert [venue for venue in ccxt.exchanges if not facts_of(venue).reach.names] == []


@pytest.mark.parametrize(("wrong", "likely"), [("binanse", "binance"), ("Kraken", "kraken"), ("zzzzzz", "binance")])
def test_an_unknown_id_is_answered_with_what_was_meant(wrong: str, likely: str) -> None:
    with pytest.raises(UnknownVenue, match=f"did you mean .*{likely}"):
        facts_of(wrong)


def test_what_binance_may_be_asked() -> None:
    assert all(BINANCE.reach.allows("GET", URL(API + path)) for path in READS)
    assert [(m, p) for m, p in NEVER if BINANCE.reach.allows(m, URL(API + p, encoded=True))] == []
    assert BINANCE.reach.allows("GET", URL("wss://stream.binance.com:9443/ws/0"))
    for elsewhere in ("http://api.binance.com", "https://api.binance.com:8443", "https://api.binance.com.evil.io"):
        assert not BINANCE.reach.allows("GET", URL(f"{elsewhere}/api/v3/time"))


def test_a_venue_is_read_by_unified_calls(tmp_path: Path) -> None:
    """Markets, candles, last prices; here of the one venue that is simulated."""

    async def story() -> None:
        ticker = Say(200, '[{"symbol":"BTCUSDT","lastPrice":"100.00","closeTime":1700000000000}]')
        fault = Fault("GET", "/api/v3/ticker/24hr", says=[ticker])
        async with desk(make_tls_files(tmp_path), fault) as at:
            for _ in range(12):
                at.venue.step()
            at.clock.advance_to(at.venue.now_ms)
            reader = CcxtReader("binance", at.session, at.clock)
            (market,) = await reader.markets()
            candles = await reader.candles(market, MINUTE, START)
            assert [c.open_time_ms for c in candles] == [START + n * MINUTE for n in range(len(candles))]
            assert len(candles) >= 2
            assert all(c.open_time_ms + MINUTE <= at.venue.now_ms for c in candles)
            assert await reader.last_prices([market]) == {market.id: Decimal(100)}
            await reader.close()

    asyncio.run(story())
