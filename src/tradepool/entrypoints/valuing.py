"""The prices that books are valued at: what is on record at a past moment; the venue's last closes, written down, for now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from sqlalchemy import Connection

from tradepool.adapters.candle_store.store import FileStore
from tradepool.adapters.database.prices import DatabasePrices
from tradepool.core.commission.recorded import MINUTE_MS
from tradepool.core.ledger.trial_balance import Totals
from tradepool.core.ledger.valuation import Valuation, held_assets, valued
from tradepool.domain.deployment import Kind
from tradepool.domain.ids import MarketId
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.venue_prices import DAY_MS, closes_of
from tradepool.entrypoints.venue_way import way_to
from tradepool.ports.candles import Stretch

# When a market closed, and at what.
Close = tuple[int, Decimal]


def valuation(
    deployed: Deployed, connection: Connection, totals: Totals, currency: str, at_ms: int | None
) -> Valuation:
    """What the venue holds by a trial balance, in a currency, at a moment.

    A past moment is valued by what is on record, never by asking: an asset has a price where its market against the
    currency has a close on record, or in the candle store, of the day before. None: now; the venue is asked, and what it
    says is put on record. Raises ExchangeAway, VenueError for now alone, and BrokenSeries, BrokenBlock.
    """
    assets = [asset for asset in held_assets(totals) if asset != currency]
    markets = {asset: MarketId(f"{deployed.venue.id}:{asset}/{currency}") for asset in assets}
    prices = DatabasePrices(connection)
    if at_ms is None:
        found = _asked(deployed, prices, list(markets.values())) if markets else {}
    else:
        found = {market: close for market in markets.values() if (close := _held(deployed, prices, market, at_ms))}
    known = {asset: found[market] for asset, market in markets.items() if market in found}
    return valued(totals, known, currency)


def _asked(deployed: Deployed, prices: DatabasePrices, markets: Sequence[MarketId]) -> dict[MarketId, Close]:
    """The venue's last closes of whole minutes, which are on record from now on."""
    way = way_to(deployed)
    minute = way[0].now_ms() // MINUTE_MS * MINUTE_MS - MINUTE_MS
    asked = closes_of(deployed, way, [(market, minute) for market in markets])
    prices.add(asked)
    found, end_ms = prices.of(asked), minute + MINUTE_MS
    return {m: (end_ms - each.age_s * 1_000, each.close) for (m, _), each in found.items() if each.close is not None}


def _held(deployed: Deployed, prices: DatabasePrices, market: MarketId, at_ms: int) -> Close | None:
    """The newest close on record at or before a moment, at most a day old."""
    recorded = prices.last(market, at_ms - DAY_MS, at_ms)
    # What a practice exchange closed at is in no candle store.
    stored = _stored(deployed, market, at_ms) if deployed.deployment.kind is Kind.LIVE else ()
    found = [*([recorded] if recorded else []), *stored]
    return max(found, default=None)


def _stored(deployed: Deployed, market: MarketId, at_ms: int) -> Iterator[Close]:
    """The last candle of each length that had closed by then."""
    store = FileStore(deployed.settings.candles.folder)
    for series in store.series():
        if f"{series.venue}:{series.symbol}" == market and series.timeframe_ms <= DAY_MS:
            opened = at_ms - series.timeframe_ms
            bars = store.reader(series).bars(Stretch(opened - DAY_MS + series.timeframe_ms, opened + 1))
            if len(bars.open_time):
                yield int(bars.open_time[-1]) + series.timeframe_ms, Decimal(repr(float(bars.close[-1])))
