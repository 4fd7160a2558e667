"""A process with keys that dies leaves no core, whatever it was allowed before."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

DIES = """
import ctypes, os, resource
from tradepool.runtime.no_core import leave_no_core
soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
leave_no_core()
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)
os.abort()
"""


def test_a_process_that_aborts_leaves_no_core(tmp_path: Path) -> None:
    """Neither its limit nor the kernel's own flag (PR_GET_DUMPABLE) lets it."""
    died = subprocess.run([sys.executable, "-c", DIES], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGABRT
    assert died.stdout.split() == ["(0,", "0)", "0"]
    assert list(tmp_path.iterdir()) == []
