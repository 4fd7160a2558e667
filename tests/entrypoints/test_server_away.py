"""A server that is away for a while ends no trading: the real process on one clock with its venue, its books on PostgreSQL."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.contract.watch_kit import BTC, ETH
from tests.entrypoints.test_rungs import Live, configured
from tests.entrypoints.trading_kit import on_one_clock
from tests.postgres_kit import Postgres
from tradepool.adapters.database.engine import StoreUnusable, dispose
from tradepool.domain.deployment import Mode
from tradepool.domain.order import OrderRequest
from tradepool.entrypoints.deployment import deployed_from
from tradepool.entrypoints.lock_step import IdleSelector, run_in_lock_step

# Whoever looks at the data, every 15 s, has done so.
AWAY_MS = 20_000


def test_an_entry_waits_for_the_server_and_trading_goes_on(tmp_path: Path, postgres: Postgres) -> None:
    """It goes away between the entry's intent and the last look at it, and every connection is refused for a while."""
    server = postgres.new()
    file = configured(tmp_path, "live").file
    file.write_text(file.read_text().replace("[deployment]\n", f'[deployment]\ndatabase = "{server}"\n'))
    deployed = deployed_from(file)

    async def run(selector: IdleSelector) -> None:
        trading, world, connection = await on_one_clock(tmp_path, deployed, selector)
        world.seats = list(trading._platform._wiring.seats)
        running = asyncio.ensure_future(trading.run())
        live, desk = Live(deployed, trading, world), trading._platform.desk

        def goes_away(request: OrderRequest) -> str:
            postgres.run(f"alter database {postgres.name(server)} allow_connections false")
            postgres.cut_off(server)
            trading._platform.gate.leave = trading._may_enter
            return trading._may_enter(request)

        try:
            await world.until(lambda: trading._standing.ready and desk.up)
            live.stood(Mode.LIVE, 1)
            trading._platform.gate.leave = goes_away
            await live.enter(BTC, 100.0)
            back_ms = world.clock.now_ms() + AWAY_MS
            await world.until(lambda: world.clock.now_ms() >= back_ms)
            assert not running.done()
            with pytest.raises(StoreUnusable, match="not currently accepting connections"):
                await live.asks(do="status")
            assert (desk.halted, live.bought()) == ({}, [])
            postgres.run(f"alter database {postgres.name(server)} allow_connections true")
            await world.until(live.bought)
            await live.enter(ETH, 10.0)
            assert (desk.halted, world.refusals(), len(live.bought())) == ({}, [], 2)
        finally:
            trading._over.set()
            await world.until(running.done)
            await world.server.stop()
            dispose(connection)
            postgres.drop(server)
        await running

    run_in_lock_step(run)
