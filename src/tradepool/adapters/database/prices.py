"""Prices on record, read and added to; the first one that was written for a minute stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from itertools import groupby

from sqlalchemy import Connection, select

from tradepool.adapters.database.engine import transaction
from tradepool.adapters.database.price_tables import recorded_price
from tradepool.adapters.database.sql import unless_there
from tradepool.core.commission.recorded import MINUTE_MS, Minute, Recorded
from tradepool.domain.ids import MarketId

# So many minutes are asked for in one query.
AT_ONCE = 500
# No close on record is older than this at its minute's end.
DAY_MS = 86_400_000


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

    def last(self, market: MarketId, since_ms: int, until_ms: int) -> tuple[int, Decimal] | None:
        """The newest close of a market that was made within a time, both ends included: when, and at what."""
        t, (venue, _, symbol) = recorded_price.c, market.partition(":")
        made_ms = t.minute_ms + MINUTE_MS - t.age_s * 1_000
        query = (
            select(made_ms, t.close)
            .where(t.venue == venue, t.symbol == symbol, t.close != "")
            .where(t.minute_ms.between(since_ms - MINUTE_MS, until_ms + DAY_MS), made_ms.between(since_ms, until_ms))
            .order_by(made_ms.desc())
        )
        found = self._connection.execute(query.limit(1)).first()
        self._connection.rollback()
        return (int(found[0]), Decimal(found[1])) if found else None

    def add(self, found: Mapping[Minute, Recorded]) -> None:
        """Write down what is not known yet: two who asked the venue at once may have heard different things."""
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
                self._connection.execute(unless_there(recorded_price), rows)
