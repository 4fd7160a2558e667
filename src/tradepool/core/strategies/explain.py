"""Why a strategy enters or does not: each condition of its entry with its values, what is missing, and a sentence.

Nothing of this is in the step: it is computed beside it, when somebody asks, from the same expressions over the same
bars. What expressions are called is in the strategy's `words`; an expression without a word is written out.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from tradepool.core.compiler.runners import Runner
from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.graph.described import describe
from tradepool.core.graph.expr import Boolean, Expr
from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.units import OPERATIONS
from tradepool.core.indicators.page import pages
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import Series
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import InvalidInput
from tradepool.domain.signal import Signal

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
_OPPOSITE = {"less": "greater_equal", "less_equal": "greater", "greater": "less_equal", "greater_equal": "less"}
_SAYS = {"less": "below", "less_equal": "below", "greater": "above", "greater_equal": "above"}
_DEPTH_MAX = 40
# Characters from which on an expression is better called than written.
_LONG = 40
_VOTE_OPS = ("add", "subtract", "multiply", "divide", "maximum", "minimum")


class NoSuchBar(InvalidInput):
    """The signal on {market} is of the bar that closed at {time} and the bars given end at {ends}; give those up to it."""


class Condition(NamedTuple):
    """A part of a condition, `depth` levels inside it: `all of`, `one of`, or a single one that should be `wanted`.

    `left` and `right` are what a comparison compares, as `sign` says. Below one that compares a sum of points stand the
    conditions that give the points.
    """

    depth: int
    kind: str
    expr: Expr
    wanted: bool
    sign: str = ""
    left: Expr | None = None
    right: Expr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A condition at one bar. `missing` is how far `value` is from `limit`, in the unit of both; None where it holds.

    `bars` is for how many bars it has been what it is now, 0 at the bar at which it became so.
    """

    depth: int
    text: str
    holds: bool
    value: float | None
    limit: float | None
    missing: float | None
    bars: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """The entry at one bar: whether it holds, its conditions from the outside in, 0 to 1, and why in a sentence."""

    holds: bool
    rows: Sequence[Row]
    confidence: float
    reason: str


def split(expr: Boolean, words: Mapping[Expr, str] | None = None) -> list[Condition]:
    """A condition taken apart at `and`, `or` and `not`, from the outside in; what has a word of its own stays whole.

    >>> from tradepool.core.graph.expr import close, open_, volume
    >>> [(row.depth, row.kind) for row in split((close > open_) & ~((volume > 5) & (close > 1)))]
    [(0, 'all of'), (1, ''), (1, 'one of'), (2, ''), (2, '')]
    """
    return list(_split(expr, words or {}, 0, wanted=True))


def _split(expr: Expr, words: Mapping[Expr, str], depth: int, *, wanted: bool) -> Iterator[Condition]:
    if expr.op == "not" and expr not in words:
        yield from _split(expr.args[0], words, depth, wanted=not wanted)
    elif expr.op in ("and", "or") and expr not in words and _crossed(expr) is None and depth < _DEPTH_MAX:
        yield Condition(depth, "all of" if (expr.op == "and") == wanted else "one of", expr, wanted)
        for part in _flat(expr, expr.op):
            yield from _split(part, words, depth + 1, wanted=wanted)
    else:
        crossing = _crossed(expr)
        compared = expr if crossing is None else crossing
        # A condition out of a recursion is kept as a number, which says nothing to anybody.
        tells = compared.op in _SAYS and (compared.args[0].op != "component" or compared.args[0] in words)
        sign = compared.op if tells else ""
        left, right = compared.args if sign else (None, None)
        how = f"crosses {_SAYS[sign]}" if crossing is not None and sign else sign
        yield Condition(depth, "", expr, wanted, how, left, right)
        for vote in _votes(left) if left is not None and depth < _DEPTH_MAX else []:
            yield from _split(vote, words, depth + 1, wanted=True)


def _flat(expr: Expr, op: str) -> Iterator[Expr]:
    """The parts of `a & b & c`, which is (a & b) & c; no recursion, as there may be thousands."""
    parts = [*reversed(expr.args)]
    while parts:
        part = parts.pop()
        if part.op == op and _crossed(part) is None:
            parts += reversed(part.args)
        else:
            yield part


def _crossed(expr: Expr) -> Expr | None:
    """What became true with this bar: x of `x & ~was(x)`."""
    if expr.op == "and" and expr.args[1].op == "not":
        before = expr.args[1].args[0]
        if before.op == "was" and before.args[0] is expr.args[0]:
            return expr.args[0]
    return None


