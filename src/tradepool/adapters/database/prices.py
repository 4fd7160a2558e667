"""Prices on record, read and added to; the first one that was written for a minute stays."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import Connection, insert, select

from tradepool.adapters.database.engine import transaction
from tradepool.adapters.database.price_tables import recorded_price
from tradepool.core.commission.recorded import Minute, Recorded
from tradepool.domain.ids import MarketId


class DatabasePrices:
    """Every call is one transaction. StoreUnusable when the database can't be used."""

    def __init__(self, connection: Connection) -> None:
        """`connection` comes from `engine.open_store`."""
        self._connection = connection

    def of(self, venue: str) -> dict[Minute, Recorded]:
        """All of a venue."""
        t = recorded_price.c
        rows = self._connection.execute(select(t.symbol, t.minute_ms, t.close, t.age_s).where(t.venue == venue)).all()
        self._connection.rollback()
        return {
            (MarketId(f"{venue}:{symbol}"), minute): Recorded(Decimal(close) if close else None, age_s)
            for symbol, minute, close, age_s in rows
        }

    def add(self, found: Mapping[Minute, Recorded]) -> None:
        """Write down what was not known yet; a minute that is known is an error of ours."""
        rows = [
            {
                "venue": market.partition(":")[0],
                "symbol": market.partition(":")[2],
                "minute_ms": minute,
                "close": "" if price.close is None else format(price.close, "f"),
                "age_s": price.age_s,
            }
            for (market, minute), price in sorted(found.items())
        ]
        if rows:
            with transaction(self._connection):
                self._connection.execute(insert(recorded_price), rows)
