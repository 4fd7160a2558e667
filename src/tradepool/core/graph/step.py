"""From a graph of expressions to the source of one step.

A step loads its state row into locals, walks bars `i0` to `i1 - 1`, and stores the row again: one bar, a chunk, or a
whole series give the same bits. Three forms share one loop: `market_step` writes a market row per bar, `fused_step`
hands the same numbers to lines of the caller inside the loop, `series_step` writes the values of chosen expressions.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from tradepool.core.compiler.program import NameClash, Program
from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.graph.expr import SCOPES, Boolean, Expr, External, Number, constant, walk
from tradepool.core.graph.lengths import bars_in, longest
from tradepool.core.graph.memory import WRITE
from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.scope import write_scope
from tradepool.core.graph.units import ANY, OPERATIONS, PRICE, WrongUnit, unit_name
from tradepool.core.graph.whole import NEVER, NotAMultiple, Whole, at, largest
from tradepool.core.graph.writer import PRICES, Writer, indented
from tradepool.domain.candle import TIMEFRAMES_MS, timeframe_name

# Columns of a market row. Exposures are levels, -1, 0 or 1; distances are in units of price, 0 = none; a share is of the
# position, a time in ms.
EXPOSURE = 0
PREVIOUS_EXPOSURE = 1
STOP_DISTANCE = 2
TRAIL_DISTANCE = 3
TRAIL_STEP = 4
FIRST_TARGET = 5
SECOND_TARGET = 6
TARGET_SHARE = 7
BREAK_EVEN = 8
HOLD_MS = 9
# A step is the same on every market and for all values of its parameters: written once, not once for each of them.
_STEPS_KEPT = 64
# Wide rows are those of strategies that have targets, break even or leave after a time; the others end with TRAIL_STEP.
NARROW, WIDE = 5, 10

MARKET_ARGUMENTS = (
    "state: Floats",
    "own: Floats",
    "parameters: Floats",
    "swept: Floats",
    "open_: Floats",
    "high: Floats",
    "low: Floats",
    "close: Floats",
    "volume: Floats",
    "clock: Ints",
)
_OTHER_ARGUMENTS = (*(f"{name}{{}}: Floats" for name in PRICES), "clock{}: Ints", "upto{}: Ints")
_OUTPUTS = "outputs: Floats"
_GENERATED = re.compile(r"[a-z]\d+")
_DISTANCES = ("stop_distance", "trail_distance", "trail_step", "first_target", "second_target")
_SHARE = "target_share"
_LATE = ("break_even", "hold_ms")
_ZERO = constant(0.0)
_ONE = constant(1.0)

# A distance leaves the market part only as a finite positive number of price units; nan compares as false.
_AS_DISTANCE = """def as_distance(value: float) -> float:
    return value if 0.0 < value <= 1.7976931348623157e308 else 0.0"""


class TimeframeTooFine(NotAMultiple):
    """In {expression}: bars of {longer} cannot be made of bars of {shorter}; use a whole multiple of {shorter}, or shorter candles."""


@dataclass(frozen=True, slots=True)
class Graph:
    """What the market part of a strategy computes: when to hold, and how far away its protections and targets are.

    `enter` raises the exposure to 1, `enter_short` lowers it to -1 and turns a long at once; `exit` and `exit_short`
    clear the level of their side and win over its entry; both entries at once say nothing. Distances are in price
    units, zero means none. `target_share` is the share of a position sold at the first target, `break_even` the gain
    from which on its stop is at its price, `hold_bars` after how many bars' time it is left; zero means never.
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
    break_even: Number = _ZERO
    hold_bars: Number = _ZERO

    @property
    def distances(self) -> tuple[Number, ...]:
        """Stop, trail, trail step, first and second target."""
        return (self.stop_distance, self.trail_distance, self.trail_step, self.first_target, self.second_target)

    @property
    def columns(self) -> int:
        """Columns of its market rows, NARROW or WIDE."""
        more = (self.first_target, self.second_target, self.break_even, self.hold_bars)
        return NARROW if all(item is _ZERO for item in more) else WIDE

    @property
    def roots(self) -> tuple[Expr, ...]:
        """All expressions, in the order in which their parameters are numbered."""
        shorts = tuple(side for side in (self.enter_short, self.exit_short) if side is not None)
        # Only where they are used: without them a strategy is what it was before there were any.
        late = (self.break_even, self.hold_bars)
        used = late if any(item is not _ZERO for item in late) else ()
        return (self.enter, self.exit, *self.distances, self.target_share, *shorts, *used)


