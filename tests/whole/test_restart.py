"""A restart of many accounts at one address, with positions and stops, under the venue's real limits, in virtual time.

The short form is 60 accounts; the long one is 1,000, and prints how long each part took beside what the limits allow.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pysqlite3
import pytest

from tests.tampering import unguarded
from tests.whole.lives import Life, Lives, bare, held, tell
from tests.whole.test_faults import place, player
from tradepool.adapters.database.journal import DamagedJournal
from tradepool.adapters.exchanges.rate_limits import limits_of
from tradepool.domain.errors import KeyRefused, UnknownMarket
from tradepool.domain.ids import AccountId, MarketId
from tradepool.entrypoints.replay import VENUE, Plan, on_our_venue
from tradepool.entrypoints.safety import unprotected
from tradepool.entrypoints.wiring import Seat
from tradepool.ports.exchange import AccountGateway
from tradepool.runtime.throttle import Throttle
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.limits import Limiter, Limits
from tradepool.simexchange.market_model import model_listings

__all__ = ["place"]

BARS, START_MS, BAR_MS = 600, 1_640_995_200_000, 300_000
# Look-up of a stop, the account, the fills; the venue's limit a minute; what it lets connect in five minutes.
STOP, ACCOUNT, FILLS, A_MINUTE, STREAMS = 4, 20, 20, 6_000, 290
BROKEN, DELISTED, CORRUPT, UNSTOPPED = 3, 7, 11, 13


@dataclass
class Noted:
    """When each account was first answered what, in ms of the venue's time."""

    stop: dict[AccountId, int] = field(default_factory=dict)
    balances: dict[AccountId, int] = field(default_factory=dict)
    stream: dict[AccountId, int] = field(default_factory=dict)

    def gateway(self, gateway: AccountGateway, now_ms: Callable[[], int]) -> AccountGateway:
        """The same gateway, listened to."""
        return cast("AccountGateway", Listened(gateway, self, now_ms))


class Listened:
    """A gateway whose first answers are noted."""

    def __init__(self, gateway: Any, noted: Noted, now_ms: Callable[[], int]) -> None:
        self._gateway, self._noted, self._now_ms = gateway, noted, now_ms

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    async def _note(self, asked: Awaitable[Any], times: dict[AccountId, int]) -> Any:
        answer = await asked
        times.setdefault(self._gateway.account, self._now_ms())
        return answer

    async def look_up(self, request: Any) -> Any:
        return await self._note(self._gateway.look_up(request), self._noted.stop)

    async def standing(self) -> Any:
        return await self._note(self._gateway.standing(), self._noted.balances)

    async def open(self, *hears: Any) -> Any:
        return await self._note(self._gateway.open(*hears), self._noted.stream)


def plan_of(users: int) -> Plan:
    """All on one market with one strategy, but one on another, that will be delisted."""
    listings = [on_our_venue(m) for m in model_listings(["AAA/USDT", "BBB/USDT"], BAR_MS, START_MS, BARS, 9)]
    weight = Decimal("0.5")
    everybody = [player("moving_average_cross", [listings[n == DELISTED]], weight) for n in range(users)]
    return Plan(listings=listings, players=everybody)


def trouble(lives: Lives, seats: list[Seat]) -> None:
    """While nobody is there: a key is revoked, a market goes, a journal's tail is cut, a stop is taken away."""
    broken, _, corrupt, unstopped = seats
    lives.server.faults.add(Fault(kind="key", account=broken.credentials.key, state="revoked"), lives.venue.now_ms)
    lives.venue.delist("BBBUSDT")
    with pysqlite3.connect(lives.database) as database:
        unguarded(database)
        tail = f"account = '{corrupt.account.id}' order by sequence desc limit 1"
        database.execute(
            f"update event set body = substr(body, 1, 30) where rowid in (select rowid from event where {tail})"
        )
    account = lives.venue.account(unstopped.credentials.key)
    for order in list(account.open.values()):
        lives.venue.cancel(account, order.market.symbol, order.id)


def test_a_restart_under_the_venues_limits(place: Path, long: bool) -> None:
    """Protections within a minute, balances and orders within six, streams as connections allow; three accounts in trouble
    are named and delay nobody; a stop that is gone is placed again."""
    users = 1_000 if long else 60
    plan, noted = plan_of(users), Noted()

    async def story(lives: Lives) -> None:
        async with lives.life(accounts_per_stream=50) as first:
            await first.until(lambda: held(first) == users)
            assert held(first) == users
        seats = [lives.seats[n] for n in (BROKEN, DELISTED, CORRUPT, UNSTOPPED)]
        trouble(lives, seats)
        lives.venue.limiter = Limiter(Limits())
        broker = Throttle(limits_of(VENUE), lives.clock)
        began_ms, began_s = lives.clock.now_ms(), time.process_time()
        wrap = lambda gateway: noted.gateway(gateway, lives.clock.now_ms)  # noqa: E731
        async with lives.life(beside=True, broker=broker, wrap_gateway=wrap) as second:
            await second.do(all_up(second))
            up_ms, up_s = lives.clock.now_ms() - began_ms, time.process_time() - began_s
            check(lives, second, noted, began_ms, seats)
            report(users, noted, began_ms, up_ms, up_s)
            lives.venue.limiter = None
            await second.bars(20)
            well = [seat for seat in lives.seats if seat not in seats[:3]]
            assert not any(lives.naked(seat) for seat in well)
            assert len(second.platform.desk.halted) == 3

    tell(plan, place, story, untouched=False)


