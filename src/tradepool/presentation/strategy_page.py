"""How a strategy is shown: its rules and parameters for its user, its step for whoever wants to know exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """A parameter: its value when none is given, its range and the steps of it that are worth trying."""

    name: str
    default: float
    low: float
    high: float
    step: float


@dataclass(frozen=True, slots=True)
class ListedStrategy:
    """A strategy that can be had under a name, from where, and why it cannot be used (empty: it can)."""

    name: str
    summary: str
    origin: str
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyPage:
    """Everything that is shown of a strategy. Look-back as a formula of its parameters and in bars at their defaults.

    `rules` are its expressions as Python has them, cut to a line; `text` is a text's own, whole, as the grammar takes it.
    """

    name: str
    version: int
    summary: str
    origin: str
    text: str
    parameters: Sequence[ParameterRow]
    rules: Mapping[str, str]
    source: str
    legend: Mapping[str, str]
    state_rows: Sequence[str]
    lookback: str
    lookback_bars: int
    warm_up_bars: int | None
    operations_a_bar: int


def strategy_table(rows: Sequence[ListedStrategy]) -> RenderableType:
    """Names, summaries and origins; then, a line each, what cannot be used and why."""
    table = Table.grid(padding=(0, 3))
    for _ in ("name", "summary", "origin"):
        table.add_column(overflow="fold")
    for row in rows:
        if not row.fault:
            table.add_row(Text(row.name, "bold"), Text(row.summary), Text(row.origin, "dim"))
    faults = [Text(f"{row.name} ({row.origin}) is unusable: {row.fault}", "red") for row in rows if row.fault]
    return Group(table, *faults)


def strategy_page(page: StrategyPage) -> RenderableType:
    """The whole page."""
    rules = [(Text(what, "dim"), Text(rule)) for what, rule in page.rules.items()]
    legend = [(Text(name, "cyan"), Text(meaning)) for name, meaning in page.legend.items()]
    state = [(Text(index, "dim"), Text(row)) for index, row in _folded(page.state_rows)]
    needs = (
        f"first signal after {page.lookback_bars} earlier bars ({page.lookback});"
        f" a later start gives the same bits"
        f" {'never' if page.warm_up_bars is None else f'after {page.warm_up_bars} bars'};"
        f" about {page.operations_a_bar} operations a bar, {len(page.state_rows)} numbers of state"
    )
    return Group(
        Text.assemble((page.name, "bold"), f"  version {page.version}  ", (page.origin, "dim"), f"\n{page.summary}"),
        *_section("Rules", Text(page.text) if page.text else _grid(rules)),
        *_section("Parameters (--param name=value)", _parameters(page.parameters)),
        *_section("Warm-up and cost", Text(needs)),
        *_section("Step (the same text runs in plain Python and, compiled, everywhere else)", Text(page.source)),
        *_section("Names in the step", _grid(legend)),
        *_section("State row (all zero before the first bar)", _grid(state)),
    )


def _section(title: str, content: RenderableType) -> list[RenderableType]:
    return [Text(f"\n{title}", "bold"), content]


def _parameters(rows: Sequence[ParameterRow]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("name", "default", "range", "step"):
        table.add_column(name)
    for row in rows:
        table.add_row(Text(row.name, "cyan"), f"{row.default}", f"{row.low} to {row.high}", f"{row.step}")
    return table


def _folded(rows: Sequence[str]) -> list[tuple[str, str]]:
    """State rows with their numbers; the values of one ring as one row.

    >>> _folded(["bars seen", "ring[0]", "ring[1]", "ring[2]"])
    [('0', 'bars seen'), ('1-3', 'ring[0] to [2]')]
    """
    folded: list[tuple[str, str]] = []
    first = 0
    for index, row in enumerate(rows):
        name, bracket, place = row.rpartition("[")
        following = rows[index + 1] if index + 1 < len(rows) else ""
        if not (bracket and place[:-1].isdigit()):
            folded.append((str(index), row))
        else:
            first = index if place == "0]" else first
            if following != f"{name}[{int(place[:-1]) + 1}]":
                folded.append((f"{first}-{index}", f"{name}[0] to [{place}"))
    return folded


def _grid(rows: Sequence[tuple[Text, ...]]) -> Table:
    table = Table.grid(padding=(0, 3))
    for row in rows:
        table.add_row(*row)
    return table
