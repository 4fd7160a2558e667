"""Other engines, each in a virtual environment of its own, made on demand and kept for the next run.

They live in `~/.cache/tradepool/peers` or where TRADEPOOL_PEERS says. What runs in them is `peers/`, a process each; pip
installs them, so that it looks for packages where the operator told it to.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import IO

import msgspec
import numpy as np

from tradepool.core.market.bars import Bars
from tradepool.domain.errors import TradepoolError
from tradepool.entrypoints.bench import say

# Pinned: what each engine computes, and how fast, is that of a version. raptorbt does not say that it needs NumPy.
LOCK = {
    "vectorbt": ("vectorbt[rust]==1.2.0", "numba==0.68.1", "numpy==2.4.6", "pandas==3.1.1", "ta-lib==0.8.2"),
    "raptorbt": ("raptorbt==0.13.4", "numpy==2.4.6"),
    "backtesting": ("backtesting==0.6.6", "numpy==2.4.6", "pandas==3.1.1", "ta-lib==0.8.2"),
    # No engine: the assembler of GPU code (`bench_step_gpu`).
    "ptxas": ("nvidia-cuda-nvcc==13.5.37", "nvidia-cuda-crt==13.5.37", "nvidia-nvvm==13.5.37"),
}
FOLDER_VARIABLE = "TRADEPOOL_PEERS"
INSTALL_TIMEOUT_S, ANSWER_TIMEOUT_S = 1_200, 600
SCRIPTS = Path(__file__).parent / "peers"


class PeerMissing(TradepoolError):
    """Peer {name} is not installed: {why}."""


class PeerFailed(TradepoolError):
    """Peer {name} gave no answer to {work}: {why}."""


class Hello(msgspec.Struct, frozen=True):
    """What a peer says first: what its imports cost, and its version."""

    import_cpu_s: float
    import_wall_s: float
    version: str


class Answer(msgspec.Struct, frozen=True):
    """CPU and wall time of one work; closed trades, equity at the last close; the trades' rows if they were asked for.

    A row is bar and price of the entry, bar and price of the exit.
    """

    cpu_s: float
    wall_s: float
    trades: int
    final_equity: float
    rows: list[tuple[int, float, int, float]]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer is asked (`peers/work.Request`)."""

    work: str
    bars: str
    cash: float
    rows: bool = False
    lengths: list[tuple[int, int]] = []


def folder() -> Path:
    """Where the environments are."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(FOLDER_VARIABLE) or Path(cache) / "tradepool" / "peers")


def environment(name: str) -> Path:
    """The interpreter of a peer's environment, which is made first if it is not there. Raises PeerMissing."""
    place = folder() / name
    python, stamp = place / "bin" / "python", place / "tradepool-stamp"
    made_of = hashlib.sha256(repr((LOCK[name], sys.version_info[:2])).encode()).hexdigest()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with _alone(place.with_suffix(".lock")):
            if not stamp.is_file() or stamp.read_text(encoding="ascii") != made_of:
                say(f"making an environment for {name} in {place}")
                stamp.unlink(missing_ok=True)
                _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(place)], name)
                quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--only-binary", ":all:"]
                _run([sys.executable, "-m", "pip", "--python", str(python), "install", *quiet, *LOCK[name]], name)
                stamp.write_text(made_of, encoding="ascii")
    except OSError as error:
        raise PeerMissing(name=name, why=error) from error
    return python


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(command: Sequence[str], name: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise PeerMissing(name=name, why=f"the installation took more than {INSTALL_TIMEOUT_S} s") from error
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()] or ["no word"]
        errors = [line for line in said if line.startswith("ERROR")]
        raise PeerMissing(name=name, why=(errors or said)[-1])


def save(bars: Bars, file: Path) -> str:
    """Write the columns where peers read them; the file's path."""
    columns = (bars.open_time, bars.open, bars.high, bars.low, bars.close, bars.volume)
    np.save(file, np.array(columns, dtype=np.float64))
    return str(file)


class Peer:
    """One engine's process, from `with` to its end. Raises PeerFailed where it does not answer."""

    def __init__(self, name: str, python: Path) -> None:
        """Nothing runs yet."""
        self.name = name
        self._python = python

    def __enter__(self) -> Peer:
        """Start it and wait until it has imported its package."""
        # Not our environment variables, nor the user's packages: nothing but what was installed there.
        command = [str(self._python), "-E", "-s", "-B", "-m", SCRIPTS.name, self.name]
        self._errors: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            command,
            cwd=SCRIPTS.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.hello = msgspec.json.decode(self._line("its start"), type=Hello)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def ask(self, request: Request) -> Answer:
        """Have one work done."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(msgspec.json.encode(request).decode() + "\n")
            self._process.stdin.flush()
        return msgspec.json.decode(self._line(request.work), type=Answer)

    def _line(self, work: str) -> str:
        assert self._process.stdout is not None
        timer = Timer(ANSWER_TIMEOUT_S, self._process.kill)
        timer.start()
        line = self._process.stdout.readline()
        timer.cancel()
        if not line:
            self._errors.seek(0)
            said = self._errors.read().splitlines() or ["it ended without a word"]
            raise PeerFailed(name=self.name, work=work, why=said[-1])
        return line
