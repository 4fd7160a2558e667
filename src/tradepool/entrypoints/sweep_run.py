"""`sweep`: every combination of parameter values over one candle file, the best shown."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice, product

import numpy as np
from rich.progress import Progress

from tradepool.core.backtest.loop import fused
from tradepool.core.backtest.run import market_for
from tradepool.core.backtest.sweep import Sweep, sweep
from tradepool.core.graph.parameter import Parameter
from tradepool.core.strategies.strategy import UnknownParameter
from tradepool.domain.errors import InvalidInput
from tradepool.entrypoints.inputs import Asked, GivenTwice
from tradepool.entrypoints.single_run import Job, job_of
from tradepool.presentation.formats import iso, plain
from tradepool.presentation.results import SCHEMA, SweepJson, SweptSet

SETS_MAX, VALUES_MAX = 1_000_000, 100_000
SETS_AT_ONCE, MEMORY_BYTES = 4_096, 2**28


class NotARange(InvalidInput):
    """--over {given} is no range; write name=low:high:step or name=value,value, for example --over fast=5:50:5."""


class TooManySets(InvalidInput):
    """{sets} parameter sets are too many; take larger steps or fewer parameters, {most} sets at most."""


def swept(name: str, asked: Asked, over: Sequence[str], best: int, threads: int) -> SweepJson:
    """Run everything; the best sets by equity at the end, first of equals first."""
    job = job_of(name, asked)
    choices = choices_of(over, {item.name: item for item in job.strategy.parameters}, job.strategy.name)
    count = 1
    for values in choices.values():
        count *= len(values)
    if count > SETS_MAX:
        raise TooManySets(sets=f"{count:,}", most=f"{SETS_MAX:,}")
    found: list[SweptSet] = []
    source, _ = fused(job.strategy, job.bars.timeframe_ms, list(choices))
    at_once = sets_at_once(len(source.own_rows))
    others = job.others or None
    with Progress(transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(f"{count:,} sets", total=count)
        for part in _parts(choices, at_once):
            columns = {key: np.array(column) for key, column in zip(choices, zip(*part, strict=True), strict=True)}
            done = sweep(job.strategy, job.market, job.bars, job.setting, columns, threads=threads, others=others)
            found = sorted([*found, *_rows(done, job)], key=lambda row: -Decimal(row.final_equity))[:best]
            progress.advance(task, len(part))
    return _json(job, count, found)


def choices_of(over: Sequence[str], known: Mapping[str, Parameter], strategy: str) -> dict[str, list[float]]:
    """The values of each parameter that is swept. Raises NotARange, GivenTwice, UnknownParameter and WrongParameter."""
    choices: dict[str, list[float]] = {}
    for given in over:
        name, equals, text = given.partition("=")
        if not equals or not name or not text:
            raise NotARange(given=repr(given)[:60])
        if name in choices:
            raise GivenTwice(name=name)
        if name not in known:
            raise UnknownParameter(strategy=strategy, name=repr(name)[:60], known=", ".join(known) or "none")
        choices[name] = [known[name].take(value) for value in _values(given, text, whole=known[name].is_integer)]
    if not choices:
        raise NotARange(given="(none)")
    return choices


def _values(given: str, text: str, *, whole: bool) -> list[float]:
    kind = int if whole else float
    try:
        if ":" not in text:
            return [kind(part) for part in text.split(",")]
        low, high, step = (Decimal(part) for part in text.split(":"))
        if not (step > 0 and low <= high and (high - low) / step < VALUES_MAX):
            raise NotARange(given=repr(given)[:60])
        return [kind(low + number * step) for number in range(int((high - low) / step) + 1)]
    except (ValueError, ArithmeticError) as error:
        raise NotARange(given=repr(given)[:60]) from error


def sets_at_once(rows: int) -> int:
    """How many sets are run together, when each keeps so many floats: windows of a swept average can be long.

    >>> sets_at_once(20), sets_at_once(44_000)
    (4096, 762)
    """
    return max(1, min(SETS_AT_ONCE, MEMORY_BYTES // (8 * max(rows, 1))))


def _parts(choices: Mapping[str, Sequence[float]], size: int) -> Iterator[list[tuple[float, ...]]]:
    sets = product(*choices.values())
    while part := list(islice(sets, size)):
        yield part


def _rows(done: Sweep, job: Job) -> Iterator[SweptSet]:
    unit = job.market.quote_unit
    for at, equity in enumerate(done.final_equity.tolist()):
        yield SweptSet(
            parameters={name: column[at].item() for name, column in done.values.items()},
            final_equity=plain(equity * unit),
            trades=int(done.trades[at]),
            wins=int(done.wins[at]),
            refusals=int(done.refusals[at]),
            drawdown=f"{Decimal(int(done.drawdown_ppm[at])) / 1_000_000:f}",
        )


def _json(job: Job, count: int, best: list[SweptSet]) -> SweepJson:
    return SweepJson(
        schema=SCHEMA,
        strategy=job.strategy.name,
        market=job.market.id,
        kind=market_for(job.strategy, job.market).kind,
        bars=len(job.bars),
        start=iso(int(job.bars.open_time[0])),
        end=iso(int(job.bars.open_time[-1]) + job.bars.timeframe_ms),
        cash=plain(job.setting.cash),
        sets=count,
        best=best,
    )
