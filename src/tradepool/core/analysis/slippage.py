"""What each user paid beside what all users paid who acted on the same signal.

A signal is one strategy's word on one market at one T, to buy or to sell. Its average price is that of everything that was
traded on it; a user's slippage is how much worse his own was, in basis points: above zero he paid more, or got less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.fill import Fill
from tradepool.domain.ids import AccountId, ClientOrderId, MarketId, StrategyId
from tradepool.domain.order import OrderRequest, Purpose, Side

Signalled = tuple[int, StrategyId, MarketId, Side]
# Stops and targets fill where the price meets them, each at a level of its own.
COMPARED = frozenset((Purpose.ENTRY, Purpose.SIGNAL_EXIT))
BP = 10_000


@dataclass(frozen=True, slots=True)
class Execution:
    """What one account traded on one signal."""

    account: AccountId
    signal: Signalled
    quantity: Decimal
    notional: Decimal

    @property
    def price(self) -> Decimal:
        """The average of its fills."""
        return self.notional / self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Slippage:
    """An account against the average: over how many signals that somebody else acted on too, how much was traded on them
    (quote asset), and how much worse than the average that was, weighted by it, and at worst."""

    account: AccountId
    signals: int
    notional: Decimal
    average_bp: float
    worst_bp: float


def executions(intents: Iterable[OrderRequest], fills: Iterable[Fill]) -> list[Execution]:
    """What was traded on signals: of one account, or of several."""
    bought: dict[ClientOrderId, tuple[Decimal, Decimal]] = {}
    for fill in fills:
        quantity, notional = bought.get(fill.client_order_id, (Decimal(0), Decimal(0)))
        bought[fill.client_order_id] = quantity + fill.quantity, notional + fill.quantity * fill.price
    return [
        Execution(i.account, (i.time_ms, i.strategy_id, i.market, i.side), *bought[i.client_order_id])
        for i in intents
        if i.purpose in COMPARED and i.client_order_id in bought
    ]


def against_average(executed: Sequence[Execution]) -> list[Slippage]:
    """Each account's slippage, the worst off first; accounts that always acted alone have no row.

    >>> def one(name: str, price: int) -> Execution:
    ...     signal = 0, StrategyId("s"), MarketId("v:A/B"), Side.BUY
    ...     return Execution(AccountId(name), signal, Decimal(1), Decimal(price))
    >>> [(row.account, row.average_bp) for row in against_average([one("ann", 99), one("ben", 101)])]
    [('ben', 100.0), ('ann', -100.0)]
    """
    by_signal: dict[Signalled, list[Execution]] = defaultdict(list)
    for each in executed:
        by_signal[each.signal].append(each)
    found: dict[AccountId, list[tuple[Decimal, Decimal]]] = defaultdict(list)
    for signal, together in by_signal.items():
        if len({each.account for each in together}) < 2:
            continue
        average = sum(each.notional for each in together) / sum((each.quantity for each in together), Decimal(0))
        sign = 1 if signal[3] is Side.BUY else -1
        for each in together:
            found[each.account].append((each.notional, sign * (each.price - average) / average * BP))
    rows = [_row(account, parts) for account, parts in found.items()]
    return sorted(rows, key=lambda row: (-row.average_bp, row.account))


def _row(account: AccountId, parts: Sequence[tuple[Decimal, Decimal]]) -> Slippage:
    notional = sum((each for each, _ in parts), Decimal(0))
    average = sum((each * worse for each, worse in parts), Decimal(0)) / notional
    worst = max(worse for _, worse in parts)
    return Slippage(
        account=account, signals=len(parts), notional=notional, average_bp=float(average), worst_bp=float(worst)
    )
