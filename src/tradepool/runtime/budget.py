"""The arithmetic of rate limits: what may leave now, and if not, when to ask again. No waiting, no clock of its own.

A request is charged when it leaves, but the venue counts it when it arrives, by its own clock. So a charge counts in
every window it may still arrive in: those within `slack_ms` of now, and each one that opens before its answer is here.
The venue's own count, where it sends one, replaces ours: its largest count in a window, plus what is still out, plus
what came back without a count that can be told to this window, is an upper bound of what it has counted, whatever order
the answers come in. The last part is dropped with the first count that must include it: one of a request sent later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tradepool.ports.weights import Answer, Cost, Grant, Limit, NeverFits, Priority, Use

PACED = (Priority.READ, Priority.DATA)
TOO_MANY, BANNED = 429, 418
RETRY_DEFAULT_S = {TOO_MANY: 60, BANNED: 120}
UNKNOWN = -1


@dataclass(slots=True)
class Window:
    """One window of one limit: what each priority was charged, what is out, the venue's largest count, and what came
    back without one (the turn it came back in, how much)."""

    index: int
    used: list[int] = field(default_factory=lambda: [0] * len(Priority))
    out: int = 0
    said: int = UNKNOWN
    silent: list[tuple[int, int]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """What the venue may have counted at most."""
        if self.said == UNKNOWN:
            return sum(self.used)
        return self.said + self.out + sum(amount for _, amount in self.silent)

    def tell(self, said: int, sent: int) -> None:
        """The venue's count, with a request of turn `sent`."""
        self.said = max(self.said, said)
        self.silent = [(back, amount) for back, amount in self.silent if back >= sent]


@dataclass(slots=True)
class Part:
    """How much of one limit a request takes, and in which windows it counts."""

    amount: int
    windows: list[Window]


