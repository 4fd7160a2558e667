"""Memory of platform and simulated exchange together: the proportional set size of a process that does nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tradepool.domain.errors import TradepoolError
from tradepool.entrypoints.bench import Figure, Measure

SMAPS = Path("/proc/self/smaps_rollup")
TIMEOUT_S = 300
STEPS_BETWEEN_LOOKS = 250


class MemoryUnknown(TradepoolError):
    """The memory of a replay could not be measured: {why}."""


def rounds() -> Measure:
    """A fresh process each round."""
    return lambda: [Figure("memory of platform and venue (PSS)", "MB", _in_a_process_of_its_own())]


def _in_a_process_of_its_own() -> float:
    command = [sys.executable, "-m", __spec__.name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        raise MemoryUnknown(why=(done.stderr.splitlines() or ["no word"])[-1])
    return float(done.stdout)


def pss_mb() -> float:
    """Proportional set size of this process. Raises MemoryUnknown where the system does not tell."""
    try:
        lines = SMAPS.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise MemoryUnknown(why=error) from error
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def main() -> None:
    """Replay the load of the bench, then say the most that was held."""
    from tradepool.entrypoints.bench_replay import BARS, SELDOM, crossing, plan
    from tradepool.entrypoints.replay import Replay, replay

    most_mb, steps = 0.0, 0

    def before_step(run: Replay) -> bool:
        nonlocal most_mb, steps
        steps += 1
        if steps % STEPS_BETWEEN_LOOKS == 0:
            most_mb = max(most_mb, pss_mb())
        return True

    replay(plan(crossing(SELDOM), BARS), before_step)
    print(most_mb)


if __name__ == "__main__":
    main()
