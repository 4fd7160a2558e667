"""Memory: a platform and its simulated exchange together, and one more account client with its private stream.

Each is the proportional set size of a process that does nothing else; the exchange of the clients is another process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tradepool.domain.errors import TradepoolError
from tradepool.entrypoints.bench import Figure, Measure

SMAPS = Path("/proc/self/smaps_rollup")
TIMEOUT_S = 300
STEPS_BETWEEN_LOOKS = 250
CLIENTS, AIM_KB = 1_000, 40.0


class MemoryUnknown(TradepoolError):
    """The memory of a replay could not be measured: {why}."""


def rounds() -> Measure:
    """A fresh process each round."""
    return lambda: [
        Figure("memory of platform and venue (PSS)", "MB", in_a_process_of_its_own(__spec__.name)),
        Figure(
            f"memory of one more account client with its stream, of {CLIENTS} (PSS)",
            "KB",
            in_a_process_of_its_own("tradepool.entrypoints.bench_clients", str(CLIENTS)),
            peers={"aim": AIM_KB},
        ),
    ]


def in_a_process_of_its_own(module: str, *arguments: str) -> float:
    """The number a module says when it is run. Raises MemoryUnknown."""
    command = [sys.executable, "-m", module, *arguments]
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
