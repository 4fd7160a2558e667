"""Scenario files: what is wrong with one is named with its line; the shipped ones run, alone and in a venue's process."""

from __future__ import annotations

import asyncio
import re
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from tests.conftest import ROOT
from tests.contract.ccxt_kit import Exchange, exchange
from tests.simexchange.exchange_kit import MINUTE, START, bars, flat, market
from tradepool.simexchange.control import Control
from tradepool.simexchange.door import TcpPort, UnixSocket
from tradepool.simexchange.fault_kinds import KINDS
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.process import read_config, scenario_in, venue_of, write_config
from tradepool.simexchange.scenario import BrokenScenario, Scenario, Shock, find_scenario, scenario_of, shipped
from tradepool.simexchange.server import Server
from tradepool.simexchange.shocks import shocked
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

WHOLE = """
name = "all"
seed = 3
about = "One of each."
[[faults]]
kind = "late"
delay = "2s"
from = "1m"
[[wallet]]
event = "deposit"
at = "2m"
account = "1"
asset = "USDT"
amount = "5"
[[shocks]]
at = "3m"
depth = 0.5
recovers = "10m"
"""


def listing(count: int = 120) -> Listing:
    """Two hours of minutes that never move."""
    return Listing(market(), bars(flat(count)))


def test_a_scenario_says_it_all() -> None:
    said = scenario_of(WHOLE, "all.toml")
    assert (said.name, said.seed, said.about) == ("all", 3, "One of each.")
    assert (said.faults[0].kind, said.faults[0].delay_ms, said.faults[0].from_ms) == ("late", 2_000, MINUTE)
    assert (said.moments[0].at_ms, said.moments[0].route) == (2 * MINUTE, "/deposits")
    assert said.shocks == (Shock(3 * MINUTE, "", 0.5, 10 * MINUTE),)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed = 3", "sed = 3", "line 3: no word is called 'sed'; did you mean seed?"),
        ("seed = 3", "seed = -3", "line 3: seed is -3"),
        ('name = "all"', "", "it needs a name"),
        ('kind = "late"', 'kind = "lat"', "line 6: no kind is called 'lat'; did you mean late?"),
        ('delay = "2s"', 'delays = "2s"', "line 7: late: no word is called 'delays'; did you mean delay?"),
        ('delay = "2s"', 'delay = "soon"', "line 7: delay is 'soon'; write a duration such as 90s"),
        ('event = "deposit"', 'event = "gift"', "line 10: no event is called 'gift'"),
        ('asset = "USDT"', "", "line 10: deposit: asset is missing"),
        ('at = "2m"', 'at = "2"', "line 11: deposit: at is '2'"),
        ("depth = 0.5", "depth = 2.0", "line 17: shock: depth is 2.0"),
        ("depth = 0.5", "deep = 0.5", "line 17: shock: no word is called 'deep'; did you mean depth?"),
        ("[[faults]]", "[faults]", "faults is not a list of tables; write [[faults]] above each"),
        ("seed = 3", "seed = ", "it is not TOML: Invalid value (at line 3"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, said: str) -> None:
    with pytest.raises(BrokenScenario) as caught:
        scenario_of(WHOLE.replace(old, new, 1), "all.toml")
    assert said in str(caught.value)
    assert "all.toml" in str(caught.value)


def test_a_scenario_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(BrokenScenario, match=r"did you mean storm\?.*flash-crash"):
        find_scenario("strom")


def test_prices_fall_and_come_back() -> None:
    (fell,) = shocked([listing()], [Shock(30 * MINUTE, "BTCUSDT", 0.4, 10 * MINUTE)], START)
    assert fell.bars.open[29] == fell.bars.close[28] == 100.0
    assert fell.bars.low[29] == fell.bars.close[29] == fell.bars.open[30] == pytest.approx(60.0)
    assert bool((np.diff(fell.bars.close[29:41]) >= 0).all())
    assert fell.bars.close[40] == 100.0
    (other,) = shocked([listing()], [Shock(0, "ETHUSDT", 0.4, 1)], START)
    assert other.bars.open.tolist() == [100.0] * 120


def arrived(running: Exchange, asked: asyncio.Task[Any], before: int) -> bool:
    """Whether a request is over, or at the venue."""
    return asked.done() or running.server.requests > before


