"""Brings other markets' bars and outside values beside the bars of a step, so that none is seen before it was there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tradepool.core.compiler.vocabulary import Floats, Ints
from tradepool.core.graph.step import StepSource
from tradepool.core.market.bars import Bars
from tradepool.domain.errors import InvalidInput

# When each value became known (ms UTC, ascending), and the values.
Timed: TypeAlias = tuple[NDArray[np.int64], Floats]


class WrongInputs(InvalidInput):
    """The step reads {wanted} but was given {given}; give exactly what it reads."""


class WrongTimeframe(InvalidInput):
    """The step is for bars of {expected_ms} ms but was given bars of {given_ms} ms; load the right series."""


def clock_of(bars: Bars) -> NDArray[np.int64]:
    """Number of each bar since 1970: open time over timeframe; windows are anchored by it."""
    return bars.open_time // bars.timeframe_ms


def align(times: NDArray[np.int64], values: Floats, bars: Bars, max_age_ms: int) -> Floats:
    """The last value known at each bar's close; nan where there is none or it is older than `max_age_ms`.

    >>> bars = Bars(60_000, np.arange(3) * 60_000, *np.ones((5, 3)))
    >>> align(np.array([60_000]), np.array([0.7]), bars, 60_000).tolist()
    [0.7, 0.7, nan]
    """
    closes = bars.open_time + bars.timeframe_ms
    last = np.searchsorted(times, closes, side="right") - 1
    known = (last >= 0) & (closes - times[np.maximum(last, 0)] <= max_age_ms) if len(times) else last >= 0
    return np.where(known, values[np.maximum(last, 0)], np.nan) if len(times) else np.full(len(bars), np.nan)


def columns(
    source: StepSource,
    bars: Bars,
    i0: int = 0,
    i1: int | None = None,
    others: Mapping[str, Bars] | None = None,
    externals: Mapping[str, Timed] | None = None,
) -> list[Floats | Ints]:
    """What a step reads of bars `i0` to `i1 - 1` (then numbered from zero), in the order of its arguments.

    The first bar of all brings every earlier bar of another market with it. Raises WrongInputs and WrongTimeframe.
    """
    others, externals = others or {}, externals or {}
    wanted, given = {*source.others, *(item.name for item in source.externals)}, {*others, *externals}
    if wanted != given:
        needs = ", ".join(f"{name} in `{source.reads[name]:.80}`" for name in sorted(wanted))
        raise WrongInputs(wanted=needs or "nothing else", given=", ".join(sorted(given)) or "nothing else")
    part = bars.slice(i0, len(bars) if i1 is None else i1)
    found: list[Floats | Ints] = _prices(part, source.timeframe_ms)
    for name in source.others:
        seen = np.searchsorted(others[name].open_time, bars.open_time[max(i0 - 1, 0) : i1], side="right")
        found += [*_prices(others[name], source.timeframe_ms), seen if i0 else np.concatenate(([0], seen))]
    found += [align(*externals[item.name], part, item.max_age_ms) for item in source.externals]
    return found


def _prices(bars: Bars, timeframe_ms: int) -> list[Floats | Ints]:
    if bars.timeframe_ms != timeframe_ms:
        raise WrongTimeframe(expected_ms=timeframe_ms, given_ms=bars.timeframe_ms)
    return [bars.open, bars.high, bars.low, bars.close, bars.volume, clock_of(bars)]
