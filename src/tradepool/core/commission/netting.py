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
    accounts: Sequence[str], known: Mapping[str, Decimal], gains: Sequence[Gain], lots: Sequence[OpenLot]
) -> dict[str, Decimal]:
    """The marks that a period opens with. An account that has none begins at what its gains and open lots of before came to:
    what was netted is neither charged again nor given back, and a loss that all carry stays in the mark of all. An open
    winner is in none, so that it is charged once, wherever it is sold.

    >>> gains = [Gain(time_ms=0, amount=Decimal(n), account="b") for n in (-300, 20)]
    >>> opening_marks(["a", "b"], {"a": Decimal(5)}, gains, []), opening_marks(["b"], {}, [], [])
    ({'a': Decimal('5'), 'b': Decimal('-280')}, {'b': Decimal('0')})

    R7: 100 realised and a lot open at -30 were charged as 70; with nothing traded, nothing is charged anew.

    >>> from tradepool.core.commission.lots import Lot
    >>> from tradepool.core.commission.prices import Priced
    >>> gains = [Gain(time_ms=0, amount=Decimal(100), account="a")]
    >>> lost = OpenLot(lot=Lot(asset="A", quantity=Decimal(1), cost=Decimal(90)), price=Priced(price=Decimal(60)), account="a")
    >>> highest(apart(gains, [lost], opening_marks(["a"], {}, gains, [lost]), Schedule()))
    Decimal('70')
    """
    before = apart(gains, lots, dict.fromkeys(accounts, ZERO), Schedule())
    return {account: known.get(account, before[account].pnl) for account in accounts}