@dataclass(frozen=True)
class StepSource:
    """A step as readable text, and what is needed to run it.

    `state_rows` and `own_rows` name every float of the two memories (all zero at the start), `legend` says what each
    identifier of the text stands for. What depends on a parameter named in `varying` is in `own` and `swept`, the rest
    in `state` and `parameters`. `others` are the markets and `externals` the values whose columns follow `clock`,
    `reads` the expression in which each is first read.
    """

    name: str
    text: str
    legend: Mapping[str, str]
    state_rows: tuple[str, ...]
    own_rows: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    varying: frozenset[str]
    derived: Mapping[str, tuple[Parameter | Whole, ...]]
    first_valid: Whole
    settled: Whole
    timeframe_ms: int
    others: tuple[str, ...]
    externals: tuple[External, ...]
    reads: Mapping[str, str]

    @property
    def state_size(self) -> int:
        """Floats in the state row."""
        return len(self.state_rows)

    @cached_property
    def program(self) -> Program:
        """The text as a program; join it with others by `+` (theirs first, if this one calls them)."""
        return Program.of_text(self.text)

    def lookback(self, values: Mapping[str, float]) -> int:
        """Earlier bars needed before everything has a value; of many sets, the most."""
        return int(np.max(at(self.first_valid, values, self.timeframe_ms)))

    def warm_up(self, values: Mapping[str, float]) -> int | None:
        """Bars after which a later start gives the same bits as an earlier one (but for the exposure, a level).

        None: never, something in it is anchored to the first bar. Of many sets, the most.
        """
        return None if self.settled == NEVER else int(np.max(at(self.settled, values, self.timeframe_ms)))

    def rows(self, values: Mapping[str, float | Floats]) -> tuple[Floats, Floats]:
        """The arrays `parameters`, shape [rows], and `swept`, shape [rows, sets], for parameter values.

        A missing value is the default; a varying parameter has one value or one for each set. Raises WrongParameter.
        """
        taken = {item.name: _taken(item, values.get(item.name, item.default)) for item in self.parameters}
        sets = max((np.size(taken[name]) for name in self.varying), default=1)
        shared, own = (
            [
                taken[i.name] if isinstance(i, Parameter) else at(i, taken, self.timeframe_ms)
                for i in self.derived[array]
            ]
            for array in ("parameters", "swept")
        )
        swept = np.array([np.broadcast_to(column, sets) for column in own], dtype=np.float64)
        return np.array(shared, dtype=np.float64), swept.reshape(len(own), sets)


def _taken(item: Parameter, value: float | Floats) -> float | NDArray[np.generic]:
    if not isinstance(value, np.ndarray):
        return item.take(value)
    different, index = np.unique(value, return_inverse=True)
    return np.array([item.take(one) for one in different.tolist()])[index]


def market_step(graph: Graph, *, timeframe_ms: int, varying: Collection[str] = ()) -> StepSource:
    """The step of a strategy: for each bar it writes EXPOSURE, ... at `outputs[(i - i0) * graph.columns]`.

    >>> from tradepool.core.graph.expr import close, constant, open_
    >>> graph = Graph(close > open_, close < open_, close * 0.02, constant(0), constant(0))
    >>> step = market_step(graph, timeframe_ms=60_000)
    >>> step.state_rows, step.lookback({})
    (('bars seen', 'exposure'), 0)
    """
    return _market_step(graph, timeframe_ms, frozenset(varying))


@lru_cache(maxsize=_STEPS_KEPT)
def _market_step(graph: Graph, timeframe_ms: int, varying: frozenset[str]) -> StepSource:
    columns = ("exposure", "previous_exposure", *_DISTANCES, _SHARE, *_LATE)[: graph.columns]
    write = [f"outputs[(i - i0) * {len(columns)} + {index}] = {name}" for index, name in enumerate(columns)]
    return fused_step(graph, "market_step", [_OUTPUTS], [], write, timeframe_ms=timeframe_ms, varying=varying)


def check_price(name: str, expr: Number) -> None:
    """Raise WrongUnit for what is not in units of price."""
    if expr.unit not in (ANY, PRICE):
        why, remedy = f"`{expr!r:.60}` is {unit_name(expr.unit)}, not price", "multiply it by a price, as close * x"
        raise WrongUnit(expression=name, why=why, remedy=remedy)


