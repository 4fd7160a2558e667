"""One account's wallet histories through ccxt: deposits, withdrawals, transfers, dividends, swept dust. Reading only.

Every history shows the newest rows of a span of time, so many at once: what a full page did not show is asked for up to
its oldest row. A venue without such histories tells nothing, and its flows are unexplained.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tradepool.adapters.exchanges import flow_rows
from tradepool.adapters.exchanges.ask import Ask
from tradepool.adapters.exchanges.flow_rows import Read, Row, Rows, one
from tradepool.domain.flow import FlowSeen

# The longest span every history takes.
SPAN_MS = 90 * 86_400_000 - 1
# Wallets of the same account, between which and the spot wallet money moves.
WALLETS = ("FUNDING", "UMFUTURE", "CMFUTURE", "MARGIN", "OPTION")

Method = Callable[[Mapping[str, object]], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """One list: how it is asked for, how many rows a page has, where they are in an answer, what a row says, when it was,
    and how exactly that is told."""

    method: str
    read: Read
    page: int
    time: Callable[[Row], int]
    words: Mapping[str, object]
    rows: str = ""
    grain_ms: int = 1


def _transfers(way: str) -> _History:
    return _History(
        method="sapiGetAssetTransfer",
        read=one(flow_rows.transfer_from),
        page=100,
        time=lambda row: int(row["timestamp"]),
        words={"type": way, "size": 100},
        rows="rows",
    )


BINANCE = (
    _History(
        method="sapiGetCapitalDepositHisrec",
        read=one(flow_rows.deposit_from),
        page=1_000,
        time=lambda row: int(row["insertTime"]),
        words={"limit": 1_000},
    ),
    _History(
        method="sapiGetCapitalWithdrawHistory",
        read=one(flow_rows.withdrawal_from),
        page=1_000,
        time=flow_rows.time_of_withdrawal,
        grain_ms=1_000,
        words={"limit": 1_000},
    ),
    *(_transfers(way) for wallet in WALLETS for way in (f"MAIN_{wallet}", f"{wallet}_MAIN")),
    _History(
        method="sapiGetAssetAssetDividend",
        read=one(flow_rows.dividend_from),
        page=500,
        time=lambda row: int(row["divTime"]),
        words={"limit": 500},
        rows="rows",
    ),
    _History(
        method="sapiGetAssetDribblet",
        read=flow_rows.sweeps_from,
        page=100,
        time=lambda row: int(row["operateTime"]),
        words={},
        rows="userAssetDribblets",
    ),
)
HISTORIES: Mapping[str, tuple[_History, ...]] = {"binance": BINANCE}


async def flows_since(client: Any, ask: Ask, since_ms: int, now_ms: int) -> list[FlowSeen]:
    """Every flow of an account from a time on, the oldest first; VenueError."""
    found = dict[str, FlowSeen]()
    for history in HISTORIES.get(client.id, ()):
        method = getattr(client, history.method)
        start_ms = max(0, since_ms)
        while start_ms <= now_ms:
            end_ms = min(start_ms + SPAN_MS, now_ms)
            for row_flow in await _span(method, ask, history, start_ms, end_ms):
                found.setdefault(row_flow.key, row_flow)
            start_ms = end_ms + 1
    return sorted(found.values(), key=lambda flow: (flow.time_ms, flow.key))


async def _span(method: Method, ask: Ask, history: _History, start_ms: int, end_ms: int) -> list[FlowSeen]:
    """All of one history between two times."""
    seen, found = set[str](), list[FlowSeen]()
    while end_ms >= start_ms:
        asked = method({**history.words, "startTime": start_ms, "endTime": end_ms})
        rows = await ask("history of flows", asked, lambda answer: _rows(answer, history))
        fresh = [row for row in rows if row[0] not in seen]
        seen.update(text for text, _, _ in fresh)
        found += [flow for _, _, flows in fresh for flow in flows]
        if len(rows) < history.page:
            break
        oldest_ms = min(time_ms for _, time_ms, _ in rows)
        # Rows as old as the oldest may be missing: they are asked for again, unless that brought nothing new.
        end_ms = min(end_ms, oldest_ms + history.grain_ms - 1) if fresh else oldest_ms - 1
    return found


def _rows(answer: Any, history: _History) -> list[tuple[str, int, Sequence[FlowSeen]]]:
    """Each row as its text, its time and what it says; none where the answer has no list, as an empty one may lack it."""
    rows: Rows = answer.get(history.rows, []) if history.rows else answer
    return [(repr(row), history.time(row), history.read(row)) for row in rows]
