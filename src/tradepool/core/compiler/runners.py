"""Which runner a step gets: compiled where LLVM is there, else plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tradepool.core.compiler import native, reference
from tradepool.core.compiler.functions import Functions
from tradepool.core.compiler.program import Program

# `any` is native where LLVM can be loaded, else the reference: the same bits, some hundred times slower.
Runner = Literal["any", "native", "reference"]


def load(program: Program, runner: Runner, exports: Sequence[str]) -> Functions:
    """The program in a runner. Raises NativeUnavailable if native is asked for and LLVM is missing.

    >>> load(Program.of_text("def double(a: int) -> int:\\n    return 2 * a"), "any", ["double"])["double"](21)
    42
    """
    if runner == "reference" or (runner == "any" and why_not_native()):
        return reference.load(program)
    return native.load(program, exports)


def why_not_native() -> str:
    """Why steps cannot be compiled here; nothing where they can."""
    try:
        native.lanes_of_machine()
    except native.NativeUnavailable as error:
        return str(error)
    return ""