def fused_step(
    graph: Graph,
    name: str,
    extra_arguments: Sequence[str],
    before: Sequence[str],
    after: Sequence[str],
    start: Sequence[str] = (),
    finish: Sequence[str] = (),
    *,
    timeframe_ms: int,
    varying: Collection[str] = (),
) -> StepSource:
    """The same step with lines of the caller in its loop, in the dialect: `before` and `after` the market part of bar i.

    `extra_arguments` (such as "account: Ints") follow the market arguments; `start` and `finish` run once a call. In
    `before` the locals exposure, previous_exposure, stop_distance, trail_distance and trail_step still hold the bar
    before (distances: 0.0 at the first bar of a call), in `after` this one's. Raises NameClash if the lines use a name
    of the step's own, TimeframeTooFine if bars of `timeframe_ms` do not make up a longer timeframe, WrongUnit if a distance
    is not in units of price.
    """
    for distance, expr in zip((*_DISTANCES, _LATE[0]), (*graph.distances, graph.break_even), strict=True):
        check_price(distance, expr)
    writer = Writer(graph.roots, varying)
    writer.state("exposure", "exposure", varies=bool(writer.varying))
    writer.before += [f"{local} = 0.0" for local in ("previous_exposure", *_DISTANCES, _SHARE, *_LATE)]
    write_nodes(writer, *graph.roots)
    write_signal(writer, graph, timeframe_ms)
    refuse_clashes(writer, extra_arguments, [*before, *after, *start, *finish])
    writer.before += start
    text = assemble(writer, name, extra_arguments, before, after, finish)
    return source(writer, name, f"{_AS_DISTANCE}\n\n\n{text}", graph.roots, timeframe_ms)


def series_step(expressions: Sequence[Expr], *, timeframe_ms: int, varying: Collection[str] = ()) -> StepSource:
    """A step that writes the value of each expression at `outputs[(i - i0) * len(expressions) + column]`.

    A condition is 1.0 or 0.0; what has no value yet is nan.
    """
    writer = Writer(expressions, varying)
    write_nodes(writer, *expressions)
    nan = writer.hoist("divide(0.0, 0.0)")
    after = []
    for column, expr in enumerate(expressions):
        atom = writer.atom(expr)
        value = f"where({atom}, 1.0, 0.0)" if isinstance(expr, Boolean) else atom
        valid = f"bar >= {writer.whole(expr.first_valid)}"
        after.append(f"outputs[(i - i0) * {len(expressions)} + {column}] = {value} if {valid} else {nan}")
    text = assemble(writer, "series_step", [_OUTPUTS], [], after, [])
    return source(writer, "series_step", text, expressions, timeframe_ms)


def write_nodes(writer: Writer, *roots: Expr) -> None:
    """Write every node under the roots once, operands first; other scopes before all, as they need nothing of this."""
    scope, order = writer.scope, walk(*roots, into_scopes=False)
    inner: dict[object, list[Expr]] = {}
    for expr in order:
        if expr.op in SCOPES:
            inner.setdefault((expr.op, expr.value), []).append(expr)
        elif expr.op == "window":
            source, bars = expr.args
            scope.sizes[source] = max(longest(bars), scope.sizes.get(source, 0))
    for nodes in inner.values():
        write_scope(writer, nodes, write_nodes)
    for expr in order:
        if expr not in scope.atoms:
            scope.atoms[expr] = _atom(writer, expr)


def _atom(writer: Writer, expr: Expr) -> str:
    if expr.op in WRITE:
        return WRITE[expr.op](writer, expr)
    if expr.op in OPERATIONS:
        return writer.local(OPERATIONS[expr.op][1].format(*(writer.atom(arg) for arg in expr.args)), expr)
    if expr.op == "input":
        price = writer.scope.prices[str(expr.value)]
        return writer.local(price, expr) if "[" in price else price
    if isinstance(expr.value, External):
        return writer.local(f"x{writer.externals.index(expr.value)}[i]", expr)
    if expr.op == "length":
        return writer.hoist(f"to_float({writer.whole(bars_in(expr))})")
    return "" if isinstance(expr.value, Parameter) or expr.op == "window" else repr(expr.value)