def _votes(expr: Expr) -> list[Boolean]:
    """The conditions of a sum of points: those of every `where(condition, points, points)` in it."""
    found: list[Boolean] = []
    left, seen = [expr], set[Expr]()
    while left:
        item = left.pop()
        if item.op in _VOTE_OPS and item not in seen:
            left += item.args
        elif item.op == "where" and all(arg.op == "constant" for arg in item.args[1:]) and item not in seen:
            (condition, *_) = item.args
            assert isinstance(condition, Boolean)
            found.append(condition)
        seen.add(item)
    return found[::-1]


class Questions:
    """What a strategy has to be asked to be explained, compiled once for all bars of a timeframe."""

    def __init__(self, strategy: Strategy, timeframe_ms: int, runner: Runner = "any") -> None:
        """Take its entry apart. Raises what `Series` raises."""
        self.strategy = strategy
        self.words = {**_indicators(), **strategy.words}
        self.conditions = split(strategy.enter, strategy.words)
        wanted = [strategy.enter, *([strategy.confidence] if strategy.confidence is not None else [])]
        for row in self.conditions:
            wanted += [item for item in (row.expr, row.left, row.right) if item is not None]
        self.expressions = list(dict.fromkeys(wanted))
        self.series = Series(self.expressions, timeframe_ms, runner)


@lru_cache(maxsize=64)
def questions(strategy: Strategy, timeframe_ms: int) -> Questions:
    """The same for the same strategy: many markets follow one."""
    return Questions(strategy, timeframe_ms)


class Explainer:
    """A strategy over bars, ready to explain any of them. `others` are bars of the markets it reads beside its own."""

    def __init__(
        self, strategy: Strategy, bars: Bars, others: Mapping[str, Bars] | None = None, runner: Runner = "any"
    ) -> None:
        """Compute every condition and what it compares, once. Raises what `series` raises."""
        asked = questions(strategy, bars.timeframe_ms) if runner == "any" else None
        asked = asked or Questions(strategy, bars.timeframe_ms, runner)
        self._strategy, self._bars = strategy, bars
        self._words, self.conditions = asked.words, asked.conditions
        columns = asked.series.over(bars, strategy.values, others)
        self._columns: dict[Expr, Floats] = dict(zip(asked.expressions, columns.T, strict=True))

    def at(self, index: int) -> Explanation:
        """The entry at the close of that bar; a negative index counts from the last."""
        index = range(len(self._bars))[index]
        rows = [self._row(item, index) for item in self.conditions]
        confidence = self._strategy.confidence
        sure = 1.0 if confidence is None else self._columns[confidence][index]
        holds = bool(self._columns[self._strategy.enter][index] == 1.0)
        return Explanation(holds, rows, float(np.clip(np.nan_to_num(sure), 0.0, 1.0)), self._reason(rows))

    def _reason(self, rows: Sequence[Row]) -> str:
        """A clause for each condition that holds, those inside one that does not left out."""
        clauses, outside = list[str](), _DEPTH_MAX + 2
        for item, row in zip(self.conditions, rows, strict=True):
            if row.depth > outside:
                continue
            outside = _DEPTH_MAX + 2 if row.holds else row.depth
            if self._counts(item, row):
                clauses.append(self._clause(item, row))
        return "; ".join(dict.fromkeys(clauses))

    def _held(self, item: Condition) -> Floats:
        """1 where the part is as wanted, at every bar; nan where it has no value yet."""
        column = self._columns[item.expr]
        return column if item.wanted else 1.0 - column

    def _row(self, item: Condition, index: int) -> Row:
        held = self._held(item)
        holds = bool(held[index] == 1.0)
        changes = np.flatnonzero((held[:index] == 1.0) != holds)
        value, limit = (
            None if side is None else _known(self._columns[side][index]) for side in (item.left, item.right)
        )
        missing = None
        if not holds and value is not None and limit is not None:
            missing = abs(limit - value) if _is_short(item, value, limit) else 0.0
        return Row(
            depth=item.depth,
            text=self._text(item),
            holds=holds,
            value=value,
            limit=limit,
            missing=missing,
            bars=index - int(changes[-1]) - 1 if len(changes) else index,
        )

    def _text(self, item: Condition) -> str:
        if item.kind:
            return item.kind
        if item.expr in self._words:
            name = _name(self._words[item.expr])
            return name if item.wanted else f"not {name}"
        if item.left is None or item.right is None:
            text = self.told(item.expr)
            return text if item.wanted else f"not ({text})"
        left, right = (self.told(side) for side in (item.left, item.right))
        if item.sign.startswith("crosses"):
            return f"{left} {item.sign} {right}" if item.wanted else f"not ({left} {item.sign} {right})"
        sign = item.sign if item.wanted else _OPPOSITE[item.sign]
        return f"{left} {OPERATIONS[sign][0]} {right}"

    def told(self, expr: Expr, depth: int = 3) -> str:
        """An expression as it would be said: by its word, else as it would be written, out of what has words."""
        if expr in self._words:
            return _name(self._words[expr])
        if isinstance(expr.value, Parameter):
            return f"{expr.value.name} ({self._strategy.values[expr.value.name]:g})"
        if expr.op == "constant" and isinstance(expr.value, float):
            return f"{expr.value:g}"
        sign = OPERATIONS[expr.op][0] if expr.op in OPERATIONS else ""
        if sign and len(expr.args) == 2 and depth:
            return f" {sign} ".join(self._inside(arg, depth - 1) for arg in expr.args)
        return describe(expr)

    def _inside(self, expr: Expr, depth: int) -> str:
        text = self.told(expr, depth)
        is_sum = expr.op in OPERATIONS and OPERATIONS[expr.op][0] and len(expr.args) == 2 and expr not in self._words
        return f"({text})" if is_sum else text

    def _counts(self, item: Condition, row: Row) -> bool:
        """Whether a sentence names it: what holds and is not only a frame around others that it names."""
        votes = item.left is not None and bool(_votes(item.left))
        named = item.left is not None and item.left in self._words
        return row.holds and not item.kind and (not votes or named)

    def _clause(self, item: Condition, row: Row) -> str:
        words = self._words
        since = f" for {_span(row.bars * self._bars.timeframe_ms)}" if row.bars else ""
        if item.expr in words or item.left is None or item.right is None:
            return row.text + since
        if "{" in words.get(item.left, "") and row.value is not None:
            return words[item.left].format(row.value)
        if item.sign.startswith("crosses") and item.wanted:
            return row.text
        sign = item.sign if item.wanted else _OPPOSITE.get(item.sign, "")
        return f"{self.told(item.left)} {_SAYS.get(sign, 'not beyond')} {self.told(item.right)}{since}"


