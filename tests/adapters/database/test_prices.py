"""Prices on record: what two asked the venue for at once, the first that was written holds for both."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.prices import DatabasePrices
from tradepool.core.commission.recorded import Recorded
from tradepool.domain.ids import MarketId


def test_the_first_price_of_a_minute_stays_and_who_comes_later_is_not_refused(tmp_path: Path) -> None:
    connection, other = (open_store(tmp_path / "t.sqlite", "NORMAL") for _ in range(2))
    first, later = DatabasePrices(connection), DatabasePrices(other)
    minute, fresh = ((MarketId("binance:BTC/USDT"), at) for at in (0, 60_000))
    assert later.of([minute]) == {}
    first.add({minute: Recorded(Decimal("60000.1"))})
    later.add({minute: Recorded(Decimal(60_001)), fresh: Recorded(None, 5)})
    known = {minute: Recorded(Decimal("60000.1")), fresh: Recorded(None, 5)}
    assert first.of([minute, fresh]) == later.of([minute, fresh]) == known
    dispose(connection)
    dispose(other)
