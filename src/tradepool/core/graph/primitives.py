"""Primitives: the expressions that remember. Each keeps its memory in state rows, so a saved row is self-contained.

Averages of `ema` and `wilder` forget by themselves, a share a bar. Their warm-up holds for a source that moves and has
not fallen below a ten-thousandth of what it was: while a source stands still, rounding may keep two starts some last
bits apart, which are gone once it moves on.

Running sums over a window never would forget, so they are computed anew from the ring, oldest to newest, at the first
bar of every block of `BLOCK` bars of absolute time: after one such anchor a later start has the same bits, and rounding
errors cannot pile up. What neither forgets nor is computed anew (a running total, a path) has no warm-up: only the same
first bar gives the same bits.

A nan (of a division by zero, or of another market not yet known) is got over: an average starts over at the next known
value, a window forgets it once it has left, `highest` and `lowest` look at the known values, a running total adds
nothing. A window length is a whole number or an integer parameter. `rank`, `moment`, `regression` and `correlation`
look at their whole window at each bar.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from tradepool.core.graph.expr import (
    Boolean,
    Expr,
    Number,
    Window,
    after,
    as_boolean,
    as_number,
    node,
    where,
)
from tradepool.core.graph.lengths import WrongLength, bars_in, excess, length
from tradepool.core.graph.units import combined
from tradepool.core.graph.whole import NEVER, Term, plus, times
from tradepool.domain.candle import TIMEFRAMES_MS

BLOCK = 1024
# After so many lengths, the first of them for the seed, a start weighs below e^-62, 2^-89: 53 bits to the last one, 13
# for a source that has fallen to a ten-thousandth, 23 for luck, as rounded values one bit apart meet at a bar only by
# chance. Measured over 10^4 starts of each source that keeps its level: median 18 and 35 lengths, at most 25 and 48.
EMA_FORGETS = 32
WILDER_FORGETS = 64


class Regression(NamedTuple):
    """The straight line through a window: its rise a bar, its value at the newest bar, the share it explains (r2)."""

    slope: Number
    value: Number
    r2: Number


def ema(source: Number, n: int | Number, *, seed: Literal["mean", "first"] = "mean") -> Number:
    """Exponential average with weight 2 / (n + 1), seeded by the mean of the first n values (as TA-Lib does).

    With `seed="first"` it starts at the first value itself.

    >>> from tradepool.core.graph.expr import close
    >>> ema(close, 12), ema(close, 12).lookback
    (ema(close, 12), 11)
    """
    return _recursion("ema" if seed == "mean" else "ema_from_first", source, n, EMA_FORGETS)


def wilder(source: Number, n: int | Number, *, seed: Literal["mean", "sum"] = "mean") -> Number:
    """Wilder's average, weight 1 / n, seeded by the mean of the first n values (Wilder, 1978).

    With `seed="sum"` it starts one value earlier, from the sum of n - 1 values over n, as in his directional movement.
    """
    return _recursion("wilder" if seed == "mean" else "wilder_from_sum", source, n, WILDER_FORGETS)


def delayed(source: Number, n: int | Number, less: int | Number) -> Number:
    """The same values, said to be known only `n - less` bars later: averages of it are seeded that much later."""
    source, bars = as_number(source, "delayed"), excess(n, less)
    lengths = [_length("delayed", source, item) for item in (n, less)]
    return node(Number, "delayed", (source, *lengths), needs=after(source, valid=bars, settled=bars), unit=source.unit)


def smooth(source: Number, weight: Number | float) -> Number:
    """Exponential smoothing whose weight is an expression itself, as in adaptive averages; starts at the first value.

    How fast it forgets is not known beforehand, so it has no warm-up.
    """
    args = as_number(source, "smooth"), as_number(weight, "smooth")
    return node(Number, "smooth", args, needs=after(*args, settled=NEVER), unit=args[0].unit)


def rolling_sum(source: Number, n: int | Number) -> Number:
    """Sum of the last n values."""
    return _over("rolling_sum", n, source, unit="same", block=BLOCK)


def sma(source: Number, n: int | Number) -> Number:
    """Mean of the last n values."""
    return _over("sma", n, source, unit="same", block=BLOCK)


def wma(source: Number, n: int | Number) -> Number:
    """Mean of the last n values, weighted n for the newest, n - 1 for the one before, down to 1."""
    return _over("wma", n, source, unit="same", block=BLOCK)


def moment(source: Number, n: int | Number, order: Literal[1, 3, 4]) -> Number:
    """Mean of (value - mean)^order over the last n values; of order 1, of the distances from the mean."""
    source, mean = as_number(source, "moment"), sma(source, n)
    window = _window(source, _length("moment", source, n))
    unit = source.unit and (source.unit[0] * order, source.unit[1] * order)
    return node(Number, f"moment_{order}", (window, mean), unit=unit)


def variance(source: Number, n: int | Number) -> Number:
    """Population variance of the last n values, never below zero."""
    return _over("variance", n, source, unit="square", block=BLOCK)


def highest(source: Number, n: int | Number) -> Number:
    """Largest of the last n values that are known; nan where none is."""
    return _over("highest", n, source, unit="same")


def lowest(source: Number, n: int | Number) -> Number:
    """Smallest of the last n values that are known; nan where none is."""
    return _over("lowest", n, source, unit="same")


def since_highest(source: Number, n: int | Number) -> Number:
    """Bars since the largest of the last n values, 0 to n - 1; of equal ones the newest."""
    return _over("since_highest", n, source)


def since_lowest(source: Number, n: int | Number) -> Number:
    """Bars since the smallest of the last n values, 0 to n - 1; of equal ones the newest."""
    return _over("since_lowest", n, source)


def rank(source: Number, n: int | Number) -> Number:
    """Share of the last n values that are below the newest one, equal ones (itself too) counted half: 0 to 1."""
    return _over("rank", n, source)


def quantile(source: Number, n: int | Number, q: float | Number) -> Number:
    """The value below which the share `q` (0 to 1, clipped) of the last n values lies, linear between neighbours.

    A nan counts as the largest number there is, so that it is forgotten once it has left the window.
    """
    share, source = as_number(q, "quantile"), as_number(source, "quantile")
    window = _window(source, _length("quantile", source, n))
    return node(Number, "quantile", (window, share), unit=window.unit)


def regression(source: Number, n: int | Number) -> Regression:
    """The least-squares line through the last n values; nan where there is none (one value; r2 of equal values).

    >>> from tradepool.core.graph.expr import close
    >>> regression(close, 14).slope
    regression(close, 14).slope
    """
    parts = [_over(op, n, source, unit=unit) for op, unit in (("slope", "same"), ("fitted", "same"), ("r2", ""))]
    return Regression(*parts)


def correlation(a: Number, b: Number, n: int | Number) -> Number:
    """Pearson's correlation of the last n values of two numbers, -1 to 1; nan where one of them does not move."""
    return _over("correlation", n, a, b)


