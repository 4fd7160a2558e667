"""A sweep: many parameter sets of one strategy over the same candles, each through the whole account part.

As many sets at once as a vector register has lanes, divided among threads; every set has the bits of its own backtest.
Neighbouring sets trade alike and cost less, so give them in the order of a grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tradepool.core.account import account_step as step
from tradepool.core.account.terms import price_scale
from tradepool.core.backtest import fills, kernel
from tradepool.core.backtest.loop import NAME, SPREAD, fused, ticks_of
from tradepool.core.backtest.run import Setting, market_for, terms_under
from tradepool.core.compiler import gpu, native
from tradepool.core.compiler.program import Program
from tradepool.core.graph.step import StepSource
from tradepool.core.market.align import Timed, columns
from tradepool.core.market.bars import Bars
from tradepool.core.strategies.strategy import Strategy, UnknownParameter
from tradepool.domain.errors import InvalidInput
from tradepool.domain.market import Market

Ints = NDArray[np.int64]
Runner = Literal["native", "gpu", "gpu float32"]


class UnevenSets(InvalidInput):
    """The parameter sets are uneven: {lengths}; give each parameter one value for each set, at least one."""


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """What became of each set, arrays of one element a set; money in units of the quote asset.

    `drawdown_ppm` is the deepest fall of cash from its highest, seen at the closes of trades.
    """

    values: Mapping[str, NDArray[np.generic]]
    final_equity: Ints
    trades: Ints
    wins: Ints
    gross_profit: Ints
    gross_loss: Ints
    fees_quote: Ints
    refusals: Ints
    drawdown_ppm: Ints

    def best(self, count: int) -> list[dict[str, float]]:
        """Parameter values of the sets with the most equity, the first of equals first."""
        order = np.argsort(-self.final_equity, kind="stable")[:count]
        return [{name: column[at].item() for name, column in self.values.items()} for at in order]


def grid(choices: Mapping[str, Sequence[float]]) -> dict[str, NDArray[np.generic]]:
    """Every combination of values, the last parameter changing fastest.

    >>> grid({"fast": [5, 6], "slow": [20, 30]})["slow"].tolist()
    [20, 30, 20, 30]
    """
    sets = list(product(*choices.values()))
    return {name: np.array([one[at] for one in sets]) for at, name in enumerate(choices)}


def sweep(
    strategy: Strategy,
    market: Market,
    bars: Bars,
    setting: Setting,
    sets: Mapping[str, Sequence[float] | NDArray[np.generic]],
    *,
    threads: int = 1,
    lanes: int | None = None,
    runner: Runner = "native",
    others: Mapping[str, Bars] | None = None,
    externals: Mapping[str, Timed] | None = None,
) -> Sweep:
    """Run a strategy with many parameter sets; parameters that are not named keep the strategy's value.

    `others` and `externals` are what it reads beside the bars, as in `run.run`.

    The runner `gpu` takes a thread a set and gives the same bits; `gpu float32` is a screen: close, not equal, so run
    its `best` again. Raises UnevenSets, UnknownParameter, WrongParameter, NativeUnavailable where LLVM is missing, and
    GpuUnavailable.
    """
    values = {name: np.asarray(column) for name, column in sets.items()}
    count, market = _count(strategy, values), market_for(strategy, market)
    source, program = fused(strategy, bars.timeframe_ms, frozenset(values))
    shared, swept = source.rows({**strategy.values, **values})
    own: dict[str, NDArray[Any]] = {
        "own": np.zeros((len(source.own_rows), count)),
        "swept": swept,
        "wallet": np.zeros((step.WALLET_SIZE, count), np.int64),
        "slot": np.zeros((step.SLOT_SIZE, count), np.int64),
        "counts": np.zeros((fills.COUNTS_SIZE, count), np.int64),
        # Nothing is recorded: `terms` leaves no room for it.
        **{name: np.zeros((1, count), np.int64) for name in ("trades", "refusals", "equity")},
    }
    own["wallet"][step.CASH] = own["counts"][fills.CASH_PEAK] = market.quote_units(setting.cash)
    terms = np.array(terms_under(market, setting), np.int64)
    scale, last = price_scale(market), len(bars) - 1
    ticks = ticks_of(bars, scale)
    before = (shared, *columns(source, bars, others=others, externals=externals), 0, len(bars))
    after = (bars.open_time, *ticks, bars.timeframe_ms, scale, last, False)
    if runner == "native":
        _on_cpu(program, source, own, before, terms, after, lanes, threads)
    else:
        _on_gpu(program, source, own, before, terms, after, "float32" if runner == "gpu float32" else "float64")
    totals, held = own["counts"], zip(own["wallet"].T.tolist(), own["slot"].T.tolist(), strict=True)
    # As lists: Python's integers have no width, NumPy's do.
    row, close = terms.tolist(), int(ticks[3][-1])
    return Sweep(
        values=values,
        final_equity=np.array([kernel.equity_at(one, another, row, close) for one, another in held], np.int64),
        trades=totals[fills.TRADES],
        wins=totals[fills.WINS],
        gross_profit=totals[fills.GROSS_PROFIT],
        gross_loss=totals[fills.GROSS_LOSS],
        fees_quote=totals[fills.FEES_QUOTE],
        refusals=totals[fills.REFUSALS],
        drawdown_ppm=totals[fills.DRAWDOWN_PPM],
    )


def _arguments(
    own: Mapping[str, object], state: object, before: Sequence[object], terms: object, after: Sequence[object]
) -> list[object]:
    """In the order of the step's signature."""
    records = [own[name] for name in ("trades", "refusals", "counts", "equity")]
    money = [own["wallet"], own["slot"], terms]
    return [state, own["own"], before[0], own["swept"], *before[1:], *money, *records, *after]


