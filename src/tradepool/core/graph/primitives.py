"""Primitives: the expressions that remember. Each keeps its memory in the state row, so a row is self-contained.

Nothing divides inside a recursion: reciprocals and smoothing constants are computed once, from the parameters, before
the loop. Averages of `ema` and `wilder` forget by themselves. Sums over a window never would, so they are computed anew
from the ring, oldest to newest, at the first bar of every block of `BLOCK` bars of absolute time: after one such anchor
a later start has the same bits, and rounding errors cannot pile up.

A nan that enters an average stays in it; guard a division with `where`.
"""

from __future__ import annotations

from collections.abc import Callable

from tradepool.core.graph.expr import Expr, Number, Window, as_number, length, node
from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.span import Span
from tradepool.core.graph.writer import BAR, Writer, indented

BLOCK = 1024
# After so many lengths the weight of what came before is below the last bit (measured: at most 18 and 37).
EMA_FORGETS = 24
WILDER_FORGETS = 48
ONE = Span.of(1)


def ema(source: Number, n: int | Number) -> Number:
    """Exponential average with weight 2 / (n + 1), seeded by the mean of the first n values (as TA-Lib does).

    >>> from tradepool.core.graph.expr import close
    >>> ema(close, 12), ema(close, 12).lookback
    (ema(close, 12), 11)
    """
    return _recursion("ema", source, n, EMA_FORGETS)


def wilder(source: Number, n: int | Number) -> Number:
    """Wilder's average, weight 1 / n, seeded by the mean of the first n values (Wilder, 1978)."""
    return _recursion("wilder", source, n, WILDER_FORGETS)


def sma(source: Number, n: int | Number) -> Number:
    """Mean of the last n values."""
    return _rolling("sma", source, n, anchored=True)


def variance(source: Number, n: int | Number) -> Number:
    """Population variance of the last n values, never below zero."""
    return _rolling("variance", source, n, anchored=True)


def highest(source: Number, n: int | Number) -> Number:
    """Largest of the last n values."""
    return _rolling("highest", source, n, anchored=False)


def lowest(source: Number, n: int | Number) -> Number:
    """Smallest of the last n values."""
    return _rolling("lowest", source, n, anchored=False)


def lag(source: Number, n: int | Number = 1) -> Number:
    """The value n bars ago.

    >>> from tradepool.core.graph.expr import close
    >>> lag(close, 3).lookback
    3
    """
    source, bars = as_number(source, "lag"), length(n, "lag")
    back = _span(bars)
    if bars.value == 1:
        return node(Number, "previous", (source,), source.first_valid + back, source.settled + back)
    return node(Number, "lag", (_window(source, bars),), source.first_valid + back, source.settled + back)


def delta(source: Number, n: int | Number = 1) -> Number:
    """Change over n bars."""
    return source - lag(source, n)


def _span(bars: Expr, times: int = 1, plus: int = 0) -> Span:
    if isinstance(bars.value, Parameter):
        return Span.of(plus, **{bars.value.name: times})
    assert isinstance(bars.value, int)
    return Span.of(bars.value * times + plus)


def _window(source: Number, bars: Number) -> Window:
    full = source.first_valid + _span(bars, plus=-1)
    return node(Window, "window", (source, bars), full, source.settled + _span(bars))


def _recursion(op: str, source: Number, n: int | Number, forgets: int) -> Number:
    source, bars = as_number(source, op), length(n, op)
    settled = source.settled + _span(bars, forgets)
    return node(Number, op, (source, bars), source.first_valid + _span(bars, plus=-1), settled)


def _rolling(op: str, source: Number, n: int | Number, *, anchored: bool) -> Number:
    window = _window(as_number(source, op), length(n, op))
    # Settled at the first anchor that finds the whole window filled from settled values.
    return node(Number, op, (window,), window.first_valid, window.settled + Span.of(BLOCK if anchored else 0))


# How each is written into a step. A window leaves the identifiers of its ring in the atom "leaving first next n".


def write_previous(writer: Writer, expr: Expr) -> str:
    """Keep the value for the next bar once everything has read the old one."""
    kind = "bool" if expr.op == "was" else "float"
    state = writer.state(repr(expr), kind=kind)
    writer.end_of_bar.append(f"{state} = {writer.atom(expr.args[0])}")
    return state


def write_recursion(writer: Writer, expr: Expr) -> str:
    """Sum up to the seed, then decay toward each new value."""
    source, bars = expr.args
    n, x = writer.whole(bars), writer.atom(source)
    mean = writer.hoist(f"divide(1.0, to_float({n}))")
    weight = writer.hoist(f"divide(2.0, to_float({n}) + 1.0)") if expr.op == "ema" else mean
    decay = writer.hoist(f"1.0 - {weight}")
    state, seeded = writer.state(repr(expr)), writer.span(expr.first_valid)
    writer.bar += [
        f"if {BAR} >= {writer.span(expr.first_valid + ONE)}:",
        f"    {state} = {weight} * {x} + {decay} * {state}",
    ]
    seeding = [f"{state} += {x}", f"if {BAR} == {seeded}:", f"    {state} = {state} * {mean}"]
    start = writer.span(source.first_valid)
    writer.bar += ["else:" if start == "0" else f"elif {BAR} >= {start}:", *indented(seeding)]
    return state


