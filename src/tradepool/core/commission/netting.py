"""R13 as a setting: accounts that are settled apart have a mark each, and a loss on one lowers nothing of another's profit.

The tier is still that of all capital together, and there is one commission, floored once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradepool.core.commission.exact import ZERO, exact
from tradepool.core.commission.schedule import Schedule
from tradepool.core.commission.settlement import Gain, OpenLot, Settled, pnl_of


@dataclass(frozen=True, slots=True)
class Apart:
    """One account: its mark when the period opened, and its profit since joining."""

    mark: Decimal
    pnl: Decimal


@exact
def apart(
    gains: Sequence[Gain], open_lots: Sequence[OpenLot], marks: Mapping[str, Decimal], schedule: Schedule
) -> dict[str, Apart]:
    """Each account of `marks` by itself.

    R13: +500 on one account, -300 on the other: 200 are charged where they are netted, 500 where they are not.

    >>> from tradepool.core.commission.settlement import settle
    >>> gains = [Gain(time_ms=0, amount=Decimal(500), account="a"), Gain(time_ms=0, amount=Decimal(-300), account="b")]
    >>> single = Schedule(netted=False)
    >>> found = apart(gains, [], {"a": ZERO, "b": ZERO}, single)
    >>> [settle(pnl, ZERO, Decimal("0.25"), single).commission for pnl in (pnl_of(gains, [], single), highest(found))]
    [Decimal('50.00'), Decimal('125.00')]
    """
    return {
        account: Apart(mark, pnl_of([g for g in gains if g.account == account], _of(open_lots, account), schedule))
        for account, mark in sorted(marks.items())
    }


def _of(lots: Sequence[OpenLot], account: str) -> list[OpenLot]:
    return [each for each in lots if each.account == account]


@exact
def highest(accounts: Mapping[str, Apart]) -> Decimal:
    """What all of them have ever earned together, each at its highest: what commission is charged by."""
    return sum((max(each.mark, each.pnl) for each in accounts.values()), ZERO)


def closing_marks(accounts: Mapping[str, Apart], settled: Settled) -> dict[str, Decimal]:
    """Each account's mark for the next period: what was not invoiced moves none (R22)."""
    charged = settled.mark_after != settled.mark_before
    return {name: max(each.mark, each.pnl) if charged else each.mark for name, each in accounts.items()}


@exact
def opening_marks(
    accounts: Sequence[str], known: Mapping[str, Decimal], gains: Sequence[Gain], opened_ms: int
) -> dict[str, Decimal]:
    """The marks that a period opens with. An account that has none begins at what it had realised by then: what was
    netted before is neither charged again nor given back, and a loss that all carry stays in the mark of all.

    >>> gains = [Gain(time_ms=0, amount=Decimal(-300), account="b")]
    >>> opening_marks(["a", "b"], {"a": Decimal(5)}, gains, 1), opening_marks(["b"], {}, gains, 0)
    ({'a': Decimal('5'), 'b': Decimal('-300')}, {'b': Decimal('0')})
    """
    before = [gain for gain in gains if gain.time_ms < opened_ms]
    return {
        account: known.get(account, sum((gain.amount for gain in before if gain.account == account), ZERO))
        for account in accounts
    }
