"""What is looked at before a mandate may go a rung farther: each line with what was found and what is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.core.account.account import Account
from tradepool.core.risk.key_rights import check_rights, warnings_of
from tradepool.domain.deployment import Halt, Mode, Promotion
from tradepool.domain.errors import KeyRefused, VenueError
from tradepool.domain.trade import Trade
from tradepool.entrypoints.deployment import Seated
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import RECV_WINDOW_MS, AccountGateway
from tradepool.presentation.formats import iso, plain
from tradepool.presentation.mandates_page import CheckRow
from tradepool.presentation.status_page import AccountSafety

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
PRACTICE_TRADES, PRACTICE_DAYS, SHADOW_HOURS = 10, 3, 24
# So much more than the venue's least order a canary's has to be: it must be sold again after a fall, less fees.
ROOM = Decimal("1.5")


class Facts(msgspec.Struct, frozen=True):
    """What the venue and the account say now; a `why` is the reason that something is not known, or not good."""

    safety: AccountSafety
    key_why: str
    key_warnings: list[str]
    clock_why: str
    least_order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the books say: since when it stands on its rung (None: it has not begun), the trades of its strategy, what
    halts it, where it was practised, and, of a shadow, what its days do not explain."""

    now_ms: int
    since_ms: int | None
    trades: Sequence[Trade]
    halts: Sequence[Halt]
    practised: Promotion | None = None
    unexplained: Sequence[str] = ()


async def facts_now(
    seat: Seated, safety: AccountSafety, account: Account, gateway: AccountGateway, feed: CcxtFeed, clock: Clock
) -> Facts:
    """Ask the venue for the key's rights and its time."""
    key_why, warnings, clock_why = "", list[str](), ""
    try:
        rights = await gateway.rights()
        warnings = warnings_of(rights, clock.now_ms())
        check_rights(rights, account.account.venue, seat.account_id)
    except (KeyRefused, VenueError) as error:
        key_why = str(error)
    try:
        off_ms = (await feed.read_clock()).offset_ms
        clock_why = "" if abs(off_ms) <= RECV_WINDOW_MS // 2 else f"our clock is {off_ms} ms off"
    except VenueError as error:
        clock_why = str(error)
    least = max(slot.market.smallest_sell * slot.market.quote_unit for slot in account.slots.values())
    return Facts(safety, key_why, warnings, clock_why, plain(least))


def checklist(seat: Seated, wanted: Mode, facts: Facts, past: Past) -> list[CheckRow]:
    """The lines before a rung, those that are about it first."""
    before = {
        Mode.SHADOW: lambda: _practised_here(past),
        Mode.CANARY: lambda: _shadowed(seat, facts, past),
        Mode.LIVE: lambda: _canaried(seat, past),
    }[wanted]()
    limits = seat.mandate.limits
    return [
        *before,
        _line("protections", _stops(seat), "its strategy sets no stop", "its strategy sets a stop"),
        _line("daily loss", limits.daily_loss_max is not None, "no limit", "limits.daily_loss_max is set"),
        _line("order size", limits.order_notional_max is not None, "no limit", "limits.order_notional_max is set"),
        _line("key", not facts.key_why, facts.key_why, "it trades and can do nothing else"),
        *([] if wanted is Mode.SHADOW else [_addresses(facts)]),
        _line("clock", not facts.clock_why, facts.clock_why, f"within {RECV_WINDOW_MS // 2} ms of the venue's"),
        _account(facts.safety),
        _halts(seat, past),
    ]


def _line(name: str, ok: bool, found: str, wanted: str) -> CheckRow:
    return CheckRow(name, ok, "as wanted" if ok else found, wanted)


def _practised_here(past: Past) -> list[CheckRow]:
    trades, days = past.trades, _days(past.trades)
    return [
        CheckRow("trades", len(trades) >= PRACTICE_TRADES, str(len(trades)), f"{PRACTICE_TRADES} closed"),
        CheckRow(
            "days", days >= PRACTICE_DAYS, f"{days:.1f}", f"{PRACTICE_DAYS} from the first entry to the last exit"
        ),
    ]


def _shadowed(seat: Seated, facts: Facts, past: Past) -> list[CheckRow]:
    at = past.practised
    least = Decimal(facts.least_order) * ROOM
    return [
        CheckRow(
            "practised",
            at is not None,
            "not found" if at is None else f"as {at.mandate}, until {iso(at.time_ms)}",
            "the same strategy promoted in a practice deployment (--practised its tradepool.toml)",
        ),
        _hours("shadow", SHADOW_HOURS, past),
        CheckRow(
            "differences", not past.unexplained, "; ".join(past.unexplained[:3]) or "none", "none that is unexplained"
        ),
        CheckRow(
            "canary's order",
            seat.cap.order_notional_max >= least,
            plain(seat.cap.order_notional_max),
            f"canary.order_notional_max of {plain(least)} at least: smaller ones can't be sold again",
        ),
    ]


def _canaried(seat: Seated, past: Past) -> list[CheckRow]:
    since = past.since_ms or past.now_ms
    closed = [trade for trade in past.trades if trade.exit_time_ms >= since]
    return [
        _hours("canary", seat.cap.hours_min, past),
        CheckRow("trades", bool(closed), str(len(closed)), "one closed as a canary, at least"),
    ]


def _hours(name: str, least: int, past: Past) -> CheckRow:
    hours = 0.0 if past.since_ms is None else (past.now_ms - past.since_ms) / HOUR_MS
    return CheckRow(f"hours as {name}", hours >= least, f"{hours:.1f}", f"{least} at least")


def _stops(seat: Seated) -> bool:
    exits = seat.strategy.exits
    none = type(exits)()
    return exits.stop_distance is not none.stop_distance or exits.trail_distance is not none.trail_distance


def _addresses(facts: Facts) -> CheckRow:
    return CheckRow("key's list", not facts.key_warnings, "; ".join(facts.key_warnings) or "as wanted", "no warning")


def _account(safety: AccountSafety) -> CheckRow:
    return CheckRow("account", not safety.worries, "; ".join(safety.worries) or "safe", "safe (tradepool status)")


def _halts(seat: Seated, past: Past) -> CheckRow:
    over = [halt for halt in past.halts if any(halt.scope.covers(seat.user.id, m) for m in seat.mandate.markets)]
    return CheckRow("halts", not over, ", ".join(str(halt.scope) for halt in over) or "none", "none")


def _days(trades: Sequence[Trade]) -> float:
    if not trades:
        return 0.0
    return (max(t.exit_time_ms for t in trades) - min(t.entry_time_ms for t in trades)) / DAY_MS
