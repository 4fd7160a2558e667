"""What an account knows of coins that moved without an order: which flows are in its books, and whether it is quarantined.

A flow changes what the venue holds, and not what a mandate may use: its capital is what was given to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations
from typing import Protocol

from tradepool.core.account import account_step as step
from tradepool.core.account.slot import Slot
from tradepool.domain.denial import Denial
from tradepool.domain.event import ForeignOrder
from tradepool.domain.flow import RETURNED, FlowCause, FlowNamed, FlowSeen, FlowsKnown, MoneyNews, Quarantined
from tradepool.domain.ids import MarketId

CLOCKS_DIFFER_MS = 10_000
# Of so many flows of one asset, so many are taken together when it is looked for what came after an opening.
YOUNGEST, TOGETHER_MAX = 16, 4


@dataclass(slots=True)
class KnownFlows:
    """`keys` are those of flows that must not be booked (again), `nameless` those of withdrawals that had no id of the
    chain yet; `last_ms` is the time of the youngest that was booked; `begun`: the histories were asked once; `quarantine` is
    why nothing is entered, or ""; `unpriced` are coins of fees that it was, or is, in quarantine for."""

    keys: set[str] = field(default_factory=set)
    nameless: set[str] = field(default_factory=set)
    last_ms: int = 0
    begun: bool = False
    quarantine: str = ""
    unpriced: set[str] = field(default_factory=set)

    def hear(self, event: MoneyNews) -> bool:
        """Take in what became known; whether it is news.

        >>> from decimal import Decimal
        >>> from tradepool.domain.flow import FlowCause, Move
        >>> known, gift = KnownFlows(), (Move(asset="BNB", amount=Decimal(1)),)
        >>> seen = FlowSeen(time_ms=5, cause=FlowCause.DIVIDEND, moves=gift, reference="7")
        >>> known.hear(seen), known.hear(seen)
        (True, False)
        """
        match event:
            case FlowSeen():
                if event.key in self.keys:
                    return False
                self.keys.add(event.key)
                self.last_ms = max(self.last_ms, event.time_ms)
                # What came back gets no id any more.
                self.nameless.discard(event.key.removesuffix(RETURNED))
                if event.cause is FlowCause.WITHDRAWAL and not event.tx_id and not event.key.endswith(RETURNED):
                    self.nameless.add(event.key)
            case FlowNamed():
                if event.key not in self.nameless:
                    return False
                self.nameless.remove(event.key)
            case FlowsKnown():
                if self.begun:
                    return False
                self.keys.update(event.keys)
                self.begun = True
            case Quarantined():
                if self.unpriced.issuperset(event.unpriced) if event.unpriced else self.quarantine:
                    return False
                self.unpriced.update(event.unpriced)
                self.quarantine = "; ".join(filter(None, (self.quarantine, event.why)))
        return True

    def news(self, told: Iterable[FlowSeen]) -> list[FlowSeen]:
        """What of a history is not in the books; a withdrawal that came back only if it was seen to leave."""
        fresh = (flow for flow in told if flow.key not in self.keys)
        return [
            flow for flow in fresh if not flow.key.endswith(RETURNED) or flow.key.removesuffix(RETURNED) in self.keys
        ]

    def names(self, told: Iterable[FlowSeen]) -> list[FlowSeen]:
        """What of a history has now the chain's id that it lacked when it was booked."""
        return [flow for flow in told if flow.tx_id and flow.key in self.nameless]


def in_opening(told: Sequence[FlowSeen], opened_ms: int, lacking: Mapping[str, Decimal]) -> tuple[str, ...]:
    """The keys of those flows that the opening balances hold already.

    They are older than the opening, or as old as clocks differ; but one that explains what the books lack to the last
    digit, alone or with a few others, was only credited after it.
    """
    youngest = sorted(told, key=lambda flow: -flow.time_ms)
    late = {asset: _explaining(youngest, asset, amount) for asset, amount in lacking.items()}
    old = (flow for flow in told if flow.time_ms < opened_ms + CLOCKS_DIFFER_MS)
    return tuple(flow.key for flow in old if not all(flow.key in late.get(m.asset, ()) for m in flow.moves))


def _explaining(youngest: Sequence[FlowSeen], asset: str, amount: Decimal) -> set[str]:
    """The fewest flows that are so much of an asset together, the youngest of them first; none where there are no such."""
    moved = [(flow.key, move.amount) for flow in youngest for move in flow.moves if move.asset == asset]
    for count in range(1, TOGETHER_MAX + 1):
        for few in combinations(moved if count == 1 else moved[:YOUNGEST], count):
            if sum(part for _, part in few) == amount:
                return {key for key, _ in few}
    return set()


class HasMoney(Protocol):
    """What of an account flows are about."""

    foreign: ForeignOrder | None
    flows: KnownFlows

    @property
    def slots(self) -> Mapping[MarketId, Slot]:
        """Its positions."""
        ...


def hear(account: HasMoney, event: MoneyNews) -> bool:
    """Take in what became known; whether it is news."""
    if not account.flows.hear(event):
        return False
    if isinstance(event, FlowSeen):
        gone = {move.asset for move in event.moves if move.amount < 0}
        for slot in account.slots.values():
            if slot.market.base in gone:
                _forget_dust(slot)
    return True


def _forget_dust(slot: Slot) -> None:
    """Coins left: what is less than a step may have been among them, and is not counted on when something is sold."""
    row = slot.row
    row[step.DUST] = min(row[step.DUST], 0)
    if slot.held:
        row[step.HOLDING] = min(row[step.HOLDING], slot.steps() * slot.terms[step.UNITS_PER_STEP])


def entries_off(account: HasMoney) -> Denial | None:
    """Why nothing is entered until a person resumes the account; None where entries are on."""
    if account.foreign is not None:
        return Denial.FOREIGN_ORDER
    return Denial.QUARANTINED if account.flows.quarantine else None
