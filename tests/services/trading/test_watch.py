"""A thousand accounts looked after in time, one's trouble its own: real accounts and a venue that takes its time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

from tests.nouns import ACCOUNT, BTC, ETH, MANDATE
from tradepool.core.account.account import Account
from tradepool.domain.errors import BrokenLaw
from tradepool.domain.ids import AccountId
from tradepool.domain.key import KeyRights
from tradepool.domain.trade import Origin
from tradepool.runtime.clock import VirtualClock
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.sender import Sender
from tradepool.services.trading.watch import ROUND_S, KeyCheck, Watch

RIGHTS = KeyRights(
    reading=True,
    trading=True,
    withdrawals=False,
    transfers=False,
    other_markets=False,
    listed_addresses=True,
    trading_until_ms=None,
)


class SlowVenue:
    """A venue's word on keys, after `answer_s`; the key of account 1 breaks a law of ours."""

    def __init__(self, clock: VirtualClock, number: int, answer_s: float, asked: list[tuple[int, int]]) -> None:
        self.clock, self.number, self.answer_s, self.asked = clock, number, answer_s, asked

    async def rights(self) -> KeyRights:
        self.asked.append((self.number, self.clock.now_ms()))
        await self.clock.sleep(self.answer_s)
        if self.number == 1:
            raise BrokenLaw(law="this account's law", facts="broken")
        return RIGHTS


def look_after(accounts: int, answer_s: float, until_s: float) -> tuple[list[tuple[int, int]], list[AccountId]]:
    """Who was asked for when, and who was halted."""
    asked, halted, clock = list[tuple[int, int]](), list[AccountId](), VirtualClock()

    async def story() -> None:
        watch = Watch((), clock, lambda account, error: halted.append(account))
        for number in range(accounts):
            venue = SlowVenue(clock, number, answer_s, asked)
            noun = replace(ACCOUNT, id=AccountId(f"{number:032}"))
            sender = Sender(venue, clock, 1, lambda event: None)  # type: ignore[arg-type]
            account = Account(noun, MANDATE, [BTC, ETH], Origin.PRACTICE)
            actor = AccountActor(account, venue, None, sender)  # type: ignore[arg-type]
            watch.add(actor, KeyCheck(venue, "binance", noun.id, clock))  # type: ignore[arg-type]
        task = asyncio.create_task(watch.run())
        while clock.now_ms() < until_s * 1_000:
            for _ in range(8):
                await asyncio.sleep(0)
            assert not task.done()
            wake_ms = clock.next_wake_ms()
            assert wake_ms is not None
            clock.advance_to(wake_ms)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(story())
    return asked, halted


def test_a_round_takes_as_long_as_promised_however_slow_the_answers_are() -> None:
    """Every account once in 30 s, though an answer takes 150 ms."""
    asked, _ = look_after(1_000, 0.15, 2.5 * ROUND_S)
    times = [time_ms for number, time_ms in asked if number == 7]
    assert len(times) == 3
    assert all(abs(later - earlier - ROUND_S * 1_000) <= 100 for earlier, later in pairwise(times))


def test_trouble_with_one_account_is_its_own() -> None:
    """It is halted and not looked at again; the others are."""
    asked, halted = look_after(3, 0.15, 3 * ROUND_S)
    assert halted == [AccountId(f"{1:032}")]
    assert [number for number, _ in asked].count(1) == 1
    assert [number for number, _ in asked].count(2) >= 2
