"""What everybody may see of a market when it has reached a stage of its bar, made only as far as somebody reads it."""

from __future__ import annotations

from collections.abc import Iterator

from tradepool.simexchange.candles import DAY_MS, INTERVALS, interval_of, just_closed, present, window
from tradepool.simexchange.events import (
    TICKER,
    TRADES,
    KlineClosed,
    KlineShown,
    Printed,
    PublicEvent,
    TickerShown,
)
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.telling import Teller


def show_stage(teller: Teller, market: ListedMarket, *, show_forming: bool) -> None:
    """Publish the prints of the walk, candles (closed ones first) and the ticker. The book tells its changes itself."""
    if wanted := teller.wanted(market):
        for event in _events(teller, market, wanted, show_forming=show_forming):
            teller.publish(event)


def ticker(teller: Teller, market: ListedMarket) -> TickerShown:
    """What the market's last 24 hours looked like."""
    last = market.tape.latest(1)
    day = window(market, teller.now_ms - DAY_MS, teller.now_ms)
    return TickerShown(market, day, last[0] if last else None, teller.best(market), teller.now_ms)


def _events(
    teller: Teller, market: ListedMarket, wanted: frozenset[str], *, show_forming: bool
) -> Iterator[PublicEvent]:
    now = teller.now_ms
    if TRADES in wanted:
        yield from (Printed(market, printed, now) for printed in market.tape.stage_prints())
    intervals = [interval for name in INTERVALS if name in wanted and (interval := interval_of(market, name))]
    for interval in intervals:
        if interval.length_ms == market.timeframe_ms:
            if not market.tape.stage and market.tape.bar:
                yield KlineClosed(market, market.tape.bar - 1, now)
        elif closed := just_closed(market, interval):
            yield KlineShown(market, interval.name, closed, is_closed=True, time_ms=now)
    if show_forming:
        for interval in intervals:
            if forming := present(market, interval):
                yield KlineShown(market, interval.name, forming, is_closed=False, time_ms=now)
    if TICKER in wanted:
        yield ticker(teller, market)
