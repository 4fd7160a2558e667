"""Practice on live prices as a user sees it: unmodified ccxt before our venue, which mirrors a real one (C-519)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import ccxt
import pytest

from tests.contract.ccxt_kit import Exchange, exchange
from tests.simexchange.mirror_kit import Practice, practice
from tradepool.simexchange.tls import TlsFiles, make_tls_files

PAIR = "BTC/USDT"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """One authority for all."""
    return make_tls_files(tmp_path_factory.mktemp("tls"))


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
