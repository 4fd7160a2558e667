"""Prices on record, read and added to; the first one that was written for a minute stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from itertools import groupby

from sqlalchemy import Connection, insert, select

from tradepool.adapters.database.engine import transaction
from tradepool.adapters.database.price_tables import recorded_price
from tradepool.core.commission.recorded import Minute, Recorded

# So many minutes are asked for in one query.
AT_ONCE = 500


class DatabasePrices:
    """Every call is one transaction. StoreUnusable when the database can't be used."""

    def __init__(self, connection: Connection) -> None:
        """`connection` comes from `engine.open_store`."""
        self._connection = connection

    def of(self, wanted: Collection[Minute]) -> dict[Minute, Recorded]:
        """Those of these minutes that are known."""
        t, found = recorded_price.c, dict[Minute, Recorded]()
        for market, named in groupby(sorted(wanted), key=lambda minute: minute[0]):
            venue, _, symbol = market.partition(":")
            query = select(t.minute_ms, t.close, t.age_s).where(t.venue == venue, t.symbol == symbol)
            minutes = [minute for _, minute in named]
            for start in range(0, len(minutes), AT_ONCE):
                few = query.where(t.minute_ms.in_(minutes[start : start + AT_ONCE]))
                for minute, close, age_s in self._connection.execute(few):
                    found[market, minute] = Recorded(Decimal(close) if close else None, age_s)
        self._connection.rollback()
        return found

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