def write_window(writer: Writer, expr: Expr) -> str:
    """A ring: the value that leaves is read, the new one takes its place, the next to leave is the oldest."""
    source, bars = expr.args
    n, x = writer.whole(bars), writer.atom(source)
    size = int(bars.value.high) if isinstance(bars.value, Parameter) else int(n)
    following = writer.state(f"oldest of {expr!r}", kind="int")
    first = writer.ring(repr(expr), size)
    leaving = writer.local(f"state[{first} + {following}]", expr)
    writer.legend[leaving] = f"value leaving {expr!r}"
    wrap = [f"if {following} == {n}:", f"    {following} = 0"]
    writer.since(source.first_valid, [f"state[{first} + {following}] = {x}", f"{following} += 1", *wrap])
    return f"{leaving} {first} {following} {n}"


def _oldest_to_newest(writer: Writer, ring: str, lines: list[str]) -> list[str]:
    """Run lines for each value of a full ring, which they name {value}."""
    _, first, following, n = ring.split()
    k = writer.fresh("k")
    body = [line.format(value=f"state[{first} + {k}]") for line in lines]
    older = [f"for {k} in range({following}, {n}):", *indented(body)]
    return [*older, f"for {k} in range({following}):", *indented(body)]


def write_lag(writer: Writer, expr: Expr) -> str:
    """What leaves a window of n is what entered n bars ago."""
    return writer.atom(expr.args[0]).split()[0]


def write_sma(writer: Writer, expr: Expr) -> str:
    """A running sum, anchored."""
    (window,) = expr.args
    source, ring = window.args[0], writer.atom(window)
    leaving, *_, n = ring.split()
    total = writer.state(f"sum of {window!r}")
    anew = [f"{total} = 0.0", *_oldest_to_newest(writer, ring, [f"{total} += {{value}}"])]
    anchor = [f"if anchored and {BAR} >= {writer.span(window.first_valid)}:", *indented(anew)]
    writer.uses_blocks = True
    writer.since(source.first_valid, [f"{total} += {writer.atom(source)} - {leaving}", *anchor])
    return writer.local(f"{total} * {writer.hoist(f'divide(1.0, to_float({n}))')}", expr)


def write_variance(writer: Writer, expr: Expr) -> str:
    """Running sums of distances from a base near the values (else the squares would swallow them), anchored."""
    (window,) = expr.args
    source, ring = window.args[0], writer.atom(window)
    leaving, *_, n = ring.split()
    x, full, slides = writer.atom(source), writer.span(window.first_valid), writer.span(window.first_valid + ONE)
    base, total, squares = (writer.state(f"{part} of {expr!r}") for part in ("base", "sum", "squares"))
    enters, leaves, away = writer.fresh("n"), writer.fresh("n"), writer.fresh("n")
    again = [f"{away} = {{value}} - {base}", f"{total} += {away}", f"{squares} += {away} * {away}"]
    anew = [f"{base} = {x}", f"{total} = 0.0", f"{squares} = 0.0", *_oldest_to_newest(writer, ring, again)]
    writer.uses_blocks = True
    lines = [
        f"if {BAR} == {writer.span(source.first_valid)}:",
        f"    {base} = {x}",
        f"{enters} = {x} - {base}",
        f"{leaves} = {leaving} - {base} if {BAR} >= {slides} else 0.0",
        f"{total} += {enters} - {leaves}",
        f"{squares} += ({enters} - {leaves}) * ({enters} + {leaves})",
        f"if anchored and {BAR} >= {full}:",
        *indented(anew),
    ]
    writer.since(source.first_valid, lines)
    share = writer.hoist(f"divide(1.0, to_float({n}))")
    mean = writer.local(f"{total} * {share}", expr)
    writer.legend[mean] = f"mean distance from the base of {expr!r}"
    return writer.local(f"maximum({squares} * {share} - {mean} * {mean}, 0.0)", expr)


def write_extreme(writer: Writer, expr: Expr) -> str:
    """Take what is more extreme; look through the window only when the extreme leaves it."""
    (window,) = expr.args
    source, ring = window.args[0], writer.atom(window)
    word, sign = ("maximum", ">=") if expr.op == "highest" else ("minimum", "<=")
    x, leaving, state = writer.atom(source), ring.split()[0], writer.state(repr(expr))
    rescan = [f"{state} = {x}", *_oldest_to_newest(writer, ring, [f"{state} = {word}({state}, {{value}})"])]
    lines = [
        f"if {BAR} == {writer.span(source.first_valid)} or {x} {sign} {state}:",
        f"    {state} = {x}",
        f"elif {BAR} >= {writer.span(window.first_valid + ONE)} and {leaving} == {state}:",
        *indented(rescan),
    ]
    writer.since(source.first_valid, lines)
    return state


WRITE: dict[str, Callable[[Writer, Expr], str]] = {
    "previous": write_previous,
    "was": write_previous,
    "ema": write_recursion,
    "wilder": write_recursion,
    "window": write_window,
    "lag": write_lag,
    "sma": write_sma,
    "variance": write_variance,
    "highest": write_extreme,
    "lowest": write_extreme,
}
