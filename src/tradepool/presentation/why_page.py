"""How `why` is said: the conditions of an entry as a table, the last signals, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tradepool.domain.denial import Denial, sentence_of
from tradepool.presentation.formats import money, percent


class ConditionRow(msgspec.Struct, frozen=True):
    """A condition, `depth` levels inside the entry; `missing` is how far `value` is from `limit`, in their own unit.

    It has been so for `bars` bars. Numbers are null where there are none.
    """

    depth: int
    condition: str
    holds: bool
    value: float | None
    limit: float | None
    missing: float | None
    bars: int


class PastSignal(msgspec.Struct, frozen=True):
    """A signal to enter, and what became of it: the change of the price, as a share, so many bars later, and the trade.

    `change` is null where so many bars have not come; `outcome` is an exit reason, `open`, a refusal, or `no trade`.
    """

    time: str
    price: float
    confidence: float
    reason: str
    change: float | None
    outcome: str
    pnl: str | None


class WhyJson(msgspec.Struct, frozen=True):
    """What `why` prints for one strategy; `level` is 1 while it holds, and it would enter now where `enters` is true."""

    strategy: str
    market: str
    timeframe: str
    time: str
    close: float
    level: float
    enters: bool
    confidence: float
    reason: str
    conditions: list[ConditionRow]
    after_bars: int
    signals: list[PastSignal]


class AllWhyJson(msgspec.Struct, frozen=True):
    """What `why` prints."""

    schema: int
    strategies: list[WhyJson]


def why_page(found: Sequence[WhyJson]) -> RenderableType:
    """All strategies, one below the other."""
    return Group(*(part for item in found for part in _one(item)))


def _one(found: WhyJson) -> list[RenderableType]:
    state = "is in" if found.level else "would enter" if found.enters else "is out"
    head = Text.assemble(
        (found.strategy, "bold"),
        f" {state} on {found.market} {found.timeframe}, {found.time}, close {_number(found.close)}\n",
    )
    if found.reason:
        head.append(f"{found.reason} (confidence {percent(found.confidence)})\n", "dim")
    return [
        head,
        _conditions(found),
        Text(""),
        _signals(found) if found.signals else Text("No signal in these candles.", "dim"),
        *(Text(f"{word.replace('_', ' ')}: {sentence_of(word)}", "dim") for word in _refused(found)),
        Text(""),
    ]


def _refused(found: WhyJson) -> list[str]:
    """The words by which signals of these candles were refused."""
    return sorted({row.outcome for row in found.signals} & {denial.value for denial in Denial})


def _conditions(found: WhyJson) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("to enter", overflow="fold")
    for name in ("", "now", "limit", "missing", "since"):
        table.add_column(name, justify="right" if name else "left")
    for row in found.conditions:
        table.add_row(
            Text("  " * row.depth + row.condition),
            Text("yes", "green") if row.holds else Text("no", "red"),
            _number(row.value),
            _number(row.limit),
            "" if row.missing is None else "to cross" if row.missing == 0.0 else _number(row.missing),
            f"{row.bars} bars",
        )
    return table


def _signals(found: WhyJson) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("signal", "price", f"after {found.after_bars} bars", "what became of it", "pnl"):
        table.add_column(name, justify="left" if name in ("signal", "what became of it") else "right")
    table.add_column("why", overflow="fold")
    for row in found.signals:
        gain = "" if row.pnl is None else money(Decimal(row.pnl), signed=True)
        change = "" if row.change is None else percent(row.change, signed=True)
        table.add_row(row.time, _number(row.price), change, row.outcome.replace("_", " "), gain, row.reason)
    return table


def _number(value: float | None) -> str:
    """Six digits.

    >>> _number(60123.456), _number(0.00001234), _number(None)
    ('60123.5', '1.234e-05', '')
    """
    return "" if value is None else f"{value:.6g}"
