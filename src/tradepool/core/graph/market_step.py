"""The market part of a strategy at work: one state row that moves along the bars of one market.

Computed once for all users. A backtest advances over whole series, live trading one bar at a time, a restart loads the
row it saved: the numbers are the same, to the bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, cast

import numpy as np

from tradepool.core.compiler.runners import Runner, load
from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.graph.align import Timed, WrongInputs, columns
from tradepool.core.graph.bars import Bars
from tradepool.core.graph.expr import Expr
from tradepool.core.graph.step import Graph, market_step, series_step
from tradepool.domain.errors import InvalidInput

_DIGEST_BYTES = 32
# What a step of one parameter set has in `own` and `swept`.
NOTHING = np.zeros(0)
UNSETTLED_BARS = 2_000


class StateMismatch(InvalidInput):
    """The saved state is of another strategy, parameter set, timeframe or version; feed {warm_up} bars of history."""


class StateDamaged(InvalidInput):
    """The saved state is damaged ({why}); feed {warm_up} bars of history instead."""


class WrongRange(InvalidInput):
    """Bars {i0} to {i1} are not among the {count} given; give 0 <= i0 <= i1 <= {count}."""


class MarketRow(NamedTuple):
    """What the market part says at the close of one bar; distances in price units, times in ms, 0.0 = none."""

    exposure: float
    previous_exposure: float
    stop_distance: float
    trail_distance: float
    trail_step: float
    first_target: float = 0.0
    second_target: float = 0.0
    target_share: float = 0.0
    break_even: float = 0.0
    hold_ms: float = 0.0


class _OneBar:
    """Columns of one bar or, `upto` says so, of none; written to through views, which is cheaper."""

    __slots__ = ("clock", "columns", "prices", "upto")

    def __init__(self) -> None:
        prices, clock = np.zeros(5), np.zeros(1, np.int64)
        self.columns = [*(prices[index : index + 1] for index in range(5)), clock]
        self.upto = np.zeros(2, np.int64)
        self.prices, self.clock = cast("memoryview[float]", prices.data), clock.data

    def put(self, bars: Bars) -> None:
        """Hold the one bar, or none."""
        self.upto[1] = len(bars)
        if len(bars):
            columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
            for index, column in enumerate(columns):
                self.prices[index] = column[0]
            self.clock[0] = bars.open_time[0] // bars.timeframe_ms


class Declared(Protocol):
    """What a strategy gives the market part (`core.strategies.strategy.Strategy` does)."""

    @property
    def graph(self) -> Graph:
        """What to compute."""

    @property
    def values(self) -> Mapping[str, float]:
        """A value for every parameter."""

    def strategy_id(self, timeframe_ms: int) -> str:
        """Who it is, parameter values and timeframe included."""


class MarketStep:
    """One strategy on one market, at some bar.

    `state` is the row, named by `source.state_rows`; `lookback` bars come before the first possible signal, `warm_up`
    bars of history make a later start equal to an earlier one (None: no number of bars does). `others` are bars of the
    markets that it reads beside its own, `externals` times and values from outside, both by name.
    """

    def __init__(self, strategy: Declared, timeframe_ms: int, runner: Runner = "any") -> None:
        """Start before the first bar. Raises NativeUnavailable if `native` is asked for and LLVM is missing."""
        self.source = market_step(strategy.graph, timeframe_ms=timeframe_ms)
        self.columns = strategy.graph.columns
        self.timeframe_ms = timeframe_ms
        self.runner = runner
        self.parameters, _ = self.source.rows(strategy.values)
        self.state = np.zeros(self.source.state_size)
        self._advance = load(self.source.program, runner, [self.source.name])[self.source.name]
        self.lookback = self.source.lookback(strategy.values)
        self.warm_up = self.source.warm_up(strategy.values)
        key = f"{strategy.strategy_id(timeframe_ms)} {self.source.program.digest}"
        self._digest = hashlib.sha256(key.encode()).digest()
        self._reads_more = bool(self.source.others or self.source.externals)
        self._bind_one_bar()

    def _bind_one_bar(self) -> None:
        # Pointers are resolved once here; a live bar then costs five stores and one call. Of each other market there is
        # room for one bar: more come only after a hole of its own, or at a start.
        own, row = _OneBar(), np.zeros(self.columns)
        self._beside = {name: _OneBar() for name in self.source.others}
        beside = [column for bar in self._beside.values() for column in (*bar.columns, bar.upto)]
        if not self.source.externals:
            self._one_bar = self._advance.bind(*self._memory, *own.columns, *beside, 0, 1, row)
        self._prices, self._clock, self._row = own.prices, own.clock, row.data

    @property
    def _memory(self) -> tuple[Floats, ...]:
        return self.state, NOTHING, self.parameters, NOTHING

    def advance(
        self,
        bars: Bars,
        i0: int = 0,
        i1: int | None = None,
        others: Mapping[str, Bars] | None = None,
        externals: Mapping[str, Timed] | None = None,
    ) -> Floats:
        """Step over bars `i0` to `i1 - 1` (default: all) and give their market rows, shape [i1 - i0, columns].

        Of another market the whole series is given each time. Raises WrongTimeframe, WrongRange and WrongInputs.
        """
        i1 = len(bars) if i1 is None else i1
        if not 0 <= i0 <= i1 <= len(bars):
            raise WrongRange(i0=i0, i1=i1, count=len(bars))
        outputs = np.empty((i1 - i0) * self.columns)
        self._advance(*self._memory, *columns(self.source, bars, i0, i1, others, externals), 0, i1 - i0, outputs)
        return outputs.reshape(-1, self.columns)

    def advance_bar(
        self,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        clock: int,
        others: Mapping[str, Bars] | None = None,
        externals: Mapping[str, Timed] | None = None,
    ) -> MarketRow:
        """Step over one bar just closed; `clock` is its open time over the timeframe.

        Of another market the bars are given that closed since the last call; one that opened later than this bar is
        refused, as it would be lost.
        """
        if self._reads_more or others or externals:
            for name, later in (others or {}).items():
                if len(later) and later.open_time[-1] > clock * self.timeframe_ms:
                    raise WrongInputs(wanted=f"bars of {name} up to its own", given="later ones")
            if externals or not self._fit(others or {}):
                prices = [np.array([value]) for value in (open_, high, low, close, volume)]
                bar = Bars(self.timeframe_ms, np.array([clock * self.timeframe_ms]), *prices)
                return MarketRow(*self.advance(bar, others=others, externals=externals)[0].tolist())
        row = self._prices
        row[0], row[1], row[2], row[3], row[4] = open_, high, low, close, volume
        self._clock[0] = clock
        self._one_bar()
        return MarketRow(*self._row)

    def _fit(self, others: Mapping[str, Bars]) -> bool:
        """Whether the others' bars have room beside one of its own; then they are there."""
        if self.source.externals or others.keys() != self._beside.keys():
            return False
        if any(len(bars) > 1 or bars.timeframe_ms != self.timeframe_ms for bars in others.values()):
            return False
        for name, bars in others.items():
            self._beside[name].put(bars)
        return True

    @property
    def history(self) -> int:
        """Bars to feed before the first one that counts: the warm-up or, where no number of bars is enough, so many
        that what began at another bar has met the same levels since: measured on real hours, the slowest took 1,432."""
        return max(self.lookback + 1, UNSETTLED_BARS) if self.warm_up is None else self.warm_up

    def save(self) -> bytes:
        """The state row, with what it belongs to and a checksum."""
        row = self.state.astype("<f8").tobytes()
        return self._digest + hashlib.sha256(row).digest() + row

    def load(self, saved: bytes) -> None:
        """Go on from a saved row. Raises StateMismatch or StateDamaged; then nothing has changed."""
        digest, checksum, row = (
            saved[:_DIGEST_BYTES],
            saved[_DIGEST_BYTES : 2 * _DIGEST_BYTES],
            saved[2 * _DIGEST_BYTES :],
        )
        if len(checksum) < _DIGEST_BYTES:
            raise StateDamaged(why="it is too short", warm_up=self.history)
        if digest != self._digest:
            raise StateMismatch(warm_up=self.history)
        if hashlib.sha256(row).digest() != checksum:
            raise StateDamaged(why="its checksum differs", warm_up=self.history)
        self.state[:] = np.frombuffer(row, "<f8")


def series(
    expressions: Sequence[Expr],
    bars: Bars,
    runner: Runner = "any",
    values: Mapping[str, float] | None = None,
    others: Mapping[str, Bars] | None = None,
    externals: Mapping[str, Timed] | None = None,
) -> Floats:
    """Values of expressions over bars, shape [bars, expressions]; nan where there is none yet, conditions 1.0 or 0.0.

    >>> from tradepool.core.graph.expr import close
    >>> from tradepool.core.graph.primitives import sma
    >>> ones = Bars(60_000, np.arange(3) * 60_000, *np.ones((5, 3)))
    >>> series([sma(close, 2)], ones, "reference").ravel().tolist()
    [nan, 1.0, 1.0]
    """
    source = series_step(expressions, timeframe_ms=bars.timeframe_ms)
    run = load(source.program, runner, [source.name])[source.name]
    outputs = np.empty(len(bars) * len(expressions))
    memory = (np.zeros(source.state_size), NOTHING, source.rows(values or {})[0], NOTHING)
    run(*memory, *columns(source, bars, 0, None, others, externals), 0, len(bars), outputs)
    return outputs.reshape(-1, len(expressions))
