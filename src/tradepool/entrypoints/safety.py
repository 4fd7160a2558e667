"""How an account stands: what its positions lack, which orders nobody answered, how its books differ from the venue."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

import msgspec

from tradepool.adapters.database.books import DatabaseBooks
from tradepool.core.account import account_step as step
from tradepool.core.account.account import Account
from tradepool.core.ledger.trial_balance import ledger_minus_venue, trial_balance
from tradepool.domain.balance import Balance
from tradepool.domain.deployment import Halt, Mode
from tradepool.domain.ids import ClientOrderId
from tradepool.domain.suspended import Suspended
from tradepool.entrypoints.deployment import Seated
from tradepool.presentation.formats import iso, plain
from tradepool.presentation.status_page import AccountSafety, HaltRow, SuspensionRow
from tradepool.services.alarms import ANSWER_MS

# Data is old when two candles and this long have passed.
GRACE_S = 10.0


def age_max_s(timeframe_ms: int) -> float:
    """How old market data may be, in seconds."""
    return 2 * timeframe_ms / 1_000 + GRACE_S


def unprotected(account: Account, resting: Collection[ClientOrderId] | None = None) -> list[str]:
    """Markets on which a position that has a stop level, and is large enough to be sold there, has no stop in the book, or
    one for a share of it.

    `resting` are the orders that the venue was just seen to hold; None believes the account's own books.
    """
    naked = []
    for slot in account.slots.values():
        if not slot.held or slot.row[step.STOP] <= 0 or not slot.sellable(slot.steps(), slot.row[step.STOP]):
            continue
        rests = slot.row[step.RESTING] if resting is None else slot.stops and set(slot.stops) <= set(resting)
        if slot.exit is None and (not rests or slot.bare(account.orders)):
            naked.append(str(slot.market.id))
    return naked


def unanswered(account: Account, now_ms: int) -> list[str]:
    """Orders that were decided ANSWER_MS ago and that the venue has said nothing to."""
    return [order.client_order_id for order in account.unanswered() if order.time_ms < now_ms - ANSWER_MS]


def entering(account: Account) -> dict[str, str]:
    """Markets with an entry whose end the venue has not told, with its name: it may not be there yet, rest, or fill."""
    orders = [order.request for order in account.orders.values()]
    return {str(request.market): request.client_order_id for request in orders if request.adds_risk}


def may_fill(market: str, entry: str) -> str:
    """What it means for who wants to be flat."""
    return f"{market}: entry {entry} may still fill"


def foreign_words(account: Account) -> str:
    """Whose order keeps entries off, "" where none does."""
    other = account.foreign
    return "" if other is None else f"nothing is entered: order {other.name} on {other.market} is somebody else's"


def safety_of(
    seat: Seated,
    mode: Mode,
    account: Account,
    books: DatabaseBooks,
    now_ms: int,
    balances: Sequence[Balance] | None,
    resting: Collection[ClientOrderId] | None = None,
    *,
    stopped: str = "",
    why: str = "",
    streamless_s: int = 0,
    unpriced: str = "",
) -> AccountSafety:
    """One account's row; without balances it was not compared, for that reason."""
    return AccountSafety(
        account=seat.account_id,
        user=seat.user.id,
        mandate=seat.mandate.id,
        mode=mode,
        positions=[str(slot.market.id) for slot in account.slots.values() if slot.held],
        unprotected=unprotected(account, resting),
        unsellable=[str(s.market.id) for s in account.slots.values() if s.held and s.row[step.UNSELLABLE]],
        unknown_orders=unanswered(account, now_ms),
        difference=None if balances is None else _difference(seat, books, balances),
        stopped=stopped or str(seat.unled or ""),
        off=seat.off,
        why=why,
        quarantine=account.flows.quarantine,
        stopless=[str(s.market.id) for s in account.slots.values() if s.held and not s.row[step.STOP] and s.steps()],
        foreign=foreign_words(account),
        streamless_s=streamless_s,
        entries=entering(account),
        unpriced=unpriced,
        watched_targets=[str(s.market.id) for s in account.slots.values() if s.awaits_target(account.orders)],
    )


def not_seen(seat: Seated, mode: Mode, why: str, stopped: str = "") -> AccountSafety:
    """The row of an account that could not even be looked at, or was never started."""
    return AccountSafety(
        account=seat.account_id,
        user=seat.user.id,
        mandate=seat.mandate.id,
        mode=mode,
        positions=[],
        unprotected=[],
        unsellable=[],
        unknown_orders=[],
        difference=None,
        stopped=stopped or str(seat.unled or ""),
        off=seat.off,
        why=why,
    )


def _difference(seat: Seated, books: DatabaseBooks, balances: Sequence[Balance]) -> dict[str, str]:
    totals = trial_balance(books.transfers(seat.account_id))
    off: dict[str, Decimal] = ledger_minus_venue(totals, balances)
    return {asset: plain(amount) for asset, amount in off.items() if amount}


def halt_rows(halts: Sequence[Halt]) -> list[HaltRow]:
    """Halts as they are shown."""
    return [HaltRow(scope=str(h.scope), since=iso(h.since_ms), by=h.by, reason=h.reason) for h in halts]


def suspension_rows(rows: Sequence[Suspended]) -> list[SuspensionRow]:
    """Suspensions as they are shown."""
    return [
        SuspensionRow(
            kind=row.kind.value,
            name=row.name,
            since=iso(row.since_ms),
            until=None if row.for_ever else iso(row.until_ms),
            by=row.by,
            reason=row.reason or row.trouble,
        )
        for row in rows
    ]


def lasting(first: AccountSafety, again: AccountSafety) -> AccountSafety:
    """What is still so a moment later: an order that was on its way in one of two looks is no worry."""
    return msgspec.structs.replace(
        again,
        unprotected=[market for market in again.unprotected if market in first.unprotected],
        unknown_orders=[name for name in again.unknown_orders if name in first.unknown_orders],
        difference={} if first.difference == {} else again.difference,
    )
