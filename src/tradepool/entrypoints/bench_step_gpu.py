"""What a GPU would be given: the PTX of a step, assembled by NVIDIA's own assembler, which needs no GPU."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tradepool.core.backtest.loop import SPREAD, fused
from tradepool.core.compiler.gpu import ARCHITECTURE, ptx
from tradepool.domain.errors import TradepoolError
from tradepool.entrypoints.bench_step_peers import LOCK, PeerMissing, environment
from tradepool.entrypoints.bench_step_work import MINUTE_MS, swept_account

ASSEMBLER = "ptxas"
TIMEOUT_S = 60


class NotAssembled(TradepoolError):
    """The PTX of {step} was refused by its assembler: {why}; this is a bug, please report it."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """What one thread takes: registers, and bytes of memory for what did not fit into them."""

    registers: int
    stack: int
    spill_stores: int
    spill_loads: int


def assembler() -> Path:
    """NVIDIA's assembler in an environment of its own. Raises PeerMissing."""
    place = environment(ASSEMBLER).parent.parent
    found = next(place.glob("lib/python*/site-packages/nvidia/*/bin/ptxas"), None)
    if found is None:
        raise PeerMissing(name=ASSEMBLER, why=f"{LOCK[ASSEMBLER][0]} holds none")
    return found


def swept_account_ptx() -> str:
    """The swept cross through the whole account part, a thread a pair of lengths."""
    source, program = fused(swept_account(), MINUTE_MS, ("fast", "slow"))
    return ptx(program, source.name, SPREAD)


def assemble(text: str, step: str, tool: Path) -> Assembled:
    """Assemble for the oldest architecture we aim at. Raises NotAssembled."""
    command = [str(tool), "--verbose", f"--gpu-name={ARCHITECTURE}", "--output-file", "/dev/null", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    said = done.stdout + done.stderr
    if done.returncode:
        raise NotAssembled(step=step, why=(said.strip().splitlines() or ["no word"])[0])
    return Assembled(
        *(
            int(number[1]) if (number := re.search(pattern, said)) else 0
            for pattern in (
                r"Used (\d+) registers",
                r"(\d+) bytes stack frame",
                r"(\d+) bytes spill stores",
                r"(\d+) bytes spill loads",
            )
        )
    )
