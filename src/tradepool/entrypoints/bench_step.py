"""The one step beside other engines: the same work over the same bars, in the same rounds, each peer in its own process.

CPU time, warm: a peer's first run of a work (imports, JIT) is not counted but reported apart. How fast a machine is at
dependent arithmetic decides how fast a single run can be, so what is aimed at in ns is scaled by the bare chain of an
exponential average, timed in each round (`reach` is for a machine that needs 2.2 ns a bar for it).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tradepool.core.compiler.gpu import ARCHITECTURE
from tradepool.core.compiler.native import lanes_of_machine
from tradepool.core.market.bars import Bars
from tradepool.domain.errors import TradepoolError
from tradepool.entrypoints import bench_step_gpu as gpu
from tradepool.entrypoints import bench_step_ours as ours
from tradepool.entrypoints.bench import Figure, Measure, say
from tradepool.entrypoints.bench_step_peers import LOCK, Peer, PeerMissing, Request, environment, save
from tradepool.entrypoints.bench_step_work import CASH, LENGTHS, walk

BARS, FEW_BARS, SWEPT_BARS = 1_000_000, 200_000, 100_000
FEW_SETS = 100
CHAIN_NS = 2.2
REACH_COMPILE_MS = {"scalar": 100.0, "lanes": 150.0}
REACH_THREADS, REACH_BOARD_MS = 1.8, 1.0
OUR_RUNS, TIMEOUT_S = 5, 120


class OwnRunFailed(TradepoolError):
    """Our own run in a process of its own failed: {why}."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A peer's side of a work: under which name, over how many bars and sets, timed how often; `reach`: times slower."""

    label: str
    peer: str
    work: str
    reach: float = 0.0
    bars: int = BARS
    sets: int = 1
    runs: int = 3


@dataclass(frozen=True, slots=True)
class Work:
    """A row: our run (it gives the number of trades), ns a bar (and set) aimed at, and who does the same.

    A peer that would take too long does the first bars or sets only; a figure is always for one bar and one set.
    """

    title: str
    run: Callable[[Bars], Callable[[], int]]
    reach_ns: float
    beside: tuple[Beside, ...]
    bars: int = BARS
    sets: int = 1

    @property
    def unit(self) -> str:
        """What a figure counts."""
        return "ns/bar" if self.sets == 1 else "ns/bar/set"


WORKS = (
    Work(
        "EMA cross, 1M bars, minimal",
        lambda bars: ours.minimal("cross", bars),
        3.5,
        (
            Beside("vectorbt[rust]", "vectorbt", "own cross", reach=15.0),
            Beside("vectorbt[rust] with TA-Lib", "vectorbt", "cross"),
            Beside("raptorbt", "raptorbt", "own cross", reach=20.0),
            Beside("backtesting", "backtesting", "cross", bars=FEW_BARS, runs=1),
        ),
    ),
    Work(
        "RSI, Bollinger, MACD, ATR stop, 1M bars, minimal",
        lambda bars: ours.minimal("reversal", bars),
        8.0,
        (
            Beside("vectorbt[rust] with TA-Lib", "vectorbt", "reversal", reach=6.0),
            Beside("backtesting", "backtesting", "reversal", bars=FEW_BARS, runs=1),
        ),
    ),
    Work(
        "EMA cross, 1M bars, whole account part",
        ours.account_cross,
        10.0,
        (Beside("backtesting", "backtesting", "account cross", reach=600.0, bars=FEW_BARS, runs=1),),
    ),
    Work(
        "sweep of 1,000 sets x 100k bars, whole account part",
        ours.swept,
        1.3 if lanes_of_machine() == 8 else 2.2,
        (
            Beside("vectorbt[rust]", "vectorbt", "sweep", reach=150.0, bars=SWEPT_BARS, sets=FEW_SETS, runs=1),
            Beside("raptorbt", "raptorbt", "sweep", reach=50.0, bars=SWEPT_BARS, sets=FEW_SETS, runs=1),
        ),
        bars=SWEPT_BARS,
        sets=1_000,
    ),
)
# What a peer's process does first, so that import, first run and whole process can be told.
FIRST = {"vectorbt": "own cross", "raptorbt": "own cross", "backtesting": "cross"}


@dataclass(frozen=True, slots=True)
class Start:
    """Cost of the first result of a new process, in ms: CPU of its imports and of that run; wall clock of it all."""

    imports: float
    run: float
    whole: float


def rounds() -> Measure:
    """Make the environments of the peers, then prepare everything."""
    found: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for name in LOCK:
        try:
            found[name] = gpu.assembler() if name == gpu.ASSEMBLER else environment(name)
        except PeerMissing as error:
            missing[name] = str(error)
            say(str(error))
    return beside(found, missing, WORKS)


def beside(programs: Mapping[str, Path], missing: Mapping[str, str], works: Sequence[Work]) -> Measure:
    """Make the bars and compile, then measure, with the peers' interpreters and the assembler; `missing`: why not."""
    pythons = {name: program for name, program in programs.items() if name in FIRST}
    sizes = {work.bars for work in works} | {
        item.bars for work in works for item in work.beside if item.peer in pythons
    }
    bars = walk(max(sizes))
    runs = {work.title: work.run(bars.slice(0, work.bars)) for work in works}
    chain = ours.chain(bars)
    for run in (chain, *runs.values()):
        run()
    ours.compile_account_cross(lanes=False)
    ours.compile_account_cross(lanes=True)
    swept, board = bars.slice(0, SWEPT_BARS), ours.board(bars)

    def once() -> list[Figure]:
        with TemporaryDirectory() as folder, ExitStack() as stack:
            files = {size: save(bars.slice(0, size), Path(folder) / f"{size}.npy") for size in sizes}
            starts = {"ours": _own_start(files[len(bars)])}
            peers: dict[str, Peer] = {}
            for name, python in pythons.items():
                peers[name] = Peer(name, python)
                starts[name] = _start(peers[name], stack, files[len(bars)])
            chain_ns = 1e9 * _cpu_s(chain) / len(bars)
            figures = [Figure("a bare exponential average", "ns/bar", chain_ns, peers={"reference machine": CHAIN_NS})]
            for work in works:
                figures += _figures(work, runs[work.title], chain_ns / CHAIN_NS, peers, missing, files)
        return [
            *figures,
            *_starts(starts, len(bars)),
            *_compile(),
            *_threads(swept),
            _board(board),
            *_gpu(programs, missing),
        ]

    return once


