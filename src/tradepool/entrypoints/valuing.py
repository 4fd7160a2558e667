"""The prices that books are valued at: their venue's last closes at a moment."""

from __future__ import annotations

from decimal import Decimal

from tradepool.core.ledger.trial_balance import Totals
from tradepool.core.ledger.valuation import Valuation, held_assets, valued
from tradepool.domain.errors import UnknownMarket
from tradepool.domain.ids import MarketId
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.venue_prices import closes_at
from tradepool.entrypoints.venue_way import way_to


def valuation(deployed: Deployed, totals: Totals, currency: str, at_ms: int | None) -> Valuation:
    """What the venue holds by a trial balance, in a currency, at a moment (None: now). ExchangeAway, VenueError.

    An asset has a price where its venue lists it against the currency, and had a close within the day before.
    """
    assets = [asset for asset in held_assets(totals) if asset != currency]
    way = way_to(deployed) if assets else None
    prices = dict[str, Decimal]()
    if way is not None:
        moment_ms = way[0].now_ms() if at_ms is None else min(at_ms, way[0].now_ms())
        for asset in assets:
            market = MarketId(f"{deployed.venue.id}:{asset}/{currency}")
            try:
                found = closes_at(deployed, way, [market], moment_ms)
            except UnknownMarket:
                continue
            if market in found:
                prices[asset] = found[market][0]
    return valued(totals, prices, currency)
