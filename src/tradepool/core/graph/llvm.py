"""The compiler: checked step functions -> LLVM IR.

A local is a stack slot (LLVM turns slots into registers), an array a pointer, a branch a branch. Everything that could
go wrong was refused by `dialect.check`, so this is one plain walk. Integers wrap at 64 bits; floats carry no
fast-math flag, so LLVM may neither reorder nor contract them.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from llvmlite import ir

from tradepool.core.graph.dialect import CheckedFunction, check
from tradepool.core.graph.kinds import ELEMENT, Kind, Signature, literal_int
from tradepool.core.graph.llvm_words import EMIT, F64, I1, I64
from tradepool.core.graph.program import Constant, Program

POINTER = ir.PointerType()
# Every symbol carries this, so that LLVM never takes a step function called `floor` for the library's.
PREFIX = "step."
# Words written in words have helpers; these keep out of the way of the step's own functions.
WORD_PREFIX = "word."
TYPE = {
    Kind.INT: I64,
    Kind.FLOAT: F64,
    Kind.BOOL: I1,
    Kind.NONE: ir.VoidType(),
    Kind.INTS: POINTER,
    Kind.FLOATS: POINTER,
}
_FLOAT_OPERATION = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul"}
_INT_OPERATION = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul"}
_COMPARISON = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


def module_text(program: Program, exported: frozenset[str]) -> str:
    """LLVM assembly of a program; only `exported` functions can be called from outside, the rest is inlined away.

    >>> half = Program.of_text("def half(a: float) -> float:\\n    return divide(a, 2.0)")
    >>> "fdiv double" in module_text(half, frozenset({"half"}))
    True
    """
    module = ir.Module("step")
    functions: dict[str, ir.Function] = {}
    for part, visible in ((program.words, frozenset[str]()), (program, exported)):
        for name, checked in check(part).items():
            prefix = PREFIX if part is program else WORD_PREFIX
            functions[name] = declare(module, checked.signature, prefix, visible=name in visible)
            _Emitter(checked, functions[name], functions, dict(part.constants)).emit()
    return str(module)


def declare(module: ir.Module, signature: Signature, prefix: str, *, visible: bool) -> ir.Function:
    """Declare a function with the C calling convention, so that ctypes can call it."""
    takes = [TYPE[kind] for _, kind in signature.parameters]
    function = ir.Function(module, ir.FunctionType(TYPE[signature.result], takes), prefix + signature.name)
    function.linkage = "" if visible else "internal"
    function.attributes.add("nounwind")
    for argument, (_, kind) in zip(function.args, signature.parameters, strict=True):
        if kind is Kind.BOOL:
            argument.add_attribute("zeroext")
    if signature.result is Kind.BOOL:
        function.return_value.add_attribute("zeroext")
    return function


@dataclass(slots=True)
class _Emitter:
    """Writes one function's body."""

    checked: CheckedFunction
    function: ir.Function
    functions: Mapping[str, ir.Function]
    constants: Mapping[str, Constant]
    slots: dict[str, ir.Value] = field(default_factory=dict)
    b: ir.IRBuilder = field(init=False)

    def emit(self) -> None:
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        signature = self.checked.signature
        for name, kind in self.checked.locals.items():
            if kind not in ELEMENT:
                self.slots[name] = self.b.alloca(TYPE[kind], name=name)
        for argument, (name, kind) in zip(self.function.args, signature.parameters, strict=True):
            if kind in ELEMENT:
                self.slots[name] = argument
            else:
                self.b.store(argument, self.slots[name])
        self.block(self.checked.tree.body)
        if not self.b.block.is_terminated:
            # The checker saw to it that only `-> None`, or a join that nothing reaches, ends here.
            self.b.ret_void() if signature.result is Kind.NONE else self.b.unreachable()

    # statements

    def block(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(ast.Call() as call):
                self.call(call)
            case ast.Assign([target], value) | ast.AnnAssign(target, _, ast.expr() as value):
                self.store(target, self.value(value))
            case ast.AugAssign(target, operator, value):
                self.augment(target, operator, value)
            case ast.If(test, body, other):
                self.branch(test, body, other)
            case ast.For(ast.Name(name), ast.Call(_, limits), body):
                self.loop(name, limits, body)
            case ast.Return(None):
                self.b.ret_void()
            case ast.Return(ast.expr() as value):
                self.b.ret(self.value(value))

    def store(self, target: ast.expr, value: ir.Value) -> None:
        if isinstance(target, ast.Name):
            self.b.store(value, self.slots[target.id])
        else:
            self.b.store(value, self.address(target))

    def augment(self, target: ast.expr, operator: ast.operator, value: ast.expr) -> None:
        # As in Python: the place is found once, read, and only then the other side is computed.
        kind = TYPE[self.checked.kinds[target]]
        place = self.slots[target.id] if isinstance(target, ast.Name) else self.address(target)
        held = self.b.load(place, typ=kind)
        self.b.store(self.arithmetic(operator, held, self.value(value)), place)

    def branch(self, test: ast.expr, body: list[ast.stmt], other: list[ast.stmt]) -> None:
        then, otherwise, after = (self.function.append_basic_block(name) for name in ("then", "else", "after"))
        self.b.cbranch(self.value(test), then, otherwise)
        for start, statements in ((then, body), (otherwise, other)):
            self.b.position_at_end(start)
            self.block(statements)
            if not self.b.block.is_terminated:
                self.b.branch(after)
        self.b.position_at_end(after)

    def loop(self, name: str, limits: list[ast.expr], body: list[ast.stmt]) -> None:
        bounds = [self.value(limit) for limit in limits]
        first, stop = bounds if len(bounds) == 2 else (ir.Constant(I64, 0), bounds[0])
        before = self.b.block
        head, inside, after = (self.function.append_basic_block(part) for part in ("head", "body", "after"))
        self.b.branch(head)
        self.b.position_at_end(head)
        # The counter is its own value, as in Python: assigning the loop variable does not move the loop.
        counter = self.b.phi(I64)
        counter.add_incoming(first, before)
        self.b.cbranch(self.b.icmp_signed("<", counter, stop), inside, after)
        self.b.position_at_end(inside)
        self.b.store(counter, self.slots[name])
        self.block(body)
        if not self.b.block.is_terminated:
            counter.add_incoming(self.b.add(counter, ir.Constant(I64, 1)), self.b.block)
            self.b.branch(head)
        self.b.position_at_end(after)

    # expressions

    def value(self, node: ast.expr) -> ir.Value:
        kind = self.checked.kinds.get(node)
        literal = literal_int(node)
        if literal is not None:
            return ir.Constant(F64, float(literal)) if kind is Kind.FLOAT else ir.Constant(I64, literal)
        match node:
            case ast.Constant(value):
                return ir.Constant(I1 if kind is Kind.BOOL else F64, value)
            case ast.Name(name):
                return self.name(name)
            case ast.UnaryOp(ast.USub(), operand):
                return self.b.fneg(self.value(operand)) if kind is Kind.FLOAT else self.b.neg(self.value(operand))
            case ast.UnaryOp(ast.Not(), operand):
                return self.b.not_(self.value(operand))
            case ast.BinOp(left, operator, right):
                return self.arithmetic(operator, self.value(left), self.value(right))
            case ast.BoolOp(operator, values):
                return self.short_circuit(isinstance(operator, ast.And), values)
            case ast.Compare():
                return self.compare(node)
            case ast.IfExp(test, body, other):
                return self.choose(test, body, other)
            case ast.Subscript():
                return self.b.load(self.address(node), typ=TYPE[self.checked.kinds[node]])
            case ast.Call():
                return self.call(node)
        raise AssertionError(f"unchecked expression {ast.dump(node)}")

    def name(self, name: str) -> ir.Value:
        if name in self.slots:
            kind = self.checked.locals[name]
            return self.slots[name] if kind in ELEMENT else self.b.load(self.slots[name], typ=TYPE[kind])
        constant = self.constants[name]
        return ir.Constant(I64 if isinstance(constant, int) else F64, constant)

    def arithmetic(self, operator: ast.operator, left: ir.Value, right: ir.Value) -> ir.Value:
        names = _FLOAT_OPERATION if left.type == F64 else _INT_OPERATION
        result: ir.Value = getattr(self.b, names[type(operator)])(left, right)
        return result

    def address(self, node: ast.expr) -> ir.Value:
        assert isinstance(node, ast.Subscript)
        assert isinstance(node.value, ast.Name)
        index = self.value(node.slice)
        return self.b.gep(self.slots[node.value.id], [index], source_etype=TYPE[self.checked.kinds[node]])

    def compare_pair(self, operator: ast.cmpop, left: ir.Value, right: ir.Value) -> ir.Value:
        sign = _COMPARISON[type(operator)]
        if left.type != F64:
            return self.b.icmp_signed(sign, left, right)
        return self.b.fcmp_unordered(sign, left, right) if sign == "!=" else self.b.fcmp_ordered(sign, left, right)

    def compare(self, node: ast.Compare) -> ir.Value:
        left = self.value(node.left)
        if len(node.ops) == 1:
            return self.compare_pair(node.ops[0], left, self.value(node.comparators[0]))
        after = self.function.append_basic_block("compared")
        outcomes = []
        for operator, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.value(comparator)
            holds = self.compare_pair(operator, left, right)
            outcomes.append((holds, self.b.block))
            left = right
            if comparator is not node.comparators[-1]:
                more = self.function.append_basic_block("more")
                self.b.cbranch(holds, more, after)
                self.b.position_at_end(more)
        return self.join(after, outcomes)

    def short_circuit(self, is_and: bool, values: list[ast.expr]) -> ir.Value:
        after = self.function.append_basic_block("decided")
        outcomes = []
        for value in values:
            outcome = self.value(value)
            outcomes.append((outcome, self.b.block))
            if value is not values[-1]:
                more = self.function.append_basic_block("more")
                self.b.cbranch(outcome, *((more, after) if is_and else (after, more)))
                self.b.position_at_end(more)
        return self.join(after, outcomes)

    def choose(self, test: ast.expr, body: ast.expr, other: ast.expr) -> ir.Value:
        then, otherwise, after = (self.function.append_basic_block(name) for name in ("then", "else", "chosen"))
        self.b.cbranch(self.value(test), then, otherwise)
        self.b.position_at_end(then)
        chosen, then = self.value(body), self.b.block
        self.b.branch(after)
        self.b.position_at_end(otherwise)
        return self.join(after, [(chosen, then), (self.value(other), self.b.block)])

    def join(self, after: ir.Block, outcomes: list[tuple[ir.Value, ir.Block]]) -> ir.Value:
        """Leave the current block for `after`, where each way in brings its own value."""
        self.b.branch(after)
        self.b.position_at_end(after)
        joined = self.b.phi(outcomes[0][0].type)
        for value, block in outcomes:
            joined.add_incoming(value, block)
        return joined

    def call(self, node: ast.Call) -> ir.Value:
        assert isinstance(node.func, ast.Name)
        values = [self.value(argument) for argument in node.args]
        if node.func.id in EMIT:
            return EMIT[node.func.id](self.b, *values)
        return self.b.call(self.functions[node.func.id], values)