def lag(source: Number, n: int | Number = 1) -> Number:
    """The value n bars ago.

    >>> from tradepool.core.graph.expr import close
    >>> lag(close, 3).lookback
    3
    """
    source = as_number(source, "lag")
    bars = _length("lag", source, n)
    if bars.value == 1:
        return node(Number, "previous", (source,), needs=after(source, valid=1, settled=1), unit=source.unit)
    needs = after(source, valid=bars_in(bars), settled=bars_in(bars))
    return node(Number, "lag", (_window(source, bars),), needs=needs, unit=source.unit)


def delta(source: Number, n: int | Number = 1) -> Number:
    """Change over n bars."""
    return source - lag(source, n)


def count(condition: Boolean, n: int | Number) -> Number:
    """At how many of the last n bars the condition held."""
    return rolling_sum(where(as_boolean(condition, "count"), 1.0, 0.0), n)


def since(condition: Boolean) -> Number:
    """Bars since the condition last held, 0 at that bar; nan until it has held. It has no warm-up."""
    condition = as_boolean(condition, "since")
    return node(Number, "since", (condition,), needs=after(condition, settled=NEVER))


def cumulative(source: Number, *, reset: Boolean | None = None) -> Number:
    """Sum of all values since the bar at which `reset` last held, that bar's included.

    Reset by a `session` it has a warm-up, otherwise none: only the same first bar gives the same sum.

    >>> from tradepool.core.graph.expr import volume
    >>> from tradepool.core.graph.scope import session
    >>> cumulative(volume, reset=session("1h")).warm_up, cumulative(volume).warm_up
    (61, None)
    """
    source = as_number(source, "cumulative")
    args: tuple[Expr, ...] = (source,) if reset is None else (source, as_boolean(reset, "reset"))
    bounded = reset is not None and reset.op == "session"
    settled = Term("ratio", (TIMEFRAMES_MS[str(args[1].value)],)) if bounded else NEVER
    return node(Number, "cumulative", args, needs=after(*args, settled=settled), unit=source.unit)


def _length(op: str, source: Number, n: int | Number) -> Number:
    """A window's length; where it is none, the error quotes what was written. Raises WrongLength."""
    try:
        return length(n, op)
    except WrongLength as error:
        raise WrongLength(**{**error.facts, "what": f"{op}({source!r:.60}, {n!r:.60})"}) from None


def _window(source: Number, bars: Number) -> Window:
    needs = after(source, valid=plus(bars_in(bars), -1), settled=bars_in(bars))
    return node(Window, "window", (source, bars), needs=needs, unit=source.unit)


def _recursion(op: str, source: Number, n: int | Number, forgets: int) -> Number:
    source = as_number(source, op)
    bars = _length(op, source, n)
    valid = 0 if op == "ema_from_first" else plus(bars_in(bars), -1)
    needs = after(source, valid=valid, settled=times(bars_in(bars), forgets))
    return node(Number, op, (source, bars), needs=needs, unit=source.unit)


def _over(op: str, n: int | Number, *sources: Number, unit: str = "", block: int = 0) -> Number:
    windows = [_window(as_number(source, op), _length(op, source, n)) for source in sources]
    # Settled at the first anchor that finds the whole window filled from settled values.
    return node(Number, op, tuple(windows), needs=after(*windows, settled=block), unit=combined(unit, windows, op))
