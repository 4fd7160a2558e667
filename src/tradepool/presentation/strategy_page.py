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


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyPage:
    """Everything that is shown of a strategy. Look-back as a formula of its parameters and in bars at their defaults."""

    name: str
    version: int
    summary: str
    parameters: Sequence[ParameterRow]
    rules: Mapping[str, str]
    source: str
    legend: Mapping[str, str]
    state_rows: Sequence[str]
    lookback: str
    lookback_bars: int
    warm_up_bars: int | None


def strategy_table(summaries: Mapping[str, str]) -> RenderableType:
    """Names and summaries."""
    return _grid([(Text(name, "bold"), text) for name, text in summaries.items()])


def strategy_page(page: StrategyPage) -> RenderableType:
    """The whole page."""
    rules = [(Text(what, "dim"), Text(rule)) for what, rule in page.rules.items() if rule != "0.0"]
    legend = [(Text(name, "cyan"), Text(meaning)) for name, meaning in page.legend.items()]
    state = [(Text(str(index), "dim"), Text(row)) for index, row in enumerate(page.state_rows)]
    needs = (
        f"first signal after {page.lookback_bars} earlier bars ({page.lookback});"
        f" a later start gives the same bits"
        f" {'never' if page.warm_up_bars is None else f'after {page.warm_up_bars} bars'}"
    )
    return Group(
        Text.assemble((page.name, "bold"), f"  version {page.version}\n{page.summary}"),
        *_section("Rules", _grid(rules)),
        *_section("Parameters (--param name=value)", _parameters(page.parameters)),
        *_section("Warm-up", Text(needs)),
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


def _grid(rows: Sequence[tuple[Text, str | Text]]) -> Table:
    table = Table.grid(padding=(0, 3))
    for row in rows:
        table.add_row(*row)
    return table
