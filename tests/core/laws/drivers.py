"""The ways a step is run: plain Python, one column, many in lanes, many markets in lanes; whole or in parts, on threads.

All memory lies between guard rows. A part begins with the bytes that the part before left, as after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.core.graph.samples import bits
from tests.core.graph.terms import inputs_of
from tradepool.core.compiler import native
from tradepool.core.compiler.native import from_blocks, to_blocks
from tradepool.core.compiler.runners import Runner, load
from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.graph.step import StepSource
from tradepool.core.market.align import columns
from tradepool.core.market.bars import Bars

GUARD_ROWS = 3
GUARD = -7.25e300
PRICES = ("open_", "high", "low", "close", "volume")
Sets = Mapping[str, NDArray[np.generic]]


class Outcome(NamedTuple):
    """What a run leaves: outputs [column, bar, output] and memory [column, row]."""

    outputs: Floats
    memory: Floats


class Memory:
    """Memory between guard rows: [row], [group, row] or [group, row, lane]."""

    def __init__(self, content: Floats) -> None:
        """Copy the content; each group has guard rows of its own behind it."""
        groups = content.shape[0] if content.ndim > 1 else 1
        self.rows, lanes = content.shape[min(content.ndim, 2) - 1], content.shape[2] if content.ndim > 2 else 1
        self.shape, front = content.shape, GUARD_ROWS * lanes
        everything = np.full(front + groups * (self.rows + GUARD_ROWS) * lanes, GUARD)
        self.front, self.blocks = everything[:front], everything[front:].reshape(groups, self.rows + GUARD_ROWS, lanes)
        self.blocks[:, : self.rows] = content.reshape(groups, self.rows, lanes)

    @property
    def given(self) -> Floats:
        """What a step is handed."""
        if len(self.shape) == 3:
            return self.blocks
        return self.blocks[:, :, 0] if len(self.shape) == 2 else self.blocks.reshape(-1)

    def taken(self) -> Floats:
        """The content, by way of its bytes; no guard has been touched."""
        assert (self.front == GUARD).all()
        assert (self.blocks[:, self.rows :] == GUARD).all()
        saved = self.blocks[:, : self.rows].tobytes()
        return np.frombuffer(saved).reshape(self.shape).copy()


def reads_of(source: StepSource, bars: Bars, scored: Bars | None = None) -> list[NDArray[np.generic]]:
    """What a step reads of bars and of what else it wants beside them; outside values may be of more bars."""
    with np.errstate(all="ignore"):
        return list(columns(source, bars, **inputs_of(source, bars, scored)))  # type: ignore[arg-type]


def alone(
    source: StepSource,
    values: Mapping[str, float],
    bars: Bars,
    runners: Sequence[Runner],
    edges: Sequence[int],
    scored: Bars | None = None,
) -> Outcome:
    """One column; each part in the next of the runners."""
    parameters, swept = source.rows(values)
    reads, outputs = reads_of(source, bars, scored), []
    memory = [np.zeros(source.state_size), np.zeros(len(source.own_rows))]
    width = width_of(source)
    for part, (i0, i1) in enumerate(pairwise(edges)):
        run = load(source.program, runners[part % len(runners)], [source.name])[source.name]
        held = [Memory(content) for content in memory]
        out = Memory(np.zeros((i1 - i0) * width))
        run(*(item.given for item in held), parameters, swept[:, 0].copy(), *reads, i0, i1, out.given)
        memory = [item.taken() for item in held]
        outputs.append(out.taken())
    return Outcome(np.concatenate(outputs).reshape(1, -1, width), np.concatenate(memory)[None])


def in_lanes(source: StepSource, sets: Sets, bars: Bars, lanes: int, edges: Sequence[int], threads: int = 1) -> Outcome:
    """Many parameter sets over one market; what is the same for all is computed once for a group."""
    count = max(np.size(sets[name]) for name in source.varying)
    parameters, swept = source.rows(
        {name: column for name, column in sets.items() if name in source.varying}
        | {name: column[0].item() for name, column in sets.items() if name not in source.varying}
    )
    groups = -(-count // lanes)
    reads, width = reads_of(source, bars), width_of(source)
    run = native.load_columns(source.program, source.name, ["own", "swept", "outputs"], lanes)
    state = np.zeros((groups, source.state_size))
    own = np.zeros((groups, len(source.own_rows), lanes))
    outputs = []
    for i0, i1 in pairwise(edges):
        held, kept = Memory(own), Memory(state)
        out = Memory(np.zeros((groups, (i1 - i0) * width, lanes)))
        run(
            kept.given,
            held.given,
            parameters,
            to_blocks(swept, lanes),
            *reads,
            i0,
            i1,
            out.given,
            groups=groups,
            threads=threads,
        )
        own, state = held.taken(), kept.taken()
        outputs.append(out.taken())
    rows = from_blocks(np.concatenate(outputs, axis=1), count)
    memory = np.concatenate((np.repeat(state, lanes, axis=0)[:count].T, from_blocks(own, count)))
    return Outcome(rows.reshape(-1, width, count).transpose(2, 0, 1), memory.T)


def of_markets(
    source: StepSource, values: Mapping[str, float], markets: Sequence[Bars], lanes: int, edges: Sequence[int]
) -> Outcome:
    """One parameter set over many markets, whose bars are at the same times."""
    parameters, _ = source.rows(values)
    count, groups, width = len(markets), -(-len(markets) // lanes), width_of(source)
    everything = [reads_of(source, bars) for bars in markets]
    names = [name for name, _ in load(source.program, "native", [source.name])[source.name].signature.parameters[4:]]
    wholes = {name for name, column in zip(names, everything[0], strict=False) if column.dtype == np.int64}
    reads = [
        everything[0][at] if names[at] in wholes else to_blocks(np.array([item[at] for item in everything]).T, lanes)
        for at in range(len(everything[0]))
    ]
    spread = ["state", "outputs", *(name for name in names[: len(reads)] if name not in wholes)]
    run = native.load_columns(source.program, source.name, spread, lanes)
    state, outputs = np.zeros((groups, source.state_size, lanes)), []
    for i0, i1 in pairwise(edges):
        held, out = Memory(state), Memory(np.zeros((groups, (i1 - i0) * width, lanes)))
        run(held.given, np.zeros(0), parameters, np.zeros(0), *reads, i0, i1, out.given, groups=groups)
        state = held.taken()
        outputs.append(out.taken())
    rows = from_blocks(np.concatenate(outputs, axis=1), count)
    return Outcome(rows.reshape(-1, width, count).transpose(2, 0, 1), from_blocks(state, count).T)


def width_of(source: StepSource) -> int:
    """Outputs of one bar."""
    return int(source.text.split("outputs[(i - i0) * ")[1].split(" ")[0])


def differing(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Which outputs (the last axis) differ in any bit; no value is no value, whatever its payload."""
    found: NDArray[np.bool_] = (bits(a) != bits(b)).reshape(-1, a.shape[-1]).any(axis=0)
    return found
