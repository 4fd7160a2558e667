"""One execution of an order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tradepool.domain.ids import AccountId, ClientOrderId, FillId, MarketId
from tradepool.domain.order import Side


class Liquidity(StrEnum):
    """Whether the fill took from the book or rested in it."""

    MAKER = "maker"
    TAKER = "taker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """What changed hands, once; `fill_id` is the venue's, unique within a market of an account."""

    fill_id: FillId
    account: AccountId
    client_order_id: ClientOrderId
    market: MarketId
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: Liquidity
    time_ms: int

    def fee_in(self, asset: str) -> Decimal:
        """What the fee takes from what is received; one in another asset (BNB) is in the ledger and lessens no position."""
        return self.fee if self.fee_asset == asset else Decimal(0)