def explained(signal: Signal, strategy: Strategy, bars: Bars, others: Mapping[str, Bars] | None = None) -> Signal:
    """A signal with its confidence and the sentence that explains it, out of the bars up to its own.

    Unchanged where these bars are too few for the entry to hold in them too: better nothing than what the step does not
    say. Raises NoSuchBar where the bars end elsewhere.
    """
    if not len(bars) or bars.close_time(-1) != signal.time_ms:
        ends = f"{bars.close_time(-1)}" if len(bars) else "before any"
        raise NoSuchBar(market=signal.market, time=signal.time_ms, ends=ends)
    found = Explainer(strategy, bars, others).at(-1)
    return replace(signal, confidence=found.confidence, reason=found.reason) if found.holds else signal


@cache
def _indicators() -> Mapping[Expr, str]:
    """What indicators of the library are called where they have their usual arguments and would be long to write out."""
    words: dict[Expr, str] = {}
    for page in pages().values():
        if any(item.default is inspect.Parameter.empty for item in page.arguments):
            continue
        for name, line in page.lines().items():
            if len(describe(line)) > _LONG:
                words.setdefault(line, f"{page.name}()" if name == page.name else f"{page.name}().{name}")
    return words


def _is_short(item: Condition, value: float, limit: float) -> bool:
    """Whether the value still has to move to the limit; what crosses may be beyond it already, and then has to return."""
    sign = item.sign.removeprefix("crosses ")
    rises = sign in ("greater", "greater_equal", "above")
    return (value <= limit) == (rises == item.wanted) or value == limit


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _name(word: str) -> str:
    """A word without the place for its value."""
    before, brace, after = word.partition("{")
    return before.strip() or after.partition("}")[2].strip() if brace else word


def _span(ms: int) -> str:
    """A length of time in its largest whole unit.

    >>> _span(4 * 3_600_000), _span(90 * 60_000), _span(3 * 86_400_000)
    ('4 h', '90 min', '3 d')
    """
    for unit_ms, name in ((DAY_MS, "d"), (HOUR_MS, "h")):
        if ms >= unit_ms and ms % unit_ms == 0:
            return f"{ms // unit_ms} {name}"
    return (
        f"{ms // DAY_MS} d"
        if ms >= 2 * DAY_MS
        else f"{ms // MINUTE_MS} min"
        if ms < 10 * HOUR_MS
        else f"{ms // HOUR_MS} h"
    )
