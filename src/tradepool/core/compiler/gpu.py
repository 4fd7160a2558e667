"""The GPU runner: the same LLVM IR through its NVPTX target, a thread per column, loaded with CuPy (extra `gpu`).

PTX is made anywhere; only `load` needs a device. In float64 the bits are the CPU's: additions and multiplications are
emitted one by one (`add.rn`, `mul.rn`), divisions and roots are the correctly rounded ones. Float32 is a screen: it
finds candidates, which are then run again in float64.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tradepool.core.compiler.dialect import check
from tradepool.core.compiler.kinds import ELEMENT, Kind, Signature
from tradepool.core.compiler.native import NativeUnavailable, optimise
from tradepool.core.compiler.program import Program
from tradepool.domain.errors import InvalidInput, TradepoolError

TRIPLE = "nvptx64-nvidia-cuda"
# The oldest architecture that current drivers load; newer ones translate it.
ARCHITECTURE = "sm_75"
THREADS_IN_BLOCK = 64
WIDE = {"log", "exp", "power", "tanh"}
Floats = Literal["float64", "float32"]


class GpuUnavailable(TradepoolError):
    """No GPU can be used here: {why}; install the extra `gpu` on a machine with an NVIDIA device, or sweep on the CPU."""


class NoFloat32(InvalidInput):
    """The words {words} are made of the 64 bits of a double; sweep in float64."""


def ptx(
    program: Program, export: str, spread: Iterable[str], floats: Floats = "float64", architecture: str = ARCHITECTURE
) -> str:
    """PTX of one function as a kernel. Its arguments are the function's, and the number of columns.

    Arrays named in `spread`, and all that the step writes, are [row, column].

    >>> double = Program.of_text("def double(a: Floats) -> None:\\n    a[0] = a[0] * 2.0 + 1.0")
    >>> text = ptx(double, "double", ["a"])
    >>> ".entry double" in text, "mul.rn.f64" in text or "add.rn.f64" in text, "fma" in text
    (True, True, False)
    """
    llvm = _llvm()
    if floats == "float32" and (wide := sorted({item.name for item in program.words.functions} & WIDE)):
        raise NoFloat32(words=", ".join(wide))
    from tradepool.core.compiler import llvm as compiler
    from tradepool.core.compiler.llvm_words import F32, F64

    shape = compiler.Shape(1, frozenset(spread), threads=True, floats=F32 if floats == "float32" else F64)
    module = llvm.parse_assembly(compiler.module_text(program, frozenset({export}), shape))
    module.triple = TRIPLE
    machine = llvm.Target.from_triple(TRIPLE).create_target_machine(architecture, "", 3)
    module.data_layout = str(machine.target_data)
    optimise(llvm, module, machine, level=2)
    text: str = machine.emit_assembly(module)
    return text


def _llvm() -> Any:
    try:
        import llvmlite.binding as llvm

        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
    except (ImportError, OSError, RuntimeError) as error:
        raise NativeUnavailable(why=str(error)) from error
    return llvm


@dataclass(frozen=True, slots=True)
class Kernel:
    """A step function on the device; arrays stay there between calls."""

    signature: Signature
    kernel: Any
    floats: Floats
    device: str

    def put(self, value: object) -> Any:
        """An array on the device, its floats as the kernel has them; what is no array stays."""
        if not isinstance(value, np.ndarray):
            return value
        import cupy

        return cupy.asarray(value.astype(self.floats) if value.dtype == np.float64 else value)

    def get(self, value: Any) -> NDArray[Any]:
        """An array back from the device."""
        import cupy

        back: NDArray[Any] = cupy.asnumpy(value)
        return back

    def __call__(self, *arguments: object, columns: int) -> None:
        """Run one thread per column; arrays are CuPy's, scalars Python's."""
        scalars: dict[Kind, Any] = {Kind.INT: np.int64, Kind.FLOAT: np.dtype(self.floats).type, Kind.BOOL: np.bool_}
        given = [
            argument if kind in ELEMENT else scalars[kind](argument)
            for argument, (_, kind) in zip(arguments, self.signature.parameters, strict=True)
        ]
        blocks = -(-columns // THREADS_IN_BLOCK)
        self.kernel((blocks,), (THREADS_IN_BLOCK,), (*given, np.int64(columns)))


def load(program: Program, export: str, spread: Iterable[str], floats: Floats = "float64") -> Kernel:
    """Compile for the device that is there. Raises GpuUnavailable."""
    try:
        import cupy

        properties = cupy.cuda.runtime.getDeviceProperties(0)
    except ImportError as error:
        raise GpuUnavailable(why="CuPy is not installed") from error
    except RuntimeError as error:
        raise GpuUnavailable(why=str(error)) from error
    module = cupy.cuda.function.Module()
    module.load(ptx(program, export, spread, floats).encode())
    device = properties["name"].decode()
    return Kernel(check(program)[export].signature, module.get_function(export), floats, device)
