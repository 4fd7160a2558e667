"""From a graph of expressions to the source of one step.

A step loads its state row into locals, walks bars `i0` to `i1 - 1`, and stores the row again: one bar, a chunk, or a
whole series give the same bits. Three forms share one loop: `market_step` writes a market row per bar, `fused_step`
hands the same numbers to lines of the caller inside the loop, `series_step` writes the values of chosen expressions.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tradepool.core.graph.expr import Boolean, Expr, Number, constant, parameters, walk
from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.primitives import BLOCK, WRITE
from tradepool.core.graph.program import NameClash, Program
from tradepool.core.graph.span import NONE, Span
from tradepool.core.graph.writer import BAR, Writer, indented

# Columns of a market row. Exposures are levels, -1, 0 or 1; distances are in units of price, 0 = none. Targets are not
# among them: only fused steps read them so far.
EXPOSURE = 0
PREVIOUS_EXPOSURE = 1
STOP_DISTANCE = 2
TRAIL_DISTANCE = 3
TRAIL_STEP = 4
COLUMNS = 5

MARKET_ARGUMENTS = (
    "state: Floats",
    "parameters: Floats",
    "open_: Floats",
    "high: Floats",
    "low: Floats",
    "close: Floats",
    "volume: Floats",
    "clock: Ints",
    "i0: int",
    "i1: int",
)
_OUTPUTS = "outputs: Floats"
_DISTANCES = ("stop_distance", "trail_distance", "trail_step", "first_target", "second_target")
_SHARE = "target_share"
_ZERO = constant(0.0)
_ONE = constant(1.0)

# A distance leaves the market part only as a finite positive number of price units; nan compares as false.
_AS_DISTANCE = """def as_distance(value: float) -> float:
    return value if 0.0 < value <= 1.7976931348623157e308 else 0.0"""

_ELEMENTWISE = {
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "divide({}, {})",
    "negate": "-{}",
    "less": "{} < {}",
    "less_equal": "{} <= {}",
    "greater": "{} > {}",
    "greater_equal": "{} >= {}",
    "and": "{} and {}",
    "or": "{} or {}",
    "not": "not {}",
    "maximum": "maximum({}, {})",
    "minimum": "minimum({}, {})",
    "absolute": "absolute({})",
    "square_root": "square_root({})",
    "where": "where({}, {}, {})",
}
_INPUTS = {"open": "open_", "high": "high", "low": "low", "close": "close", "volume": "volume"}


@dataclass(frozen=True, slots=True)
class Graph:
    """What the market part of a strategy computes: when to hold, and how far away its protections and targets are.

    `enter` raises the exposure to 1, `enter_short` lowers it to -1 and turns a long at once; `exit` and `exit_short`
    clear the level of their side and win over its entry; both entries at once say nothing. Distances are in price
    units, zero means none. `target_share` is the share of a position sold at the first target.
    """

    enter: Boolean
    exit: Boolean
    stop_distance: Number
    trail_distance: Number
    trail_step: Number
    first_target: Number = _ZERO
    second_target: Number = _ZERO
    target_share: Number = _ONE
    enter_short: Boolean | None = None
    exit_short: Boolean | None = None

    @property
    def distances(self) -> tuple[Number, ...]:
        """Stop, trail, trail step, first and second target."""
        return (self.stop_distance, self.trail_distance, self.trail_step, self.first_target, self.second_target)

    @property
    def roots(self) -> tuple[Expr, ...]:
        """All expressions, in the order in which their parameters are numbered."""
        shorts = tuple(side for side in (self.enter_short, self.exit_short) if side is not None)
        return (self.enter, self.exit, *self.distances, self.target_share, *shorts)


@dataclass(frozen=True)
class StepSource:
    """A step as readable text, and what is needed to run it.

    `state_rows` names every float of the state row (all zero at the start), `parameters` every float of the parameter
    row, `legend` says what each identifier of the text stands for.
    """

    name: str
    text: str
    legend: Mapping[str, str]
    state_rows: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    first_valid: Span
    settled: Span

    @property
    def state_size(self) -> int:
        """Floats in the state row."""
        return len(self.state_rows)

    @cached_property
    def program(self) -> Program:
        """The text as a program; join it with others by `+` (theirs first, if this one calls them)."""
        return Program.of_text(self.text)

    def lookback(self, values: Mapping[str, float]) -> int:
        """Earlier bars needed before everything has a value."""
        return self.first_valid.at(values)

    def warm_up(self, values: Mapping[str, float]) -> int:
        """Bars after which a later start gives the same bits as an earlier one (but for the exposure, a level)."""
        return self.settled.at(values)


def market_step(graph: Graph) -> StepSource:
    """The step of a strategy: for each bar it writes EXPOSURE ... TRAIL_STEP at `outputs[(i - i0) * COLUMNS]`.

    >>> from tradepool.core.graph.expr import close, constant, open_
    >>> step = market_step(Graph(close > open_, close < open_, close * 0.02, constant(0), constant(0)))
    >>> step.state_rows, step.lookback({})
    (('bars seen', 'exposure'), 0)
    """
    columns = ("exposure", "previous_exposure", "stop_distance", "trail_distance", "trail_step")
    write = [f"outputs[(i - i0) * {COLUMNS} + {index}] = {name}" for index, name in enumerate(columns)]
    return fused_step(graph, "market_step", [_OUTPUTS], [], write)


def fused_step(
    graph: Graph,
    name: str,
    extra_arguments: Sequence[str],
    before: Sequence[str],
    after: Sequence[str],
    start: Sequence[str] = (),
    finish: Sequence[str] = (),
) -> StepSource:
    """The same step with lines of the caller in its loop, in the dialect: `before` and `after` the market part of bar i.

    `extra_arguments` (such as "account: Ints") follow the market arguments; `start` and `finish` run once a call. In
    `before` the locals exposure, previous_exposure, stop_distance, trail_distance and trail_step still hold the bar
    before (distances: 0.0 at the first bar of a call), in `after` this one's. Raises NameClash if the lines use a name
    of the step's own.
    """
    writer = Writer(parameters(*graph.roots))
    begin_loop(writer)
    writer.state("exposure", "exposure")
    writer.before += [f"{local} = 0.0" for local in ("previous_exposure", *_DISTANCES, _SHARE)]
    write_nodes(writer, *graph.roots)
    write_signal(writer, graph)
    refuse_clashes(writer, extra_arguments, [*before, *after, *start, *finish])
    writer.before += start
    text = assemble(writer, name, extra_arguments, before, after, finish)
    return source(writer, name, f"{_AS_DISTANCE}\n\n\n{text}", graph.roots)


def series_step(expressions: Sequence[Expr]) -> StepSource:
    """A step that writes the value of each expression at `outputs[(i - i0) * len(expressions) + column]`.

    A condition is 1.0 or 0.0; what has no value yet is nan.
    """
    writer = Writer(parameters(*expressions))
    begin_loop(writer)
    write_nodes(writer, *expressions)
    nan = writer.hoist("divide(0.0, 0.0)")
    after = []
    for column, expr in enumerate(expressions):
        atom = writer.atom(expr)
        value = f"where({atom}, 1.0, 0.0)" if isinstance(expr, Boolean) else atom
        valid = f"{BAR} >= {writer.span(expr.first_valid)}"
        after.append(f"outputs[(i - i0) * {len(expressions)} + {column}] = {value} if {valid} else {nan}")
    text = assemble(writer, "series_step", [_OUTPUTS], [], after, [])
    return source(writer, "series_step", text, expressions)


def begin_loop(writer: Writer) -> None:
    """The counter every step keeps."""
    writer.state("bars seen", BAR, kind="int")


def write_nodes(writer: Writer, *roots: Expr) -> None:
    """Write every node under the roots once, operands first."""
    for expr in walk(*roots):
        if expr.op in WRITE:
            writer.keep(expr, WRITE[expr.op](writer, expr))
        elif expr.op in _ELEMENTWISE:
            text = _ELEMENTWISE[expr.op].format(*(writer.atom(arg) for arg in expr.args))
            writer.keep(expr, writer.local(text, expr))
        elif expr.op == "input":
            writer.keep(expr, writer.local(f"{_INPUTS[str(expr.value)]}[i]", expr))
        elif isinstance(expr.value, Parameter):
            writer.keep(expr, writer.whole(expr))
        else:
            writer.keep(expr, repr(expr.value))


def write_signal(writer: Writer, graph: Graph) -> None:
    """The level, flat until everything a position needs is valid, and the distances; a distance of zero has no line."""
    ready = writer.span(_first_valid(graph.roots))
    decide = _level(writer, graph)
    writer.bar.append("previous_exposure = exposure")
    writer.bar += decide if ready == "0" else [f"if {BAR} >= {ready}:", *indented(decide)]
    for name, expr in zip((*_DISTANCES, _SHARE), (*graph.distances, graph.target_share), strict=True):
        if expr is _ZERO or (name == _SHARE and graph.first_target is _ZERO):
            continue
        value = f"as_distance({writer.atom(expr)})"
        value = f"minimum({value}, 1.0)" if name == _SHARE else value
        valid = writer.span(expr.first_valid)
        writer.bar.append(f"{name} = {value}" if valid == "0" else f"{name} = {value} if {BAR} >= {valid} else 0.0")


def _level(writer: Writer, graph: Graph) -> list[str]:
    enter, leave = writer.atom(graph.enter), writer.atom(graph.exit)
    if graph.enter_short is None or graph.exit_short is None:
        return [f"if {leave}:", "    exposure = 0.0", f"elif {enter}:", "    exposure = 1.0"]
    enter_short, leave_short = writer.atom(graph.enter_short), writer.atom(graph.exit_short)
    return [
        f"goes_long = {enter} and not {leave}",
        f"goes_short = {enter_short} and not {leave_short}",
        "if goes_long != goes_short:",
        "    exposure = where(goes_long, 1.0, -1.0)",
        f"elif (exposure > 0.0 and {leave}) or (exposure < 0.0 and {leave_short}):",
        "    exposure = 0.0",
    ]


def refuse_clashes(writer: Writer, extra_arguments: Sequence[str], lines: Sequence[str]) -> None:
    """Raise NameClash if the caller's lines or arguments would take a name of the step's own."""
    own = {*writer.legend, "now", "block", "anchored", "i", *(item.split(":")[0] for item in MARKET_ARGUMENTS)}
    own |= {line.split(" = ")[0].strip() for line in (*writer.before, *writer.bar)}
    taken = {argument.split(":")[0].strip() for argument in extra_arguments}
    for line in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(line, ast.Name) and isinstance(line.ctx, ast.Store):
            taken.add(line.id)
    if clashes := sorted(own & taken):
        raise NameClash(name=", ".join(clashes), first="the step's own local", second="the lines around it")


def assemble(
    writer: Writer,
    name: str,
    extra_arguments: Sequence[str],
    before: Sequence[str],
    after: Sequence[str],
    finish: Sequence[str],
) -> str:
    """Put the pieces together as one function."""
    anchor = []
    if writer.uses_blocks:
        block = writer.state("block of the bar before", "block", kind="int")
        anchor = [f"now = floor_div(clock[i], {BLOCK})", f"anchored = now != {block}", f"{block} = now"]
    # Last first: a value two bars old is taken from one bar old before that one moves on.
    moved = [*reversed(writer.end_of_bar), f"{BAR} += 1"]
    loop = [*before, *anchor, *writer.bar, *after, *moved]
    arguments = ",\n    ".join((*MARKET_ARGUMENTS, *extra_arguments))
    lines = [*writer.before, "for i in range(i0, i1):", *indented(loop), *finish, *writer.after]
    return f"def {name}(\n    {arguments},\n) -> None:\n" + "\n".join(indented(lines))


def source(writer: Writer, name: str, text: str, roots: Sequence[Expr]) -> StepSource:
    """What the writer has collected, with the text."""
    settled = NONE
    for root in roots:
        settled = settled | root.settled
    rows = tuple(writer.rows)
    return StepSource(name, text, dict(writer.legend), rows, writer.parameters, _first_valid(roots), settled)


def _first_valid(roots: Sequence[Expr]) -> Span:
    span = NONE
    for root in roots:
        span = span | root.first_valid
    return span
