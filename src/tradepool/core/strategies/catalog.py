"""The strategies there are: every file of this folder that declares `strategy()`, under the name of the file."""

from __future__ import annotations

import pkgutil
from difflib import get_close_matches
from functools import cache
from importlib import import_module

from tradepool.core import strategies
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import InvalidInput

NOT_STRATEGIES = {"adapt", "catalog", "combine", "cost", "exits", "explain", "held", "renamed", "strategy"} | {
    *("text", "text_errors", "text_limits", "text_parser", "text_tokens", "text_words")
}


class UnknownStrategy(InvalidInput):
    """Strategy {name} is not known{hint}; known: {known}."""


def names() -> tuple[str, ...]:
    """Names of all strategies, in alphabetical order.

    >>> names()[:3]
    ('bollinger_breakout', 'donchian_turtle', 'macd_trend')
    """
    found = (module.name for module in pkgutil.iter_modules(strategies.__path__))
    return tuple(sorted(name for name in found if name not in NOT_STRATEGIES))


def named(name: str) -> Strategy:
    """The strategy of that name, parameters at their defaults. Raises UnknownStrategy, with the nearest name.

    >>> named("moving_average_cross").values["fast"]
    12
    """
    known = names()
    if name not in known:
        near = get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f", did you mean {near[0]}?" if near else ""
        raise UnknownStrategy(name=repr(name)[:60], hint=hint, known=", ".join(known))
    return _declared(name)


@cache
def _declared(name: str) -> Strategy:
    declared: Strategy = import_module(f"{strategies.__name__}.{name}").strategy()
    return declared
