"""Positions steered by hand, against a venue: real requests, the stream's answers, books that agree with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from unittest import mock

import pytest

from tests.contract.watch_kit import World, tell
from tradepool.core.account import account_step as step
from tradepool.core.ledger.trial_balance import ledger_minus_venue, trial_balance
from tradepool.domain.event import EntriesResumed
from tradepool.domain.flow import Quarantined
from tradepool.domain.ids import ClientOrderId, MarketId
from tradepool.domain.ledger import LedgerCode
from tradepool.presentation.books_page import order_rows, position_rows
from tradepool.services.trading.steering import CannotDo, Steering
from tradepool.simexchange.tls import TlsFiles

BTC = MarketId("binance:BTC/USDT")


async def said(world: World, work: Awaitable[str]) -> str:
    """What came of it, as time passes."""
    doing = asyncio.ensure_future(work)
    await world.until(doing.done)
    return await doing


def steering(world: World) -> Steering:
    return Steering(world.actor(), world.clock, world.clock)


async def agrees(world: World) -> None:
    """Books and venue, to the last digit."""
    asking = asyncio.ensure_future(world.actor().gateway.balances())
    await world.until(asking.done)
    totals = trial_balance(world.platform.books.transfers(world.seats[0].account.id))
    assert not any(ledger_minus_venue(totals, await asking).values())


def traded(world: World) -> Decimal:
    """Base that was bought and is not sold, by the books."""
    totals = trial_balance(world.platform.books.transfers(world.seats[0].account.id))
    return -totals.get((LedgerCode.TRADING, "BTC"), Decimal(0))


def test_a_share_is_closed_and_the_rest_released(tmp_path: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        await world.enter()
        (row,) = position_rows(world.actor().account)
        assert (row.id, row.protected, row.quantity) == ("1a", True, "39.96")
        with pytest.raises(CannotDo, match="it protects a position"):
            await steering(world).cancel(ClientOrderId(order_rows(world.actor().account)[0].name))
        assert (
            await said(world, steering(world).close(BTC, Decimal("0.5"))) == "sold 19.98 BTC; 19.98 are left, protected"
        )
        assert world.orders()[-1] == "STOP_LOSS NEW"
        await agrees(world)
        before = world.actor().account.cash
        assert (await said(world, steering(world).release(BTC))).startswith("released 19.98 BTC")
        assert not [order for order in world.orders() if order.endswith("NEW")]
        assert world.actor().account.cash == before
        assert [t.exit_reason for t in world.platform.books.trades(world.seats[0].account.id)] == ["released"]
        # What was bought is sold, given to its owner, or dust.
        assert traded(world) == world.actor().account.slots[BTC].row[step.DUST] * Decimal("1e-8") + Decimal("0.04")
        await agrees(world)

    tell(story, tmp_path, files)


def test_the_users_own_coins_are_adopted_and_protected(tmp_path: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        await world.enter()
        with pytest.raises(CannotDo, match="a position is held"):
            await steering(world).adopt(BTC, None, Decimal(5))
        await said(world, steering(world).close(BTC, Decimal(1)))
        with pytest.raises(CannotDo, match=r"only 1 BTC are free"):
            await said(world, steering(world).adopt(BTC, Decimal(2), Decimal(5)))
        with pytest.raises(CannotDo, match="too small"):
            await said(world, steering(world).adopt(BTC, Decimal("0.01"), Decimal(5)))
        shadow = Steering(world.actor(), world.clock, world.clock, lambda market, quantity: "shadow")
        with pytest.raises(CannotDo, match="the mandate is a shadow"):
            await said(world, shadow.adopt(BTC, None, Decimal(5)))
        small = replace(world.seats[0].mandate, capital=Decimal(99))
        with (
            mock.patch.object(world.actor().account, "mandate", small),
            pytest.raises(CannotDo, match="100 USDT more is beyond the mandate's capital of 99"),
        ):
            await said(world, steering(world).adopt(BTC, None, Decimal(5)))
        assert world.actor().account.positions() == []
        world.actor().handle(Quarantined(time_ms=world.clock.now_ms(), why="-9 BNB"))
        with pytest.raises(CannotDo, match=r"balances jumped .*resume \(-9 BNB\)"):
            await said(world, steering(world).adopt(BTC, None, Decimal(5)))
        assert world.actor().account.positions() == []
        world.actor().handle(EntriesResumed(time_ms=world.clock.now_ms()))
        assert (await said(world, steering(world).adopt(BTC, None, Decimal(5)))).endswith("at 100, protected")
        (row,) = position_rows(world.actor().account)
        assert (row.quantity, row.stop, row.entry_price) == ("1", "95", "100")
        await agrees(world)
        await said(world, steering(world).close(BTC, Decimal(1)))
        assert world.actor().account.positions() == []
        await agrees(world)

    tell(story, tmp_path, files)


def test_what_cannot_be_done_says_why_and_changes_nothing(tmp_path: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        for share in ("0", "-1", "1.01"):
            with pytest.raises(CannotDo, match="give one above 0"):
                await steering(world).close(BTC, Decimal(share))
        with pytest.raises(CannotDo, match="is not traded on that account"):
            await steering(world).release(MarketId("binance:ETH/USDT"))
        with pytest.raises(CannotDo, match="nothing is held"):
            await steering(world).release(BTC)
        with pytest.raises(CannotDo, match="no candle"):
            await steering(world).adopt(BTC, None, Decimal(5))

    tell(story, tmp_path, files)
