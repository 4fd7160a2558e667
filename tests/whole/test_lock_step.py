"""The loop of a replay: one step an idle moment, sleepers woken in time, and a stuck platform named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradepool.adapters.exchanges.ccxt_gateway import CcxtGateway
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.core.strategies import catalog
from tradepool.domain.errors import KeyRefused
from tradepool.domain.event import Event
from tradepool.domain.order import ApprovedOrder
from tradepool.entrypoints import app
from tradepool.entrypoints.lock_step import IdleSelector, LockStep, PlatformStuck, run_in_lock_step
from tradepool.entrypoints.replay import Plan, Player, Replay, on_our_venue
from tradepool.ports.exchange import Still
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.market_model import model_listings


class Metronome:
    """A venue whose phases are ten seconds apart."""

    def __init__(self, clock: VirtualClock, ticks: int) -> None:
        self.clock, self.left, self.steps = clock, ticks, list[int]()

    def next_time_ms(self) -> int | None:
        return self.clock.now_ms() + 10_000 if self.left else None

    def step(self, until_ms: int | None = None) -> bool:
        self.clock.advance_to(self.clock.now_ms() + 10_000)
        self.steps.append(self.clock.now_ms())
        self.left -= 1
        return self.left >= 0

    def pass_time(self, time_ms: int) -> None:
        self.waited_until = time_ms


def drive(ticks: int, work: Callable[[VirtualClock], Any] | None, busy: list[str] | None = None) -> list[int]:
    """Run a metronome beside some work; when it stepped."""

    async def main(selector: IdleSelector) -> list[int]:
        clock = VirtualClock()
        metronome = Metronome(clock, ticks)
        task = asyncio.ensure_future(work(clock)) if work else None
        await LockStep(selector, clock, lambda: busy or []).run(metronome)
        if task is not None:
            await task
        return metronome.steps

    return run_in_lock_step(main)


def test_every_idle_moment_is_one_step() -> None:
    """To the end and no further."""
    assert drive(3, None) == [10_000, 20_000, 30_000, 40_000]


def test_a_sleeper_wakes_before_the_venue_goes_on() -> None:
    """Two seconds of sleep end at two seconds, not at the venue's next phase."""
    woken: list[int] = []

    async def nap(clock: VirtualClock) -> None:
        for _ in range(3):
            await clock.sleep(2)
            woken.append(clock.now_ms())

    drive(2, nap)
    assert woken == [2_000, 4_000, 6_000]


def test_idle_with_a_command_unanswered_is_a_named_failure() -> None:
    """It says who waits."""
    with pytest.raises(PlatformStuck, match="ann"):
        drive(3, None, busy=["ann"])


def test_a_key_refused_at_the_start_is_that_accounts_trouble(tmp_path: Path) -> None:
    """The other account trades from the first candle to the last; whoever asks for the refused one hears why."""
    (model,) = model_listings(["AAA/USDT"], 300_000, 0, 600, seed=5)
    listing = on_our_venue(model)
    users = [
        Player(
            name=name,
            strategy=catalog.named("moving_average_cross"),
            markets=(listing.market.id,),
            capital=Decimal(1_000),
            weight=Decimal("0.9"),
        )
        for name in ("ann", "ben")
    ]
    run = Replay(Plan(listings=[listing], players=users), tmp_path)
    ann, ben = run.seats
    run.seats[1] = replace(ben, credentials=Credentials(ben.credentials.key, "not the secret"))
    with pytest.raises(KeyRefused, match=ben.account.id):
        run_in_lock_step(run.run)
    assert list(run.platform.desk.halted) == [ben.account.id]
    assert len(run.venue.trades(ann.credentials.key)) > 10
    assert run.venue.orders(ben.credentials.key) == []


def test_a_gateway_that_never_answers_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the whole stack: the first order is sent into nothing, and the replay fails instead of hanging."""

    class Silent(CcxtGateway):
        async def submit(self, order: ApprovedOrder, still: Still = lambda: True) -> Event:
            await asyncio.Event().wait()
            raise AssertionError("nobody wakes this")

    monkeypatch.setattr(app, "CcxtGateway", Silent)
    (model,) = model_listings(["AAA/USDT"], 300_000, 0, 400, seed=5)
    listing = on_our_venue(model)
    player = Player(
        name="ann",
        strategy=catalog.named("moving_average_cross"),
        markets=(listing.market.id,),
        capital=Decimal(1_000),
        weight=Decimal("0.9"),
    )
    plan = Plan(listings=[listing], players=[player])
    with pytest.raises(PlatformStuck, match=plan.seats()[0].account.id):
        run_in_lock_step(lambda selector: Replay(plan, tmp_path).run(selector))
