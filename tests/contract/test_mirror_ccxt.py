"""Practice on live prices as a user sees it: unmodified ccxt before our venue, which mirrors a real one (C-519 to C-521)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import ccxt
import pytest

from tests.contract.ccxt_kit import Exchange, exchange
from tests.nouns import BTC, MINUTE_MS
from tests.simexchange.mirror_kit import START_MS, Practice, practice
from tradepool.adapters.exchanges.ccxt_books import CcxtBooks
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.domain.trade_tick import TradeTick
from tradepool.services.market_books import MarketBooks
from tradepool.simexchange.tls import TlsFiles

PAIR = "BTC/USDT"


def play(files: TlsFiles, folder: Path, story: Callable[[Practice, Exchange], Awaitable[None]]) -> None:
    """A real venue, ours before it, and a user's client before ours."""

    async def tell() -> None:
        async with practice(files) as at, exchange(at.venue, "unix-tls", folder, files) as running:
            await story(at, running)

    asyncio.run(tell())


def test_c519_a_client_trades_on_the_mirrored_book_and_is_refused_while_it_is_broken(
    files: TlsFiles, tmp_path: Path
) -> None:
    async def story(at: Practice, running: Exchange) -> None:
        client = running.client()
        bought = await client.create_order(PAIR, "market", "buy", Decimal(2))
        assert (bought["status"], bought["filled"], bought["average"]) == (
            "closed",
            Decimal(2),
            Decimal("101.5"),
        )
        rests = await client.create_order(PAIR, "limit", "buy", Decimal("0.5"), Decimal(99))
        assert rests["status"] == "open"
        at.real.says = [(503, "busy")]
        await at.move(send=False)
        await at.move(asks=[("103", "1")])
        await at.until(lambda: at.status == "HALT")
        with pytest.raises(ccxt.BaseError, match="Market is closed"):
            await client.create_order(PAIR, "market", "buy", Decimal("0.5"))
        await at.until(lambda: at.status == "TRADING", jump_ms=5_000)
        await at.print(1, "98.99000000", "3.00000000", sold=True)
        await at.until(lambda: not at.venue.account("key").open)
        filled = await client.fetch_order(rests["id"], PAIR)
        assert (filled["status"], filled["average"]) == ("closed", Decimal(99))

    play(files, tmp_path, story)


def test_c520_candles_and_prints_of_the_mirrored_market_are_made_of_the_real_tape(
    files: TlsFiles, tmp_path: Path
) -> None:
    minute = START_MS // MINUTE_MS * MINUTE_MS
    tape = [(0, "99.0"), (1_000, "99.6"), (59_999, "98.7"), (60_000, "98.9"), (185_000, "99.1")]

    async def story(at: Practice, running: Exchange) -> None:
        client = running.client()
        for number, (after_ms, price) in enumerate(tape, 1):
            await at.print(number, f"{price}0", "0.25", sold=False, time_ms=minute + MINUTE_MS + after_ms)
        await at.until(lambda: at.venue.market("BTCUSDT").price == 9_910)
        candles = await client.fetch_ohlcv(PAIR, "1m")
        prices = [[Decimal(each) for each in row] for row in (("99", "99.6", "98.7", "98.7"), ("98.9",) * 4)]
        assert [row[:1] + [Decimal(str(each)) for each in row[1:]] for row in candles[:2]] == [
            [minute + MINUTE_MS, *prices[0], Decimal("0.75")],
            [minute + 2 * MINUTE_MS, *prices[1], Decimal("0.25")],
        ]
        trades = await client.fetch_trades(PAIR)
        assert [(each["price"], each["amount"], each["side"]) for each in trades] == [
            (Decimal(price), Decimal("0.25"), "buy") for _, price in tape
        ]

    play(files, tmp_path, story)


def test_c521_the_data_plane_reads_the_mirrored_book_as_it_would_the_real_one(files: TlsFiles, tmp_path: Path) -> None:
    """Real venue, mirror, our server, ccxt, data plane: the same levels at the far end, through a halt and back."""

    async def story(at: Practice, running: Exchange) -> None:
        session = Session(Transport(ca_file=files.ca_file, unix_socket=tmp_path / "venue.sock"))
        stream = CcxtBooks("binance", session, at.clock)
        books = MarketBooks(stream, at.clock, [BTC])
        reading = asyncio.create_task(books.run())
        prints: list[TradeTick] = []
        books.listen(BTC.id, on_trade=prints.append)

        def equal() -> bool:
            if books.state(BTC.id).why:
                return False
            book, per_step = books.book(BTC.id), BTC.units_per_step
            sides = [[(ticks, units // per_step) for ticks, units in side] for side in (book.bids(), book.asks())]
            return sides == at.levels()

        await at.until(equal)
        await at.move(bids=[("99.5", "0.25"), ("98", "0")])
        await at.until(lambda: equal() and at.levels()[0] == [(9_950, 25_000), (9_900, 100_000)])
        await at.move(send=False)
        await at.move(asks=[("100", "2")])
        await at.until_equal()
        await at.until(equal)
        await at.print(1, "99.50", "0.10", sold=True)
        await at.until(lambda: prints)
        assert (prints[0].price, prints[0].quantity, prints[0].taker.value) == (Decimal("99.5"), Decimal("0.1"), "sell")
        assert books.state(BTC.id).gaps == 0
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await stream.close()
        await session.close()

    play(files, tmp_path, story)