@dataclass(slots=True)
class Charge(Grant):
    """A grant, the turn it was given in, and what it takes of each limit, by the limit's number."""

    turn: int = 0
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Not now: ask again at `retry_ms`. `key` is set when only this key has to wait."""

    retry_ms: int
    key: str = ""


class Budget:
    """What one address may still send to one venue.

    >>> from tradepool.ports.weights import Measure
    >>> budget = Budget([Limit(name="weight", measure=Measure.WEIGHT, amount=50, length_ms=60_000)])
    >>> charge = budget.spend(5_000, Cost(weight=40), Priority.ENTRY)
    >>> budget.spend(6_000, Cost(weight=40), Priority.ENTRY)
    Refusal(retry_ms=61000, key='')
    """

    def __init__(self, limits: Sequence[Limit]) -> None:
        """The venue's limits; none means that nothing is ever refused."""
        self.limits = tuple(limits)
        self.closed_until_ms = 0
        self._windows: dict[tuple[int, str], dict[int, Window]] = {}
        self._out: dict[int, Charge] = {}
        # The same by key: a thousand keys open their windows at once, and none may walk through what the others have out.
        self._out_of: dict[str, dict[int, Charge]] = {}
        self._turn = 0

    def check(self, cost: Cost, priority: Priority) -> None:
        """NeverFits when no window could hold a request."""
        for limit in self.limits:
            amount, room = cost.amount(limit.measure), limit.room(priority)
            if amount > room:
                raise NeverFits(amount=amount, measure=limit.measure, limit=limit.name, room=room)

    def spend(self, now_ms: int, cost: Cost, priority: Priority) -> Charge | Refusal:
        """Charge every limit that counts this request, or none."""
        if now_ms < self.closed_until_ms:
            return Refusal(self.closed_until_ms)
        parts, refusal = self._parts_of(now_ms, cost), None
        for n, part in parts.items():
            limit = self.limits[n]
            for window in part.windows:
                retry_ms = free_at(limit, window, part.amount, priority, now_ms)
                if retry_ms > now_ms and (refusal is None or retry_ms > refusal.retry_ms):
                    refusal = Refusal(retry_ms, cost.key if limit.per_key else "")
        return refusal or self._charge(Charge(cost, priority, parts=parts))

    def charge(self, now_ms: int, cost: Cost, priority: Priority) -> Charge:
        """Charge what somebody else has granted, room or not."""
        return self._charge(Charge(cost, priority, parts=self._parts_of(now_ms, cost)))

    def ends_ms(self, now_ms: int) -> int:
        """When the last of the windows that are running, of those all keys share, is over for sure."""
        shared = (limit for limit in self.limits if not limit.per_key)
        return max(((now_ms // x.length_ms + 1) * x.length_ms + x.slack_ms for x in shared), default=now_ms)

    def _parts_of(self, now_ms: int, cost: Cost) -> dict[int, Part]:
        amounts = enumerate(cost.amount(limit.measure) for limit in self.limits)
        return {n: Part(amount, self._landing(now_ms, n, cost)) for n, amount in amounts if amount}

    def _charge(self, charge: Charge) -> Charge:
        self._add(charge, 1)
        self._turn += 1
        charge.turn = self._turn
        self._out[charge.turn] = charge
        self._out_of.setdefault(charge.cost.key, {})[charge.turn] = charge
        return charge

    def _in(self, charge: Charge) -> None:
        """It is out no more."""
        del self._out[charge.turn]
        of_key = self._out_of[charge.cost.key]
        del of_key[charge.turn]
        if not of_key:
            del self._out_of[charge.cost.key]

    def refund(self, charge: Charge) -> None:
        """The request was never sent."""
        if charge.turn in self._out:
            self._in(charge)
            self._add(charge, -1)

    def answered(self, now_ms: int, charge: Charge, answer: Answer | None) -> bool:
        """The request is no longer out; whether the venue has just told us to be silent for a while."""
        if charge.turn not in self._out:
            return False
        for n in charge.parts:
            self._told(now_ms, n, charge, answer)
        self._in(charge)
        if answer is not None and answer.of_key:
            self._use_up(charge)
        wait_s = silence_s(answer) if answer else 0
        was_open = now_ms >= self.closed_until_ms
        if wait_s:
            self.closed_until_ms = max(self.closed_until_ms, now_ms + 1_000 * wait_s)
        return was_open and wait_s > 0

    def uses(self, now_ms: int) -> list[Use]:
        """Each limit now; of a limit of keys the key that has used most."""
        found = []
        for n, limit in enumerate(self.limits):
            index = now_ms // limit.length_ms
            totals = [w[index].total for (m, _), w in self._windows.items() if m == n and index in w]
            ends_ms = (index + 1) * limit.length_ms
            found.append(Use(name=limit.name, amount=limit.amount, used=max(totals, default=0), ends_ms=ends_ms))
        return found

    def _use_up(self, charge: Charge) -> None:
        """A key that has placed too many orders is its own affair: nobody else is made to wait for it.

        Which of its limits it was is not said; the shortest one is over soonest, and the venue will say so again.
        """
        limits = [n for n in charge.parts if self.limits[n].per_key]
        for n in limits[:1]:
            for window in charge.parts[n].windows:
                window.tell(self.limits[n].amount, charge.turn)

    def _told(self, now_ms: int, n: int, charge: Charge, answer: Answer | None) -> None:
        """The charge is out no more; the venue's count is taken for the window it can only be about."""
        limit, part = self.limits[n], charge.parts[n]
        said, windows = header_count(limit, answer), part.windows
        same = (windows[0].index, windows[-1].index) == _span(limit, now_ms)
        if not same:
            # What has opened meanwhile is among them then.
            self._landing(now_ms, n, charge.cost)
        for window in windows:
            window.out -= part.amount
            if said is not None and same and len(windows) == 1:
                window.tell(said, charge.turn)
            elif limit.header:
                window.silent.append((self._turn, part.amount))

    def _landing(self, now_ms: int, n: int, cost: Cost) -> list[Window]:
        """The windows in which the venue may count what is sent now."""
        limit = self.limits[n]
        name = n, cost.key if limit.per_key else ""
        known = self._windows.get(name)
        if known is None:
            known = self._windows[name] = {}
        first, last = _span(limit, now_ms)
        if first == last and first in known:
            return [known[first]]
        return [known[i] if i in known else self._open(known, n, i, cost.key) for i in range(first, last + 1)]

    def _open(self, known: dict[int, Window], n: int, index: int, key: str) -> Window:
        """A new window; what is out may still arrive in it."""
        for old in [i for i in known if i < index - 2]:
            del known[old]
        window = known[index] = Window(index)
        for charge in (self._out_of.get(key, {}) if self.limits[n].per_key else self._out).values():
            if n in charge.parts:
                charge.parts[n].windows.append(window)
                _count(window, charge, charge.parts[n].amount)
        return window

    def _add(self, charge: Charge, sign: int) -> None:
        for part in charge.parts.values():
            for window in part.windows:
                _count(window, charge, sign * part.amount)


def _span(limit: Limit, now_ms: int) -> tuple[int, int]:
    """The first and the last window in which the venue may count what is sent or heard now."""
    return (now_ms - limit.slack_ms) // limit.length_ms, (now_ms + limit.slack_ms) // limit.length_ms


def free_at(limit: Limit, window: Window, amount: int, priority: Priority, now_ms: int) -> int:
    """When a window may take so much more for a priority: now, later in it (by the pace), or after its end."""
    used, after_ms = window.used, (window.index + 1) * limit.length_ms + limit.slack_ms
    wanted = window.total + amount
    if priority is not Priority.EXIT:
        for p, sure in enumerate(limit.sure):
            if p != priority and sure > used[p]:
                wanted += sure - used[p]
    if wanted > limit.amount:
        return after_ms
    if limit.head >= 100 or priority not in PACED or used[priority] + amount <= limit.sure[priority]:
        return now_ms
    # used + amount <= room x (head + the part of the window that has passed), solved for the time.
    room = limit.room(priority)
    part_ms = -(-((used[priority] + amount) * 100 - room * limit.head) * limit.length_ms // (room * 100))
    return min(after_ms, max(now_ms, window.index * limit.length_ms + part_ms)) if part_ms > 0 else now_ms


def _count(window: Window, charge: Charge, amount: int) -> None:
    window.used[charge.priority] += amount
    window.out += amount


def silence_s(answer: Answer) -> int:
    """For how many seconds the venue wants to hear nothing more from this address; 0: it does not mind.

    >>> silence_s(Answer(429, {"Retry-After": "7"})), silence_s(Answer(418, {})), silence_s(Answer(200, {}))
    (7, 120, 0)
    """
    if answer.status not in RETRY_DEFAULT_S or answer.of_key:
        return 0
    return _whole(answer, "retry-after") or RETRY_DEFAULT_S[answer.status]


def header_count(limit: Limit, answer: Answer | None) -> int | None:
    """The venue's own count of a limit, where its answer tells one."""
    return _whole(answer, limit.header) if answer is not None and limit.header else None


def _whole(answer: Answer, name: str) -> int | None:
    """A header's whole number, whatever the case of its name; None when there is none or it makes no sense."""
    text = next((value for header, value in answer.headers.items() if header.lower() == name), "")
    return int(text) if text.isascii() and text.isdigit() else None
