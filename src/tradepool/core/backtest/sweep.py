"""A sweep: many parameter sets of one strategy over the same candles, each through the whole account part.

As many sets at once as a vector register has lanes, divided among threads; every set has the bits of its own backtest.
Neighbouring sets trade alike and cost less, so give them in the order of a grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tradepool.core.account import account_step as step
from tradepool.core.account.terms import price_scale, terms_of
from tradepool.core.backtest import fills, kernel
from tradepool.core.backtest.loop import NAME, SPREAD, fused, ticks_of
from tradepool.core.backtest.run import Setting, market_for
from tradepool.core.graph import native
from tradepool.core.graph.align import columns
from tradepool.core.graph.bars import Bars
from tradepool.core.graph.native import ColumnsFunction, from_blocks, to_blocks
from tradepool.core.graph.step import StepSource
from tradepool.core.strategies.strategy import Strategy, UnknownParameter
from tradepool.domain.errors import InvalidInput
from tradepool.domain.market import Market

Ints = NDArray[np.int64]
PREPARED_MAX = 16


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
) -> Sweep:
    """Run a strategy with many parameter sets; parameters that are not named keep the strategy's value.

    Raises UnevenSets, UnknownParameter, WrongParameter, and NativeUnavailable where LLVM is missing.
    """
    values = {name: np.asarray(column) for name, column in sets.items()}
    count = _count(strategy, values)
    market = market_for(strategy, market)
    source, run = prepared(strategy, bars.timeframe_ms, frozenset(values), lanes)
    shared, swept = source.rows({**strategy.values, **values})
    groups = -(-count // run.lanes)
    wallet, slot, counts = (
        np.zeros((groups, size, run.lanes), np.int64) for size in (step.WALLET_SIZE, step.SLOT_SIZE, fills.COUNTS_SIZE)
    )
    wallet[:, step.CASH] = counts[:, fills.CASH_PEAK] = market.quote_units(setting.cash)
    terms = np.array(terms_of(market, setting.weight, setting.limits, setting.slippage_bp), np.int64)
    none = np.zeros((groups, 1, run.lanes), np.int64)
    scale = price_scale(market)
    ticks = ticks_of(bars, scale)
    run(
        np.zeros((groups, max(source.state_size, 1))),
        np.zeros((groups, max(len(source.own_rows), 1), run.lanes)),
        shared,
        to_blocks(swept, run.lanes),
        *columns(source, bars),
        0,
        len(bars),
        wallet,
        slot,
        terms,
        none,
        none,
        counts,
        none,
        bars.open_time,
        *ticks,
        bars.timeframe_ms,
        scale,
        len(bars) - 1,
        False,
        groups=groups,
        threads=threads,
    )
    totals = from_blocks(counts, count)
    held = zip(from_blocks(wallet, count).T.tolist(), from_blocks(slot, count).T.tolist(), strict=True)
    # As lists: Python's integers have no width, NumPy's do.
    last, row = int(ticks[3][-1]), terms.tolist()
    equity = [kernel.equity_at(one, another, row, last) for one, another in held]
    return Sweep(
        values=values,
        final_equity=np.array(equity, np.int64),
        trades=totals[fills.TRADES],
        wins=totals[fills.WINS],
        gross_profit=totals[fills.GROSS_PROFIT],
        gross_loss=totals[fills.GROSS_LOSS],
        fees_quote=totals[fills.FEES_QUOTE],
        refusals=totals[fills.REFUSALS],
        drawdown_ppm=totals[fills.DRAWDOWN_PPM],
    )


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


@lru_cache(maxsize=PREPARED_MAX)
def prepared(
    strategy: Strategy, timeframe_ms: int, varying: frozenset[str], lanes: int | None
) -> tuple[StepSource, ColumnsFunction]:
    """The fused step of a strategy for many sets, and its machine code."""
    source, program = fused(strategy, timeframe_ms, varying)
    # Two registers' worth at once: while one result is awaited the other is computed.
    return source, native.load_columns(program, NAME, SPREAD, lanes or 2 * native.lanes_of_machine())
