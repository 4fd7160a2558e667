"""`exchange limits`: the table, a running platform's use, and plans that add up."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

import pytest

from tests.entrypoints.console import Console
from tradepool.adapters.exchanges.rate_limits import BINANCE
from tradepool.adapters.valkey.broker import SharedThrottle
from tradepool.adapters.valkey.embedded import EmbeddedValkey
from tradepool.entrypoints.exchange_limits import plan_for
from tradepool.ports.weights import Cost, Priority
from tradepool.runtime.clock import RealClock


def test_the_limits_are_shown_for_people_and_programs(console: Console) -> None:
    """Without a platform there is no use to show, and it says so."""
    said = console("exchange", "limits")
    assert said.code == 0
    assert "weight a minute" in said.out
    assert "6,000" in said.out
    assert "no running platform was asked" in said.out
    shown = json.loads(console("exchange", "limits", "--plan", 3000, "--json").out)
    assert list(shown) == ["schema", "venue", "live", "closed_for_s", "limits", "priorities", "plan"]
    assert [row["amount"] for row in shown["limits"]] == [limit.amount for limit in BINANCE]
    assert {row["used"] for row in shown["limits"]} == {None}
    assert shown["plan"]["addresses"] == 3


def test_use_and_waits_of_a_running_platform(console: Console) -> None:
    """Another process's broker over the same server: what it has used is shown."""
    with tempfile.TemporaryDirectory(prefix="vk") as folder, asyncio.Runner() as runner:
        server = EmbeddedValkey(Path(folder), RealClock())
        runner.run(server.start())

        async def spend() -> None:
            broker = SharedThrottle(BINANCE, RealClock(), server.socket, "binance")
            for _ in range(3):
                broker.answered(await broker.acquire(Cost(weight=20, orders=1, key="ann"), Priority.ENTRY), None)
            await broker.close()

        runner.run(spend())
        shown = json.loads(console("exchange", "limits", "--socket", server.socket, "--json").out)
        page = console("exchange", "limits", "--socket", server.socket).out
        runner.run(server.stop())
    assert shown["live"]
    used = {row["name"]: row["used"] for row in shown["limits"]}
    # The minute may have turned between spending and asking.
    assert used["orders of a key in a day"] == 3
    assert used["requests in 5 minutes"] in (0, 3)
    assert [row["granted"] for row in shown["priorities"]] == [0, 3, 0, 0]
    assert "199,997" in page


def test_a_plan_adds_up() -> None:
    """Linear in the users; the limit that binds is the smallest; a second address from the first user too many."""
    one, two = plan_for("binance", 1_000), plan_for("binance", 2_000)
    assert [row.per_minute * 2 for row in one.rows if row.what != "market data"] == pytest.approx(
        [row.per_minute for row in two.rows if row.what != "market data"]
    )
    most = one.users_max_per_address
    assert most == min(row.users_max for row in one.rows if row.users_max is not None)
    assert 1_000 < most < 1_500
    assert (plan_for("binance", most).addresses, plan_for("binance", most + 1).addresses) == (1, 2)
    assert two.streams_up_minutes == pytest.approx(2 * one.streams_up_minutes)
    for row in plan_for("binance", most).rows:
        assert row.per_minute <= row.room_per_minute


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("binanse",), "did you mean binance?"),
        (("--plan", 0), "--plan"),
        (("--socket", "/nowhere/valkey.sock"), "No Valkey answers at /nowhere/valkey.sock"),
    ],
)
def test_bad_input_is_one_line(console: Console, arguments: tuple[object, ...], why: str) -> None:
    """Named, with what to do."""
    said = console("exchange", "limits", *arguments)
    assert said.code != 0
    assert why in said.err
    assert said.err.count("\n") == 1
