"""Any story of one account ends at the venue's truth, after one reconciliation pass.

A story is a list of things that happen: candles that enter (with a stop, or with two targets beside it), leave and trail;
the venue going on; frames that come out of order, twice or never; requests that are lost, taken and lost, turned away, slow
or late; a list of fills that lacks the last one; time; a broken stream; a full disk; a person who closes or flattens; prices
that are looked at; somebody taking an order off the book; kill -9. It is told in each form of running: alone or with records
that share transactions, started at once or in stages, and restarted from snapshots. The actor, the sender, recovery, the
desk and the account are the real ones, the venue is the real simexchange.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.nouns import ACCOUNT, MANDATE, signal
from tests.services.trading.memory_journal import Journal
from tests.services.trading.truthful_venue import (
    CASH,
    KEY,
    MARKETS,
    MINUTE_MS,
    Gateway,
    Wire,
    balances_of,
    small_books,
)
from tradepool.core.account import account_step as step
from tradepool.core.account.account import Account
from tradepool.core.account.by_hand import why_not_close
from tradepool.core.ledger.trial_balance import ledger_minus_venue, trial_balance
from tradepool.domain.by_hand import CloseAsked, FlattenAsked
from tradepool.domain.errors import TradepoolError
from tradepool.domain.event import OrderFilled, OrderRejected, PriceSeen
from tradepool.domain.mandate import AT_MARKET, EntryKind, EntryOrder
from tradepool.domain.market import Market
from tradepool.domain.order import OrderStatus
from tradepool.domain.trade import Origin
from tradepool.ports.exchange import AccountGateway
from tradepool.runtime.clock import VirtualClock
from tradepool.services.market_data import MarketData
from tradepool.services.trading import account_actor
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.desk import TradingDesk
from tradepool.services.trading.sender import Sender
from tradepool.services.trading.starting import Starting
from tradepool.services.trading.together import Together
from tradepool.simexchange.venue import Venue

FATES = ("lost", "taken", "turned away", "slow", "late")
HAPPENINGS = (
    "enter", "enter", "aim", "leave", "trail", "trail", "go on", "go on", "tell", "tell", "tell", "tell twice", "drop",
    "tell all", "let go", "time", "time", "cut", "kill", "take off", "disk", "lag", "flatten",
    "close", "see", "see", *FATES,
)  # fmt: skip
# How often others may run after it: a crash may come between any two of their steps.
SPINS = (0, 1, 2, 3, 5, 30, 30, 30)
PUMPS_MAX = 400
# Of a position, when a person sells some of it.
SHARE = Decimal("0.4")

Story = list[tuple[str, int, int]]


class NoCandles:
    """Market data of which none comes by itself."""

    async def start(self) -> dict[str, float]:
        return {}

    async def catch_up(self) -> None:
        """Nothing was missed."""

    async def run(self) -> None:
        await asyncio.get_running_loop().create_future()


class Told:
    """One story as it is told."""

    def __init__(self, seed: int, *, together: bool, beside: bool, entry: EntryOrder = AT_MARKET) -> None:
        self.venue: Venue = small_books(seed)
        self.together, self.beside, self.entry = together, beside, entry
        self.clock = VirtualClock(self.venue.now_ms)
        self.wire, self.journal, self.lagged = Wire(self.venue, self.clock), Journal(), False

    async def live(self) -> None:
        """Start, or start again."""
        self.actor = self.new_actor()
        self.desk = TradingDesk(self.clock, self.journal, MINUTE_MS)
        self.desk.together = Together(self.journal) if self.together else None
        self.desk.expect(self.actor.account.mandate)
        await self.pump_while(self.desk.run(cast("MarketData", NoCandles())))
        if self.beside:
            await self.pump_while(Starting(self.desk, self.clock, self.take).run([(ACCOUNT.id, None)]))
        else:
            await self.pump_while(self.desk.bring_up(self.actor))

    async def take(self, seat: None) -> AccountActor:
        return self.actor

    def new_actor(self) -> AccountActor:
        """One that knows nothing yet."""
        gateway = cast("AccountGateway", Gateway(self.wire))
        mandate = replace(MANDATE, markets=tuple(each.id for each in MARKETS), capital=CASH, entry=self.entry)
        account = Account(ACCOUNT, mandate, MARKETS, Origin.PRACTICE)
        sender = Sender(gateway, self.clock, MINUTE_MS, lambda event: self.actor.post(event))
        return AccountActor(account, gateway, self.journal, sender)

    async def die(self) -> None:
        """What it has sent goes on."""
        self.wire.hang_up()
        await self.desk.stop()

    async def happen(self, what: str, number: int, spins: int) -> None:
        if what in FATES:
            self.wire.fates.append(what)
        elif what in ("enter", "aim", "leave", "trail"):
            self.close_candle(what, number)
        elif what == "go on":
            for _ in range(number % 3 + 1):
                self.venue.step()
            self.clock.advance_to(max(self.venue.now_ms, self.clock.now_ms()))
        elif what in ("tell", "tell twice"):
            self.wire.tell(number, keep=what == "tell twice")
        elif what == "drop" and self.wire.frames:
            self.wire.frames.pop(number % len(self.wire.frames))
        elif what == "tell all":
            while self.wire.frames:
                self.wire.tell(0)
        elif what == "let go":
            self.wire.let_go()
        elif what == "time":
            self.wake(number % 2 * 1_000)
        elif what == "cut":
            self.wire.cut("it broke")
        elif what == "disk":
            self.journal.full = number % 2 + 1
        elif what == "lag":
            self.wire.lags = 1
        elif what == "take off":
            self.take_off(number)
        elif what in ("flatten", "close", "see"):
            self.ask(what, MARKETS[number % 2])
        elif what == "kill":
            await self.die()
            await self.live()
        await self.spin(spins)

    def close_candle(self, what: str, number: int) -> None:
        """A candle of one market closes now."""
        noun = MARKETS[number % len(MARKETS)]
        price = float(noun.price(self.venue.market(f"{noun.base}{noun.quote}").price or 1))
        now_ms = self.clock.now_ms() + 1
        self.clock.advance_to(now_ms)
        was, wants = {"leave": (1.0, 0.0), "trail": (1.0, 1.0)}.get(what, (0.0, 1.0))
        said = signal(
            noun,
            time_ms=now_ms,
            previous_exposure=was,
            exposure=wants,
            stop_distance=price * 0.02,
            trail_distance=price * 0.012 if what == "trail" else 0.0,
            close=price,
            high=price * 1.002,
            first_target=price * 0.004 if what == "aim" else 0.0,
            second_target=price * 0.009 if what == "aim" else 0.0,
            target_share=0.5 if what == "aim" else 0.0,
        )
        self.desk.on_batch(now_ms, [replace(said, strategy_id=MANDATE.strategy_id)])

    def ask(self, what: str, noun: Market) -> None:
        """A person wants something of a market, or its price is looked at."""
        price = noun.price(self.venue.market(f"{noun.base}{noun.quote}").price or 1)
        slot, now_ms = self.actor.account.slots[noun.id], self.clock.now_ms()
        if what == "see":
            self.actor.post(PriceSeen(time_ms=now_ms, market=noun.id, price=price))
        elif what == "flatten":
            self.actor.post(FlattenAsked(time_ms=now_ms, markets=(noun.id,)))
        elif slot.held and not why_not_close(slot, SHARE, self.actor.account.orders):
            self.actor.post(CloseAsked(time_ms=now_ms, market=noun.id, share=SHARE))

    def take_off(self, number: int) -> None:
        """The user, or the venue, takes one of our orders off the book."""
        account = self.venue.account(KEY)
        if account.open:
            order = list(account.open.values())[number % len(account.open)]
            self.venue.cancel(account, order.market.symbol, order.id)

    def wake(self, least_ms: int = 0) -> bool:
        """Time goes on to whoever wakes first."""
        wake_ms = self.clock.next_wake_ms()
        if wake_ms is None and not least_ms:
            return False
        self.clock.advance_to(max(wake_ms or 0, self.clock.now_ms() + least_ms))
        self.venue.pass_time(self.clock.now_ms())
        return True

    async def spin(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def pump_while(self, work: Coroutine[Any, Any, None] | Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        for _ in range(PUMPS_MAX):
            await self.spin(5)
            if task.done():
                return await task
            self.wire.let_go()
            self.wake()
        raise AssertionError("it never ended")

    # ---- the end

    async def settle(self) -> None:
        """Everything on its way arrives, until nobody waits for anything."""
        for _ in range(PUMPS_MAX):
            await self.spin(30)
            self.wire.let_go()
            if self.wire.frames:
                self.wire.tell(0)
            elif not (self.actor.busy or (self.lagged and self.actor.awaits)) and self.actor.account.listening:
                return
            elif not self.wire.held:
                self.wake()
        raise AssertionError(f"it never came to rest: {self.actor.account.orders}")

    async def reconcile(self, *, by_restart: bool) -> None:
        """From here on nothing goes wrong; what was streamed so far is gone; one pass."""
        self.wire.fates.clear()
        self.journal.full = 0
        # What the one pass is not shown is asked for again.
        self.lagged = bool(self.wire.lags)
        self.wire.let_go()
        await self.spin(30)
        if by_restart:
            await self.die()
            await self.live()
        else:
            self.wire.frames.clear()
            self.wire.cut("once more")
        await self.settle()

    def check(self) -> None:
        """Ours is the venue's, to the last digit."""
        account, orders = self.actor.account, self.venue.orders(KEY)
        names = Counter(order.client_id for order in orders)
        assert max(names.values(), default=1) == 1, f"doubled: {names}"
        intents, events = self.journal.intents, [each.event for each in self.journal.records]
        assert names.keys() <= intents.keys()
        refused = {event.client_order_id for event in events if isinstance(event, OrderRejected)}
        assert not intents.keys() - names.keys() - refused, "lost"
        booked = [event.fill.fill_id for event in events if isinstance(event, OrderFilled)]
        assert sorted(booked) == sorted(str(trade.id) for trade in self.venue.trades(KEY))
        there = {order.client_id: order.filled_steps for order in orders if order.is_open}
        ours = {n: w.filled_steps for n, w in account.orders.items() if w.status is OrderStatus.ACCEPTED}
        assert ours == there == {name: working.filled_steps for name, working in account.orders.items()}
        transfers = [t for each in self.journal.records for entry in each.entries for t in entry.transfers]
        off = ledger_minus_venue(trial_balance(transfers), balances_of(self.venue))
        assert not any(off.values()), off
        for slot in account.slots.values():
            free, locked = self.venue.balances(KEY)[slot.market.base]
            assert slot.row[step.HOLDING] + slot.row[step.DUST] == slot.market.base_units(free + locked)

    def check_folds(self) -> None:
        """The journal, read again, makes the same account."""
        live, again = self.actor.account, self.new_actor().account
        for _, _, event in self.journal.read(ACCOUNT.id):
            again.apply(event)
        assert again.wallet == live.wallet
        assert again.orders == live.orders
        for ours, theirs in zip(again.slots.values(), live.slots.values(), strict=True):
            assert replace(ours, mark=theirs.mark) == theirs

    def check_protected(self) -> None:
        """What is held and can be sold has a stop for all of it."""
        for slot in self.actor.account.slots.values():
            worth = slot.steps() * slot.row[step.STOP] * slot.terms[step.UNITS_PER_TICK_STEP]
            if slot.held and slot.row[step.STOP] > 0 and worth >= slot.terms[step.SMALLEST_SELL]:
                assert slot.stop is not None, f"{slot.market.id} has no stop"
                assert slot.covered(self.actor.account.orders) == slot.steps()


