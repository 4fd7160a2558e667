"""Venues for the order cases: two markets, one user, and a story told through ccxt over a Unix socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.contract.ccxt_kit import OPTIONS, Exchange, exchange
from tests.simexchange.exchange_kit import Row, bars, flat, market
from tradepool.simexchange.liquidity import Depth
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.rules import DEFAULT_RULES, Rules
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

PAIR = "BTC/USDT"
DEEP = Depth(spread_bp=20, level_notional=Decimal(200), levels=5, gap_bp=10, seed=1)
Story = Callable[[Exchange], Awaitable[None]]
Tell = Callable[[Venue, Story], Venue]


def make_venue(
    rows: Sequence[Row] = (), *, depth: Depth | None = None, rules: Rules = DEFAULT_RULES, bnb: str = "0"
) -> Venue:
    """BTC at 100 and BNB at 300 against USDT; the user `key` holds 1,000 USDT, 10 BTC and some BNB."""
    rows = rows or flat(20)
    listings = [Listing(market(), bars(rows), rules), Listing(market("BNB"), bars(flat(len(rows), 300)))]
    venue = Venue(listings, 1, depth=depth)
    venue.open_account("key", "secret", {"USDT": Decimal(1000), "BTC": Decimal(10), "BNB": Decimal(bnb)})
    return venue


def make_mirror() -> Venue:
    """A mirrored BTC market: 5 BTC at 99, 10 at 98; 5 at 101, 10 at 102."""
    venue = Venue([Listing(market())])
    venue.open_account("key", "secret", {"USDT": Decimal(1000), "BTC": Decimal(10)})
    venue.push_book(
        "BTCUSDT", [(9_900, 5_000), (9_800, 10_000)], [(10_100, 5_000), (10_200, 10_000)], 1_700_000_000_000
    )
    return venue


@pytest.fixture
def tell(tmp_path: Path, files: TlsFiles) -> Tell:
    """A function that serves a venue and tells a story to it."""

    def run(venue: Venue, story: Story) -> Venue:
        async def go() -> None:
            async with exchange(venue, "unix-plain", tmp_path, files) as running:
                await asyncio.wait_for(story(running), 60)

        asyncio.run(go())
        return venue

    return run


async def order(client: Any, kind: str, side: str, quantity: str, price: str | None = None, **params: object) -> Any:
    """One order through ccxt's unified call."""
    return await client.create_order(PAIR, kind, side, Decimal(quantity), Decimal(price) if price else None, params)


async def look_up(client: Any, name: str) -> Any:
    """An order by its client order id."""
    return await client.fetch_order(None, PAIR, {"clientOrderId": name})


async def user_events(running: Exchange, client: Any) -> list[dict[str, Any]]:
    """Open the user stream; every event of it is added to the list, as it came."""
    seen: list[dict[str, Any]] = []
    client.handle_order_update = lambda _, message: seen.append(message)
    client.handle_balance = lambda _, message: seen.append(message)
    plain = client.handle_message

    def handle(socket: Any, message: Any) -> Any:
        event = message.get("event", {}) if isinstance(message, dict) else {}
        return seen.append(event) if event.get("e") == "listStatus" else plain(socket, message)

    client.handle_message = handle
    await client.authenticate()
    await running.until(lambda: running.server.subscriptions_open)
    return seen


__all__ = [
    "DEEP", "OPTIONS", "PAIR", "Exchange", "Story", "Tell", "look_up", "make_mirror", "make_venue", "order", "tell", "user_events",
]  # fmt: skip
