"""Every indicator there is, from their own table: its lines as expressions over parameters of their own."""

from __future__ import annotations

from math import floor

from tradepool.core.graph.expr import Expr, Number, parameter
from tradepool.core.indicators.page import Argument, Page, pages

LONGEST = 60
USUAL = 14


def varied(page: Page, argument: Argument) -> Number:
    """A parameter for an argument, around its default and within its limits."""
    assert argument.limits is not None
    name, (low, high) = f"{page.name}_{argument.name}", argument.limits
    if argument.is_whole:
        default = argument.default if isinstance(argument.default, int) else USUAL
        return parameter(name, min(default, LONGEST), int(low), min(int(high), LONGEST), 1)
    assert isinstance(argument.default, float)
    step = argument.default / 4.0
    return parameter(name, argument.default, low, low + step * floor((min(high, 16 * step) - low) / step), step)


def lines(page: Page) -> dict[str, Expr]:
    """An indicator's lines by name, with a parameter for each argument that may be one."""
    found = page.lines(**{item.name: varied(page, item) for item in page.arguments if item.may_vary})
    return {name if name == page.name else f"{page.name} {name}": line for name, line in found.items()}


PAGES = pages()
LINES: dict[str, dict[str, Expr]] = {name: lines(page) for name, page in PAGES.items()}
INDICATORS: dict[str, Expr] = {name: line for each in LINES.values() for name, line in each.items()}


def usual(page: Page) -> dict[str, Expr]:
    """An indicator's lines by name with its default parameters, what has none being USUAL."""
    given = {item.name: USUAL for item in page.arguments if item.is_required}
    return {name if name == page.name else f"{page.name} {name}": line for name, line in page.lines(**given).items()}


USUAL_LINES: dict[str, Expr] = {name: line for page in PAGES.values() for name, line in usual(page).items()}
