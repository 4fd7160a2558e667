"""Several strategies as one: by vote, by weight, behind a gate, or each in its own market weather.

The result is a strategy like any other: one step, its parameters under the names of their strategies
(`macd_trend_fast`), a confidence from 0 to 1, and a sentence that explains it (`core.strategies.explain`). A part is a
strategy, which agrees while it would hold, or a condition, which agrees while it is true. Long only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from tradepool.core.graph.expr import Boolean, Expr, Number, as_boolean, constant, false, maximum, minimum, where
from tradepool.core.strategies.exits import Exits
from tradepool.core.strategies.held import level_of
from tradepool.core.strategies.renamed import prefixed
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import InvalidInput

Part: TypeAlias = "Strategy | Boolean"


class WrongCombination(InvalidInput):
    """Combination {name} {why}; {remedy}."""


def vote(
    name: str,
    parts: Sequence[Part],
    *,
    at_least: int,
    exits: Exits | None = None,
    words: Mapping[Expr, str] | None = None,
    version: int = 1,
) -> Strategy:
    """Be in while at least so many agree. Its confidence is the share of those who do.

    Protections are those given or else the first strategy's. Raises WrongCombination.
    """
    if not 1 <= at_least <= len(parts):
        why = f"wants {at_least} of {len(parts)} votes"
        raise WrongCombination(name=name, why=why, remedy=f"ask for 1 to {len(parts)}")
    return _scored(name, [(part, 1.0) for part in parts], (at_least, at_least), exits, words or {}, version)


def weighted(
    name: str,
    parts: Sequence[tuple[Part, float]],
    *,
    enter_at: float = 0.5,
    leave_below: float = 0.5,
    exits: Exits | None = None,
    words: Mapping[Expr, str] | None = None,
    version: int = 1,
) -> Strategy:
    """Be in from where the weights of those who agree make up this share of all weights, until they fall below another.

    Its confidence is that share. Raises WrongCombination.
    """
    total = sum(weight for _, weight in parts)
    if not parts or any(not 0.0 < weight < float("inf") for _, weight in parts):
        raise WrongCombination(name=name, why="has no weights above 0", remedy="give each part one")
    if not 0.0 < leave_below <= enter_at <= 1.0:
        why = f"enters at {enter_at} and leaves below {leave_below}"
        raise WrongCombination(name=name, why=why, remedy="give 0 < leave_below <= enter_at <= 1")
    return _scored(name, parts, (enter_at * total, leave_below * total), exits, words or {}, version)


def gated(name: str, strategy: Strategy, *gates: Part, stays: bool = False, version: int = 1) -> Strategy:
    """A strategy that enters only while every gate is open; with `stays` it does not leave when one closes.

    Its confidence is the strategy's own while the gates are open, else 0.
    """
    parts, words = _opened(name, [strategy, *gates])
    own = parts[0][1]
    assert own is not None
    opened = as_boolean(parts[1][0], name) if gates else None
    if opened is None:
        raise WrongCombination(name=name, why="has no gate", remedy="give a condition or a strategy beside it")
    for level, _ in parts[2:]:
        opened = opened & level
    return Strategy(
        name,
        version,
        enter=own.enter & opened,
        exit=own.exit if stays else own.exit | ~opened,
        exits=own.exits,
        confidence=where(opened, _own(own)[1], 0.0),
        words=words,
    )


def switched(
    name: str, choices: Sequence[tuple[Boolean, Strategy]], otherwise: Strategy | None = None, *, version: int = 1
) -> Strategy:
    """The strategy of the first condition that holds now, such as a trend follower in trends; else the last one, or none.

    When the weather turns, what the next one would hold is held on, under its own protections, and else it is left.
    """
    strategies = [strategy for _, strategy in choices] + ([otherwise] if otherwise else [])
    if not choices:
        raise WrongCombination(name=name, why="has no choices", remedy="give a condition and a strategy for each")
    parts, words = _opened(name, strategies)
    first = parts[len(choices)] if otherwise else None
    inside, exits, confidence = (first[0], *_own(first[1])) if first else (false, *_own(None))
    for (condition, _), (level, part) in reversed(list(zip(choices, parts, strict=False))):
        assert part is not None
        inside = (condition & level) | (~condition & inside)
        confidence = where(condition, _own(part)[1], confidence)
        exits = _either(condition, part.exits, exits)
    sure = _share(where(inside, confidence, 0.0))
    return Strategy(name, version, enter=inside, exit=~inside, exits=exits, confidence=sure, words=words)


def _own(part: Strategy | None) -> tuple[Exits, Number]:
    """Protections and confidence of a strategy that counts now; none of either without one."""
    if part is None:
        return Exits(), constant(0.0)
    return part.exits, constant(1.0) if part.confidence is None else part.confidence


def _scored(
    name: str,
    weights: Sequence[tuple[Part, float]],
    bounds: tuple[float, float],
    exits: Exits | None,
    words: Mapping[Expr, str],
    version: int,
) -> Strategy:
    parts, told = _opened(name, [part for part, _ in weights])
    score = constant(0.0)
    for (level, _), (_, weight) in zip(parts, weights, strict=True):
        score = score + where(level, weight, 0.0)
    own = next((part.exits for _, part in parts if part is not None), Exits())
    enter_at, leave_below = bounds
    return Strategy(
        name,
        version,
        enter=score >= enter_at,
        exit=score < leave_below,
        exits=own if exits is None else exits,
        confidence=_share(score / sum(weight for _, weight in weights)),
        words={**told, **words},
    )


def _share(value: Number) -> Number:
    return maximum(0.0, minimum(1.0, value))


def _opened(name: str, parts: Sequence[Part]) -> tuple[list[tuple[Boolean, Strategy | None]], dict[Expr, str]]:
    """When each part agrees, the strategies among them with parameters of their own, and what everything is called."""
    names = [part.name for part in parts if isinstance(part, Strategy)]
    for twice in {each for each in names if names.count(each) > 1}:
        why = f"has two parts called {twice}"
        raise WrongCombination(name=name, why=why, remedy="give one of them another name (dataclasses.replace)")
    opened: list[tuple[Boolean, Strategy | None]] = []
    words: dict[Expr, str] = {}
    for part in parts:
        if not isinstance(part, Strategy):
            opened.append((as_boolean(part, f"a part of {name}"), None))
            continue
        if part.shorts:
            raise WrongCombination(name=name, why=f"has {part.name}, which shorts", remedy="combine long strategies")
        own = prefixed(part)
        level = level_of(own.enter, own.exit)
        words |= {**own.words, level: part.name.replace("_", " ")}
        opened.append((level, own))
    return opened, words


def _either(condition: Boolean, first: Exits, second: Exits) -> Exits:
    pairs = zip(_distances(first), _distances(second), strict=True)
    return Exits(*(a if a is b else where(condition, a, b) for a, b in pairs))


def _distances(exits: Exits) -> tuple[Number, ...]:
    return (
        exits.stop_distance,
        exits.trail_distance,
        exits.trail_step,
        exits.first_target,
        exits.second_target,
        exits.target_share,
        exits.break_even,
        exits.hold_bars,
    )