def _cpu_s(run: Callable[[], object]) -> float:
    taken = []
    for _ in range(OUR_RUNS):
        began = time.process_time()
        run()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def _figures(
    work: Work,
    run: Callable[[], int],
    scale: float,
    peers: Mapping[str, Peer],
    missing: Mapping[str, str],
    files: Mapping[int, str],
) -> list[Figure]:
    """One row of ns a bar, and one for each peer with how many times slower it is than ours."""
    our_ns = 1e9 * _cpu_s(run) / (work.bars * work.sets)
    found, told = {}, [f"trades: ours {run():,}"]
    for item in work.beside:
        if item.peer not in peers:
            told.append(missing[item.peer])
            continue
        lengths = LENGTHS[: item.sets] if work.sets > 1 else []
        request = Request(work=item.work, bars=files[item.bars], cash=CASH, lengths=lengths)
        first, *warm = (peers[item.peer].ask(request) for _ in range(1 + item.runs))
        cpu_s = statistics.median(answer.cpu_s for answer in warm)
        found[item.label] = 1e9 * cpu_s / (item.bars * item.sets)
        told.append(f"{item.label} {first.trades:,}{_part(work, item)}")
    row = Figure(
        work.title,
        work.unit,
        our_ns,
        peers={**found, "reach": work.reach_ns * scale},
        note="; ".join(dict.fromkeys(told)),
    )
    times = [
        Figure(f"{work.title}: {item.label}", "times ours", found[item.label] / our_ns, False, {"reach": item.reach})
        for item in work.beside
        if item.reach and item.label in found
    ]
    return [row, *times]


def _part(work: Work, item: Beside) -> str:
    bars = f" over the first {item.bars:,} bars" if item.bars != work.bars else ""
    return bars + (f" with the first {item.sets:,} sets" if item.sets != work.sets else "")


def _start(peer: Peer, stack: ExitStack, file: str) -> Start:
    began = time.perf_counter()
    stack.enter_context(peer)
    first = peer.ask(Request(work=FIRST[peer.name], bars=file, cash=CASH))
    return Start(1000 * peer.hello.import_cpu_s, 1000 * first.cpu_s, 1000 * (time.perf_counter() - began))


def _own_start(file: str) -> Start:
    began = time.perf_counter()
    command = [sys.executable, "-m", ours.__name__, file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    whole_ms = 1000 * (time.perf_counter() - began)
    if done.returncode:
        raise OwnRunFailed(why=(done.stderr.splitlines() or ["no word"])[-1])
    said = json.loads(done.stdout)
    return Start(1000 * said["import_cpu_s"], 1000 * said["cpu_s"], whole_ms)


def _starts(starts: Mapping[str, Start], bars: int) -> list[Figure]:
    title = f"EMA cross, {bars:,} bars, a new process"
    own, peers = starts["ours"], {name: start for name, start in starts.items() if name != "ours"}
    return [
        Figure(f"{title}: import", "ms CPU", own.imports, peers={name: start.imports for name, start in peers.items()}),
        Figure(f"{title}: first run", "ms CPU", own.run, peers={name: start.run for name, start in peers.items()}),
        Figure(f"{title}: all of it", "ms wall", own.whole, peers={name: start.whole for name, start in peers.items()}),
    ]


def _compile() -> list[Figure]:
    title = "EMA cross, whole account part: compile, warm process"
    return [
        Figure(f"{title}, {kind}", "ms CPU", ours.compile_account_cross(lanes=kind == "lanes"), peers={"reach": reach})
        for kind, reach in REACH_COMPILE_MS.items()
    ]


def _threads(bars: Bars) -> list[Figure]:
    """Wall clock of the sweep with two threads beside one."""
    taken = []
    for threads in (1, 2):
        began = time.perf_counter()
        ours.swept(bars, threads)()
        taken.append(time.perf_counter() - began)
    return [
        Figure("sweep: two threads", "times one", taken[0] / taken[1], smaller=False, peers={"reach": REACH_THREADS})
    ]


def _board(step: Callable[[], object]) -> Figure:
    title = "live: 1,000 markets x 5 strategies, one call"
    return Figure(title, "ms CPU", 1000 * _cpu_s(step), peers={"reach": REACH_BOARD_MS})


def _gpu(programs: Mapping[str, Path], missing: Mapping[str, str]) -> list[Figure]:
    title = "sweep, whole account part, on a GPU"
    text = gpu.swept_account_ptx()
    lines = Figure(f"{title}: PTX", "lines", len(text.splitlines()), note=missing.get(gpu.ASSEMBLER, ""))
    if gpu.ASSEMBLER not in programs:
        return [lines]
    found = gpu.assemble(text, title, programs[gpu.ASSEMBLER])
    spilled = found.stack + found.spill_stores + found.spill_loads
    return [
        lines,
        Figure(f"{title}: registers", "a thread", found.registers, note=f"assembled for {ARCHITECTURE}"),
        Figure(f"{title}: stack and spills", "bytes a thread", spilled),
    ]
