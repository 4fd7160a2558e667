"""What we ask of a weight broker: leave to send one request to a venue, from one address that all users share.

A venue counts what comes from an address (weight, raw requests, connection attempts) and what comes with a key
(orders) in windows of time, and shuts out whoever passes a limit. The broker counts the same before anything leaves,
and makes those wait who can best afford it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Protocol

from tradepool.domain.errors import InvalidInput


class NeverFits(InvalidInput):
    """A request of {amount} {measure} is more than {limit} ever lets through at once ({room}); ask for less."""


class Priority(IntEnum):
    """Who goes first; the lower number does."""

    EXIT = 0
    ENTRY = 1
    READ = 2
    DATA = 3


class Measure(StrEnum):
    """What a limit counts: the venue's weight units, requests, new orders, attempts to open a WebSocket, and reads of a
    key's history of withdrawals, which is dear."""

    WEIGHT = "weight"
    REQUESTS = "requests"
    ORDERS = "orders"
    CONNECTIONS = "connections"
    HISTORIES = "histories"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one request spends; `key` is whose orders they are (a name of the API key, never the key itself)."""

    weight: int = 1
    requests: int = 1
    orders: int = 0
    connections: int = 0
    key: str = ""
    histories: int = 0

    def amount(self, measure: Measure) -> int:
        """How much of one measure.

        >>> Cost(weight=20).amount(Measure.WEIGHT), Cost().amount(Measure.ORDERS)
        (20, 0)
        """
        return int(getattr(self, measure))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `amount` of a measure in every window of `length_ms` of the venue's clock, for the address or each key.

    `kept` (percent, one a priority) is what each priority is sure of: what it has not used of it is held back from the
    others, but nothing is held back from exits. `head` (percent) is how much of what reads and market data may use they
    may use at once, if it is more than what they are sure of; the rest comes with time, so that late in a window there is
    still room for exits. 100 means no pace.
    `slack_ms` is how far our clock may be from the venue's. `header` is where the venue tells its own count.
    """

    name: str
    measure: Measure
    amount: int
    length_ms: int
    per_key: bool = False
    kept: tuple[int, int, int, int] = (0, 0, 0, 0)
    head: int = 100
    slack_ms: int = 1_000
    header: str = ""
    # By priority, in units of the measure: what each is sure of, and `room`. Asked for with every request.
    sure: tuple[int, ...] = field(init=False, repr=False, compare=False)
    rooms: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Reckon once."""
        sure = tuple(self.amount * kept // 100 for kept in self.kept)
        others = [0 if p is Priority.EXIT else sum(sure) - sure[p] for p in Priority]
        object.__setattr__(self, "sure", sure)
        object.__setattr__(self, "rooms", tuple(self.amount - held for held in others))

    def room(self, priority: Priority) -> int:
        """What is left for one priority when the others use all they are sure of.

        >>> limit = Limit(name="weight a minute", measure=Measure.WEIGHT, amount=6000, length_ms=60_000, kept=(20, 5, 10, 20))
        >>> [limit.room(priority) for priority in Priority]
        [6000, 3000, 3300, 3900]
        """
        return self.rooms[priority]


@dataclass(slots=True)
class Grant:
    """Leave to send one request; it is out until `answered` or `refund` is called with it."""

    cost: Cost
    priority: Priority
    waited_ms: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a venue's answer says about limits; `of_key`: a refusal that concerns only the orders of this key."""

    status: int
    headers: Mapping[str, str]
    of_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A limit of the address now: `used` of `amount` in the window that ends at `ends_ms`; for limits of keys, of the
    key that uses most."""

    name: str
    amount: int
    used: int
    ends_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How one priority fared: requests let through, waiting now, and `buckets[n]` that waited less than 2**n ms."""

    priority: Priority
    granted: int
    waiting: int
    buckets: Sequence[int]

    def below_ms(self, percent: float) -> int:
        """A wait that so many percent stay below, to the next power of two; 0 when nobody came.

        >>> Waits(priority=Priority.READ, granted=4, waiting=0, buckets=(3, 0, 1)).below_ms(99)
        4
        """
        wanted, seen = self.granted * percent / 100, 0
        for n, count in enumerate(self.buckets):
            seen += count
            if count and seen >= wanted:
                return 1 << n
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything a broker knows at one moment; nothing is let through before `closed_until_ms`."""

    now_ms: int
    uses: Sequence[Use]
    waits: Sequence[Waits]
    closed_until_ms: int = 0


class WeightBroker(Protocol):
    """Leave to send, for everybody at one venue and address."""

    async def acquire(self, cost: Cost, priority: Priority) -> Grant:
        """Wait for room. Cancelling the wait costs nothing. NeverFits when no window could hold it."""
        ...

    def answered(self, grant: Grant, answer: Answer | None) -> None:
        """The request came back, with what the venue said; None when nothing came (it counts as received)."""
        ...

    def refund(self, grant: Grant) -> None:
        """The request was never sent."""
        ...

    async def snapshot(self) -> Snapshot:
        """Use and waits now."""
        ...