def _on_cpu(
    program: Program,
    source: StepSource,
    own: dict[str, NDArray[Any]],
    before: Sequence[object],
    terms: Ints,
    after: Sequence[object],
    lanes: int | None,
    threads: int,
) -> None:
    # Two registers' worth at once: while one result is awaited the other is computed.
    run = native.load_columns(program, NAME, SPREAD, lanes or 2 * native.lanes_of_machine())
    blocks = {name: native.to_blocks(rows, run.lanes) for name, rows in own.items()}
    groups, count = len(blocks["wallet"]), own["wallet"].shape[1]
    state = np.zeros((groups, source.state_size))
    run(*_arguments(blocks, state, before, terms, after), groups=groups, threads=threads)
    own.update({name: native.from_blocks(block, count) for name, block in blocks.items()})


def _on_gpu(
    program: Program,
    source: StepSource,
    own: dict[str, NDArray[Any]],
    before: Sequence[object],
    terms: Ints,
    after: Sequence[object],
    floats: gpu.Floats,
) -> None:
    run = gpu.load(program, NAME, SPREAD, floats)
    device = {name: run.put(rows) for name, rows in own.items()}
    state = run.put(np.zeros((source.state_size, own["wallet"].shape[1])))
    shared, rest = [run.put(item) for item in before], [run.put(item) for item in after]
    run(*_arguments(device, state, shared, run.put(terms), rest), columns=own["wallet"].shape[1])
    own.update({name: run.get(rows) for name, rows in device.items()})


def _count(strategy: Strategy, values: Mapping[str, NDArray[np.generic]]) -> int:
    known = {item.name for item in strategy.parameters}
    for name in values:
        if name not in known:
            raise UnknownParameter(
                strategy=strategy.name, name=repr(name)[:60], known=", ".join(sorted(known)) or "none"
            )
    lengths = {name: len(column) for name, column in values.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise UnevenSets(lengths=", ".join(f"{name} {length}" for name, length in lengths.items()) or "none")
    return next(iter(lengths.values()))