async def run_through(scenario: Scenario, folder: Path, files: TlsFiles) -> tuple[Venue, list[str], dict[int, int]]:
    """An unmodified client asks its balance before every minute of a scenario: what it was told, and what struck."""
    venue = Venue(shocked([listing()], scenario.shocks, START))
    venue.open_account("key", "secret", {"USDT": Decimal(1000), "BTC": Decimal(10)})
    told: list[str] = []
    async with exchange(venue, "unix-plain", folder, files, scenario) as running:
        client = running.client()
        await client.load_markets()
        for number in range(60):
            before = running.server.requests
            name = {"newClientOrderId": f"n{number}"}
            asked = asyncio.create_task(client.create_order("BTC/USDT", "market", "buy", Decimal("0.1"), None, name))
            await running.until(partial(arrived, running, asked, before))
            for _ in range(50):
                await asyncio.sleep(0)
            venue.run_until(venue.now_ms + 30_000)
            try:
                told.append((await asked)["status"] or "nothing")
            except Exception as error:  # noqa: BLE001  whatever a client is told
                told.append(type(error).__name__)
            venue.step_bars(1)
            for _ in range(50):
                await asyncio.sleep(0)
        struck = {rule.number: rule.struck.total() for rule in running.server.faults}
        assert running.server.moments.failed == []
        assert running.server.moments.done == len(scenario.moments)
    return venue, told, struck


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_scenario_runs_twice_alike(name: str, tmp_path: Path, files: TlsFiles) -> None:
    scenario = find_scenario(name)
    assert scenario.name == name
    assert scenario.about
    venue, told, struck = asyncio.run(run_through(scenario, tmp_path, files))
    assert len(set(told)) > 1, "nothing went wrong"
    assert struck
    again, told_again, struck_again = asyncio.run(run_through(scenario, tmp_path, files))
    assert (told, struck) == (told_again, struck_again)
    assert [each[:3] for each in venue.trades("key")] == [each[:3] for each in again.trades("key")]


def test_a_venue_process_takes_a_scenario(tmp_path: Path) -> None:
    places = (UnixSocket(str(tmp_path / "v")), TcpPort(0))
    path = write_config(tmp_path / "c.json", [listing()], {}, places, scenario="flash-crash")
    config = read_config(path)
    assert scenario_in(config).name == "flash-crash"
    assert int(venue_of(config, path).markets[0].low.min()) == 6_500
    assert re.match("Scenario", str(BrokenScenario(file="x", line="", why="y")))


def test_the_guide_has_every_kind_and_its_example_is_read() -> None:
    guide = (ROOT / "docs" / "guides" / "exchange.md").read_text(encoding="utf-8")
    for name, row in KINDS.items():
        assert f"| {name} | {row.does} |" in guide
    (example,) = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    said = scenario_of(example, "guide")
    assert (len(said.faults), len(said.moments), len(said.shocks)) == (1, 1, 1)
    assert all(f"`{name}`" in guide for name in shipped())


def test_faults_come_and_go_over_the_control_door(tmp_path: Path) -> None:
    async def story() -> None:
        venue = Venue([listing()])
        server = Server(venue, UnixSocket(str(tmp_path / "v")))
        control = Control(venue, server, TcpPort(0))
        await server.start()
        place = await control.start()
        async with aiohttp.ClientSession(f"http://{place}") as http:
            late = {"kind": "late", "delay": "5s"}
            async with http.post("/faults", json=[late, {"kind": "dark", "from": "1m", "until": "2m"}]) as answer:
                assert await answer.json() == {"numbers": [1, 2]}
            async with http.get("/faults") as answer:
                told = await answer.json()
            assert [row["fault"]["kind"] for row in told] == ["late", "dark"]
            assert told[1]["from_ms"] == venue.now_ms + MINUTE
            async with http.post("/faults", json={"kind": "lat"}) as answer:
                assert (answer.status, "did you mean late?" in (await answer.json())["error"]) == (400, True)
            async with http.delete("/faults", json={"number": 9}) as answer:
                assert (answer.status, "there are 1, 2" in (await answer.json())["error"]) == (400, True)
            async with http.delete("/faults", json={"number": 1}) as answer:
                assert await answer.json() == {"left": 1}
            async with http.delete("/faults") as answer:
                assert await answer.json() == {"left": 0}
        await control.stop()
        await server.stop()

    asyncio.run(story())