@pytest.mark.parametrize("is_known", [True, False])
def test_who_holds_what_was_delisted_goes_on_with_the_other_markets(place: Path, is_known: bool) -> None:
    """The venue tells what became of its orders there, or knows nothing of it any more. What is held there is bare by name,
    and nothing keeps the other market from being traded, sold by signal and protected."""
    listings = [on_our_venue(m) for m in model_listings(["AAA/USDT", "BBB/USDT"], BAR_MS, START_MS, BARS, 9)]
    plan = Plan(listings=listings, players=[player("moving_average_cross", listings, Decimal("0.4"))])
    here, gone = (listing.market.id for listing in listings)

    async def story(lives: Lives) -> None:
        async with lives.life() as first:
            await first.until(lambda: held(first) == 2)
            assert held(first) == 2
        lives.venue.delist("BBBUSDT")
        if not is_known:
            lives.server.faults.add(Fault(kind="code", code=-1121, market="BBBUSDT"), lives.venue.now_ms)
        for beside in (False, True):
            async with lives.life(beside=beside, epoch=int(beside)) as life:
                await life.do(all_up(life))
                await trades_without(life, gone, here)

    tell(plan, place, story)


async def trades_without(life: Life, gone: MarketId, here: MarketId) -> None:
    """The account of a life sells what it holds here, and buys again; what is gone stays bare."""
    (actor,) = life.actors
    account, venue = actor.account, life.lives.venue

    def trades() -> int:
        return sum(trade.market == here for trade in life.platform.books.trades(account.account.id))

    def stands() -> bool:
        (told,) = life.platform.gate.suspensions.all(venue.now_ms)
        assert (told.market, told.reason) == (gone, "suspended_delisted")
        return life.platform.desk.halted == {} and unprotected(account) == [gone] and account.slots[gone].held

    await life.bars(1)
    assert stands()
    before = trades()
    await life.until(lambda: trades() > before and account.slots[here].held and not actor.busy)
    assert trades() > before
    assert account.slots[here].held
    assert stands()


async def all_up(life: Life) -> None:
    """Until nobody is being started."""
    until_ms = life.lives.clock.now_ms() + 3_600_000
    while life.platform.desk._kept and life.lives.clock.now_ms() < until_ms:
        await life.lives.clock.sleep(1)


def check(lives: Lives, life: Life, noted: Noted, began_ms: int, seats: list[Seat]) -> None:
    """Times, names, protections."""
    halted = life.platform.desk.halted
    broken, delisted, corrupt, unstopped = (seat.account.id for seat in seats)
    kinds = {broken: KeyRefused, delisted: UnknownMarket, corrupt: DamagedJournal}
    assert {account: type(error) for account, error in halted.items()} == kinds
    well = [seat for seat in lives.seats if seat.account.id not in halted]
    assert noted.stop.keys() == noted.balances.keys() == noted.stream.keys() == {seat.account.id for seat in well}
    assert max(noted.stop.values()) - began_ms <= 60_000
    assert max(noted.balances.values()) - began_ms <= 6 * 60_000
    streams_ms = 300_000 * len(well) // STREAMS
    assert max(noted.stream.values()) - max(noted.balances.values()) <= streams_ms + 60_000
    assert bare(life) == []
    assert not any(lives.naked(seat) for seat in well)
    assert unstopped not in halted
    # The stop that had gone was made again as soon as others were only looked at.
    (stop,) = lives.venue.account(seats[3].credentials.key).open.values()
    assert 0 <= stop.created_ms - began_ms <= 60_000


def report(users: int, noted: Noted, began_ms: int, up_ms: int, up_s: float) -> None:
    """The figures beside the floor."""
    last = {name: (max(getattr(noted, name).values()) - began_ms) / 1_000 for name in ("stop", "balances", "stream")}
    floor = {
        "stop": users * STOP / A_MINUTE * 60,
        "balances": users * (STOP + ACCOUNT) / A_MINUTE * 60,
        "stream": users / STREAMS * 300,
    }
    for name, seconds in last.items():
        print(f"{name}: last of {users} after {seconds:.1f} s; floor {floor[name]:.1f} s")
    print(f"all up after {up_ms / 1_000:.0f} s; CPU {up_s:.1f} s, the simulated venue's included")
