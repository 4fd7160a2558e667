"""R15: a user's own transfers between exchanges: what has left one and not yet come to the other is capital still."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from tradepool.core.commission.exact import ZERO, exact
from tradepool.core.commission.schedule import DAY_MS
from tradepool.domain.ledger import LedgerCode, LedgerEntry, TransferCode

PAIRED_WITHIN_MS = DAY_MS
LOST_AFTER_MS = 7 * DAY_MS
# What may be one end of a transfer, by the way the coins went.
LEAVES = (TransferCode.WITHDRAWAL, TransferCode.MOVED)
COMES = (TransferCode.DEPOSIT, TransferCode.MOVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Coins that left a venue or came to one; `fee` is the network's, as the venue they left publishes it."""

    time_ms: int
    asset: str
    quantity: Decimal
    tx_id: str = ""
    fee: Decimal = ZERO
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Matched:
    """Transfers with both ends, and departures alone: on their way, or gone (as of departure)."""

    pairs: tuple[tuple[End, End], ...]
    in_transit: tuple[End, ...]
    gone: tuple[End, ...]


@exact
def matched(left: Sequence[End], came: Sequence[End], now_ms: int) -> Matched:
    """R15: pair departures and arrivals by asset and transaction id, and of one transaction by amount less the published fee
    first; else by that amount within 24 hours.

    >>> day = 86_400_000
    >>> out = [End(time_ms=0, asset="USDT", quantity=Decimal(100), tx_id="a", fee=Decimal(1)),
    ...        End(time_ms=0, asset="USDT", quantity=Decimal(50), fee=Decimal(1)),
    ...        End(time_ms=0, asset="BTC", quantity=Decimal(1))]
    >>> back = [End(time_ms=9, asset="USDT", quantity=Decimal("99.5"), tx_id="a"),
    ...         End(time_ms=9, asset="USDT", quantity=Decimal(49))]
    >>> found = matched(out, back, 7 * day)
    >>> len(found.pairs), len(found.in_transit)
    (2, 1)
    >>> len(matched(out, back, 7 * day + 1).gone)
    1

    Two that left in one transaction are paired by their amounts, whichever is heard of first.

    >>> out = [End(time_ms=0, asset="BTC", quantity=Decimal(n), tx_id="ab", fee=Decimal(1)) for n in (11, 31)]
    >>> back = [End(time_ms=9, asset="BTC", quantity=Decimal(n), tx_id="ab") for n in (30, 10)]
    >>> [str(left.quantity - came.quantity) for left, came in matched(out, back, 9).pairs]
    ['1', '1']
    """
    pairs = list[tuple[End, End]]()
    open_left, open_came = list(left), list(came)
    for same in (_same_both, _same_transaction, _same_amount):
        for departure in list(open_left):
            arrival = next((each for each in open_came if same(departure, each)), None)
            if arrival is not None:
                pairs.append((departure, arrival))
                open_left.remove(departure)
                open_came.remove(arrival)
    on_the_way = tuple(each for each in open_left if now_ms - each.time_ms <= LOST_AFTER_MS)
    gone = tuple(each for each in open_left if now_ms - each.time_ms > LOST_AFTER_MS)
    return Matched(tuple(pairs), on_the_way, gone)


def _same_both(left: End, came: End) -> bool:
    return _same_transaction(left, came) and left.quantity - left.fee == came.quantity


def _same_transaction(left: End, came: End) -> bool:
    return bool(left.tx_id) and (left.asset, left.tx_id) == (came.asset, came.tx_id)


def _same_amount(left: End, came: End) -> bool:
    named = bool(left.tx_id and came.tx_id)
    within = 0 <= came.time_ms - left.time_ms <= PAIRED_WITHIN_MS
    return not named and within and left.asset == came.asset and left.quantity - left.fee == came.quantity


class Way(StrEnum):
    """What became of coins that left, or came."""

    OWN = "own transfer"
    IN_TRANSIT = "in transit"
    GONE = "gone"
    ALONE = ""


@dataclass(frozen=True, slots=True)
class Ways:
    """By ledger entry, what was one end of an own transfer; what each of these lost on its way; and which entry each
    arrival had left with."""

    ways: Mapping[str, Way] = field(default_factory=dict)
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    departures: Mapping[str, str] = field(default_factory=dict)

    def of(self, entry: LedgerEntry) -> Way:
        """Of one entry."""
        return self.ways.get(entry.id, Way.ALONE)

    def stays(self, entry: LedgerEntry) -> bool:
        """Whether what leaves goes to another account of its owner's."""
        return self.of(entry) in (Way.OWN, Way.IN_TRANSIT)

    def arriving(self, entry: LedgerEntry, amount: Decimal) -> Decimal:
        """How much of what leaves comes there."""
        return max(ZERO, amount - self.fees.get(entry.id, ZERO)) if self.stays(entry) else ZERO

    @classmethod
    @exact
    def known(cls, entries: Iterable[LedgerEntry], now_ms: int) -> Ways:
        """What the entries of all accounts of a user tell at a moment."""
        outs, ins = list[End](), list[End]()
        for entry in entries:
            fees = {t.asset: t.amount for t in entry.transfers if t.code is TransferCode.NETWORK_FEE}
            tx_id = entry.reference.rpartition(":")[2]
            for t in entry.transfers:
                leaves, fee = t.credit is LedgerCode.VENUE, fees.get(t.asset, ZERO)
                if t.code in (LEAVES if leaves else COMES):
                    sent = {"quantity": t.amount + fee, "fee": fee} if leaves else {"quantity": t.amount}
                    end = End(time_ms=entry.time_ms, asset=t.asset, tx_id=tx_id, entry=entry.id, **sent)
                    (outs if leaves else ins).append(end)
        outs, ins = (sorted(ends, key=lambda end: (end.time_ms, end.entry)) for ends in (outs, ins))
        found = matched(outs, ins, now_ms)
        ways = {end.entry: Way.OWN for pair in found.pairs for end in pair}
        ways |= {end.entry: Way.IN_TRANSIT for end in found.in_transit} | {end.entry: Way.GONE for end in found.gone}
        # R15: what a pair lost on its way is an outflow, not a loss.
        lost = {left.entry: left.quantity - came.quantity for left, came in found.pairs}
        departures = {came.entry: left.entry for left, came in found.pairs}
        return cls(ways, {end.entry: end.fee for end in found.in_transit} | lost, departures)
