"""Which values differ from column to column: what the compiler must know to compute many columns at once.

A step is written for one column: one market and one parameter set. Given the arrays that hold a value per column, this
says which locals become vectors and which stay single values, computed once for all. A local differs as soon as one
assignment of it does, by its value or by standing under a condition that differs.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tradepool.core.compiler.dialect import CheckedFunction
from tradepool.core.compiler.kinds import ELEMENT, Signature
from tradepool.domain.errors import InvalidInput


class SharedStore(InvalidInput):
    """{function}, line {line}: {array} is one for all columns, but what is stored differs between them; make {array} an array per column."""


class StartDiffers(InvalidInput):
    """{function}, line {line}: {array} is handed on from an element that differs between columns; hand on the same part for all."""


class ReturnInLoop(InvalidInput):
    """{function}, line {line}: a return inside a loop cannot be left by single columns; keep the outcome in a local and return after the loop."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A function as it is called: the parameters that differ by column, columns at once, whether some may be off."""

    name: str
    spread: frozenset[str] = frozenset()
    lanes: int = 1
    masked: bool = False


@dataclass(slots=True)
class Spread:
    """What of one instance differs by column: `names` (parameters, locals), the result, and whether columns return apart."""

    checked: CheckedFunction
    known: Mapping[str, Signature]
    callee: Callable[[Instance], Spread]
    lanes: int
    names: set[str]
    returns_apart: bool = False
    result: bool = False
    _stores: Counter[str] = field(default_factory=Counter)

    def settle(self) -> None:
        """Walk the body until nothing more turns out to differ; with one column at a time nothing but arrays does."""
        if self.lanes == 1:
            return
        names = (node for node in ast.walk(self.checked.tree) if isinstance(node, ast.Name))
        self._stores = Counter(node.id for node in names if isinstance(node.ctx, ast.Store))
        known = -1
        while known != len(self.names):
            known = len(self.names)
            self._block(self.checked.tree.body, apart=False, looping=False)

    def of(self, node: ast.expr) -> bool:
        """Whether an expression has a value per column."""
        match node:
            case ast.Name(name):
                return name in self.names
            case ast.Call(ast.Name(name)) if name in self.known:
                return self.callee(self.instance(node)).result
            case ast.Call(_, arguments):
                return any(self.of(argument) for argument in arguments)
        return any(self.of(part) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr))

    def instance(self, call: ast.Call, *, masked: bool = False) -> Instance:
        """What a call of a step function (not of a word) needs compiled."""
        assert isinstance(call.func, ast.Name)
        pairs = zip(self.known[call.func.id].parameters, call.args, strict=True)
        spread = frozenset(
            name for (name, kind), value in pairs if self.of(value) and (self.lanes > 1 or kind in ELEMENT)
        )
        return Instance(call.func.id, spread, self.lanes, masked)

    def _block(self, body: list[ast.stmt], *, apart: bool, looping: bool) -> None:
        for node in body:
            match node:
                case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
                    self._assign(name, apart or self.of(value))
                case ast.AugAssign(ast.Name(name), _, value):
                    self._assign(name, apart or self.of(value))
                case ast.If(test, body, other):
                    inside = apart or self.of(test)
                    self._block(body, apart=inside, looping=looping)
                    self._block(other, apart=inside, looping=looping)
                case ast.For(ast.Name(name), ast.Call(_, limits), body):
                    differs = any(self.of(limit) for limit in limits)
                    # A counter that only this loop sets counts the same for every column that runs it.
                    self._assign(name, differs or (apart and self._stores[name] > 1))
                    self._block(body, apart=apart or differs, looping=True)
                case ast.Return(value):
                    if apart and looping:
                        raise ReturnInLoop(function=self.checked.signature.name, line=node.lineno)
                    self.returns_apart |= apart
                    self.result |= value is not None and (self.returns_apart or self.of(value))

    def _assign(self, name: str, differs: bool) -> None:
        if differs:
            self.names.add(name)


def returns(body: list[ast.stmt]) -> Iterator[ast.Return]:
    """The returns anywhere in these statements."""
    return (node for statement in body for node in ast.walk(statement) if isinstance(node, ast.Return))
