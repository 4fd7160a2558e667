"""R20, R21: lots whose money has no price in the schedule's currency."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradepool.core.commission.capital import Period
from tradepool.core.commission.from_ledger import Told
from tradepool.core.commission.lots import Lot
from tradepool.core.commission.recorded import MINUTE_MS, Prices, Recorded
from tradepool.core.commission.schedule import Schedule
from tradepool.domain.ids import AccountId, MarketId, UserId
from tradepool.entrypoints.commission_books import Asked, _facts

ANN, CLOSES_MS = AccountId("ann"), 10 * MINUTE_MS


@pytest.mark.parametrize(
    ("price", "back", "worth", "unpriced"),
    [
        (70, 40, Decimal("-0.75175"), []),
        (70, None, Decimal(0), ["TRY at 1970-01-01 00:09"]),
        (140, None, Decimal(0), []),
    ],
)
def test_an_open_loser_whose_money_has_no_price_is_named(
    price: int, back: int | None, worth: Decimal, unpriced: list[str]
) -> None:
    """Taken for no loss it would be charged; the money may be listed the other way round alone. A winner is charged nothing."""
    lot = Lot(asset="BTC", quantity=Decimal(1), cost=Decimal(100))
    told, minute = {ANN: Told(lots={"binance:BTC/TRY": lot})}, CLOSES_MS - MINUTE_MS
    rows = {
        (MarketId("binance:BTC/TRY"), minute): Recorded(Decimal(price)),
        (MarketId("binance:TRY/USDT"), minute): Recorded(None),
        (MarketId("binance:USDT/TRY"), minute): Recorded(None if back is None else Decimal(back)),
    }
    asked = Asked(
        user=UserId("ann"),
        period=Period(opened_ms=0, closes_ms=CLOSES_MS, joined=True),
        schedule=Schedule(),
        mark=Decimal(0),
        counted_ms=CLOSES_MS + MINUTE_MS,
        books={ANN: 1},
    )
    prices = Prices("binance", rows, asked.counted_ms)
    [open_lot] = _facts(asked, told, prices).open_lots
    assert (open_lot.counted(asked.schedule), told[ANN].unpriced) == (worth, unpriced)
    assert not prices.missing
