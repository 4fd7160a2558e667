"""Fees in a coin that nobody can value: in the books, told by name for as long as they are there; they stop the account once. C-1034."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.contract.test_flow_desk_ccxt import booked, off, wallet_of
from tests.contract.watch_kit import World, tell
from tradepool.core.account.flows import entries_off
from tradepool.domain.denial import Denial
from tradepool.domain.deployment import Mode
from tradepool.domain.event import EntriesResumed
from tradepool.domain.ledger import TransferCode
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.lookout import Lookout
from tradepool.entrypoints.standing import Standing
from tradepool.services.alarms import Kind
from tradepool.simexchange.accounts import FeePlan
from tradepool.simexchange.tls import TlsFiles

HOUR_MS = 3_600_000


async def told(world: World) -> list[str]:
    """What status and alarms say of the first account's fees, which has to be the same. They are no danger, so status worries of
    a quarantine alone."""
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
    stopped = (
        [f"{actor.account.account.id} is quarantined, resume it when you know why: {why}"]
        if (why := actor.account.flows.quarantine)
        else []
    )
    texts = [each.text for each in lookout._account(seat, actor) if each.kind is Kind.BALANCE]
    assert (texts, found.worries) == (said, stopped)
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
        stopped = world.actor().account
        assert (off(world), entries_off(stopped)) == ({}, Denial.QUARANTINED)
        assert stopped.flows.quarantine == worry.rstrip(".") + ", then run tradepool resume"
        # What is held may be sold, and after a person has seen it nothing stops the account for this coin again.
        world.actor().post(EntriesResumed(time_ms=world.clock.now_ms()))
        start_ms = world.clock.now_ms()
        await world.until(lambda: world.clock.now_ms() > start_ms + HOUR_MS // 6, HOUR_MS)
        assert (await told(world), entries_off(stopped), stopped.flows.unpriced) == ([worry], None, {"ETH"})
        assert world.platform.flows is not None
        assert world.platform.flows.unpriced(world.seats[1].account.id) == ""

    tell(story, place, files)
