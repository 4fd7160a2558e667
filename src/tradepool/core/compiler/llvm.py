"""The compiler: checked step functions -> LLVM IR, for one column or for many at once.

One column: a local is a stack slot (LLVM turns slots into registers), an array a pointer, a branch a branch. Many
columns (`Shape.lanes`): the same source, where what differs between columns becomes a vector; see `llvm_function`.
Integers wrap at 64 bits; floats carry no fast-math flag, so LLVM may neither reorder nor contract them: every column
of every shape has the bits of the plain Python text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

from llvmlite import ir

from tradepool.core.compiler.dialect import CheckedFunction, check
from tradepool.core.compiler.kinds import ELEMENT, Kind, Signature
from tradepool.core.compiler.lanes import Instance, Spread
from tradepool.core.compiler.llvm_function import FunctionEmitter
from tradepool.core.compiler.llvm_words import F64, I1, I64
from tradepool.core.compiler.native import PREFIX
from tradepool.core.compiler.program import Constant, NameClash, Program

POINTER = ir.PointerType()


@dataclass(frozen=True, slots=True)
class Shape:
    """How a program is compiled: `lanes` columns in a vector, and the arguments of which every column has its own.

    Without `spread` a function is compiled as it stands. With it, an exported function takes the arrays in blocks
    [group][row][lane]; an array that is written and not spread has rows [group][row], one for the columns of a group.
    `threads` is the GPU's form: one column a thread, arrays [row][column].
    """

    lanes: int = 1
    spread: frozenset[str] = frozenset()
    threads: bool = False
    floats: ir.Type = field(default=F64, hash=False, compare=False)


def module_text(program: Program, exported: frozenset[str], shape: Shape | None = None) -> str:
    """LLVM assembly of a program; only `exported` functions can be called from outside, the rest is inlined away.

    >>> half = Program.of_text("def half(a: float) -> float:\\n    return divide(a, 2.0)")
    >>> "fdiv double" in module_text(half, frozenset({"half"}))
    True
    """
    return ModuleWriter(program, shape or Shape()).export_all(exported)


class ModuleWriter:
    """Compiles each function once for each way it is called."""

    def __init__(self, program: Program, shape: Shape) -> None:
        """Check the program, and the words that are written in words."""
        self.module = ir.Module("step")
        self.program = program
        self.shape = shape
        self.rare = frozenset[str]() if shape.threads else program.rare
        self.needed: dict[str, Instance] = {}
        self.kinds = {
            Kind.INT: I64,
            Kind.FLOAT: shape.floats,
            Kind.BOOL: I1,
            Kind.NONE: ir.VoidType(),
            Kind.INTS: POINTER,
            Kind.FLOATS: POINTER,
        }
        parts = (program.words, program)
        for name in {function.name for function in program.words.functions} & {item.name for item in program.functions}:
            raise NameClash(name=name, first="a part of a word", second="a function of the step")
        self.constants: dict[str, Constant] = dict(chain.from_iterable(part.constants for part in parts))
        self.checked: dict[str, CheckedFunction] = {name: item for part in parts for name, item in check(part).items()}
        self.signatures: Mapping[str, Signature] = {name: item.signature for name, item in self.checked.items()}
        self._functions: dict[Instance, ir.Function] = {}
        self._spreads: dict[tuple[str, frozenset[str], int], Spread] = {}

    def type_of(self, kind: Kind, lanes: int) -> ir.Type:
        """The LLVM type of a value in so many lanes; an array is a pointer either way."""
        plain = self.kinds[kind]
        return ir.VectorType(plain, lanes) if lanes > 1 and kind not in (*ELEMENT, Kind.NONE) else plain

    def spread(self, instance: Instance) -> Spread:
        """What differs by column inside an instance."""
        key = (instance.name, instance.spread, instance.lanes)
        if key not in self._spreads:
            checked = self.checked[instance.name]
            self._spreads[key] = Spread(checked, self.signatures, self.spread, instance.lanes, set(instance.spread))
            self._spreads[key].settle()
        return self._spreads[key]

    def function(self, instance: Instance) -> ir.Function:
        """The compiled instance, made at its first call; what is rare is only named here, and `needed`."""
        if instance not in self._functions:
            spread, rare = self.spread(instance), instance.name in self.rare
            name = self._name_apart(instance) if rare else f"{PREFIX}{instance.name}.{len(self._functions)}"
            function = self._functions[instance] = self._declare(instance, spread, name)
            if rare:
                self.needed[name] = instance
            else:
                function.linkage = "internal"
                FunctionEmitter(self, instance, spread, function).emit()
        return self._functions[instance]

    def publish(self, instances: Mapping[str, Instance]) -> str:
        """The text of a module in which these instances can be called from other modules."""
        self.rare = frozenset()
        for name, instance in instances.items():
            spread = self.spread(instance)
            FunctionEmitter(self, instance, spread, self._declare(instance, spread, name)).emit()
        return str(self.module)

    def _name_apart(self, instance: Instance) -> str:
        digest, shape = self.program.part(instance.name).digest, self.shape
        how = f"{digest} {sorted(instance.spread)} {instance.lanes} {instance.masked} {shape.lanes} {shape.floats}"
        return f"{PREFIX}{instance.name}.{hashlib.sha256(how.encode()).hexdigest()[:16]}"

    def export_all(self, names: Iterable[str]) -> str:
        """The text of a module in which these functions can be called from outside."""
        for name in sorted(names):
            self.export(name)
        return str(self.module)

    def export(self, name: str) -> None:
        """Make a function callable from outside."""
        if self.shape.threads:
            self._export_threads(self.signatures[name])
            return
        if self.shape.spread:
            self._export_columns(self.signatures[name])
            return
        function = self._declare(Instance(name), self.spread(Instance(name)), PREFIX + name)
        signature = self.signatures[name]
        for argument, (_, kind) in zip(function.args, signature.parameters, strict=True):
            if kind is Kind.BOOL:
                argument.add_attribute("zeroext")
        if signature.result is Kind.BOOL:
            function.return_value.add_attribute("zeroext")
        FunctionEmitter(self, Instance(name), self.spread(Instance(name)), function).emit()

    def _declare(self, instance: Instance, spread: Spread, symbol: str) -> ir.Function:
        signature = self.signatures[instance.name]
        lanes = instance.lanes
        takes = [self.type_of(kind, lanes if name in instance.spread else 1) for name, kind in signature.parameters]
        if instance.masked:
            takes.append(self.type_of(Kind.BOOL, lanes))
        if self.shape.threads:
            takes.append(I64)
        result = self.type_of(signature.result, lanes if spread.result else 1)
        function = ir.Function(self.module, ir.FunctionType(result, takes), symbol)
        function.attributes.add("nounwind")
        for argument, (_, kind) in zip(function.args, signature.parameters, strict=False):
            if kind is Kind.INTS:
                argument.add_attribute("noalias")
        return function

    def _export_columns(self, signature: Signature) -> None:
        """A loop over groups of columns: the arguments, then rows of each array of its own, first and last group."""
        own = signature.in_columns(self.shape.spread)
        takes = [self.kinds[kind] for _, kind in signature.parameters] + [I64] * (len(own) + 2)
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), takes), PREFIX + signature.name)
        function.attributes.add("nounwind")
        count = len(signature.parameters)
        rows = dict(zip(own, function.args[count:], strict=False))
        first, last = function.args[-2:]
        b = ir.IRBuilder(function.append_basic_block("entry"))
        entry = b.block
        head, body, after = (function.append_basic_block(part) for part in ("head", "group", "after"))
        b.branch(head)
        b.position_at_end(head)
        group = b.phi(I64)
        group.add_incoming(first, entry)
        b.cbranch(b.icmp_signed("<", group, last), body, after)
        b.position_at_end(body)
        named = frozenset(name for name, _ in signature.parameters)
        instance = Instance(signature.name, self.shape.spread & named, self.shape.lanes)
        arguments = []
        for argument, (name, kind) in zip(function.args, signature.parameters, strict=False):
            if name in rows:
                size = b.mul(b.mul(group, rows[name]), I64(self.shape.lanes if name in instance.spread else 1))
                argument = b.gep(argument, [size], source_etype=self.kinds[ELEMENT[kind]])
            arguments.append(argument)
        b.call(self.function(instance), arguments)
        group.add_incoming(b.add(group, I64(1)), b.block)
        b.branch(head)
        b.position_at_end(after)
        b.ret_void()

    def _export_threads(self, signature: Signature) -> None:
        """A kernel: the arguments and the number of columns; each thread takes one column."""
        takes = [self.kinds[kind] for _, kind in signature.parameters] + [I64]
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), takes), signature.name)
        function.calling_convention = "ptx_kernel"
        b = ir.IRBuilder(function.append_basic_block("entry"))
        own = frozenset(signature.in_columns(self.shape.spread))
        thread, block, size = (self._register(b, name) for name in ("tid", "ctaid", "ntid"))
        column, columns = b.add(b.mul(block, size), thread), function.args[-1]
        arguments = []
        for argument, (name, kind) in zip(function.args, signature.parameters, strict=False):
            if name in own:
                argument = b.gep(argument, [column], source_etype=self.kinds[ELEMENT[kind]])
            arguments.append(argument)
        with b.if_then(b.icmp_signed("<", column, columns)):
            b.call(self.function(Instance(signature.name, own)), [*arguments, columns])
        b.ret_void()

    def _register(self, b: ir.IRBuilder, name: str) -> ir.Value:
        full = f"llvm.nvvm.read.ptx.sreg.{name}.x"
        kind = ir.FunctionType(ir.IntType(32), [])
        return b.zext(b.call(self.module.globals.get(full) or ir.Function(self.module, kind, full), []), I64)
