"""Recursions: values that follow from themselves at the bar before, such as a stop that trails and turns.

The step is written in the vocabulary, over what it remembers and any other expressions; what it remembers has the names
of the step's arguments. Nothing says how fast a recursion forgets, so it has no warm-up.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TypeAlias
from weakref import WeakValueDictionary

from tradepool.core.graph.expr import Boolean, Expr, Number, WrongOperand, after, as_number, node, walk, where
from tradepool.core.graph.primitives import since
from tradepool.core.graph.units import OPERATIONS, combined
from tradepool.core.graph.whole import NEVER
from tradepool.core.graph.writer import Writer

Values: TypeAlias = Sequence[Number | float]


class Recursion(Expr):
    """All values of one recursion together: what they start as, how they follow, and what stands for the bar before."""

    __slots__ = ()


_known: WeakValueDictionary[tuple[object, ...], Recursion] = WeakValueDictionary()


def recursive(start: Values, step: Callable[..., Values]) -> tuple[Number, ...]:
    """Values that start as `start` at the first bar that has everything, and then follow as `step` says.

    `step` is given the values at the bar before. Where one of them would be nan, all start anew. Raises WrongOperand
    where the step does anything to them but operations of one bar, or gives another number of values.

    >>> from tradepool.core.graph.expr import close, maximum
    >>> (peak,) = recursive((close,), lambda peak: (maximum(peak, close),))
    >>> peak, peak.warm_up
    (component('peak', recursion(close, maximum(peak, close), peak)), None)
    """
    names, starts = tuple(inspect.signature(step).parameters), [as_number(item, "recursive") for item in start]
    memory = [Number("before", (), name, 0, 0, item.unit) for name, item in zip(names, starts, strict=False)]
    following = [as_number(item, "recursive") for item in step(*memory)] if len(memory) == len(names) else []
    if not len(names) == len(starts) == len(following):
        why = f"{len(starts)} values start, {len(names)} are remembered and {len(following)} follow"
        raise WrongOperand(expression=f"recursive{names}", why=why, remedy="give as many of each")
    units = [combined("same", pair, f"recursive{names}") for pair in zip(starts, following, strict=True)]
    args = (*starts, *following, *memory)
    key = (names, tuple(map(id, starts)), *_shape(memory, following))
    made = node(Recursion, "recursion", args, needs=after(*args, settled=NEVER))
    whole = _known.setdefault(key, made)
    return tuple(node(Number, "component", (whole,), name, unit=unit) for name, unit in zip(names, units, strict=True))


def value_when(condition: Boolean, source: Number) -> Number:
    """The source at the last bar at which the condition held, this one included; nan until it has held."""
    (held,) = recursive((source,), lambda held: (where(condition, source, held),))
    return held + 0.0 * since(condition)


def _shape(memory: Sequence[Expr], following: Sequence[Expr]) -> tuple[object, ...]:
    """What makes two recursions the same: their operations, and their operands by place or, from outside, by node."""
    place = {id(item): -1 - index for index, item in enumerate(memory)}
    rows = []
    for expr in walk(*following):
        if any(id(arg) in place for arg in expr.args):
            if expr.op not in OPERATIONS:
                why = f"`{expr!r:.60}` looks beyond one bar at what is remembered"
                raise WrongOperand(expression="recursive", why=why, remedy="keep one more value instead")
            rows.append((expr.op, tuple(place.get(id(arg), id(arg)) for arg in expr.args)))
            place[id(expr)] = -1 - len(place)
    return tuple(rows), tuple(place.get(id(item), id(item)) for item in following)


def write_before(writer: Writer, expr: Expr) -> str:
    """What is remembered, in a state row."""
    return writer.state(f"{expr.value} at the bar before", varies=writer.varies(expr))


def write_recursive(writer: Writer, expr: Expr) -> str:
    """Take the values that follow or, at the beginning and after a nan, those to start with; all at once."""
    count = len(expr.args) // 3
    starts, following, memory = (expr.args[at : at + count] for at in (0, count, 2 * count))
    states = [writer.atom(item) for item in memory]
    # Copied first: a value may follow from another one's bar before.
    found = [
        writer.local(writer.atom(item), f"next {name.value}") for item, name in zip(following, memory, strict=True)
    ]
    lost = [f"is_nan({name})" for name in found] if writer.unsure(expr) else []
    begins = writer.local(
        " or ".join([f"{writer.scope.bar} <= {writer.whole(expr.first_valid)}", *lost]), "whether it starts anew"
    )
    pairs = zip(states, starts, found, strict=True)
    writer.scope.lines += [f"{state} = where({begins}, {writer.atom(start)}, {new})" for state, start, new in pairs]
    return ""


def write_component(writer: Writer, expr: Expr) -> str:
    """One of the values."""
    return next(writer.atom(item) for item in expr.args[0].args if item.op == "before" and item.value == expr.value)
