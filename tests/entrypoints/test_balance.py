"""`tradepool balance`: asked of a platform at work, and of a deployment whose venue is not there."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from tests.contract.watch_kit import World, tell
from tests.entrypoints.console import Console
from tradepool.entrypoints.balance import CACHE_MS, told
from tradepool.entrypoints.deployment import Seated
from tradepool.presentation.balance_page import AccountRow, BalancesJson
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.tls import TlsFiles


async def ask(world: World, user: str = "") -> list[AccountRow]:
    """What the trading process would answer."""
    seats = [
        SimpleNamespace(
            account_id=seat.account.id, user=SimpleNamespace(id=f"u{seat.account.number}"), mandate=seat.mandate
        )
        for seat in world.seats
    ]
    actors = [(cast("Seated", seat), world.platform.actor(seat.account_id)) for seat in seats]
    work = asyncio.ensure_future(told(world.platform, actors, user))
    await world.until(work.done)
    return msgspec.json.decode(work.result(), type=BalancesJson).accounts


def test_a_user_reads_his_own_and_how_old_it_is(tmp_path_factory: pytest.TempPathFactory, files: TlsFiles) -> None:
    """From the stream while it is whole; asked anew when it is not; the last that was heard when nobody answers."""

    async def story(world: World) -> None:
        await world.until(lambda: all(world.actor(n).account.flows.begun for n in (0, 1)))
        await world.enter()
        first, _ = await ask(world)
        [again] = await ask(world, "u1")
        assert (first, first.stale) == (again, "")
        usdt = next(coin for coin in first.coins if coin.asset == "USDT")
        assert (usdt.own, usdt.price) == ("0", "1"), "all of it is the mandate's"
        btc = next(coin for coin in first.coins if coin.asset == "BTC")
        assert (btc.own, btc.price) == ("1", "100")
        assert float(btc.locked) > 0, "its stop holds it"
        assert first.flows == {"opening": {"BTC": "1", "USDT": "10000"}}
        dark = Fault(kind="status", status=503, route="GET /api/v3/account", account=world.key())
        world.server.faults.add(dark, world.venue.now_ms)
        world.platform.desk.feed.lost(world.actor())
        [fresh] = await ask(world, "u1")
        assert fresh == first, "five minutes are not over"
        start_ms = world.clock.now_ms()
        await world.until(lambda: world.clock.now_ms() - start_ms > CACHE_MS + 60_000, 2 * CACHE_MS)
        [stale] = await ask(world, "u1")
        assert (stale.coins, stale.as_of) == (first.coins, first.as_of)
        assert "balances" in stale.stale

    tell(story, tmp_path_factory.mktemp("w"), files)


def test_without_its_venue_a_deployment_speaks_by_its_books(console: Console, tmp_path: Path) -> None:
    """Nothing recorded yet, and that is said; an unknown user is refused by name."""
    config = tmp_path / "t.toml"
    assert console("init", "--yes", "--folder", tmp_path / "d", "--file", config).code == 0
    said = console("balance", "ann", "--json", "--config", config)
    [row] = json.loads(said.out)["accounts"]
    assert (said.code, row["user"], row["coins"], row["as_of"]) == (0, "ann", [], None)
    assert "does not answer" in row["stale"]
    assert "STALE" in console("balance", "--config", config).out
    refused = console("balance", "nobody", "--config", config)
    assert (refused.code, "No user is called 'nobody'" in refused.err) == (1, True)
    for words in (("users", "add", "bil"), ("accounts", "add", "bil"), ("users", "add", "cem")):
        assert console(*words, "--config", config).code == 0
    [row] = json.loads(console("balance", "bil", "--json", "--config", config).out)["accounts"]
    assert (row["account"], row["mandate"], row["coins"], row["as_of"]) == ("bil-1", "", [], None)
    assert "no mandate trades it" in row["stale"]
    assert "bil-1 of bil, no mandate" in console("balance", "bil", "--config", config).out
    assert "tradepool accounts add" in console("balance", "cem", "--config", config).out
    everybody = json.loads(console("balance", "--json", "--config", config).out)["accounts"]
    assert [row["account"] for row in everybody] == ["ann-main", "ben-main", "bil-1"]
