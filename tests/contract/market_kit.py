"""Two markets with a book, and what candles come to when they are put together by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.contract.ccxt_kit import Exchange, exchange
from tradepool.simexchange.liquidity import Depth
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.market_model import model_listings
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BEGIN = int(datetime(2024, 1, 30, 22, 0, tzinfo=UTC).timestamp() * 1000)
BTC, ETH = "BTC/USDT", "ETH/USDT"
BOOK = Depth(spread_bp=4, level_notional=Decimal(20_000), levels=30)
LENGTHS = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480, "12h": 720,
    "1d": 1440, "3d": 4320,
}  # fmt: skip

WIRE = "https://stream.binance.com"
Row = list[Any]
Event = dict[str, Any]
Story = Callable[[Exchange], Awaitable[None]]
Play = Callable[[Venue, Story], None]


def model_venue(
    count: int = 600, timeframe_ms: int = MINUTE, *, gap_share: float = 0.0, show_forming: bool = False
) -> Venue:
    """BTC and ETH against USDT with a book of 30 levels; an account `key` is rich in both."""
    listings = model_listings([BTC, ETH], timeframe_ms, BEGIN, count, seed=4, gap_share=gap_share)
    venue = Venue(listings, depth=BOOK, show_forming=show_forming)
    venue.open_account("key", "secret", {"USDT": Decimal(1_000_000), "BTC": Decimal(10), "ETH": Decimal(10)})
    return venue


def tell(venue: Venue, folder: Path, files: TlsFiles, story: Story) -> None:
    """Run a story against a venue behind a plain Unix socket; no certificate is looked at there."""

    async def run() -> None:
        async with exchange(venue, "unix-plain", folder, files) as running:
            await asyncio.wait_for(story(running), 60)

    asyncio.run(run())


def own_rows(market: ListedMarket, count: int | None = None) -> list[Row]:
    """The market's first candles (all published ones by default): open time, prices, volume, quote; as Decimals."""
    tick = market.market.price_tick
    return [
        [
            int(market.open_time[bar]),
            *(int(column[bar]) * tick for column in (market.open, market.high, market.low, market.close)),
            Decimal(repr(float(market.volume[bar]))),
            Decimal(repr(float(market.volume[bar]))) * int(market.close[bar]) * tick,
        ]
        for bar in range(market.published if count is None else count)
    ]


def piece(time_ms: int, interval: str) -> tuple[int, int]:
    """Begin and end of the piece of the calendar that holds a time."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "1M":
        begin = day.replace(day=1)
        end = (begin + timedelta(days=32)).replace(day=1)
    elif interval == "1w":
        begin = day - timedelta(days=day.weekday())
        end = begin + timedelta(days=7)
    else:
        length = LENGTHS[interval] * MINUTE
        return time_ms // length * length, time_ms // length * length + length
    return int(begin.timestamp() * 1000), int(end.timestamp() * 1000)


def put_together(rows: Sequence[Row], interval: str, now_ms: int) -> list[Row]:
    """Closed candles of an interval, one by one: first open, highest high, lowest low, last close, sums."""
    made: dict[int, Row] = {}
    for row in rows:
        begin, end = piece(row[0], interval)
        if end > now_ms:
            continue
        if begin not in made:
            made[begin] = [begin, *row[1:]]
            continue
        whole = made[begin]
        whole[2], whole[3], whole[4] = max(whole[2], row[2]), min(whole[3], row[3]), row[4]
        whole[5] += row[5]
        whole[6] += row[6]
    return list(made.values())


async def all_prints(client: Any, symbol: str = BTC) -> list[Any]:
    """The whole tape, page by page; ccxt sorts prints of one time by the letters of their ids."""
    prints: list[Any] = []
    while page := await client.fetch_trades(symbol, limit=1000, params={"fromId": len(prints) + 1}):
        prints += sorted(page, key=lambda each: int(each["id"]))
    return prints


def close_to(found: Decimal, expected: Decimal) -> bool:
    """Equal but for the rounding of sums of floats."""
    return abs(found - expected) <= Decimal("1e-8") + abs(expected) * Decimal("1e-12")


async def collect(running: Exchange, names: list[str], move: Callable[[], object]) -> list[Event]:
    """Events of some streams while something moves: all of it is over before the first frame is read."""
    async with running.session.ws_connect(f"{WIRE}/stream?streams={'/'.join(names)}", max_msg_size=0) as socket:
        await running.until(lambda: running.server.subscriptions_open >= len(names))
        before = running.server.frames
        move()
        return [await socket.receive_json() for _ in range(running.server.frames - before)]


def step_through(venue: Venue) -> Callable[[], None]:
    """On to the end of the candles."""

    def move() -> None:
        while venue.step():
            pass

    return move


async def watched(running: Exchange, watching: Any) -> Any:
    """What a pending watch_* brings after the next thing that happens."""
    task = asyncio.ensure_future(watching)
    for _ in range(200):
        await asyncio.sleep(0)
    while not task.done():
        running.venue.step()
        for _ in range(50):
            await asyncio.sleep(0)
    return await task


def levels(rows: list[Any]) -> dict[Decimal, Decimal]:
    """Price to quantity, whatever numbers they are."""
    return {Decimal(str(price)): Decimal(str(size)) for price, size, *_ in rows}
