"""The native runner: a program compiled by LLVM for this machine, called through ctypes (which lets other threads run).

Vectorisation of loops is switched off and no fast-math flag is set, so every operation is the one the source names, in
its order: the bits are those of `reference`. Machine code is kept for the life of the process, by source.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from threading import Lock
from typing import Any

import numpy as np

from tradepool.core.graph.dialect import check
from tradepool.core.graph.functions import Function, Functions
from tradepool.core.graph.kinds import Kind, Signature
from tradepool.core.graph.program import Program
from tradepool.domain.errors import TradepoolError

# Levels 2 and 3 take a quarter longer to compile and the steps measured run no faster.
OPTIMISATION_LEVEL = 1
_C_TYPE = {
    Kind.INT: ctypes.c_int64,
    Kind.FLOAT: ctypes.c_double,
    Kind.BOOL: ctypes.c_bool,
    Kind.NONE: None,
    Kind.INTS: ctypes.c_void_p,
    Kind.FLOATS: ctypes.c_void_p,
}
_loaded: dict[tuple[str, frozenset[str]], Functions] = {}
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


def _no_clock() -> float:
    return math.nan


def load(program: Program, exports: Iterable[str] | None = None, clock: Callable[[], float] = _no_clock) -> Functions:
    """Compile a program; only `exports` (default: every function) can be called, the others are inlined away.

    `compile_seconds` is measured with the `clock` given (such as time.perf_counter: the core has none of its own).

    Raises what `dialect.check` raises, and NativeUnavailable where LLVM cannot be loaded.

    >>> load(Program.of_text("def double(a: int) -> int:\\n    return 2 * a"))["double"](21)
    42
    """
    checked = check(program)
    exported = frozenset(checked if exports is None else exports)
    key = (program.digest, exported)
    with _one_at_a_time:
        if key in _loaded:
            return replace(_loaded[key], compile_seconds=0.0)
        signatures = [item.signature for name, item in checked.items() if name in exported]
        _loaded[key] = _compile(program, signatures, clock)
        return _loaded[key]


def _compile(program: Program, signatures: list[Signature], clock: Callable[[], float]) -> Functions:
    machine = _machine()
    from tradepool.core.graph import llvm as compiler  # needs llvmlite, which _machine() has just found

    started = clock()
    text = compiler.module_text(program, frozenset(signature.name for signature in signatures))
    engine = _machine_code(machine, text)
    functions = {}
    for signature in signatures:
        address = engine.get_function_address(compiler.PREFIX + signature.name)
        functions[signature.name] = Function(signature, _callable(signature, address), _pointer, engine)
    return Functions("native", functions, compile_seconds=clock() - started)


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
    module.verify()
    options = machine.llvm.create_pipeline_tuning_options(speed_level=OPTIMISATION_LEVEL)
    # Off: sums would still be exact, but nothing gains from it here and compiling takes twice as long.
    options.loop_vectorization = options.slp_vectorization = False
    builder = machine.llvm.create_pass_builder(machine.target_machine(), options)
    builder.getModulePassManager().run(module, builder)
    engine = machine.llvm.create_mcjit_compiler(module, machine.target_machine())
    engine.finalize_object()
    return engine


def _callable(signature: Signature, address: int) -> Any:
    takes: list[Any] = [_C_TYPE[kind] for _, kind in signature.parameters]
    return ctypes.CFUNCTYPE(_C_TYPE[signature.result], *takes)(address)


def _pointer(array: np.ndarray[Any, Any]) -> int:
    return array.ctypes.data
