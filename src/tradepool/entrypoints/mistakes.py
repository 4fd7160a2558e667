"""What becomes of mistakes in a configuration: one section's must not keep the others from being helped."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path

from tradepool.core.graph.expr import close
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import TradepoolError
from tradepool.domain.register import Thing
from tradepool.entrypoints.inputs import settings_from
from tradepool.entrypoints.settings import Settings
from tradepool.runtime.config import BadSetting, UnknownSetting

# In place of a strategy that is not there: nothing it says sells what is held, and its entries are refused.
UNLED = Strategy("unled", 1, enter=close > 0.0, exit=close < 0.0)
# Sections of which one may be wrong without concerning everybody.
_OF_ONE = ("users", "accounts", "mandates", "risk")


class Mistakes(IntEnum):
    """All are raised; or a strategy that can't be used leaves its mandate unled; or whatever else is wrong with one user,
    account, mandate or limit is set aside, too, for what has to work in an emergency."""

    RAISED = 0
    UNLED = 1
    SET_ASIDE = 2


def settings_aside(file: Path | None, aside: list[TradepoolError]) -> Settings:
    """The configuration without sections of a user, an account, a mandate or limits that can't be read; what is wrong with
    them is added to `aside`. Raises what else is wrong."""
    without = set[str]()
    while True:
        try:
            return settings_from(file, without)
        except (UnknownSetting, BadSetting) as error:
            section = section_named(error)
            if section in without or section.partition(".")[0] not in _OF_ONE:
                raise
            without.add(section)
            aside.append(error)


def section_named(mistake: TradepoolError) -> str:
    """The section that a mistake is in.

    >>> section_named(BadSetting(key="users.ben.rolle", source="t.toml", why="it is odd"))
    'users.ben'
    """
    facts, thing = mistake.facts, mistake.facts.get("thing")
    words = [thing.section] if isinstance(thing, Thing) else []
    words += [str(facts[each]) for each in ("section", "key", "name") if each in facts]
    return ".".join(".".join(words).split(".")[:2])
