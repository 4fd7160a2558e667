"""`bench`: figures by name, measured in interleaved rounds, of CPU time unless a unit says wall; the median of the rounds counts.

A work is a function that measures once and gives figures; works that are measured together are rounds of each other.
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path

from tradepool.domain.errors import InvalidInput
from tradepool.presentation.results import SCHEMA, BenchJson, BenchRow, Machine

FLAGS = ("sse4_2", "avx", "avx2", "fma", "avx512f", "asimd", "sve")


class UnknownWork(InvalidInput):
    """There is nothing named {name} to measure; choose from {known}."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement. `smaller` says which way is better; peers are other engines, or the figure aimed at (`reach`).

    `note` is what else a reader should know, such as a peer that is missing.
    """

    work: str
    unit: str
    ours: float
    smaller: bool = True
    peers: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


Measure = Callable[[], list[Figure]]
# Modules of this folder, each with `rounds() -> Measure`, so that only what is asked for is loaded.
WORKS = {
    "backtest": "bench_backtest",
    "compile": "bench_compile",
    "indicators": "bench_indicators",
    "latency": "bench_latency",
    "long_series": "bench_long_series",
    "pool": "bench_pool",
    "replay": "bench_replay",
    "memory": "bench_memory",
    "start": "bench_start",
    "step": "bench_step",
    "store": "bench_store",
}


def measure(names: Sequence[str], rounds: int) -> BenchJson:
    """Measure what is named, all without names. Raises UnknownWork."""
    for name in names:
        if name not in WORKS:
            raise UnknownWork(name=repr(name)[:40], known=", ".join(WORKS))
    chosen = list(dict.fromkeys(names or WORKS))
    works = {name: partial(_start, WORKS[name]) for name in chosen}
    measures = {name: start() for name, start in works.items()}
    # What is loaded by now stays: the collector need not walk one work's data while another is measured.
    gc.collect()
    gc.freeze()
    taken: dict[str, list[list[Figure]]] = {name: [] for name in chosen}
    for number in range(rounds):
        for name, once in measures.items():
            say(f"round {number + 1} of {rounds}: {name}; load {os.getloadavg()[0]:.2f}")
            taken[name].append(once())
    return BenchJson(schema=SCHEMA, machine=machine(), rows=[row for name in chosen for row in rows(taken[name])])


def _start(module: str) -> Measure:
    begin: Callable[[], Measure] = import_module(f"tradepool.entrypoints.{module}").rounds
    return begin()


def say(text: str) -> None:
    """A line about how it goes."""
    print(f"tradepool: bench: {text}", file=sys.stderr, flush=True)


def rows(rounds: Sequence[Sequence[Figure]]) -> list[BenchRow]:
    """Medians over the rounds, figure by figure.

    >>> rows([[Figure("a", "ms", 2.0, peers={"x": 4.0})], [Figure("a", "ms", 4.0, peers={"x": 8.0})]])[0].ratio
    {'x': 2.0}
    """
    found = []
    for same in zip(*rounds, strict=True):
        ours = statistics.median(figure.ours for figure in same)
        peers = {name: statistics.median(figure.peers[name] for figure in same) for name in same[0].peers}
        ratio = {
            name: (peer / ours if same[0].smaller else ours / peer) if ours and peer else 0.0
            for name, peer in peers.items()
        }
        found.append(
            BenchRow(
                work=same[0].work,
                unit=same[0].unit,
                ours=short(ours),
                peers={name: short(value) for name, value in peers.items()},
                ratio={name: short(value) for name, value in ratio.items()},
                note=same[-1].note,
            )
        )
    return found


def short(value: float) -> float:
    """Four digits: more would be noise.

    >>> short(1234.567), short(0.00123456)
    (1235.0, 0.001235)
    """
    return float(f"{value:.4g}")


def machine() -> Machine:
    """This machine, as far as it says."""
    facts: dict[str, str] = {}
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return Machine(
        cpu=facts.get("model name", "unknown"),
        flags=[flag for flag in FLAGS if flag in flags],
        cores=os.cpu_count() or 1,
        load=round(os.getloadavg()[0], 2),
    )
