"""What alarms look at while a deployment starts and trades: every account, the halts, the age of the data, the disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.reserve import Reserve
from tradepool.core.ledger.trial_balance import ledger_minus_venue, trial_balance
from tradepool.domain.ids import AccountId, UserId
from tradepool.domain.ledger import LedgerCode
from tradepool.domain.limit import LimitScope, read_key
from tradepool.domain.suspended import Suspended
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.safety import age_max_s, foreign_words, unanswered, unprotected
from tradepool.ports.clock import Clock
from tradepool.presentation.formats import iso, plain
from tradepool.services.alarms import Kind, Trouble
from tradepool.services.trading.account_actor import AccountActor

# The books are compared with what the venue told last this often; sooner where they differed.
COMPARE_MS, AGAIN_MS = 300_000, 20_000
# In one look, which must not hold a candle up; a thousand accounts are through well before they are due again.
COMPARED_MAX = 10
MB = 1_000_000


@dataclass(slots=True)
class _Books:
    """An account's ledger as far as it was read, what it lacked of the venue's word, and when it is compared next."""

    sequence: int = 0
    totals: dict[tuple[LedgerCode, str], Decimal] = field(default_factory=dict)
    difference: dict[str, Decimal] = field(default_factory=dict)
    due_ms: int = 0


class Lookout:
    """Looks without asking the venue and without waiting, so that it may look often; `ready` once the platform trades."""

    def __init__(
        self,
        deployed: Deployed,
        platform: Platform,
        rows: DatabaseDeployment,
        reserve: Reserve,
        clocks: tuple[Clock, Clock],
    ) -> None:
        """`clocks` are the venue's time and the machine's."""
        self._deployed, self._platform, self._rows, self._reserve = deployed, platform, rows, reserve
        self._clock, self._real = clocks
        self._books: dict[AccountId, _Books] = {}
        self._compared = 0
        self.ready = False
        # What an unpaid bill of a user keeps off (R26), in words.
        self.unpaid: Callable[[UserId], str] = lambda user: ""
        self.suspended: Callable[[], Sequence[Suspended]] = lambda: ()

    def look(self) -> Sequence[Trouble]:
        """All that is wrong now."""
        self._compared = 0
        actors = {actor.account.account.id: actor for actor in self._platform.desk.actors}
        seats = self._deployed.seats
        found = [trouble for seat in seats for trouble in self._account(seat, actors.get(seat.account_id))]
        found += self._starting()
        for halt in self._rows.halts():
            text = f"{halt.scope} is halted by {halt.by}: {halt.reason}"
            found.append(Trouble(kind=Kind.HALT, about=str(halt.scope), text=text))
        return [*found, *self._unpaid(), *self._suspended(), *self._limits(), *self._data(), *self._disk()]

    def _starting(self) -> Iterator[Trouble]:
        """A start that hangs: who is stopped is said as that."""
        if not self.ready:
            yield Trouble(kind=Kind.STARTING, about="", text="trading is being started, and nothing is decided yet")
        seen = {*self._platform.desk.secured, *self._platform.desk.halted}
        for seat in self._deployed.seats:
            if (name := seat.account_id) not in seen:
                text = f"{name}: it is being started, and its protections have not been looked at yet"
                yield Trouble(kind=Kind.STARTING, about=name, text=text, user=seat.user.id)

    def _unpaid(self) -> Iterator[Trouble]:
        for user in dict.fromkeys(seat.user.id for seat in self._deployed.seats):
            if words := self.unpaid(user):
                yield Trouble(kind=Kind.UNPAID, about=user, text=words, user=user)

    def _suspended(self) -> Iterator[Trouble]:
        """What the platform has suspended by itself: what a person has, people know."""
        for row in self.suspended():
            if row.trouble:
                what, why = f"{row.kind.value} {row.name}", f"{row.trouble.replace('_', ' ')}, {row.reason}"
                until = "it is lifted" if row.for_ever else iso(row.until_ms)
                text = f"{what} is not entered until {until}: {why}"
                yield Trouble(kind=Kind.SUSPENDED, about=f"{what} {row.trouble}", text=text)

    def _limits(self) -> Iterator[Trouble]:
        """Limits on losses that are reached, and what they do."""
        desk, now_ms = self._platform.risk, self._clock.now_ms()
        for trip in desk.limits.trips.values() if desk is not None else ():
            if trip.until_ms > now_ms:
                scope, name, _ = read_key(trip.key)
                whose = {LimitScope.USER: name, LimitScope.MANDATE: self._owner(name)}.get(scope, trip.user)
                text = f"{trip.note}: {trip.action.value.replace('_', ' ')}"
                about = f"{trip.key} {trip.user} {trip.since_ms}"
                yield Trouble(kind=Kind.LIMIT, about=about, text=text, user=UserId(whose) if whose else None)

    def _owner(self, mandate: str) -> str:
        return next((str(seat.user.id) for seat in self._deployed.seats if seat.mandate.id == mandate), "")

    def _account(self, seat: Seated, actor: AccountActor | None) -> Iterator[Trouble]:
        name = seat.account_id

        def of(kind: Kind, about: str, text: str) -> Trouble:
            return Trouble(kind=kind, about=f"{name} {about}", text=f"{name}: {text}", user=seat.user.id)

        stopped = self._platform.desk.halted.get(name)
        if stopped is not None:
            yield of(Kind.STOPPED, "", f"it is stopped: {stopped}")
        elif seat.unled is not None:
            yield of(Kind.STOPPED, "", f"nothing is entered, and no signal sells: {seat.unled}")
        if actor is None:
            return
        for market in unprotected(actor.account):
            yield of(Kind.UNPROTECTED, market, f"the position on {market} has no stop in the book")
        for order in unanswered(actor.account, self._clock.now_ms()):
            yield of(Kind.UNKNOWN_ORDER, order, f"the venue has said nothing of order {order}")
        if name in self._platform.desk.streamless:
            yield of(
                Kind.STREAM, "", "the venue does not stream its orders; they are asked for, and nothing is entered"
            )
        if words := foreign_words(actor.account):
            yield of(Kind.FOREIGN, "", f"{words}; tradepool resume --user {seat.user.id} when that is over")
        if why := actor.account.flows.quarantine:
            yield of(Kind.QUARANTINE, "", f"nothing is entered until a person resumes it: {why}")
        elif self._platform.flows is not None and (why := self._platform.flows.trouble(name)):
            yield of(Kind.BALANCE, "", why)
        if self._platform.flows is not None and (why := self._platform.flows.unpriced(name)):
            yield Trouble(kind=Kind.BALANCE, about=f"{name} fees", text=why, user=seat.user.id)
        # Before, balances may be read that the fills they come from are not.
        if stopped is None and name in self._platform.desk.up:
            for asset, amount in self._difference(actor).items():
                yield of(Kind.DIFFERENCE, asset, f"the books hold {plain(amount)} {asset} more than the venue says")

    def _difference(self, actor: AccountActor) -> dict[str, Decimal]:
        """Ledger less what the venue told last, where that is not zero; as it was compared last."""
        name, now_ms = actor.account.account.id, self._real.now_ms()
        books = self._books.setdefault(name, _Books())
        if now_ms < books.due_ms or self._compared >= COMPARED_MAX:
            return books.difference
        held = self._platform.desk.feed.holdings(name)
        if held is None or not held.unbroken or actor.busy:
            return books.difference
        self._compared += 1
        fresh = self._platform.books.transfers(name, after=books.sequence)
        for key, amount in trial_balance(fresh).items():
            books.totals[key] = books.totals.get(key, Decimal(0)) + amount
        books.sequence = actor.sequence
        off = {asset: amount for asset, amount in ledger_minus_venue(books.totals, held.balances).items() if amount}
        books.difference, books.due_ms = off, now_ms + (AGAIN_MS if off else COMPARE_MS)
        return off

    def _data(self) -> Iterator[Trouble]:
        if not self.ready:
            return
        known_ms = self._platform.market_data.known_ms
        age_s = (self._clock.now_ms() - known_ms) / 1_000
        if age_s > age_max_s(self._deployed.timeframe_ms):
            old = f"market data is {age_s:.0f} s old" if known_ms >= 0 else "there is no market data yet"
            yield Trouble(kind=Kind.STALE, about="", text=old)

    def _disk(self) -> Iterator[Trouble]:
        if not self._reserve.fill():
            yield Trouble(kind=Kind.DISK_FULL, about="", text=self._reserve.words or "nothing could be set aside")
        free, least = (
            shutil.disk_usage(self._deployed.folder).free // MB,
            self._deployed.settings.alarms.disk_free_min_mb,
        )
        if free < least:
            text = f"{free} MB are free where {self._deployed.folder} is, {least} are wanted"
            yield Trouble(kind=Kind.DISK_LOW, about="", text=text)
