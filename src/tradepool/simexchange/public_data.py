"""What everybody may see of a market when it has reached a stage of its bar, made only as far as somebody reads it."""

from __future__ import annotations

from collections.abc import Iterator

from tradepool.simexchange.candles import DAY_MS, intervals_of, just_closed, present, window
from tradepool.simexchange.events import (
    TICKER,
    TRADES,
    BookTicker,
    KlineClosed,
    KlineShown,
    Printed,
    PublicEvent,
    TickerShown,
)
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.tape import OPEN
from tradepool.simexchange.telling import Teller

# Beside candles, what a stage of the walk itself shows; the book tells its changes by itself.
_WALK = frozenset((TRADES, TICKER))


def show_stage(teller: Teller, market: ListedMarket, *, show_forming: bool) -> None:
    """Publish the prints of the walk, candles (closed ones first) and the ticker, as far as anybody reads them."""
    wanted = teller.wanted(market)
    # Candles close at a TURN or, after a hole, at an OPEN: between them a reader of closed ones is not held up.
    if wanted and (market.tape.stage <= OPEN or show_forming or wanted & _WALK):
        for event in _events(teller, market, wanted, show_forming=show_forming):
            teller.publish(event)


def ticker(best: BookTicker) -> TickerShown:
    """What a market's last 24 hours looked like, seen from its best prices now."""
    market, now_ms = best.market, best.time_ms
    last = market.tape.latest(1)
    return TickerShown(market, window(market, now_ms - DAY_MS, now_ms), last[0] if last else None, best, now_ms)


def _events(
    teller: Teller, market: ListedMarket, wanted: frozenset[str], *, show_forming: bool
) -> Iterator[PublicEvent]:
    now = teller.now_ms
    if TRADES in wanted:
        yield from (Printed(market, printed, now) for printed in market.tape.stage_prints())
    intervals = intervals_of(market, wanted)
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
        yield ticker(teller.best(market))
