"""The dialect a step is written in: what it may say, and of which kind every value is.

Annotated functions over `int`, `float`, `bool` and the arrays `Ints` and `Floats`; locals; `+ - *`; comparisons;
`and or not`; `if`; `for k in range(a, b)`; early `return`; `row[i]`; `row[i:]` where a function takes an array; calls of vocabulary words and of functions above.
Whatever else Python can say is refused here, by function and line, with what to write instead. The checks make both
runners agree: kinds never mix silently, and no local can be read before it has a value.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from tradepool.core.compiler.dialect_values import ARITHMETIC, ExpressionRules, OutsideDialect, WrongKind, short
from tradepool.core.compiler.kinds import ELEMENT, SCALARS, Kind, Signature
from tradepool.core.compiler.program import Constant, FunctionText, NameClash, Program


@dataclass(frozen=True, slots=True)
class CheckedFunction:
    """A function that is step source: its tree, and the kind of every expression and local in it."""

    signature: Signature
    tree: ast.FunctionDef
    kinds: Mapping[ast.expr, Kind]
    locals: Mapping[str, Kind]


@lru_cache(maxsize=256)
def check(program: Program) -> Mapping[str, CheckedFunction]:
    """Check every function; the same mapping for the same program.

    Raises OutsideDialect, WrongKind, UnknownName or MaybeUnassigned, each naming function and line.

    >>> halves = Program.of_text("def half(a: float) -> float:\\n    return a / 2.0")
    >>> check(halves)
    Traceback (most recent call last):
    ...
    tradepool.core.compiler.dialect_values.OutsideDialect: half, line 2: `a / 2.0` is not step source; write divide(a, b).
    """
    checked: dict[str, CheckedFunction] = {}
    for source in program.functions:
        if source.name in checked:
            raise NameClash(name=source.name, first=source.origin, second=source.origin)
        known = {name: function.signature for name, function in checked.items()}
        checked[source.name] = check_function(source, dict(program.constants), known)
    return checked


def check_function(
    source: FunctionText, constants: Mapping[str, Constant], known: Mapping[str, Signature]
) -> CheckedFunction:
    """Check one function against the constants and the functions above it."""
    (tree,) = ast.parse(source.text).body
    assert isinstance(tree, ast.FunctionDef)
    checker = _FunctionRules(source, constants, known)
    result = checker.function(tree)
    signature = Signature(source.name, tuple(checker.parameters.items()), result, frozenset(checker.writes))
    return CheckedFunction(signature, tree, checker.kinds, checker.locals)


@dataclass(slots=True)
class _FunctionRules(ExpressionRules):
    """Walks one function in the order Python runs it."""

    def function(self, tree: ast.FunctionDef) -> Kind:
        arguments = tree.args
        if tree.decorator_list or arguments.defaults or len(arguments.args) != len(_all_arguments(arguments)):
            raise self.refuse(
                OutsideDialect, tree, "a decorator, default or starred parameter", "name plain parameters"
            )
        for name in (tree.name, *(argument.arg for argument in arguments.args)):
            if self.is_taken(name) or (name is tree.name and name in self.constants):
                raise self.refuse(OutsideDialect, tree, f"another meaning of {name}", "choose another name")
        for argument in arguments.args:
            self.parameters[argument.arg] = self.annotation(argument.annotation, argument, with_arrays=True)
        self.locals |= self.parameters
        self.assigned |= set(self.parameters)
        none = isinstance(tree.returns, ast.Constant) and tree.returns.value is None
        self.result = Kind.NONE if none else self.annotation(tree.returns, tree, with_arrays=False)
        if not self.block(tree.body) and self.result is not Kind.NONE:
            raise self.refuse(WrongKind, tree, "not every path returns a value", "end it with a return")
        return self.result

    def annotation(self, node: ast.expr | None, place: ast.AST, *, with_arrays: bool) -> Kind:
        allowed: tuple[Kind, ...] = (*SCALARS, *ELEMENT) if with_arrays else SCALARS
        names: dict[str, Kind] = {kind.value: kind for kind in allowed}
        if isinstance(node, ast.Name) and node.id in names:
            return names[node.id]
        what = f"the annotation `{short(node)}`" if node else f"`{short(place)}` without annotation"
        raise self.refuse(OutsideDialect, place, what, f"annotate it with one of {', '.join(names)}")

    # statements: each says whether the function has returned for certain

    def block(self, body: list[ast.stmt]) -> bool:
        for index, statement in enumerate(body):
            if self.statement(statement):
                if index + 1 < len(body):
                    raise self.refuse(
                        OutsideDialect, body[index + 1], "a line after return", "delete it, it never runs"
                    )
                return True
        return False

    def statement(self, node: ast.stmt) -> bool:
        match node:
            case ast.Expr(ast.Constant(str())) | ast.Pass():
                return False
            case ast.Expr(ast.Call() as call):
                self.call(call)
                return False
            case ast.Assign([target], value):
                self.store(target, self.value(value), node)
                return False
            case ast.AnnAssign(ast.Name() as target, annotation, ast.expr() as value):
                self.agree(self.annotation(annotation, node, with_arrays=False), value)
                self.store(target, self.kinds[value], node)
                return False
            case ast.AugAssign(target, operator, value):
                self.augment(node, target, operator, value)
                return False
            case ast.If(test, body, other):
                return self.branch(test, body, other)
            case ast.For(ast.Name(name), ast.Call(ast.Name("range"), limits, []), body, []) if 1 <= len(limits) <= 2:
                self.loop(name, limits, body, node)
                return False
            case ast.Return(value):
                self.give_back(node, value)
                return True
            case _:
                raise self.outside(node)

    def store(self, target: ast.expr, kind: Kind, place: ast.AST) -> None:
        if isinstance(target, ast.Subscript):
            element = self.element(target)
            if element is not kind:
                raise self.mixed(place, element, kind)
            assert isinstance(target.value, ast.Name)
            self.writes.add(target.value.id)
        elif isinstance(target, ast.Name):
            self.store_local(target.id, kind, place)
        else:
            raise self.outside(target)

    def store_local(self, name: str, kind: Kind, place: ast.AST) -> None:
        if kind not in SCALARS:
            raise self.refuse(WrongKind, place, f"{name} would be {kind.value}", "keep int, float or bool in locals")
        if name in self.constants or self.is_taken(name):
            raise self.refuse(OutsideDialect, place, f"another meaning of {name}", "choose another name")
        if self.locals.setdefault(name, kind) is not kind:
            raise self.mixed(place, self.locals[name], kind)
        self.assigned.add(name)

    def augment(self, node: ast.AugAssign, target: ast.expr, operator: ast.operator, value: ast.expr) -> None:
        if not isinstance(operator, ARITHMETIC):
            raise self.outside(node)
        if isinstance(target, ast.Name):
            held = self.name(target)
        elif isinstance(target, ast.Subscript):
            held = self.element(target)
        else:
            raise self.outside(node)
        self.number(held, node)
        self.store(target, self.meet(held, self.value(value), value, node), node)

    def branch(self, test: ast.expr, body: list[ast.stmt], other: list[ast.stmt]) -> bool:
        self.agree(Kind.BOOL, test)
        before = set(self.assigned)
        returned = self.block(body)
        after_body, self.assigned = self.assigned, before
        other_returned = self.block(other)
        if returned != other_returned:
            self.assigned = self.assigned if returned else after_body
        else:
            self.assigned = self.assigned & after_body
        return returned and other_returned

    def loop(self, name: str, limits: list[ast.expr], body: list[ast.stmt], place: ast.For) -> None:
        for limit in limits:
            self.agree(Kind.INT, limit)
        before = set(self.assigned)
        self.store_local(name, Kind.INT, place)
        self.block(body)
        # A loop may run not once, so nothing first assigned inside it is certain after it.
        self.assigned = before

    def give_back(self, node: ast.Return, value: ast.expr | None) -> None:
        if value is not None:
            if self.result is Kind.NONE:
                raise self.refuse(WrongKind, node, "a value is returned from -> None", "write a plain return")
            self.agree(self.result, value)
        elif self.result is not Kind.NONE:
            raise self.refuse(WrongKind, node, "nothing is returned", f"return {self.result.value}")


def _all_arguments(arguments: ast.arguments) -> list[ast.arg]:
    starred = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]
