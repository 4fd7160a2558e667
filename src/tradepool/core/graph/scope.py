"""Expressions over other bars: a longer timeframe, another market, sessions of the day, and values from outside.

Whatever is asked of other bars is known at the close of the bar that asks: a longer candle counts once it has closed,
another market's bar if it closed no later, an outside value if it was there in time. Nothing has to be shifted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar, cast

from tradepool.core.graph.expr import Boolean, Expr, External, Number, WrongOperand, node, walk
from tradepool.core.graph.parameter import NAME
from tradepool.core.graph.whole import MINUTE_MS, Term, Whole, plus, times
from tradepool.core.graph.writer import PRICES, Scope, Writer, indented
from tradepool.domain.candle import TIMEFRAMES_MS, UnknownTimeframe

_AGE = re.compile(r"([1-9]\d{0,5})([mhd])")
_MARKET = re.compile(r"[A-Za-z0-9._-]{1,30}/[A-Za-z0-9._-]{1,20}")
_AGE_MS = {"m": MINUTE_MS, "h": 60 * MINUTE_MS, "d": 1440 * MINUTE_MS}
Value = TypeVar("Value", Number, Boolean)


def on(timeframe: str, expr: Value) -> Value:
    """The expression computed over closed candles of a longer timeframe, made of this market's own bars.

    nan (a condition: false) until it has a value. A candle that was under way at the first bar is left out.

    >>> from tradepool.core.graph.expr import close
    >>> from tradepool.core.graph.primitives import ema
    >>> on("1h", ema(close, 10)), on("1h", ema(close, 10)).lookback
    (on('1h', ema(close, 10)), 660)
    """
    length_ms = _known(timeframe)
    for inner in walk(expr) if isinstance(expr, Number | Boolean) else ():
        if inner.op == "session" and (each_ms := _known(str(inner.value))) % length_ms:
            remedy = f"use sessions of whole candles of {timeframe}, or keep session() outside of on()"
            why = f"`{inner!r:.60}` has sessions of {each_ms // 60_000} min in candles of {length_ms // 60_000} min"
            raise WrongOperand(expression=f"on({timeframe!r:.40}, ...)", why=why, remedy=remedy)
    ratio = Term("ratio", (length_ms,))
    return _scoped("on", timeframe, expr, ("on", "of", "external"), lambda bars: times(plus(bars, 2), ratio))


def of(market: str, expr: Value) -> Value:
    """The expression computed over another market's bars of the same timeframe, as far as they have closed.

    nan (a condition: false) until it has a value: bars of that market are counted as they come, for its warm-up too.
    `of(market, on("4h", ...))` is another market's longer candles.
    """
    if not _MARKET.fullmatch(market):
        why = f"{market!r:.40} is no market"
        raise WrongOperand(expression="of", why=why, remedy='give base and quote, such as "BTC/USDT"')
    return _scoped("of", market, expr, ("of", "external"), lambda bars: bars)


def external(name: str, *, max_age: str) -> Number:
    """A value from outside, such as a model's score: the last one there was at the bar's close.

    nan if it is older than `max_age` ("30m", "3h", "2d"), and nan compares as false: a late score opens nothing (but
    `~(score > 0.5)` is true then; ask `is_known(score)` beside it).
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        remedy = "use a-z, 0-9 and _, from a letter, at most 40"
        raise WrongOperand(expression="external", why=f"{name!r:.60} is no name", remedy=remedy)
    age = _AGE.fullmatch(max_age)
    if age is None:
        raise WrongOperand(expression="external", why=f"{max_age!r:.40} is no age", remedy='give one such as "3h"')
    return node(Number, "external", (), External(name, int(age[1]) * _AGE_MS[age[2]]))


def session(timeframe: str = "1d") -> Boolean:
    """True at the first bar of each session, a UTC day if nothing else is said."""
    _known(timeframe)
    return node(Boolean, "session", (), timeframe, needs=(1, 1))


def _known(timeframe: str) -> int:
    if timeframe not in TIMEFRAMES_MS:
        raise UnknownTimeframe(name=repr(timeframe)[:40], known=", ".join(TIMEFRAMES_MS))
    return TIMEFRAMES_MS[timeframe]


