"""The native runner: a program compiled by LLVM for this machine, called through ctypes (which lets other threads run).

`load` compiles for one column, `load_columns` for as many at once as a vector register holds. Vectorisation of loops is
switched off and no fast-math flag is set, so every operation is the one the source names, in
its order: the bits are those of `reference`. Machine code is kept for the life of the process, by source.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tradepool.core.compiler.dialect import check
from tradepool.core.compiler.functions import Function, Functions
from tradepool.core.compiler.kinds import Kind, Signature
from tradepool.core.compiler.program import Program
from tradepool.domain.errors import TradepoolError

if TYPE_CHECKING:
    from tradepool.core.compiler.llvm import ModuleWriter, Shape

Element = TypeVar("Element", np.float64, np.int64)
K = TypeVar("K")
V = TypeVar("V")

# Levels 2 and 3 take a quarter longer to compile and the steps measured run no faster.
OPTIMISATION_LEVEL = 1
# What every symbol carries, so that LLVM never takes a step function called `floor` for the library's.
PREFIX = "step."
_C_TYPE = {
    Kind.INT: ctypes.c_int64,
    Kind.FLOAT: ctypes.c_double,
    Kind.BOOL: ctypes.c_bool,
    Kind.NONE: None,
    Kind.INTS: ctypes.c_void_p,
    Kind.FLOATS: ctypes.c_void_p,
}
# Machine code that was made already, the least used first; what is dropped here lives on with whoever holds it.
LOADED_MAX = 256
_loaded: dict[tuple[str, frozenset[str]], Functions] = {}
_loaded_columns: dict[tuple[str, str, Shape], ColumnsFunction] = {}
# Rare functions, compiled once for all programs: by symbol, the engine that keeps them.
_rare: dict[str, Any] = {}
_one_at_a_time = Lock()


class NativeUnavailable(TradepoolError):
    """Steps cannot be compiled here: {why}; install llvmlite, or run the slower reference."""


@dataclass(frozen=True, slots=True)
class _Machine:
    """LLVM's binding and this processor's code generator."""

    llvm: Any
    target: Any
    processor: str
    features: str

    def target_machine(self) -> Any:
        return self.target.create_target_machine(self.processor, self.features, OPTIMISATION_LEVEL, jit=True)


def load(program: Program, exports: Iterable[str] | None = None) -> Functions:
    """Compile a program; only `exports` (default: every function) can be called, the others are inlined away.

    Raises what `dialect.check` raises, and NativeUnavailable where LLVM cannot be loaded.

    >>> load(Program.of_text("def double(a: int) -> int:\\n    return 2 * a"))["double"](21)
    42
    """
    checked = check(program)
    exported = frozenset(checked if exports is None else exports)
    key = (program.digest, exported)
    with _one_at_a_time:
        if (known := _recalled(_loaded, key)) is None:
            known = _compile(program, [item.signature for name, item in checked.items() if name in exported])
            _loaded[key] = known
        return known


def _recalled(loaded: dict[K, V], key: K) -> V | None:
    """What was made for a key, now the last to be dropped; where there is none, room is made for it."""
    known = loaded.pop(key, None)
    if known is not None:
        loaded[key] = known
    elif len(loaded) >= LOADED_MAX:
        del loaded[next(iter(loaded))]
    return known


def _compile(program: Program, signatures: list[Signature]) -> Functions:
    machine = _machine()
    from tradepool.core.compiler import llvm as compiler  # needs llvmlite, which _machine() has just found

    writer = compiler.ModuleWriter(program, compiler.Shape())
    engine = _linked(machine, writer, [signature.name for signature in signatures])
    return Functions("native", {signature.name: _function(engine, signature) for signature in signatures})


def _function(engine: Any, signature: Signature, counts: int = 0) -> Function:
    """A function of the machine code, which takes so many counts after its own arguments."""
    takes: list[Any] = [_C_TYPE[kind] for _, kind in signature.parameters] + [ctypes.c_int64] * counts
    address = engine.get_function_address(PREFIX + signature.name)
    return Function(signature, ctypes.CFUNCTYPE(_C_TYPE[signature.result], *takes)(address), _pointer, engine)


@dataclass(frozen=True, slots=True)
class ColumnsFunction:
    """A step function over many columns: `lanes` of them in a vector, in groups.

    Arrays named in `spread` are [group, row, lane]; other arrays that the step writes are [group, row], one for the
    columns of a group; what it only reads is one for all.
    """

    function: Function
    lanes: int
    spread: frozenset[str]

    def __call__(self, *arguments: object, groups: int, threads: int = 1) -> None:
        """Run all groups, divided among threads. Raises WrongArgument."""
        signature = self.function.signature
        flat, rows, own = [], [], signature.in_columns(self.spread)
        for argument, (name, _) in zip(arguments, signature.parameters, strict=True):
            if name in own:
                shape = (groups, -1, self.lanes) if name in self.spread else (groups, -1)
                if not _is_block(argument, shape):
                    why = f"it is not a C-contiguous array of shape {shape}, -1 for any"
                    raise self.function.refuse(name, why, "make it with to_blocks")
                assert isinstance(argument, np.ndarray)
                rows.append(argument.shape[1])
                argument = argument.reshape(-1)
            flat.append(argument)
        prepared = tuple(self.function.prepare(tuple(flat)))
        edges = [groups * part // threads for part in range(threads + 1)]
        jobs = [partial(self.function.call, *prepared, *rows, *edges[k : k + 2]) for k in range(threads)]
        if threads == 1:
            jobs[0]()
        else:
            with ThreadPoolExecutor(threads) as pool:
                for job in [pool.submit(job) for job in jobs]:
                    job.result()


def _is_block(argument: object, shape: tuple[int, ...]) -> bool:
    """Whether it is an array of this shape, of which flattening makes no copy."""
    if not isinstance(argument, np.ndarray) or argument.ndim != len(shape) or not argument.flags.c_contiguous:
        return False
    return all(wanted in (-1, found) for wanted, found in zip(shape, argument.shape, strict=True))


def to_blocks(rows: NDArray[Element], lanes: int) -> NDArray[Element]:
    """Rows [row, column] as blocks [group, row, lane]; columns past the last repeat it, so that groups are whole.

    >>> to_blocks(np.arange(3)[None, :], 2).tolist()
    [[[0, 1]], [[2, 2]]]
    """
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % lanes)), mode="edge")
    return np.ascontiguousarray(padded.reshape(len(rows), padded.shape[1] // lanes, lanes).transpose(1, 0, 2))


def from_blocks(blocks: NDArray[Element], columns: int) -> NDArray[Element]:
    """Blocks [group, row, lane] as rows [row, column]."""
    groups, rows, lanes = blocks.shape
    return blocks.transpose(1, 0, 2).reshape(rows, groups * lanes)[:, :columns]


def lanes_of_machine() -> int:
    """Columns that fit one vector register of doubles here: 8 with AVX-512, else 4."""
    return 8 if "+avx512f" in _machine().features else 4


def load_columns(
    program: Program,
    export: str,
    spread: Iterable[str],
    lanes: int | None = None,
) -> ColumnsFunction:
    """Compile one function for many columns; `spread` names the arrays of which each column has its own.

    Raises what `load` raises, and SharedStore where columns would overwrite each other.
    """
    machine, checked = _machine(), check(program)
    from tradepool.core.compiler import llvm as compiler

    shape = compiler.Shape(lanes or lanes_of_machine(), frozenset(spread))
    key = (program.digest, export, shape)
    with _one_at_a_time:
        if (known := _recalled(_loaded_columns, key)) is None:
            signature = checked[export].signature
            engine = _linked(machine, compiler.ModuleWriter(program, shape), [export])
            # Rows of each array in columns, then the first and the last group.
            function = _function(engine, signature, len(signature.in_columns(shape.spread)) + 2)
            known = _loaded_columns[key] = ColumnsFunction(function, shape.lanes, shape.spread)
        return known


def _linked(machine: _Machine, writer: ModuleWriter, exports: list[str]) -> Any:
    """The machine code of a module, after that of the rare functions it calls."""
    text = writer.export_all(exports)
    missing = {name: instance for name, instance in writer.needed.items() if name not in _rare}
    if missing:
        engine = _machine_code(machine, type(writer)(writer.program, writer.shape).publish(missing))
        for name in missing:
            _rare[name] = engine
            machine.llvm.add_symbol(name, engine.get_function_address(name))
    return _machine_code(machine, text)


@cache
def _machine() -> _Machine:
    try:
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        target = llvm.Target.from_default_triple()
        return _Machine(llvm, target, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    except (ImportError, OSError, RuntimeError) as error:
        raise NativeUnavailable(why=str(error)) from error


def _machine_code(machine: _Machine, text: str) -> Any:
    """Optimise a module and turn it into machine code; the engine owns it."""
    module = machine.llvm.parse_assembly(text)
    optimise(machine.llvm, module, machine.target_machine(), OPTIMISATION_LEVEL)
    engine = machine.llvm.create_mcjit_compiler(module, machine.target_machine())
    engine.finalize_object()
    return engine


def optimise(llvm: Any, module: Any, target_machine: Any, level: int) -> None:
    """Verify a module and improve it in place."""
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    # Off: sums would still be exact, but nothing gains from it here and compiling takes twice as long.
    options.loop_vectorization = options.slp_vectorization = False
    builder = llvm.create_pass_builder(target_machine, options)
    builder.getModulePassManager().run(module, builder)


def _pointer(array: np.ndarray[Any, Any]) -> int:
    return array.ctypes.data
