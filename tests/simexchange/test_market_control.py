"""Fees, filters and a market's life over the control door."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tests.simexchange.exchange_kit import bars, flat, market, small_venue
from tests.simexchange.test_gate_control import Ask, drive
from tradepool.simexchange.accounts import FeePlan
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.records import Kind, NewOrder, Side, Status
from tradepool.simexchange.venue import Venue


def test_fees_over_the_control_door(tmp_path: Path) -> None:
    venue = Venue([Listing(market(), bars(flat(2))), Listing(market("BNB"), bars(flat(2, 300)))], 0)
    account = venue.open_account("key", "secret", {"BTC": Decimal(10), "BNB": Decimal(1)})

    async def story(ask: Ask) -> None:
        assert await ask("/fees", {"account": "key", "taker_rate": "0.002", "asset": "BNB"}) == {"account": "key"}
        assert account.fees == FeePlan(None, 2_000, "BNB", 250_000)
        venue.place(account, NewOrder("BTCUSDT", "a", Side.SELL, Kind.MARKET, 1000))
        assert (venue.trades("key")[0].fee_asset, venue.trades("key")[0].fee_units) == ("BNB", 50_000)
        await ask("/fees", {"account": "key"})
        assert account.fees == FeePlan()
        for body, words in (
            ({"account": "key", "maker_rate": "1.1"}, "maker_rate"),
            ({"account": "key", "discount": "0.0000001"}, "discount"),
            ({"account": "nobody"}, "No account"),
        ):
            assert words in (await ask("/fees", body))["error"]

    drive(tmp_path, venue, story)


def test_a_markets_life_over_the_control_door(tmp_path: Path) -> None:
    venue = small_venue(flat(2))
    account = venue.account("key")
    venue.place(account, NewOrder("BTCUSDT", "a", Side.SELL, Kind.LIMIT, 1000, 11_000))

    async def story(ask: Ask) -> None:
        await ask("/markets/status", {"symbol": "BTCUSDT", "status": "HALT"})
        assert venue.markets[0].status == "HALT"
        assert "error" in await ask("/markets/status", {"symbol": "BTCUSDT", "status": "ASLEEP"})
        changed = {"symbol": "BTCUSDT", "price_tick": "0.1", "rules": {"stops_max": 5}}
        assert await ask("/markets/filters", changed) == {"symbol": "BTCUSDT"}
        await ask("/markets/filters", {"symbol": "BTCUSDT", "notional_min": "0"})
        filters = venue.markets[0].filters
        assert (filters.tick, filters.step, filters.min_notional, filters.rules.stops_max) == (10, 1, 0, 5)
        assert "finer" in (await ask("/markets/filters", {"symbol": "BTCUSDT", "price_tick": "0.003"}))["error"]
        await ask("/markets/delist", {"symbol": "BTCUSDT"})
        assert venue.orders("key")[0].status is Status.EXPIRED
        assert "not listed" in (await ask("/markets/delist", {"symbol": "BTCUSDT"}))["error"]

    drive(tmp_path, venue, story)
