"""Computes one expression of a step as LLVM IR: a vector where columns differ, a single value where they do not.

An array of which every column has its own holds its rows as vectors; where columns read different rows, or different
elements of an array that is one for all, each lane is read by itself.
"""

from __future__ import annotations

import ast
import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llvmlite import ir

from tradepool.core.compiler.kinds import ELEMENT, Kind, literal_int
from tradepool.core.compiler.lanes import Instance, SharedStore, Spread, StartDiffers
from tradepool.core.compiler.llvm_words import EMIT, I1, I64, compare, constant, is_float, shaped
from tradepool.core.compiler.words import COMPOSED

if TYPE_CHECKING:
    from tradepool.core.compiler.llvm import ModuleWriter

_FLOAT_OPERATION = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul"}
_INT_OPERATION = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul"}
_DECIDE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_COMPARISON = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


@dataclass(frozen=True, slots=True)
class Place:
    """An element of an array: its index in a vector where columns read different ones."""

    array: str
    kind: ir.Type
    index: ir.Value


@dataclass(slots=True)
class ValueEmitter:
    """Computes expressions. `mask`: the columns that are on (None: all)."""

    module: ModuleWriter
    instance: Instance
    spread: Spread
    function: ir.Function
    slots: dict[str, ir.Value] = field(default_factory=dict)
    mask: ir.Value | None = None
    b: ir.IRBuilder = field(init=False)

    @property
    def lanes(self) -> int:
        """Columns at once."""
        return self.instance.lanes

    def differs(self, node: ast.expr) -> bool:
        """Whether an expression is a vector."""
        return self.lanes > 1 and self.spread.of(node)

    def place(self, node: ast.expr) -> Place:
        """Find an element."""
        assert isinstance(node, ast.Subscript)
        assert isinstance(node.value, ast.Name)
        kind = ELEMENT[self.spread.checked.locals[node.value.id]]
        return Place(node.value.id, self.module.kinds[kind], self.value(node.slice))

    def address(self, place: Place, index: ir.Value, lane: int = 0) -> ir.Value:
        """Where one element, or the first lane of a row, lies."""
        if place.array in self.instance.spread:
            stride = self.function.args[-1] if self.module.shape.threads else I64(self.module.shape.lanes)
            index = self.b.mul(index, stride)
            index = self.b.add(index, I64(lane)) if lane else index
        return self.b.gep(self.slots[place.array], [index], source_etype=place.kind)

    def rest(self, node: ast.Subscript, start: ast.expr) -> ir.Value:
        """An array from an element, or a row, on."""
        assert isinstance(node.value, ast.Name)
        array, index = node.value.id, self.value(start)
        if isinstance(index.type, ir.VectorType):
            raise StartDiffers(function=self.instance.name, line=node.lineno, array=array)
        return self.address(Place(array, self.module.kinds[ELEMENT[self.spread.checked.locals[array]]], index), index)

    def read(self, place: Place) -> ir.Value:
        """An element, or a vector of one element of each column."""
        if isinstance(place.index.type, ir.VectorType):
            return self.gather(place)
        row = place.array in self.instance.spread and self.lanes > 1
        value = self.b.load(
            self.address(place, place.index), typ=ir.VectorType(place.kind, self.lanes) if row else place.kind
        )
        if row:
            value.align = 8  # a row of lanes begins at any element
        return value

    def gather(self, place: Place) -> ir.Value:
        """Each column's own element; columns that are off read the first one, which is always there."""
        value = ir.Constant(ir.VectorType(place.kind, self.lanes), ir.Undefined)
        for lane, address in enumerate(self.addresses(place)):
            value = self.b.insert_element(value, self.b.load(address, typ=place.kind), ir.IntType(32)(lane))
        return value

    def addresses(self, place: Place) -> list[ir.Value]:
        """Where each column's element lies."""
        index = place.index
        if self.mask is not None:
            index = self.b.select(self.mask, index, constant(index.type, 0))
        lanes = [self.b.extract_element(index, ir.IntType(32)(lane)) for lane in range(self.lanes)]
        return [self.address(place, at, lane) for lane, at in enumerate(lanes)]

    def write(self, place: Place, value: ir.Value, node: ast.expr) -> None:
        """Store an element; columns that are off keep theirs."""
        if self.lanes == 1 or place.array not in self.instance.spread:
            differs = self.mask is not None or any(isinstance(v.type, ir.VectorType) for v in (value, place.index))
            if self.lanes > 1 and differs:
                raise SharedStore(function=self.instance.name, line=node.lineno, array=place.array)
            self.b.store(value, self.address(place, place.index))
        else:
            value = self.splat(value)
            if self.mask is not None:
                value = self.b.select(self.mask, value, self.read(place))
            if isinstance(place.index.type, ir.VectorType):
                for lane, address in enumerate(self.addresses(place)):
                    self.b.store(self.b.extract_element(value, ir.IntType(32)(lane)), address)
            else:
                self.b.store(value, self.address(place, place.index)).align = 8

    # expressions

    def value(self, node: ast.expr) -> ir.Value:
        """The value of an expression, a vector where columns differ."""
        kind = self.spread.checked.kinds.get(node)
        literal = literal_int(node)
        if literal is not None:
            return self.number(float(literal) if kind is Kind.FLOAT else literal)
        match node:
            case ast.Constant(bool() | float() as value):
                return ir.Constant(I1, int(value)) if kind is Kind.BOOL else self.number(value)
            case ast.Name(name):
                return self.name(name)
            case ast.UnaryOp(ast.USub(), operand):
                inner = self.value(operand)
                return self.b.fneg(inner) if is_float(inner) else self.b.neg(inner)
            case ast.UnaryOp(ast.Not(), operand):
                return self.b.not_(self.value(operand))
            case ast.BinOp(left, sign, right):
                return self.arithmetic(sign, self.value(left), self.value(right))
            case ast.BoolOp(joint, values):
                return self.join_all(values, isinstance(joint, ast.And))
            case ast.Compare(left, signs, comparators):
                return self.compare_chain(left, signs, comparators)
            case ast.IfExp(test, body, other):
                return self.choose(test, body, other)
            case ast.Subscript(ast.Name(), ast.Slice(ast.expr() as start)):
                return self.rest(node, start)
            case ast.Subscript():
                return self.read(self.place(node))
            case ast.Call():
                return self.call(node)
        raise AssertionError(f"unchecked expression {ast.dump(node)}")

    def number(self, value: float) -> ir.Constant:
        """A literal or a named constant."""
        return ir.Constant(I64 if isinstance(value, int) else self.module.shape.floats, value)

    def name(self, name: str) -> ir.Value:
        """A local's value, an array's pointer or a constant."""
        if name not in self.slots:
            return self.number(self.module.constants[name])
        slot = self.slots[name]
        is_array = self.spread.checked.locals[name] in ELEMENT
        return slot if is_array else self.b.load(slot, typ=slot.allocated_type)

    def splat(self, value: ir.Value) -> ir.Value:
        """The same value in every lane."""
        if isinstance(value.type, ir.VectorType):
            return value
        kind = ir.VectorType(value.type, self.lanes)
        if isinstance(value, ir.Constant):
            return constant(kind, value.constant)
        undefined = ir.Constant(kind, ir.Undefined)
        first = self.b.insert_element(undefined, value, ir.IntType(32)(0))
        first_of_all = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.b.shuffle_vector(first, undefined, first_of_all)

    def alike(self, *values: ir.Value) -> list[ir.Value]:
        """All vectors if one is."""
        columns = any(isinstance(value.type, ir.VectorType) for value in values)
        return [self.splat(value) for value in values] if columns else list(values)

    def fit(self, value: ir.Value, slot: ir.Value) -> ir.Value:
        """A value as its slot holds it."""
        return self.splat(value) if isinstance(slot.allocated_type, ir.VectorType) else value

    def arithmetic(self, sign: ast.operator, left: ir.Value, right: ir.Value) -> ir.Value:
        """One of + - *."""
        left, right = self.alike(left, right)
        names = _FLOAT_OPERATION if is_float(left) else _INT_OPERATION
        result: ir.Value = getattr(self.b, names[type(sign)])(left, right)
        return result

    def compare_chain(self, left: ast.expr, signs: list[ast.cmpop], comparators: list[ast.expr]) -> ir.Value:
        """A comparison; in a chain all parts are computed: none of them calls a function."""
        held, outcome = self.value(left), None
        for sign, comparator in zip(signs, comparators, strict=True):
            right = self.value(comparator)
            holds = self.compare_pair(_COMPARISON[type(sign)], held, right)
            outcome = holds if outcome is None else self.b.and_(*self.alike(outcome, holds))
            held = right
        return outcome

    def compare_pair(self, sign: str, left: ir.Value, right: ir.Value) -> ir.Value:
        """A comparison; of two constants it is decided here, so that what it guards is not even written."""
        if isinstance(left, ir.Constant) and isinstance(right, ir.Constant) and left.type == right.type == I64:
            return ir.Constant(I1, int(_DECIDE[sign](left.constant, right.constant)))
        return compare(self.b, sign, *self.alike(left, right))

    def join_all(self, values: list[ast.expr], is_and: bool) -> ir.Value:
        """And, or: no later part is computed for a column that an earlier one has decided."""
        if not self.differs(ast.BoolOp(ast.And(), values)):
            return self.short_circuit(values, is_and)
        mask, outcome = self.mask, self.value(values[0])
        for value in values[1:]:
            if isinstance(outcome, ir.Constant) and outcome.constant == (not is_and):
                break
            if not isinstance(outcome, ir.Constant):
                open_ = self.splat(outcome if is_and else self.b.not_(outcome))
                self.mask = open_ if mask is None else self.b.and_(mask, open_)
            held, following = self.alike(outcome, self.value(value))
            outcome = self.b.and_(held, following) if is_and else self.b.or_(held, following)
        self.mask = mask
        return outcome

    def short_circuit(self, values: list[ast.expr], is_and: bool) -> ir.Value:
        """The same decision for all columns."""
        after, outcomes = None, []
        for value in values:
            outcome = self.value(value)
            decided = isinstance(outcome, ir.Constant) and outcome.constant == (not is_and)
            last = decided or value is values[-1]
            if last and after is None:
                return outcome
            if isinstance(outcome, ir.Constant) and not last:
                continue
            after = after or self.function.append_basic_block("decided")
            outcomes.append((outcome, self.b.block))
            if last:
                break
            more = self.function.append_basic_block("more")
            self.b.cbranch(outcome, *((more, after) if is_and else (after, more)))
            self.b.position_at_end(more)
        assert after is not None
        return self.meet(after, outcomes)

    def choose(self, test: ast.expr, body: ast.expr, other: ast.expr) -> ir.Value:
        """`body if test else other`; columns that differ compute both sides."""
        holds = self.value(test)
        columns = self.differs(body) or self.differs(other)
        if isinstance(holds, ir.Constant):
            value = self.value(body if holds.constant else other)
            return self.splat(value) if columns else value
        if isinstance(holds.type, ir.VectorType):
            mask, sides = self.mask, []
            for wanted, side in ((holds, body), (self.b.not_(holds), other)):
                self.mask = wanted if mask is None else self.b.and_(mask, wanted)
                sides.append(self.splat(self.value(side)))
            self.mask = mask
            return self.b.select(holds, *sides)
        then, otherwise, after = (self.function.append_basic_block(name) for name in ("then", "else", "chosen"))
        self.b.cbranch(holds, then, otherwise)
        outcomes = []
        for start, side in ((then, body), (otherwise, other)):
            self.b.position_at_end(start)
            value = self.splat(self.value(side)) if columns else self.value(side)
            outcomes.append((value, self.b.block))
            if side is body:
                self.b.branch(after)
        return self.meet(after, outcomes)

    def meet(self, after: ir.Block, outcomes: list[tuple[ir.Value, ir.Block]]) -> ir.Value:
        """Leave the current block for `after`, where each way in brings its own value."""
        self.b.branch(after)
        self.b.position_at_end(after)
        joined = self.b.phi(outcomes[0][0].type)
        for value, block in outcomes:
            joined.add_incoming(value, block)
        return joined

    def call(self, node: ast.Call) -> ir.Value:
        """A word, or another instance."""
        assert isinstance(node.func, ast.Name)
        word = node.func.id
        if word in EMIT:
            values = self.alike(*(self.value(argument) for argument in node.args))
            if word == "to_float":
                return self.b.sitofp(values[0], shaped(self.module.shape.floats, values[0].type))
            return EMIT[word](self.b, *values)
        masked = self.mask is not None and word not in COMPOSED
        instance = self.spread.instance(node, masked=masked)
        values = [self.value(argument) for argument in node.args]
        if masked and word in self.module.rare and self.gives_columns(instance):
            for name in sorted(self.module.signatures[word].writes - instance.spread):
                raise SharedStore(function=self.instance.name, line=node.lineno, array=f"{name} of {word}")
            return self.call_each(instance, values)
        for at, (name, kind) in enumerate(self.module.signatures[word].parameters):
            if name in instance.spread and kind not in ELEMENT and self.lanes > 1:
                values[at] = self.splat(values[at])
        if masked:
            values.append(self.mask)
        return self.call_instance(instance, values)

    def call_instance(self, instance: Instance, values: list[ir.Value]) -> ir.Value:
        """A call of a compiled function."""
        if self.module.shape.threads:
            values = [*values, self.function.args[-1]]
        return self.b.call(self.module.function(instance), values)

    def gives_columns(self, instance: Instance) -> bool:
        """Whether a function gives nothing, or a value per column."""
        return self.module.spread(instance).result or self.module.signatures[instance.name].result is Kind.NONE

    def call_each(self, instance: Instance, values: list[ir.Value]) -> ir.Value:
        """Call a function once for each column that is on: what is rare seldom happens to several at once."""
        parameters = self.module.signatures[instance.name].parameters
        arrays = frozenset(name for name, kind in parameters if name in instance.spread and kind in ELEMENT)
        single = Instance(instance.name, arrays)
        word, before = ir.IntType(self.lanes), self.b.block
        wanted = self.b.bitcast(self.mask, word)
        head, body, after = (self.function.append_basic_block(part) for part in ("head", "column", "after"))
        self.b.branch(head)
        self.b.position_at_end(head)
        pending = self.b.phi(word)
        pending.add_incoming(wanted, before)
        result = self.module.signatures[instance.name].result
        outcome = None if result is Kind.NONE else self.b.phi(self.module.type_of(result, self.lanes))
        self.b.cbranch(self.b.icmp_unsigned("!=", pending, word(0)), body, after)
        self.b.position_at_end(body)
        lane = self.b.zext(self.b.cttz(pending, I1(1)), I64)
        arguments = []
        for value, (name, kind) in zip(values, parameters, strict=True):
            if name in arrays:
                value = self.b.gep(value, [lane], source_etype=self.module.kinds[ELEMENT[kind]])
            elif isinstance(value.type, ir.VectorType):
                value = self.b.extract_element(value, lane)
            arguments.append(value)
        given = self.call_instance(single, arguments)
        if outcome is not None:
            outcome.add_incoming(ir.Constant(outcome.type, ir.Undefined), before)
            outcome.add_incoming(self.b.insert_element(outcome, given, lane), self.b.block)
        pending.add_incoming(self.b.and_(pending, self.b.sub(pending, word(1))), self.b.block)
        self.b.branch(head)
        self.b.position_at_end(after)
        return outcome
