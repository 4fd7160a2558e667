"""The manual of the indicators, made of their pages and graphs: nothing in it is written twice."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping

from tradepool.core.graph.expr import Boolean, Expr, Number, defaults, walk
from tradepool.core.graph.units import unit_name
from tradepool.core.indicators.page import Argument, Page
from tradepool.core.strategies.cost import SIGNAL_OPERATIONS, operations_a_bar

_HEAD = """# Indicators

Made by `scripts/write_indicators.py` from the indicators' own pages; a test holds it to them. Each is a file of
`src/tradepool/core/indicators/`, a word of the strategy texts, and a function of Python with the same arguments.

Look-back and warm-up are in bars, with the default parameters ({usual} where there is none). After the warm-up a later
start gives the same bits as an earlier one; `from the first bar` means that only the same first bar does. Cost is in
operations a bar, an addition being one. Constant bars are bars whose prices and volume are all the same number.
"""
_USUAL = 14


def manual(pages: Mapping[str, Page]) -> str:
    """The whole page in Markdown: a table of contents by group, then a section for each indicator."""
    groups: dict[str, list[Page]] = {}
    for page in pages.values():
        groups.setdefault(page.group, []).append(page)
    lines = [_HEAD.format(usual=_USUAL)]
    for group, members in groups.items():
        lines.append(f"- **{group}**: " + ", ".join(f"[{page.name}](#{page.name})" for page in members))
    for group, members in groups.items():
        lines += ["", f"## {group.capitalize()}"]
        for page in members:
            lines += ["", *section(page)]
    return "\n".join(lines) + "\n"


def section(page: Page) -> Iterator[str]:
    """One indicator: what it says, what it takes, what it gives."""
    made = page.lines(**{item.name: _USUAL for item in page.arguments if item.is_required})
    says, _, example = (inspect.getdoc(page.call) or "").partition("\n>>> ")
    yield f"### {page.name}"
    yield f"{page.title} ({page.source}). {' '.join(says.split())}"
    yield ""
    yield f"- inputs: {', '.join(_inputs(made))}"
    for item in page.arguments:
        yield f"- parameter `{item.name}`: {_argument(item)}"
    spans, flats = (part if len(part) > 1 else part * len(made) for part in (page.span, page.flat))
    for (name, line), span, flat in zip(made.items(), spans, flats, strict=True):
        yield f"- output `{name}`: {_unit(line)}, {span}; of constant bars {flat}; {_bars(line)}"
    cost = operations_a_bar(tuple(made.values()), defaults(*made.values())) - SIGNAL_OPERATIONS
    twin = f"TA-Lib's {page.twin.replace(' ', ', ')}" if page.twin else "none"
    yield f"- cost: {cost}; twin: {twin}"
    yield f"- example: `{example.splitlines()[0]}` is `{example.splitlines()[1]}`"


def _inputs(made: Mapping[str, Expr]) -> list[str]:
    nodes = walk(*made.values())
    return sorted({str(node.value) for node in nodes if node.op == "input"} | {node.op for node in nodes} & {"session"})


def _argument(item: Argument) -> str:
    kind = "a condition" if item.kind == "Boolean" else "a number of every bar" if item.kind == "Number" else "a text"
    if item.limits is not None:
        kind = f"{'a whole number' if item.is_whole else 'a number'} from {item.limits[0]:g} to {item.limits[1]:g}"
        kind += "" if item.may_vary else ", fixed"
    if isinstance(item.default, Boolean) and item.default.op == "session":
        return f"{kind}; default `session({item.default.value!r})`"
    shown = item.default if isinstance(item.default, Number | Boolean | int | float) else f'"{item.default}"'
    return f"{kind}; must be given" if item.is_required else f"{kind}; default `{shown}`"


def _unit(line: Expr) -> str:
    return "true or false" if isinstance(line, Boolean) else unit_name(line.unit)


def _bars(line: Expr) -> str:
    warm_up = "from the first bar" if line.warm_up is None else line.warm_up
    return f"look-back {line.lookback}, warm-up {warm_up}"
