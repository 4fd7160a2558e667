"""Who is read, when, and what is known without asking."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.exchanges.pacing_kit import ANN, Paced, paced
from tradepool.domain.balance import Balance
from tradepool.domain.ids import AccountId
from tradepool.ports.weights import Priority
from tradepool.services.account_reads import BLIND_EVERY_MS, EVERY_MS, AccountReads, Exposure, Schedule
from tradepool.simexchange.tls import TlsFiles

MINUTE_MS = 60_000


def read_all(schedule: Schedule, now_ms: int) -> list[AccountId]:
    """Take and read whoever is due."""
    taken = schedule.take(now_ms, 1_000)
    for account in taken:
        schedule.done(account, now_ms)
    return taken


@pytest.mark.parametrize("exposure", Exposure)
def test_an_account_is_read_as_often_as_its_exposure_says(exposure: Exposure) -> None:
    """While its stream is unbroken; more often while it is not."""
    for unbroken, every_ms in ((True, EVERY_MS[exposure]), (False, min(EVERY_MS[exposure], BLIND_EVERY_MS))):
        schedule = Schedule()
        schedule.watch(ANN, exposure, 0)
        if unbroken:
            schedule.mended(ANN, 0)
        reads = [s for s in range(7_201) if read_all(schedule, s * 1_000)]
        assert reads == list(range(0, 7_201, every_ms // 1_000))


def test_the_most_exposed_come_first() -> None:
    """A thousand are due at once and few may go: open orders, then positions, then the idle; none is handed out twice."""
    schedule = Schedule()
    for n in range(999):
        schedule.watch(AccountId(str(n)), Exposure(n % 3), 0)
    taken = [account for _ in range(111) for account in schedule.take(10_000, 9)]
    assert len(set(taken)) == 999
    assert [int(account) % 3 for account in taken] == [0] * 333 + [1] * 333 + [2] * 333
    assert schedule.take(10_000, 9) == []


def test_a_broken_stream_is_read_at_once_and_again_when_it_is_mended() -> None:
    """What happened between is in the second read; a read that was asked before the mending does not count as it."""
    schedule = Schedule()
    schedule.watch(ANN, Exposure.IDLE, 0)
    schedule.mended(ANN, 0)
    assert read_all(schedule, 0) == [ANN]
    assert schedule.unbroken(ANN)
    schedule.broke(ANN, 5_000)
    assert not schedule.unbroken(ANN)
    assert schedule.take(5_000, 9) == [ANN]
    schedule.mended(ANN, 6_000)
    assert schedule.take(6_000, 9) == [ANN]
    schedule.done(ANN, 5_000)
    assert not schedule.unbroken(ANN)
    assert read_all(schedule, 6_100) == [ANN]
    assert schedule.unbroken(ANN)
    assert read_all(schedule, 7_000) == []


def test_a_new_exposure_changes_when_an_account_is_due() -> None:
    """An order is opened 4 minutes after an idle account was read: it is due an interval later, not in the rush now."""
    schedule = Schedule()
    schedule.watch(ANN, Exposure.IDLE, 0)
    schedule.mended(ANN, 0)
    read_all(schedule, 0)
    assert schedule.take(4 * MINUTE_MS, 9) == []
    schedule.watch(ANN, Exposure.OPEN_ORDERS, 4 * MINUTE_MS)
    assert read_all(schedule, 7 * MINUTE_MS - 1) == []
    assert read_all(schedule, 7 * MINUTE_MS) == [ANN]
    schedule.later(ANN, 10 * MINUTE_MS)
    assert schedule.take(9 * MINUTE_MS, 9) == []
    schedule.forget(ANN)
    assert schedule.take(99 * MINUTE_MS, 9) == []


def test_when_there_is_too_much_to_read_all_are_late_and_nobody_is_left_out() -> None:
    """300 accounts and one read a second: in an hour everybody is read, those with open orders most."""
    schedule, reads = Schedule(), Counter[Exposure]()
    for n in range(300):
        schedule.watch(AccountId(str(n)), Exposure(n % 3), 0)
    seen = set[AccountId]()
    for second in range(3_600):
        for account in schedule.take(second * 1_000, 1):
            schedule.done(account, second * 1_000)
            reads[Exposure(int(account) % 3)] += 1
            seen.add(account)
    assert len(seen) == 300
    assert reads[Exposure.OPEN_ORDERS] > reads[Exposure.POSITION] >= reads[Exposure.IDLE]
    assert sum(reads.values()) == 3_600


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(("watch", "broke", "mended", "read")), st.sampled_from(Exposure)),
        max_size=80,
    )
)
def test_nobody_is_forgotten_whatever_happens(steps: list[tuple[int, str, Exposure]]) -> None:
    """After any history every watched account is read within its longest interval."""
    schedule, now_ms, watched = Schedule(), 0, set[AccountId]()
    for n, what, exposure in steps:
        account, now_ms = AccountId(str(n)), now_ms + 7_000
        if what == "watch":
            schedule.watch(account, exposure, now_ms)
            watched.add(account)
        elif what == "broke":
            schedule.broke(account, now_ms)
        elif what == "mended":
            schedule.mended(account, now_ms)
        else:
            read_all(schedule, now_ms)
    assert set(read_all(schedule, now_ms + EVERY_MS[Exposure.IDLE])) == watched


async def ticks(desk: Paced, seconds: int) -> None:
    """Let virtual seconds pass, with time for real sockets between."""
    for _ in range(seconds):
        for _ in range(20):
            await asyncio.sleep(0.001)
        desk.pass_to(desk.clock.now_ms() + 1_000)


def test_reads_go_out_at_their_priority_and_say_how_old_they_are(files: TlsFiles) -> None:
    """A real gateway: read at the start and when the stream broke; the deposit check asks only a broken stream's
    account; what streamed is newer than what was read."""

    async def main() -> None:
        async with paced(files) as desk:
            reads = AccountReads({ANN: desk.gateway}, desk.clock, Schedule())
            running = asyncio.create_task(reads.run())

            async def count() -> int:
                return (await desk.broker.snapshot()).waits[Priority.READ].granted

            began_ms = desk.clock.now_ms()
            reads.watch(ANN, Exposure.IDLE)
            assert reads.holdings(ANN) is None
            await ticks(desk, 3)
            first = reads.holdings(ANN)
            assert first is not None
            assert not first.unbroken
            assert {b.asset: b.free for b in first.balances} == {"USDT": Decimal(1000), "BTC": Decimal(10)}
            assert began_ms <= first.as_of_ms < desk.clock.now_ms()
            reads.mended(ANN)
            await ticks(desk, 3)
            asked = await count()
            checked = await reads.for_deposits(ANN)
            assert checked is not None
            assert checked.unbroken
            assert await count() == asked, "the stream has told it"
            reads.streamed(ANN, [Balance(account=ANN, asset="BTC", free=Decimal(11), locked=Decimal(0))])
            told = reads.holdings(ANN)
            assert told is not None
            assert told.as_of_ms == desk.clock.now_ms()
            assert {b.asset: b.free for b in told.balances} == {"USDT": Decimal(1000), "BTC": Decimal(11)}
            reads.lost(ANN)
            await ticks(desk, 2)
            assert await count() == asked + 1
            again = await reads.for_deposits(ANN)
            assert await count() == asked + 2
            assert again is not None
            assert not again.unbroken
            assert {b.asset: b.free for b in again.balances}["BTC"] == Decimal(10), "the venue's word"
            reads.forget(ANN)
            assert reads.holdings(ANN) is None
            running.cancel()

    asyncio.run(main())
