"""The rules of expressions in the dialect: of which kind each one is, and what may not be said.

`dialect` has the rules of functions and statements, and the words for all of it.
"""

from __future__ import annotations

import ast
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field

from tradepool.core.compiler.kinds import (
    BY_ANNOTATION,
    ELEMENT,
    EXACT_IN_FLOAT,
    NUMBERS,
    SCALARS,
    Kind,
    Signature,
    literal_int,
    word_kinds,
)
from tradepool.core.compiler.program import Constant, FunctionText
from tradepool.core.compiler.vocabulary import INT_MAX, INT_MIN
from tradepool.core.compiler.words import COMPOSED, WORDS
from tradepool.domain.errors import InvalidInput


class OutsideDialect(InvalidInput):
    """{function}, line {line}: {what} is not step source; {remedy}."""


class WrongKind(InvalidInput):
    """{function}, line {line}: {what}; {remedy}."""


class UnknownName(InvalidInput):
    """{function}, line {line}: {what} is not known here; {remedy}."""


class MaybeUnassigned(InvalidInput):
    """{function}, line {line}: {what} may be read before it has a value; {remedy}."""


ARITHMETIC = (ast.Add, ast.Sub, ast.Mult)
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_EQUALITY = (ast.Eq, ast.NotEq)
_INSTEAD = {
    ast.Div: "write divide(a, b)",
    ast.FloorDiv: "write floor_div(a, b)",
    ast.Mod: "write remainder(a, b)",
    ast.Pow: "multiply it out, or write power(a, b)",
    ast.While: "write for k in range(a, b)",
    ast.Break: "guard the rest of the loop with an if",
    ast.Continue: "guard the rest of the loop with an if",
    ast.Attribute: "import the constant or function by its own name",
    ast.Tuple: "assign one name at a time",
    ast.Try: "steps cannot fail; test before",
    ast.Lambda: "write a function above",
    ast.Slice: "read one element at a time, or hand on array[start:]",
}


