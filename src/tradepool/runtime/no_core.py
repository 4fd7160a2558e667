"""A process that holds keys leaves none of them on a disk when it dies: no core dump is written of it, by nobody."""

from __future__ import annotations

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def leave_no_core() -> None:
    """From now on, and in child processes: no core dump, and on Linux no look into the memory of this process by others
    of the same user either (the kernel then hands dumps to no collector, which a limit alone does not stop).

    Call it before the process is sealed, which lets no library be loaded.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
