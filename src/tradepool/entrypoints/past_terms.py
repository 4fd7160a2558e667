"""What an account traded by and when: mandates and what the venue asked, out of its journal; strategies by their ids.

The journal has a mandate whole, but of its strategy only the id. Its rules are looked for where they may still be: in this
mandate's versions, then under every name there is. A file that was written over is another strategy.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import TradepoolError
from tradepool.domain.event import AccountOpened, EntriesResumed, Event, MandateChanged, TermsSeen
from tradepool.domain.ids import MarketId, StrategyId
from tradepool.domain.mandate import Mandate
from tradepool.domain.market import Market
from tradepool.domain.register import Entry
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.deployment_settings import MandateSettings
from tradepool.entrypoints.register_rows import section_of
from tradepool.entrypoints.strategies import find, sources
from tradepool.presentation.formats import iso

FOREVER_MS = 2**62


@dataclass(frozen=True, slots=True)
class Period:
    """From a time on: the mandate, and its markets in its order as the venue listed them, at this account's fees. The first
    T that it decides about is not before `since_ms`: a start acts on the newest candle, which may have closed before it.
    `resumed`: a person let it trade on after losses. `why_not`: what no backtest answers for; "" where one does."""

    time_ms: int
    since_ms: int
    mandate: Mandate
    markets: tuple[Market, ...]
    resumed: bool = False
    why_not: str = ""


def periods_of(
    journal: Sequence[tuple[int, Event]], timeframe_ms: int, strategies: Container[StrategyId]
) -> list[Period]:
    """What held from when on, as the account heard of it: of its events, each with the last T that was acted on before it. The
    first is that under which it was taken over."""
    found, seen, mandate = list[Period](), dict[MarketId, Market](), None
    opened_ms = next((event.time_ms for _, event in journal if isinstance(event, AccountOpened)), 0)
    for as_of_ms, event in journal:
        resumed = isinstance(event, EntriesResumed) and event.limits
        if isinstance(event, TermsSeen):
            seen |= {market.id: market for market in event.markets}
        elif isinstance(event, MandateChanged):
            mandate = event.mandate
        elif not resumed:
            continue
        if mandate is not None:
            markets = tuple(seen[market] for market in mandate.markets)
            # Nothing is entered that is older than a bar.
            since_ms = max(as_of_ms, event.time_ms - timeframe_ms) + 1
            period = Period(event.time_ms, since_ms, mandate, markets, resumed, _why_not(mandate, strategies))
            found = [period] if event.time_ms <= opened_ms else [*found, period]
    return found


def _why_not(mandate: Mandate, strategies: Container[StrategyId]) -> str:
    if mandate.strategy_id not in strategies:
        return f"strategy {mandate.strategy_id}, whose rules are not here any more (its file was changed or removed)"
    if mandate.entry.kind.rests:
        return f"{mandate.entry.kind} entries, and candles don't tell when a resting order's turn comes"
    return ""


@dataclass(frozen=True, slots=True)
class Answered:
    """What one backtest answers for: `periods` (none: for nothing), until the time at which one begins that none does.
    `before`: what that was that came before them, and that nothing is said of it; "" where they begin with the account."""

    periods: Sequence[Period]
    until_ms: int
    before: str = ""


def answered(periods: Sequence[Period], by_ms: int) -> Answered:
    """The periods that one backtest answers for: those between two that none does, the newest that have begun by then."""
    dark = [number for number, period in enumerate(periods) if period.why_not]
    begin = max((number + 1 for number in dark if periods[number].time_ms <= by_ms), default=0)
    end = next((number for number in dark if number >= begin), len(periods))
    until_ms = periods[end].time_ms if end < len(periods) else FOREVER_MS
    before = f"it traded by {periods[begin - 1].why_not}" if begin else ""
    if begin == end or (begin and periods[begin].time_ms > by_ms):
        return Answered((), until_ms, f"{before}: nothing is said of that time")
    if begin:
        what = "nothing is said of that time, and the backtest goes on from what the account held at its end"
        before = f"until {iso(periods[begin].time_ms)} {before}: {what}"
    return Answered(periods[begin:end], until_ms, before)


def step_at(periods: Sequence[Period], market: MarketId, time_ms: int) -> Decimal:
    """The quantity step that the venue asked for at a time; zero where the market was not traded then."""
    then = [each.markets for each in periods if each.since_ms <= time_ms]
    return next((each.quantity_step for markets in reversed(then) for each in markets if each.id == market), Decimal(0))


def strategies_of(
    deployed: Deployed, seat: Seated, versions: Sequence[Entry], events: Sequence[Event]
) -> dict[StrategyId, Strategy]:
    """Every strategy that an account's journal names and that is still here, by its id."""
    wanted = {event.mandate.strategy_id for event in events if isinstance(event, MandateChanged)}
    found = dict[StrategyId, Strategy]()
    for strategy in _candidates(deployed, seat, versions):
        found[strategy.strategy_id(deployed.timeframe_ms)] = strategy
        if wanted <= found.keys():
            break
    return found


def _candidates(deployed: Deployed, seat: Seated, versions: Sequence[Entry]) -> Iterator[Strategy]:
    """The likely ones first; what can't be loaded is none."""
    folder = deployed.settings.strategies.folder
    yield seat.strategy
    for entry in reversed(versions):
        try:
            section = section_of(entry)
            if isinstance(section, MandateSettings):
                yield find(section.strategy, folder).load().strategy.with_parameters(section.parameters)
        except TradepoolError:
            continue
    for source in sources(folder):
        try:
            yield source.load().strategy
        except TradepoolError:
            continue
