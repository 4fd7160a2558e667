"""A process that spends as fast as it may, and prints when (by the server's clock) and how much: `SOCKET SECONDS SEED`."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

import valkey.asyncio

from tradepool.adapters.valkey.broker import SharedGrant, SharedThrottle
from tradepool.ports.weights import Cost, Limit, Measure, Priority
from tradepool.runtime.clock import RealClock

READY, PROCESSES = "ready", 2
LIMIT = Limit(
    name="weight", measure=Measure.WEIGHT, amount=24, length_ms=400, kept=(20, 10, 10, 10), head=20, slack_ms=20
)


async def main(socket: Path, seconds: float, seed: int) -> None:
    """Eight at once, of every priority, as soon as the other process is there too."""
    clock, dice = RealClock(), random.Random(seed)
    broker = SharedThrottle([LIMIT], clock, socket)
    client = valkey.asyncio.Valkey(unix_socket_path=str(socket))
    await client.incr(READY)
    while int(await client.get(READY)) < PROCESSES:
        await clock.sleep(0.01)
    await client.aclose()
    until_ms = clock.now_ms() + 1_000 * seconds

    async def spend() -> None:
        while clock.now_ms() < until_ms:
            priority, weight = dice.choice(list(Priority)), dice.choice((1, 2, 5))
            grant = await broker.acquire(Cost(weight=weight), priority)
            assert isinstance(grant, SharedGrant)
            print(grant.sent_ms, int(priority), weight)
            broker.answered(grant, None)

    await asyncio.gather(*(spend() for _ in range(8)))
    await broker.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
