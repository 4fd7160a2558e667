"""What goes wrong at the venue, decided reproducibly: which request and which frame is struck by which fault.

A decision depends on the seed, the fault, the account and how many matching requests that account has made before:
in which order different accounts' requests arrive changes nothing. (A market stream has no account: there a frame's
own text decides, so that all who read it miss the same one.) What a strike does is said by `bad_calls`, `bad_frames`
and `bad_times`; how a fault is written down, by `fault_reading` and `scenario`.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from statistics import NormalDist
from typing import NamedTuple

import msgspec

from tradepool.simexchange.fault_kinds import KINDS, Fault, Strikes

CALLS = frozenset(name for name, row in KINDS.items() if row.strikes is Strikes.CALL)
# Where a kind strikes that has something to spoil only there, when its fault names no route.
SPOILED = {
    "negative_balance": ("GET /api/v3/account",),
    "shuffled": ("GET /api/v3/myTrades", "GET /api/v3/allOrders", "GET /api/v3/klines"),
}
_DICE_BYTES = 8
_NORMAL = NormalDist()


class Place(NamedTuple):
    """Where something happens: `name` is METHOD PATH of a request, or a stream's name; `number` is the account's."""

    name: str
    account: str = ""
    number: int = 0
    market: str = ""


class Rule:
    """A fault in force, and how often it matched and struck each account; `failed` says why it could not strike."""

    def __init__(self, number: int, fault: Fault, seed: int, start_ms: int) -> None:
        """`number` names it; its times count from `start_ms` (virtual)."""
        self.number, self.fault = number, fault
        self._seed = seed
        self.from_ms = start_ms + fault.from_ms
        self.until_ms = None if fault.until_ms is None else start_ms + fault.until_ms
        self.matched: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()
        self.failed = ""

    def in_time(self, now_ms: int) -> bool:
        """Whether it is in force at a virtual time."""
        return self.from_ms <= now_ms and (self.until_ms is None or now_ms < self.until_ms)

    def strikes(self, place: Place, now_ms: int, said: bytes = b"") -> bool:
        """Whether what happens there now is struck; `said` decides instead of the count where nobody is asking."""
        if not self.in_time(now_ms) or not self._matches(place):
            return False
        fault, count = self.fault, self.matched[place.account] + 1
        self.matched[place.account] = count
        if count < fault.first or (fault.last is not None and count > fault.last):
            return False
        return fault.share >= 1.0 or self.dice(place.account, said if said else count) < fault.share

    def dice(self, account: str, what: bytes | int) -> float:
        """A number from 0 to below 1 that depends on nothing else than these and the seed."""
        text = f"{self._seed}/{self.number}/{account}/".encode()
        text += what if isinstance(what, bytes) else str(what).encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=_DICE_BYTES).digest()) / (1 << 8 * _DICE_BYTES)

    def delay_ms(self, account: str) -> int:
        """A delay around the median `delay_ms`, from the account's latest match: one in six is above median x spread."""
        fault = self.fault
        sure = min(max(self.dice(account, self.matched[account]), 1e-12), 1 - 1e-12)
        return round(fault.delay_ms * math.exp(_NORMAL.inv_cdf(sure) * math.log(fault.spread)))

    def _matches(self, place: Place) -> bool:
        fault = self.fault
        pattern = fault.route or fault.stream
        patterns = (pattern,) if pattern else SPOILED.get(fault.kind, ("*",))
        return (
            any(fnmatchcase(place.name, each) for each in patterns)
            and (not fault.account or fault.account in (place.account, str(place.number)))
            and (not fault.market or fault.market == place.market)
        )


class Faults:
    """The faults in force at one venue; they may be added and removed while it runs."""

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 0) -> None:
        """The same faults with the same seed strike the same. `on_change` hears of each that comes or goes."""
        self.on_change: Callable[[], None] = lambda: None
        self._seed = seed
        self._start_ms = 0
        self._waiting = list(faults)
        self._count = 0
        self.by_kind: dict[Strikes, list[Rule]] = {strikes: [] for strikes in Strikes}

    def begin(self, start_ms: int) -> None:
        """The venue opens: times count from here."""
        self._start_ms = start_ms
        waiting, self._waiting = self._waiting, []
        for fault in waiting:
            self.add(fault)

    def add(self, fault: Fault, now_ms: int | None = None) -> Rule:
        """Put a fault in force; with `now_ms` its times count from then instead of from the start."""
        self._count += 1
        rule = Rule(self._count, fault, self._seed, self._start_ms if now_ms is None else now_ms)
        self.by_kind[KINDS[fault.kind].strikes].append(rule)
        self.on_change()
        return rule

    def remove(self, number: int) -> bool:
        """Take one out of force; whether there was one of that number."""
        for rules in self.by_kind.values():
            for rule in rules:
                if rule.number == number:
                    rules.remove(rule)
                    self.on_change()
                    return True
        return False

    def clear(self) -> None:
        """Take all out of force."""
        for rules in self.by_kind.values():
            rules.clear()
        self.on_change()

    def __iter__(self) -> Iterator[Rule]:
        """All in force, in the order they were added."""
        return iter(sorted((rule for rules in self.by_kind.values() for rule in rules), key=lambda rule: rule.number))

    def on_call(self, place: Place, now_ms: int, among: frozenset[str] = CALLS) -> tuple[Rule | None, int]:
        """What strikes a request, of some kinds, and by how many ms it is late before the venue has it."""
        struck, late_ms = None, 0
        for rule in self.by_kind[Strikes.CALL]:
            if rule.fault.kind not in among or not rule.strikes(place, now_ms):
                continue
            if rule.fault.kind == "latency":
                rule.struck[place.account] += 1
                late_ms += rule.delay_ms(place.account)
            else:
                struck = struck or rule
        if struck is not None:
            struck.struck[place.account] += 1
        return struck, late_ms

    def on_frame(self, place: Place, now_ms: int, said: bytes) -> Rule | None:
        """What strikes a frame."""
        decides = b"" if place.account else said
        struck = [rule for rule in self.by_kind[Strikes.FRAME] if rule.strikes(place, now_ms, decides)]
        if not struck:
            return None
        struck[0].struck[place.account] += 1
        return struck[0]

    def is_dark(self, now_ms: int) -> bool:
        """Whether the venue accepts nothing now."""
        return any(rule.fault.kind == "dark" and rule.in_time(now_ms) for rule in self.by_kind[Strikes.TIME])

    def clock_offset_ms(self, now_ms: int) -> int:
        """By how much the venue's clock is ahead of the true time."""
        return sum(
            rule.fault.offset_ms + (now_ms - rule.from_ms) * rule.fault.drift_ppm // 1_000_000
            for rule in self.by_kind[Strikes.TIME]
            if rule.fault.kind == "clock" and rule.in_time(now_ms)
        )

    def told(self) -> list[dict[str, object]]:
        """Every fault in force and how often it matched and struck, for people."""
        return [
            {
                "number": rule.number,
                "fault": msgspec.to_builtins(rule.fault),
                "from_ms": rule.from_ms,
                "until_ms": rule.until_ms,
                "matched": rule.matched.total(),
                "struck": dict(rule.struck),
                "failed": rule.failed,
            }
            for rule in self
        ]
