"""Fees in a coin that nobody can value: in the books, and told by name for as long as they are there. C-1034."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.contract.test_flow_desk_ccxt import booked, off, wallet_of
from tests.contract.watch_kit import World, tell
from tradepool.core.account.flows import entries_off
from tradepool.domain.deployment import Mode
from tradepool.domain.ledger import TransferCode
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.lookout import Lookout
from tradepool.entrypoints.standing import Standing
from tradepool.services.alarms import Kind
from tradepool.simexchange.accounts import FeePlan
from tradepool.simexchange.tls import TlsFiles

HOUR_MS = 3_600_000


async def told(world: World) -> list[str]:
    """What status and alarms say of the first account, which has to be the same; it is no danger."""
    actor, mandate = world.actor(), world.seats[0].mandate
    seat: Any = SimpleNamespace(
        account_id=actor.account.account.id, user=SimpleNamespace(id="ann"), mandate=mandate, off="", unled=None
    )
    house, rungs = cast("Any", SimpleNamespace(seats=[seat])), cast("Any", SimpleNamespace(of=lambda seat: Mode.LIVE))
    rows, clocks = cast("Any", None), (world.clock, world.clock)
    standing = Standing(house, world.platform, rows, rungs, rows, rows, clocks)
    standing.ready = True
    asked = asyncio.ensure_future(standing.account(seat, actor))
    await world.until(asked.done)
    lookout = Lookout(house, world.platform, rows, rows, clocks)
    found = asked.result()
    said = [found.unpriced] if found.unpriced else []
    assert ([each.text for each in lookout._account(seat, actor) if each.kind is Kind.BALANCE], found.worries) == (
        said,
        [],
    )
    return said


def test_a_fee_in_a_coin_without_a_market_is_booked_and_told(place: Path, files: TlsFiles) -> None:
    """One that has a market is not told, nor is what is traded; an account beside it hears nothing."""

    async def story(world: World) -> None:
        await world.until(booked(world), HOUR_MS)
        wallet, account = wallet_of(world)
        wallet.deposit(account, "ETH", Decimal(5), world.venue.now_ms)
        await world.until(booked(world), HOUR_MS)
        account.fees = FeePlan(asset="ETH")
        await world.enter()
        await world.until(booked(world), HOUR_MS)
        name = world.seats[0].account.id
        fees = [each for each in world.platform.books.transfers(name) if each.code is TransferCode.FEE]
        assert [each.asset for each in fees] == ["ETH"]
        assert await told(world) == []
        world.venue.delist("ETHUSDT")
        await world.platform.close()
        world.platform = Platform(world.platform._wiring)
        await world.platform.start()
        start_ms = world.clock.now_ms()
        await world.until(lambda: world.clock.now_ms() > start_ms + HOUR_MS // 6, HOUR_MS)
        [worry] = await told(world)
        assert worry.startswith(
            f"{name} paid fees in ETH, of which binance lists no market against USDT: nobody can say"
        )
        assert (off(world), entries_off(world.actor().account)) == ({}, None)
        assert world.platform.flows is not None
        assert world.platform.flows.unpriced(world.seats[1].account.id) == ""

    tell(story, place, files)
