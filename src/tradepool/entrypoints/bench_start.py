"""How long the command line takes to answer: a process of its own, from start to end, its files warm in memory."""

from __future__ import annotations

import subprocess
import sys
import time

from tradepool.entrypoints import cli
from tradepool.entrypoints.bench import Figure, Measure

TIMEOUT_S = 60


def rounds() -> Measure:
    """Start it once, so that what is measured is a second start."""
    start_ms()
    return lambda: [Figure("second start (`--help`)", "ms wall", start_ms())]


def start_ms() -> float:
    """Wall-clock time of `tradepool --help` without the launcher."""
    began_s = time.perf_counter()
    command = [sys.executable, "-m", cli.__name__, "--help"]
    subprocess.run(command, stdout=subprocess.DEVNULL, timeout=TIMEOUT_S, check=True)
    return 1000 * (time.perf_counter() - began_s)
