"""One budget for several processes, by a real server."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import valkey
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.adapters.valkey.spender import LIMIT
from tests.replay_kit import SPIN_S, spins
from tradepool.adapters.valkey.broker import BACK_AFTER_MS, SharedGrant, SharedThrottle, spend_words
from tradepool.adapters.valkey.embedded import EmbeddedValkey
from tradepool.adapters.valkey.scripts import SPEND
from tradepool.domain.errors import TradepoolError
from tradepool.ports.weights import Answer, Cost, Limit, Measure, NeverFits, Priority
from tradepool.runtime.budget import Budget, Charge
from tradepool.runtime.clock import RealClock, VirtualClock
from tradepool.runtime.egress import sealed

WEIGHT = Limit(
    name="weight a minute",
    measure=Measure.WEIGHT,
    amount=600,
    length_ms=60_000,
    kept=(25, 10, 10, 10),
    head=10,
    header="x-mbx-used-weight-1m",
)
ORDERS = Limit(name="orders", measure=Measure.ORDERS, amount=4, length_ms=10_000, per_key=True)
DAY = Limit(name="weight a day", measure=Measure.WEIGHT, amount=100, length_ms=86_400_000, header="used")


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedValkey]:
    """One server for all tests here; each uses names of its own."""
    with tempfile.TemporaryDirectory(prefix="vk") as name:
        made = EmbeddedValkey(Path(name), RealClock())
        with asyncio.Runner() as runner:
            runner.run(made.start())
            yield made
            runner.run(made.stop())


WISHES = st.lists(
    st.tuples(
        st.integers(0, 9_000),
        st.sampled_from((1, 4, 20, 80)),
        st.sampled_from(Priority),
        st.integers(0, 1),
        st.sampled_from("ab"),
    ),
    min_size=30,
    max_size=80,
)


@settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(wishes=WISHES)
def test_the_servers_arithmetic_is_ours(
    server: EmbeddedValkey, wishes: list[tuple[int, int, Priority, int, str]]
) -> None:
    """Word by word: what the budget in memory grants, refuses and says to come back for, the script does too."""
    client = valkey.Valkey(unix_socket_path=str(server.socket))
    client.flushall()
    budget, now_ms, limits = Budget([WEIGHT, ORDERS]), 1_000_000, (WEIGHT, ORDERS)
    for after_ms, weight, priority, orders, key in wishes:
        now_ms += after_ms
        cost = Cost(weight=weight, orders=orders, key=key)
        found = budget.spend(now_ms, cost, priority)
        said = client.eval(SPEND, 1, "t", now_ms, int(priority), 0, *spend_words("t", limits, cost))
        if isinstance(found, Charge):
            assert said[0] == 1
            budget.answered(now_ms, found, None)
        else:
            assert said[:2] == [0, found.retry_ms]
    client.close()


def test_two_processes_share_one_budget_and_never_exceed_it(server: EmbeddedValkey) -> None:
    """Both spend as fast as they may; in no window of the server's clock more than the limit, and nearly all of it."""

    async def spender(seed: int) -> list[tuple[int, int, int]]:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        words = (sys.executable, "-m", "tests.adapters.valkey.spender", str(server.socket), "1.5", str(seed))
        process = await asyncio.create_subprocess_exec(
            *words, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        lines = (line.split() for line in out.decode().splitlines())
        return [(int(time_ms), int(priority), int(weight)) for time_ms, priority, weight in lines]

    async def main() -> None:
        first, second = await asyncio.gather(spender(1), spender(2))
        spent = Counter[int]()
        for time_ms, _, weight in (*first, *second):
            spent[time_ms // LIMIT.length_ms] += weight
        assert max(spent.values()) <= LIMIT.amount
        assert max(spent.values()) > 0.7 * LIMIT.amount
        both = [{time_ms // LIMIT.length_ms for time_ms, _, _ in spends} for spends in (first, second)]
        assert both[0] & both[1], "they did not run beside each other"
        assert {priority for _, priority, _ in (*first, *second)} == set(map(int, Priority))

    asyncio.run(main())


def test_what_the_venue_says_raises_the_count_for_all(server: EmbeddedValkey) -> None:
    """Others on the address have used most of it: the second broker of the same address waits."""

    async def main() -> None:
        first, second = (SharedThrottle([DAY], VirtualClock(), server.socket, "heard") for _ in range(2))
        grant = await first.acquire(Cost(weight=1), Priority.EXIT)
        first.answered(grant, Answer(200, {"Used": "99"}))
        await asyncio.wait(first._tasks)
        await second.acquire(Cost(weight=1), Priority.EXIT)
        waiting = asyncio.create_task(second.acquire(Cost(weight=1), Priority.EXIT))
        for _ in spins():
            if waiting.done() or (await second.snapshot()).waits[Priority.EXIT].waiting:
                break
            await asyncio.sleep(SPIN_S)
        assert not waiting.done()
        snapshot = await first.snapshot()
        assert (snapshot.uses[0].used, snapshot.waits[Priority.EXIT].granted) == (100, 2)
        assert (await second.snapshot()).waits[Priority.EXIT].waiting == 1
        waiting.cancel()
        with pytest.raises(NeverFits):
            await first.acquire(Cost(weight=101), Priority.EXIT)
        await asyncio.gather(first.close(), second.close())

    asyncio.run(main())


def test_one_429_silences_all_processes_and_is_said_once(server: EmbeddedValkey) -> None:
    """Two answers to one process; the other one may send nothing either."""

    async def main() -> None:
        first, second = (SharedThrottle([WEIGHT], VirtualClock(), server.socket, "silence") for _ in range(2))
        grants = [await first.acquire(Cost(), Priority.READ) for _ in range(2)]
        with capture_logs() as lines:
            for grant in grants:
                first.answered(grant, Answer(429, {"Retry-After": "30"}))
            await asyncio.wait(first._tasks)
        assert [line["event"] for line in lines] == ["the venue wants silence"]
        waiting = asyncio.create_task(second.acquire(Cost(), Priority.EXIT))
        await asyncio.wait([waiting], timeout=0.2)
        assert not waiting.done()
        snapshot = await second.snapshot()
        assert 25_000 < snapshot.closed_until_ms - snapshot.now_ms <= 30_000
        waiting.cancel()
        await asyncio.gather(first.close(), second.close())

    asyncio.run(main())


def test_a_cancelled_request_gives_back_what_it_got(server: EmbeddedValkey) -> None:
    """Cancelled at every moment of asking: afterwards nothing is used."""

    async def main() -> None:
        broker = SharedThrottle([DAY], VirtualClock(), server.socket, "cancelled")
        for turns in range(40):
            asking = asyncio.create_task(broker.acquire(Cost(weight=50), Priority.EXIT))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            with suppress(asyncio.CancelledError):
                grant = await asking
                broker.refund(grant)
            await asyncio.sleep(0.01)
        await broker.close()
        assert await _used(server, "cancelled") == 0

    asyncio.run(main())


async def _used(server: EmbeddedValkey, address: str) -> int:
    broker = SharedThrottle([DAY], VirtualClock(), server.socket, address)
    used = (await broker.snapshot()).uses[0].used
    await broker.close()
    return used


def test_losing_the_server_loses_nothing() -> None:
    """In the running window exits go, as far as a process's part reaches beyond what the server granted it; the rest
    waits for the next window. Each says once that it is alone; when the server is back it hears of all that went."""

    async def main(folder: Path) -> None:
        server, clock = EmbeddedValkey(folder, RealClock()), VirtualClock(5_000)
        await server.start()
        first, second = (SharedThrottle([DAY], clock, server.socket, processes_max=4) for _ in range(2))
        for broker, weight in ((first, 40), (second, 20)):
            broker.answered(await broker.acquire(Cost(weight=weight), Priority.READ), None)
            await asyncio.wait(broker._tasks)
        await server.stop()
        with capture_logs() as lines:
            assert not await _goes(clock, first, 1, Priority.EXIT), "its part is spent"
            assert await _goes(clock, second, 5, Priority.EXIT)
            assert not await _goes(clock, second, 1, Priority.EXIT)
            for broker in (first, second):
                assert not await _goes(clock, broker, 1, Priority.ENTRY)
            assert (await first.snapshot()).uses[0].used == 40
            clock.advance_to(86_400_000 + DAY.slack_ms)
            for priority in (Priority.DATA, Priority.EXIT):
                assert await _goes(clock, first, 10, priority)
            assert not await _goes(clock, first, 10, Priority.EXIT), "a quarter of a hundred is spent"
            await server.start()
            clock.advance_to(clock.now_ms() + BACK_AFTER_MS)
            assert isinstance(await first.acquire(Cost(weight=1), Priority.EXIT), SharedGrant)
        assert [line["event"] for line in lines] == [
            "no Valkey: this process goes on with its share of the limits",
            "no Valkey: this process goes on with its share of the limits",
            "one budget for all processes again",
        ]
        shares = client_of(server).hgetall(next(iter(client_of(server).scan_iter("*:0::*"))))
        assert {int(p): int(used) for p, used in shares.items()} == {
            Priority.READ: 60,
            Priority.EXIT: 11,
            Priority.DATA: 10,
        }
        await asyncio.gather(first.close(), second.close())
        await server.stop()

    with tempfile.TemporaryDirectory(prefix="vk") as name:
        asyncio.run(main(Path(name)))


async def _goes(clock: VirtualClock, broker: SharedThrottle, weight: int, priority: Priority) -> bool:
    """Whether a request goes now, however long the answer takes: one that does not sleeps until it may ask again."""
    asking = asyncio.create_task(broker.acquire(Cost(weight=weight), priority))
    for _ in spins():
        if asking.done() or clock.next_wake_ms() is not None:
            break
        await asyncio.sleep(SPIN_S)
    if not asking.done():
        asking.cancel()
        await asyncio.wait([asking])
        return False
    broker.answered(asking.result(), None)
    return True


def client_of(server: EmbeddedValkey) -> valkey.Valkey:
    """A client of our own."""
    return valkey.Valkey(unix_socket_path=str(server.socket))


def test_a_server_that_can_not_count_is_as_good_as_none() -> None:
    """Out of memory: an exit goes by our own share, and it is said."""

    async def main(folder: Path) -> None:
        server, clock = EmbeddedValkey(folder, RealClock()), VirtualClock(5_000)
        await server.start()
        broker = SharedThrottle([DAY], clock, server.socket)
        client_of(server).config_set("maxmemory", 1)
        with capture_logs() as lines:
            assert await _goes(clock, broker, 5, Priority.EXIT)
        assert [(line["event"][:9], line["error"]) for line in lines] == [("no Valkey", "OutOfMemoryError")]
        await broker.close()
        await server.stop()

    with tempfile.TemporaryDirectory(prefix="vk") as name:
        asyncio.run(main(Path(name)))


def test_a_sealed_process_reaches_its_server(server: EmbeddedValkey) -> None:
    """It is no way out of the machine."""

    async def main() -> None:
        alarms: list[TradepoolError] = []
        broker = SharedThrottle([DAY], VirtualClock(5_000), server.socket, "sealed")
        with sealed((), alarms.append):
            assert isinstance(await broker.acquire(Cost(), Priority.EXIT), SharedGrant)
        assert alarms == []
        await broker.close()

    asyncio.run(main())
