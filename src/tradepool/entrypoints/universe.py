"""`universe show`: which markets the rules of the configuration let in, and what removes the others.

Candles come from files or from the store. What only the venue knows, spread and status, is asked of it where a rule is
about them, or with `--ask`; `--no-ask` stays off the network, and such a rule then removes every market.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from tradepool.domain.errors import InvalidInput
from tradepool.entrypoints.inputs import Config
from tradepool.entrypoints.saying import say, show

if TYPE_CHECKING:
    from tradepool.adapters.exchanges.transport import Transport
    from tradepool.domain.ids import MarketId
    from tradepool.domain.ticker import MarketFacts
    from tradepool.ports.candles import Series
    from tradepool.presentation.universe_page import UniverseJson

DAY_MS = 86_400_000


class NoMarkets(InvalidInput):
    """There are no candles in the store {folder}; name files with --candles, or fetch some (tradepool data download)."""


universe_app = App(name="universe", help="Which markets may be traded.")


@universe_app.command(name="show")
def universe_show(
    *,
    candles: Annotated[
        list[Path] | None, Parameter(consume_multiple=True, help="Candle files [default: every stored market].")
    ] = None,
    ask: Annotated[
        bool | None, Parameter(help="Ask venues for spread and status [default: where a rule is about them].")
    ] = None,
    json: Annotated[bool, Parameter(help="One JSON object on standard output, nothing else there.")] = False,
    config: Config = None,
) -> None:
    """Each market with what is measured of it, and each rule of section [universe] that removes it and by how much."""
    from tradepool.presentation.universe_page import universe_page

    found = universe(candles, config, ask=ask)
    if json:
        say(found)
    else:
        show(universe_page(found))


def universe(
    candles: Sequence[Path] | None,
    config: Path | None,
    *,
    ask: bool | None = None,
    transport: Transport | None = None,
) -> UniverseJson:
    """Every market judged. Raises NoMarkets, WrongRule, VenueError and what reading candles raises."""
    from tradepool.core.universe.rules import Candidate, judged
    from tradepool.entrypoints.inputs import files_of, open_source, say_if_not_compiled, settings_from
    from tradepool.presentation.results import SCHEMA
    from tradepool.presentation.universe_page import MarketRow, RemovalRow, UniverseJson

    say_if_not_compiled()
    settings = settings_from(config)
    rules, store = settings.universe.rules, settings.candles.folder
    opened = [open_source(file, None, store) for file in files_of(candles) or _stored(store)]
    facts: Mapping[MarketId, MarketFacts] = {}
    if rules.asks_venue if ask is None else ask:
        from tradepool.entrypoints.universe_facts import asked_facts

        facts = asked_facts(sorted({market.venue for market, _ in opened}), transport)
    rows = []
    for market, bars in opened:
        status, spread = facts.get(market.id, (None, None))
        verdict = judged(Candidate(market=market, bars=bars, status=status, spread_percent=spread), rules)
        removed = [RemovalRow(item.rule, item.value, item.limit, item.by, item.text) for item in verdict.removals]
        rows.append(
            MarketRow(
                market.symbol, market.venue, verdict.is_in, verdict.allowed, status, dict(verdict.measured), removed
            )
        )
    return UniverseJson(SCHEMA, rows)


def _stored(folder: Path) -> list[Path]:
    """The address of each stored market, of its longest candles up to a day: days are made of them soonest."""
    from tradepool.adapters.candle_store.store import FileStore

    longest: dict[tuple[str, str], Series] = {}
    for series in FileStore(folder).series():
        if DAY_MS % series.timeframe_ms == 0:
            known = longest.get((series.venue, series.symbol))
            if known is None or series.timeframe_ms > known.timeframe_ms:
                longest[series.venue, series.symbol] = series
    if not longest:
        raise NoMarkets(folder=folder)
    return [Path(str(series)) for series in longest.values()]