async def tell(
    seed: int,
    story: Story,
    *,
    by_restart: bool,
    together: bool = False,
    beside: bool = False,
    entry: EntryOrder = AT_MARKET,
) -> None:
    told = Told(seed, together=together, beside=beside, entry=entry)
    await told.live()
    for what, number, spins in story:
        await told.happen(what, number, spins)
    await told.reconcile(by_restart=by_restart)
    failed = [error for error in told.desk.halted.values() if not isinstance(error, TradepoolError)]
    assert not failed, failed
    told.check()
    told.check_folds()
    told.check_protected()
    await told.die()


stories = st.lists(
    st.tuples(st.sampled_from(HAPPENINGS), st.integers(0, 3), st.sampled_from(SPINS)), min_size=3, max_size=24
)


# 500 in the short form, 20,000 in the long one.
STORIES = settings().max_examples * 5 if settings().max_examples <= 100 else 20_000


@settings(suppress_health_check=list(HealthCheck), max_examples=STORIES)
@given(seed=st.integers(0, 3), story=stories, by_restart=st.booleans(), together=st.booleans(), beside=st.booleans())
@example(seed=0, story=[("enter", 0, 30), ("tell all", 0, 30)], by_restart=False, together=False, beside=False)
@example(  # All that was held is sold, and then the entry's other fills come: less than the part with a target of its own.
    seed=1, story=[("aim", 3, 5), ("tell", 1, 3), ("go on", 2, 30)], by_restart=False, together=False, beside=False
)
@example(  # The disk is full when its answers are asked for: they are waited for anew.
    seed=0,
    story=[("enter", 0, 10), ("go on", 0, 1), ("time", 0, 0), ("disk", 1, 0), ("lag", 0, 1)],
    by_restart=False,
    together=False,
    beside=False,
)
def test_any_story_converges_in_one_pass(
    seed: int, story: Story, by_restart: bool, together: bool, beside: bool
) -> None:
    """Doubled 0, lost 0, every fill booked once, every position covered, the ledger the venue's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(account_actor, "SNAPSHOT_EVERY", 7)
        asyncio.run(tell(seed, story, by_restart=by_restart, together=together, beside=beside))


# Near enough that books of small levels fill some in part, and others not at all.
ENTRIES = (
    EntryOrder(kind=EntryKind.IOC, slippage_max=Decimal("0.00015")),
    EntryOrder(kind=EntryKind.FOK, slippage_max=Decimal("0.0002")),
    EntryOrder(kind=EntryKind.POST_ONLY),
    EntryOrder(kind=EntryKind.LIMIT, slippage_max=Decimal("0.00015")),
)


@settings(suppress_health_check=list(HealthCheck), max_examples=STORIES // 5)
@given(
    seed=st.integers(0, 3),
    story=stories,
    by_restart=st.booleans(),
    beside=st.booleans(),
    entry=st.sampled_from(ENTRIES),
)
@example(  # The answer is lost, and so is the stream: its part is booked before its end is asked for.
    seed=0,
    story=[("trail", 3, 0), ("go on", 2, 30), ("enter", 1, 1), ("taken", 3, 3)],
    by_restart=False,
    beside=True,
    entry=ENTRIES[0],
)
@example(  # Its sender looks it up while its part is booked: the answer that it was taken off then comes after its fill.
    seed=0,
    story=[("enter", 0, 0), ("taken", 0, 5), ("take off", 0, 0)],
    by_restart=False,
    beside=False,
    entry=ENTRIES[3],
)
@example(  # One of two pairs is taken off the book, and the end of the entry is not heard: no further fill would level them.
    seed=3,
    story=[
        ("aim", 0, 0), ("enter", 0, 5), ("tell", 0, 0), ("tell", 0, 0), ("drop", 0, 5), ("take off", 0, 0),
        ("tell all", 0, 0),
    ],
    by_restart=True,
    beside=False,
    entry=ENTRIES[0],
)  # fmt: skip
@example(  # A target's fill is not shown yet, and the sale of all that is held is refused: less than that is left.
    seed=0,
    story=[("aim", 0, 0), ("take off", 0, 12), ("tell", 1, 5), ("lag", 0, 0), ("go on", 2, 0)],
    by_restart=False,
    beside=False,
    entry=ENTRIES[0],
)
def test_any_story_of_entries_with_a_limit_converges(
    seed: int, story: Story, by_restart: bool, beside: bool, entry: EntryOrder
) -> None:
    """Those that miss, those that fill in part and those that rest, whatever is lost of their lives."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(account_actor, "SNAPSHOT_EVERY", 7)
        asyncio.run(tell(seed, story, by_restart=by_restart, beside=beside, entry=entry))
