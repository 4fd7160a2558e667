"""The reference runner: the step source as plain Python, as it stands.

What it computes is what every other runner must compute, to the bit. It is also the fallback where LLVM is missing:
a microsecond or two a bar, enough for live trading.
"""

from __future__ import annotations
import __future__

from functools import lru_cache
from typing import Any

import numpy as np

from tradepool.core.compiler.dialect import check
from tradepool.core.compiler.functions import Function, Functions
from tradepool.core.compiler.program import Program
from tradepool.core.compiler.words import WORDS


@lru_cache(maxsize=256)
def load(program: Program) -> Functions:
    """Make a program's functions callable. Raises what `dialect.check` raises.

    Arrays are read through memory views, so that elements are Python's own numbers: faster than NumPy's, and silent
    where those would warn. The namespace holds the words and `range`, nothing else; the text was checked before.

    >>> load(Program.of_text("def double(a: int) -> int:\\n    return 2 * a"))["double"](21)
    42
    """
    checked = check(program)
    namespace: dict[str, Any] = {"__builtins__": {}, "range": range, **WORDS}
    # Annotations stay text: the namespace need not know what Ints and Floats are.
    flags = __future__.annotations.compiler_flag
    exec(compile(program.text, f"<step {program.digest[:12]}>", "exec", flags, dont_inherit=True), namespace)
    functions = {name: Function(item.signature, namespace[name], _view) for name, item in checked.items()}
    return Functions("reference", functions)


def _view(array: np.ndarray[Any, Any]) -> memoryview:
    return array.data
