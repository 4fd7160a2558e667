"""Without LLVM everything runs in plain Python, with the same results, and says so once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

# LLVM's binding cannot be imported in this process, as on a machine that lacks it.
WITHOUT = "import sys; sys.modules['llvmlite'] = None; from tradepool.entrypoints.cli import main; main()"


def tradepool(start: list[str], *arguments: str) -> tuple[str, str]:
    """Standard output and standard error of a command."""
    done = subprocess.run([sys.executable, *start, *arguments], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr


def test_a_backtest_without_llvm_is_the_same_and_says_so_once(candles: Path) -> None:
    command = ("backtest", "moving_average_cross", "--candles", str(candles), "--json")
    compiled, _ = tradepool(["-m", "tradepool.entrypoints.cli"], *command)
    plain, said = tradepool(["-c", WITHOUT], *command)
    assert json.loads(plain) == json.loads(compiled)
    assert said.count("plain Python") == 1
