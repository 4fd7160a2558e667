"""Writes the body of one step function as LLVM IR, as it is called: for one column, or for a vector of columns.

With columns, a local that differs is a vector slot. A condition that differs becomes a mask: what stands under it is
skipped when no column wants it, stores keep the other columns' values, and a return switches columns off until the end.
Everything that could go wrong was refused by `dialect.check`, so this is one plain walk.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from llvmlite import ir

from tradepool.core.compiler.kinds import ELEMENT, Kind
from tradepool.core.compiler.lanes import returns
from tradepool.core.compiler.llvm_values import ValueEmitter
from tradepool.core.compiler.llvm_words import I1, any_lane, constant

# So many statements of these words at most run under a mask without asking whether any column wants them.
CHEAP = 3
_CHEAP = frozenset({"minimum", "maximum", "absolute", "where", "is_nan", "to_float"})


@dataclass(slots=True)
class FunctionEmitter(ValueEmitter):
    """Walks one function. `blend`: whether locals must keep the values of columns that are off; `gone`: who returned."""

    blend: bool = False
    gone: ir.Value | None = None
    outcome: ir.Value | None = None
    leave: ir.Block | None = None

    def emit(self) -> None:
        """The whole body."""
        checked, signature = self.spread.checked, self.spread.checked.signature
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        for name, kind in checked.locals.items():
            if kind not in ELEMENT:
                self.slots[name] = self.b.alloca(
                    self.module.type_of(kind, self.lanes if name in self.spread.names else 1), name=name
                )
        for argument, (name, kind) in zip(self.function.args, signature.parameters, strict=False):
            if kind in ELEMENT:
                self.slots[name] = argument
            else:
                self.b.store(self.fit(argument, self.slots[name]), self.slots[name])
        if self.instance.masked:
            self.mask = self.function.args[len(signature.parameters)]
        if self.spread.returns_apart:
            self.prepare_leaving()
        self.block(checked.tree.body)
        if self.leave is not None:
            self.finish_leaving()
        elif not self.b.block.is_terminated:
            # The checker saw to it that only `-> None`, or a join that nothing reaches, ends here.
            self.b.ret_void() if signature.result is Kind.NONE else self.b.unreachable()

    def prepare_leaving(self) -> None:
        """Columns return one by one: what they return, and which have."""
        columns = ir.VectorType(I1, self.lanes)
        self.gone = self.b.alloca(columns, name="gone")
        self.b.store(constant(columns, 0), self.gone)
        self.leave = self.function.append_basic_block("leave")
        if self.spread.checked.signature.result is not Kind.NONE:
            self.outcome = self.b.alloca(self.function.function_type.return_type, name="outcome")

    def finish_leaving(self) -> None:
        """Where all columns meet."""
        assert self.leave is not None
        if not self.b.block.is_terminated:
            self.b.branch(self.leave)
        self.b.position_at_end(self.leave)
        if self.outcome is None:
            self.b.ret_void()
        else:
            self.b.ret(self.b.load(self.outcome, typ=self.function.function_type.return_type))

    def block(self, body: list[ast.stmt]) -> None:
        """Statements in order, as long as any column goes on."""
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        """One statement."""
        match node:
            case ast.Expr(ast.Call() as call):
                self.call(call)
            case ast.Assign([target], value) | ast.AnnAssign(target, _, ast.expr() as value):
                self.store(target, self.value(value))
            case ast.AugAssign(target, operator, value):
                self.augment(target, operator, value)
            case ast.If(test, body, other):
                holds = self.value(test)
                if isinstance(holds, ir.Constant):
                    self.block(body if holds.constant else other)
                else:
                    self.columns_branch(holds, body, other) if self.differs(test) else self.branch(holds, body, other)
                self.go_on_without(node)
            case ast.For(ast.Name(name), ast.Call(_, limits), body):
                self.loop(name, limits, body)
            case ast.Return(value):
                self.give_back(None if value is None else self.value(value))

    def store(self, target: ast.expr, value: ir.Value) -> None:
        """Into a local or an array, for the columns that are on."""
        if isinstance(target, ast.Name):
            self.keep(self.slots[target.id], value)
        else:
            self.write(self.place(target), value, target)

    def keep(self, slot: ir.Value, value: ir.Value) -> None:
        """Into a local's slot; columns that are off keep what they had."""
        value = self.fit(value, slot)
        if self.blend and isinstance(value.type, ir.VectorType):
            value = self.b.select(self.mask, value, self.b.load(slot, typ=value.type))
        self.b.store(value, slot)

    def augment(self, target: ast.expr, operator: ast.operator, value: ast.expr) -> None:
        """As in Python: the place is found once, read, and only then the other side is computed."""
        if isinstance(target, ast.Name):
            slot = self.slots[target.id]
            held = self.b.load(slot, typ=slot.allocated_type)
            self.keep(slot, self.arithmetic(operator, held, self.value(value)))
        else:
            place = self.place(target)
            held = self.read(place)
            self.write(place, self.arithmetic(operator, held, self.value(value)), target)

    def branch(self, holds: ir.Value, body: list[ast.stmt], other: list[ast.stmt]) -> None:
        """All columns go the same way."""
        then, otherwise, after = (self.function.append_basic_block(name) for name in ("then", "else", "after"))
        self.b.cbranch(holds, then, otherwise)
        mask = self.mask
        for start, statements in ((then, body), (otherwise, other)):
            self.b.position_at_end(start)
            self.mask = mask
            self.block(statements)
            if not self.b.block.is_terminated:
                self.b.branch(after)
        self.mask = mask
        self.b.position_at_end(after)

    def columns_branch(self, holds: ir.Value, body: list[ast.stmt], other: list[ast.stmt]) -> None:
        """Each side for the columns that want it."""
        holds, mask, blend = self.splat(holds), self.mask, self.blend
        for wanted, statements in ((holds, body), (self.b.not_(holds), other)):
            if statements:
                self.mask, self.blend = wanted if mask is None else self.b.and_(mask, wanted), True
                self.under_mask(statements)
        self.mask, self.blend = mask, blend

    def under_mask(self, statements: list[ast.stmt]) -> None:
        """Run statements for the columns that are on; skip them if there are none, unless they are cheap."""
        if is_cheap(statements):
            self.block(statements)
            return
        inside, after = self.function.append_basic_block("some"), self.function.append_basic_block("after")
        self.b.cbranch(any_lane(self.b, self.mask), inside, after)
        self.b.position_at_end(inside)
        self.block(statements)
        self.b.branch(after)
        self.b.position_at_end(after)

    def loop(self, name: str, limits: list[ast.expr], body: list[ast.stmt]) -> None:
        """A counted loop; where columns count differently it lasts until the last of them is through."""
        apart = any(self.differs(limit) for limit in limits)
        bounds = [self.splat(self.value(limit)) if apart else self.value(limit) for limit in limits]
        kind = bounds[0].type
        first, stop = bounds if len(bounds) == 2 else (constant(kind, 0), bounds[0])
        mask, blend, before = self.mask, self.blend, self.b.block
        head, inside, after = (self.function.append_basic_block(part) for part in ("head", "body", "after"))
        self.b.branch(head)
        self.b.position_at_end(head)
        # The counter is its own value, as in Python: assigning the loop variable does not move the loop.
        counter = self.b.phi(kind)
        counter.add_incoming(first, before)
        running = self.b.icmp_signed("<", counter, stop)
        if apart:
            self.mask, self.blend = running if mask is None else self.b.and_(mask, running), True
        self.b.cbranch(any_lane(self.b, self.mask) if apart else running, inside, after)
        self.b.position_at_end(inside)
        self.keep(self.slots[name], counter)
        self.block(body)
        if not self.b.block.is_terminated:
            counter.add_incoming(self.b.add(counter, constant(kind, 1)), self.b.block)
            self.b.branch(head)
        self.b.position_at_end(after)
        self.mask, self.blend = mask, blend

    def give_back(self, value: ir.Value | None) -> None:
        """Return, or switch the columns off that do."""
        if self.leave is None:
            self.b.ret_void() if value is None else self.b.ret(value)
            return
        if value is not None:
            value = self.fit(value, self.outcome)
            if self.mask is not None and isinstance(value.type, ir.VectorType):
                value = self.b.select(self.mask, value, self.b.load(self.outcome, typ=value.type))
            self.b.store(value, self.outcome)
        if self.blend:
            columns = ir.VectorType(I1, self.lanes)
            self.b.store(self.b.or_(self.b.load(self.gone, typ=columns), self.mask), self.gone)
        else:
            self.b.branch(self.leave)

    def go_on_without(self, node: ast.If) -> None:
        """After a branch in which columns may have returned: only the others go on."""
        if self.gone is None or self.b.block.is_terminated or not any(returns([node])):
            return
        left = self.b.not_(self.b.load(self.gone, typ=ir.VectorType(I1, self.lanes)))
        self.mask = left if self.mask is None else self.b.and_(self.mask, left)
        if not self.blend:
            more = self.function.append_basic_block("more")
            self.b.cbranch(any_lane(self.b, self.mask), more, self.leave)
            self.b.position_at_end(more)


def is_cheap(body: list[ast.stmt]) -> bool:
    """Whether statements are a few plain computations of locals, cheaper than to ask who wants them."""
    nodes = [node for statement in body for node in ast.walk(statement)]
    calls = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    dear = any(isinstance(node, ast.Subscript | ast.For | ast.Return | ast.If) for node in nodes)
    return len(body) <= CHEAP and calls <= _CHEAP and not dear