def _scoped(op: str, value: str, expr: Value, banned: tuple[str, ...], need: Callable[[Whole], Whole]) -> Value:
    if not isinstance(expr, Number | Boolean):
        why = f"`{expr!r:.60}` is not an expression"
        raise WrongOperand(expression=op, why=why, remedy="give one built of close, volume ...")
    for inner in walk(expr):
        if inner.op in banned:
            remedy = "write of(market, on(timeframe, ...)), and external values outside of both"
            raise WrongOperand(expression=f"{op}({value!r:.40}, ...)", why=f"`{inner!r:.60}` is inside", remedy=remedy)
    kind: type[Expr] = Number if isinstance(expr, Number) else Boolean
    needs = need(expr.first_valid), need(expr.settled)
    return cast(Value, node(kind, op, (expr,), value, needs=needs, unit=expr.unit))


def write_scope(writer: Writer, nodes: list[Expr], write_nodes: Callable[..., None]) -> None:
    """Write all nodes of one scope: its lines once, and for each node what its value was at the scope's last bar."""
    outer, op, value = writer.scope, nodes[0].op, str(nodes[0].value)
    make = _higher if op == "on" else _other
    inner, around = make(writer, value)
    inner.bar = writer.state(f"bars seen of {op}({value!r})", kind="int", varies=False)
    inner.anchored, inner.name = writer.fresh("b"), f"{outer.name} {op}({value!r})"
    writer.scope = inner
    write_nodes(writer, *(expr.args[0] for expr in nodes))
    held = {expr: writer.keep(expr, "last") for expr in nodes}
    inner.lines += [f"{state} = {writer.atom(expr.args[0])}" for expr, state in held.items()]
    body = writer.body()
    writer.scope = outer
    outer.lines += around(body)
    for expr, state in held.items():
        seen = f"{inner.bar} > {writer.whole(expr.args[0].first_valid)}"
        nan = writer.hoist("divide(0.0, 0.0)")
        text = f"{seen} and {state}" if isinstance(expr, Boolean) else f"{state} if {seen} else {nan}"
        outer.atoms[expr] = writer.local(text, expr)


def _other(writer: Writer, market: str) -> tuple[Scope, Callable[[list[str]], list[str]]]:
    number, j = writer.others.index(market), writer.fresh("j")
    prices = {name: f"{name}{number}[{j}]" for name in PRICES}
    loop = f"for {j} in range(upto{number}[i], upto{number}[i + 1]):"
    return Scope(clock=f"clock{number}[{j}]", prices=prices), lambda body: [loop, *indented(body)]


def _higher(writer: Writer, timeframe: str) -> tuple[Scope, Callable[[list[str]], list[str]]]:
    """A longer candle closes with its last bar or, where that bar does not exist, before the next one is counted."""
    base, ratio = writer.scope, writer.bars_of(timeframe)

    def state(what: str, kind: str = "float") -> str:
        return writer.state(f"{what} of the {timeframe} candle", kind=kind, varies=False)

    number, whole = state("number", "int"), state("beginning seen", "bool")
    prices = {name: state(name) for name in PRICES}
    now, late, turn, closing = (writer.fresh(letter) for letter in "bbtb")
    own, price = base.prices, prices

    def around(body: list[str]) -> list[str]:
        return [
            f"{now} = floor_div({base.clock}, {ratio})",
            f"{late} = {whole} and {now} != {number}",
            f"for {turn} in range(2):",
            f"    {closing} = {late}",
            f"    if {turn} == 1:",
            f"        if {base.bar} == 0 or {now} != {number}:",
            f"            {number} = {now}",
            f"            {whole} = {base.bar} > 0 or remainder({base.clock}, {ratio}) == 0",
            f"            {price['open']} = {own['open']}",
            f"            {price['high']} = {own['high']}",
            f"            {price['low']} = {own['low']}",
            f"            {price['volume']} = 0.0",
            f"        {price['high']} = maximum({price['high']}, {own['high']})",
            f"        {price['low']} = minimum({price['low']}, {own['low']})",
            f"        {price['close']} = {own['close']}",
            f"        {price['volume']} += {own['volume']}",
            f"        {closing} = {whole} and remainder({base.clock} + 1, {ratio}) == 0",
            f"    if {closing}:",
            f"        {whole} = False",
            *indented(body, 2),
        ]

    return Scope(clock=number, prices=prices, timeframe_ms=TIMEFRAMES_MS[timeframe]), around