@dataclass(slots=True)
class ExpressionRules:
    """Walks expressions in the order Python runs them; `kinds` remembers what each one is."""

    source: FunctionText
    constants: Mapping[str, Constant]
    known: Mapping[str, Signature]
    parameters: dict[str, Kind] = field(default_factory=dict)
    kinds: dict[ast.expr, Kind] = field(default_factory=dict)
    locals: dict[str, Kind] = field(default_factory=dict)
    assigned: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    result: Kind = Kind.NONE

    def refuse(self, error: type[InvalidInput], node: ast.AST, what: str, remedy: str) -> InvalidInput:
        """The error of a piece of source: function, line, what is wrong, what to write instead."""
        line = self.source.line + getattr(node, "lineno", 1) - 1
        function = f"{self.source.origin}.{self.source.name}".removeprefix("generated.")
        return error(function=function, line=line, what=what, remedy=remedy)

    def outside(self, node: ast.AST) -> InvalidInput:
        """The error of something the dialect cannot say."""
        operator = getattr(node, "op", node)
        remedy = _INSTEAD.get(type(operator)) or _INSTEAD.get(type(node)) or "see dialect.py for what may be said"
        return self.refuse(OutsideDialect, node, f"`{short(node)}`", remedy)

    def is_taken(self, name: str) -> bool:
        """Whether a name already means a word or a function."""
        own_word = name in COMPOSED and self.source.origin == COMPOSED[name].__module__
        return (name in WORDS and not own_word) or name in self.known or name == "range"

    # expressions: each gives its kind and remembers it

    def value(self, node: ast.expr) -> Kind:
        """The kind of an expression, checked and remembered."""
        kind = self._value(node)
        self.kinds[node] = kind
        return kind

    def _value(self, node: ast.expr) -> Kind:
        match node:
            case ast.Constant():
                return self.literal(node)
            case ast.Name():
                return self.name(node)
            case ast.UnaryOp(ast.USub(), operand):
                return self.number(self.value(operand), node)
            case ast.UnaryOp(ast.Not(), operand):
                return self.agree(Kind.BOOL, operand)
            case ast.BinOp(left, operator, right) if isinstance(operator, ARITHMETIC):
                return self.number(self.pair(left, right, node), node)
            case ast.BoolOp(_, values):
                return [self.agree(Kind.BOOL, value) for value in values][-1]
            case ast.Compare():
                return self.compare(node)
            case ast.IfExp(test, body, other):
                self.agree(Kind.BOOL, test)
                return self.agree(self.value(body), other)
            case ast.Subscript(ast.Name(), ast.Slice(ast.expr() as start, None, None)):
                return self.rest(node, start)
            case ast.Subscript():
                return self.element(node)
            case ast.Call():
                return self.call(node)
            case _:
                raise self.outside(node)

    def literal(self, node: ast.Constant) -> Kind:
        """A 64-bit int, a float or a bool."""
        if type(node.value) is bool:
            return Kind.BOOL
        if type(node.value) is int and INT_MIN <= node.value <= INT_MAX:
            return Kind.INT
        if type(node.value) is float:
            return Kind.FLOAT
        raise self.refuse(OutsideDialect, node, f"the literal {short(node)}", "use a 64-bit int, a float or a bool")

    def name(self, node: ast.Name) -> Kind:
        """A local that surely has a value by now, or a constant."""
        name = node.id
        if name in self.locals:
            if name not in self.assigned:
                raise self.refuse(MaybeUnassigned, node, name, "assign it before the if or the loop")
            kind = self.locals[name]
        elif name in self.constants:
            kind = Kind.INT if isinstance(self.constants[name], int) else Kind.FLOAT
        else:
            raise self.refuse(UnknownName, node, name, "assign it before, or import the constant into the module")
        self.kinds[node] = kind
        return kind

    def compare(self, node: ast.Compare) -> Kind:
        """A comparison or a chain of them; each pair must be of one kind.

        Python leaves a chain at the first part that fails, compiled all parts are computed: so none may store anything.
        """
        left = node.left
        for call in (part for later in node.comparators[1:] for part in ast.walk(later) if isinstance(part, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id in self.known:
                raise self.refuse(OutsideDialect, call, f"`{short(call)}` in a chain", "write a < b and b < c")
        for operator, right in zip(node.ops, node.comparators, strict=True):
            kind = self.pair(left, right, node)
            if not isinstance(operator, (*_ORDER, *_EQUALITY)):
                raise self.outside(node)
            if isinstance(operator, _ORDER) or kind not in SCALARS:
                self.number(kind, node)
            left = right
        return Kind.BOOL

    def pair(self, left: ast.expr, right: ast.expr, place: ast.AST) -> Kind:
        """The common kind of two operands; an int literal beside a float is a float."""
        # In a chain `a < 1 < b` the middle has its kind from the pair before, and keeps it.
        inherited = self.kinds.get(left)
        kind = inherited or self.value(left)
        other = self.value(right)
        if inherited is None and kind is Kind.INT and other is Kind.FLOAT and literal_int(left) is not None:
            return self.as_float(left)
        return self.meet(kind, other, right, place)

    def meet(self, kind: Kind, other: Kind, right: ast.expr, place: ast.AST) -> Kind:
        """The kind of an operand joined by one more on its right."""
        if kind is Kind.FLOAT and other is Kind.INT and literal_int(right) is not None:
            return self.as_float(right)
        if kind is not other:
            raise self.mixed(place, kind, other)
        return kind

    def as_float(self, literal: ast.expr) -> Kind:
        """An int literal read as a float, if that is exact."""
        if abs(literal_int(literal) or 0) > EXACT_IN_FLOAT:
            raise self.refuse(WrongKind, literal, f"{short(literal)} is not exact as a float", "write it as a float")
        self.kinds[literal] = Kind.FLOAT
        return Kind.FLOAT

    def element(self, node: ast.Subscript) -> Kind:
        """One element of an array, by an int counted from the start."""
        kind = self.name(node.value) if isinstance(node.value, ast.Name) else None
        if kind not in ELEMENT:
            raise self.refuse(WrongKind, node, f"`{short(node.value)}` is not an array", "index Ints or Floats")
        if (literal_int(node.slice) or 0) < 0:
            raise self.refuse(OutsideDialect, node, "an index from the end", "count from the start")
        if isinstance(node.slice, ast.Slice | ast.Tuple):
            raise self.outside(node.slice)
        self.agree(Kind.INT, node.slice)
        self.kinds[node] = ELEMENT[kind]
        return ELEMENT[kind]

    def rest(self, node: ast.Subscript, start: ast.expr) -> Kind:
        """An array from one of its elements on, the same memory: only a function takes it, as no local holds an array."""
        kind = self.value(node.value)
        if kind not in ELEMENT or (literal_int(start) or 0) < 0:
            raise self.refuse(OutsideDialect, node, f"`{short(node)}`", "hand on an array from an element on")
        self.agree(Kind.INT, start)
        return kind

    def call(self, node: ast.Call) -> Kind:
        """A word or a function above, by position."""
        if not isinstance(node.func, ast.Name) or node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            raise self.refuse(OutsideDialect, node, f"`{short(node)}`", "call a word or a function above, by position")
        name = node.func.id
        if name in WORDS:
            takes, gives = word_kinds(name)
        elif name in self.known:
            takes, gives = [kind for _, kind in self.known[name].parameters], self.known[name].result
        else:
            raise self.refuse(UnknownName, node, f"function {name}", "define it above, or use a vocabulary word")
        if len(takes) != len(node.args):
            raise self.refuse(WrongKind, node, f"{name} takes {len(takes)} values", f"you gave {len(node.args)}")
        kind = self.arguments(node, takes, gives)
        self.kinds[node] = kind
        return kind

    def arguments(self, node: ast.Call, takes: list[Kind | typing.TypeVar], gives: Kind | typing.TypeVar) -> Kind:
        """Check arguments against what is taken; a type variable is bound by the first of its kind."""
        chosen: Kind | None = None
        for argument, wanted in zip(node.args, takes, strict=True):
            if isinstance(wanted, Kind):
                self.agree(wanted, argument)
                continue
            chosen = self.agree(chosen, argument) if chosen else self.value(argument)
            if chosen not in [BY_ANNOTATION[allowed] for allowed in wanted.__constraints__]:
                raise self.refuse(WrongKind, argument, f"`{short(argument)}` is {chosen.value}", "give a number")
        if isinstance(node.func, ast.Name) and node.func.id in self.known:
            self.note_writes(node, self.known[node.func.id])
        if isinstance(gives, Kind):
            return gives
        assert chosen is not None
        return chosen

    def note_writes(self, node: ast.Call, callee: Signature) -> None:
        """An array handed to a function that stores into it is stored into."""
        for argument, (parameter, _) in zip(node.args, callee.parameters, strict=True):
            array = argument.value if isinstance(argument, ast.Subscript) else argument
            if parameter in callee.writes and isinstance(array, ast.Name):
                self.writes.add(array.id)

    def agree(self, wanted: Kind, node: ast.expr) -> Kind:
        """The expression must be of the wanted kind."""
        kind = self.value(node)
        if kind is not wanted:
            raise self.mixed(node, wanted, kind)
        return kind

    def number(self, kind: Kind, place: ast.AST) -> Kind:
        """Only numbers can be computed with."""
        if kind not in NUMBERS:
            raise self.refuse(
                WrongKind, place, f"`{short(place)}` computes with {kind.value}", "use where(condition, a, b)"
            )
        return kind

    def mixed(self, place: ast.AST, wanted: Kind, found: Kind) -> InvalidInput:
        """The error of two kinds where one was needed, with the word that converts."""
        remedy = {
            (Kind.FLOAT, Kind.INT): "write to_float(...), or the literal with a point",
            (Kind.INT, Kind.FLOAT): "write floor_to_int, ceil_to_int or round_to_int",
        }.get((wanted, found), f"give {wanted.value}")
        what = f"`{short(place)}` needs {wanted.value} but has {found.value}"
        return self.refuse(WrongKind, place, what, remedy)


def short(node: ast.AST) -> str:
    """A piece of source on one line, cut to be quoted in a message."""
    text = ast.unparse(node).splitlines()[0]
    return text if len(text) <= 60 else text[:57] + "..."
