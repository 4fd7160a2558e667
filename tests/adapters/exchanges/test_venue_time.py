"""The clock requests are signed by: set by the wire alone, however long a question waited for its turn."""

from __future__ import annotations

import asyncio

import pytest

from tests.adapters.exchanges.pacing_kit import PATIENCE_S, paced, settled
from tests.adapters.exchanges.wire_kit import Fault, Say, desk
from tradepool.adapters.exchanges.venue_time import ROUND_TRIP_MAX_MS, TimeTooOld
from tradepool.ports.weights import Answer, Cost, Priority
from tradepool.services.venue_clock import READING_AGE_MAX_MS, VenueClock
from tradepool.simexchange.tls import TlsFiles


def test_waiting_for_leave_is_no_part_of_the_round_trip(files: TlsFiles) -> None:
    """Twenty seconds of silence that the venue asked for: afterwards requests are signed as before."""

    async def main() -> None:
        async with paced(files) as at:
            grant = await at.broker.acquire(Cost(), Priority.DATA)
            at.broker.answered(grant, Answer(429, {"Retry-After": "20"}))
            asked = asyncio.create_task(at.feed.read_clock())
            assert not await settled(asked)
            at.pass_to(at.clock.now_ms() + 20_000)
            reading = await asked
            assert (reading.offset_ms, reading.round_trip_ms, at.session.time.offset_ms) == (0, 0, 0)
            await at.gateway.balances()

    asyncio.run(main())


def test_the_time_is_asked_before_all_others(files: TlsFiles) -> None:
    """Reads and market data have used up theirs: the clock does not wait."""

    async def main() -> None:
        async with paced(files) as at:
            reads = []
            for priority in (Priority.READ, Priority.DATA):
                while (await at.broker.snapshot()).waits[priority].waiting == 0:
                    reads.append(asyncio.create_task(at.broker.acquire(Cost(weight=20), priority)))
                    await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE_S):
                await at.feed.read_clock()
                await at.gateway._client.read_clock()
            for each in reads:
                each.cancel()

    asyncio.run(main())


@pytest.mark.parametrize("late_ms", [ROUND_TRIP_MAX_MS, ROUND_TRIP_MAX_MS + 1])
def test_an_answer_long_on_the_wire_sets_no_clock(files: TlsFiles, late_ms: int) -> None:
    """Half of it is how far it may be wrong."""

    async def main() -> None:
        fault = Fault("GET", "/api/v3/time", says=[Say(kind="hold")])
        async with desk(files, fault) as at:
            asked = asyncio.create_task(at.feed.read_clock())
            while not fault.asked:  # noqa: ASYNC110  the venue has it now
                await asyncio.sleep(0.001)
            at.clock.advance_to(at.clock.now_ms() + late_ms)
            fault.release.set()
            if late_ms <= ROUND_TRIP_MAX_MS:
                assert (await asked).offset_ms == at.session.time.offset_ms == -late_ms // 2
            else:
                with pytest.raises(TimeTooOld, match=f"after {late_ms} ms"):
                    await asked
                assert at.session.time.offset_ms == 0

    asyncio.run(main())


def test_what_is_long_known_is_not_known(files: TlsFiles) -> None:
    """A venue that does not tell its time any more: entries stop when the last comparison is too old."""

    async def main() -> None:
        async with desk(files, Fault("NONE")) as at:
            clock = VenueClock(at.feed, at.clock)
            reading = await clock.check()
            at.clock.advance_to(reading.time_ms + READING_AGE_MAX_MS)
            assert clock.right
            at.clock.advance_to(reading.time_ms + READING_AGE_MAX_MS + 1)
            assert not clock.right

    asyncio.run(main())