def write_signal(writer: Writer, graph: Graph, timeframe_ms: int) -> None:
    """The level, flat until everything a position needs is valid, and the distances; a distance of zero has no line."""
    ready = largest(*(root.first_valid for root in graph.roots))
    lines, decide = writer.scope.lines, _level(writer, graph)
    lines.append("previous_exposure = exposure")
    lines += writer.once_past(ready, decide, writer.since(ready, decide))
    late = (graph.break_even, graph.hold_bars)
    for name, expr in zip((*_DISTANCES, _SHARE, *_LATE), (*graph.distances, graph.target_share, *late), strict=True):
        if expr is _ZERO or (name == _SHARE and graph.first_target is _ZERO):
            continue
        value = f"as_distance({writer.atom(expr)})"
        value = f"minimum({value}, 1.0)" if name == _SHARE else value
        value = f"{value} * {timeframe_ms}.0" if name == "hold_ms" else value
        valid = writer.whole(expr.first_valid)
        lines.append(f"{name} = {value}" if valid == "0" else f"{name} = {value} if bar >= {valid} else 0.0")


def _level(writer: Writer, graph: Graph) -> list[str]:
    enter, leave = writer.atom(graph.enter), writer.atom(graph.exit)
    if graph.enter_short is None or graph.exit_short is None:
        return [f"if {leave}:", "    exposure = 0.0", f"elif {enter}:", "    exposure = 1.0"]
    enter_short, leave_short = writer.atom(graph.enter_short), writer.atom(graph.exit_short)
    return [
        f"goes_long = {enter} and not {leave}",
        f"goes_short = {enter_short} and not {leave_short}",
        f"if goes_long or goes_short or {leave} or {leave_short}:",
        "    if goes_long != goes_short:",
        "        exposure = where(goes_long, 1.0, -1.0)",
        f"    elif (exposure > 0.0 and {leave}) or (exposure < 0.0 and {leave_short}):",
        "        exposure = 0.0",
    ]


def refuse_clashes(writer: Writer, extra_arguments: Sequence[str], lines: Sequence[str]) -> None:
    """Raise NameClash if the caller's lines or arguments would take a name of the step's own."""
    own = {"i", "anchored", "goes_long", "goes_short", *(line.split(" = ")[0] for line in writer.before)}
    own |= {item.split(":")[0] for item in _arguments(writer)}
    taken = {argument.split(":")[0].strip() for argument in extra_arguments}
    for item in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
            taken.add(item.id)
    if clashes := sorted(name for name in taken if name in own or _GENERATED.fullmatch(name)):
        raise NameClash(name=", ".join(clashes), first="the step's own local", second="the lines around it")


def _arguments(writer: Writer) -> list[str]:
    others = [item.format(k) for k in range(len(writer.others)) for item in _OTHER_ARGUMENTS]
    externals = [f"x{k}: Floats" for k in range(len(writer.externals))]
    return [*MARKET_ARGUMENTS, *others, *externals, "i0: int", "i1: int"]


def assemble(
    writer: Writer,
    name: str,
    extra_arguments: Sequence[str],
    before: Sequence[str],
    after: Sequence[str],
    finish: Sequence[str],
) -> str:
    """Put the pieces together as one function."""
    loop = writer.body(before, after)
    arguments = ",\n    ".join((*_arguments(writer), *extra_arguments))
    lines = [*writer.before, "for i in range(i0, i1):", *indented(loop), *finish, *writer.after]
    return f"def {name}(\n    {arguments},\n) -> None:\n" + "\n".join(indented(lines))


def source(writer: Writer, name: str, text: str, roots: Sequence[Expr], timeframe_ms: int) -> StepSource:
    """What the writer has collected, with the text. Raises TimeframeTooFine."""
    reads: dict[str, str] = {}
    for expr in walk(*roots):
        if expr.op in ("of", "external"):
            reads.setdefault(expr.value.name if isinstance(expr.value, External) else str(expr.value), repr(expr))
        if expr.op in ("on", "session") and TIMEFRAMES_MS[str(expr.value)] % timeframe_ms:
            raise TimeframeTooFine(expression=expr, longer=expr.value, shorter=timeframe_name(timeframe_ms))
    made = StepSource(
        name=name,
        text=text,
        legend=dict(writer.legend),
        state_rows=tuple(writer.rows["state"]),
        own_rows=tuple(writer.rows["own"]),
        parameters=writer.parameters,
        varying=writer.varying,
        derived={array: tuple(items) for array, items in writer.sources.items()},
        first_valid=largest(*(root.first_valid for root in roots)),
        settled=largest(*(root.settled for root in roots)),
        timeframe_ms=timeframe_ms,
        others=writer.others,
        externals=writer.externals,
        reads=reads,
    )
    made.rows({})
    return made
