"""The kinds of values a step computes with, and what functions and words take and give."""

from __future__ import annotations

import ast
import typing
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from functools import cache

from tradepool.core.compiler.vocabulary import Floats, Ints
from tradepool.core.compiler.words import WORDS


class Kind(Enum):
    """What a value is; the word is the annotation."""

    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    NONE = "None"
    INTS = "Ints"
    FLOATS = "Floats"


SCALARS = (Kind.INT, Kind.FLOAT, Kind.BOOL)
NUMBERS = (Kind.INT, Kind.FLOAT)
ELEMENT = {Kind.INTS: Kind.INT, Kind.FLOATS: Kind.FLOAT}
EXACT_IN_FLOAT = 2**53

BY_ANNOTATION = {int: Kind.INT, float: Kind.FLOAT, bool: Kind.BOOL, Ints: Kind.INTS, Floats: Kind.FLOATS}


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and gives; `writes` names the arrays it stores into, itself or through a call."""

    name: str
    parameters: tuple[tuple[str, Kind], ...]
    result: Kind
    writes: frozenset[str] = frozenset()

    def in_columns(self, spread: Collection[str]) -> list[str]:
        """Arrays that have rows of their own for each column or group: those that are `spread`, and those it writes."""
        return [name for name, kind in self.parameters if kind in ELEMENT and (name in spread or name in self.writes)]


@cache
def word_kinds(word: str) -> tuple[list[Kind | typing.TypeVar], Kind | typing.TypeVar]:
    """What a vocabulary word takes and gives, read from its own annotations; a type variable where it takes several.

    >>> word_kinds("to_float")
    ([<Kind.INT: 'int'>], <Kind.FLOAT: 'float'>)
    """
    hints = typing.get_type_hints(WORDS[word])
    kinds = [BY_ANNOTATION.get(hint, hint) for hint in hints.values()]
    return kinds[:-1], kinds[-1]


def literal_int(node: ast.expr) -> int | None:
    """The value of an integer literal, with or without a minus; None for any other expression."""
    sign, inner = (-1, node.operand) if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else (1, node)
    return sign * inner.value if isinstance(inner, ast.Constant) and type(inner.value) is int else None
