"""How far each mandate goes now: its ceiling is in the configuration, the rung it has reached in the database."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Connection

from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.core.account.account import Account
from tradepool.core.account.canary import beyond
from tradepool.domain.by_hand import OrdersCapped
from tradepool.domain.deployment import Mode, mode_of
from tradepool.domain.ids import ClientOrderId, MarketId
from tradepool.domain.order import OrderRequest, OrderType, Purpose, Side
from tradepool.entrypoints.deployment import Seated
from tradepool.entrypoints.dunning import Dunning

SHADOW = "shadow"


class Rungs:
    """Asks the database each time: a promotion, or a step back, holds at once."""

    def __init__(self, connection: Connection) -> None:
        """Of the deployment whose database this is."""
        self.promotions = DatabasePromotions(connection)
        self.dunning = Dunning(connection)

    def of(self, seat: Seated) -> Mode:
        """How far a mandate goes."""
        return mode_of(seat.ceiling, seat.mandate.strategy_id, self.promotions.newest(seat.mandate.id))

    def may_enter(self, seat: Seated, account: Account, request: OrderRequest) -> str:
        """Why an entry may not go out on this rung, or of a user who has not paid (R26); "" if it may."""
        return self.dunning.may_enter(seat.user.id) or self._on_rung(seat, account, request)

    def _on_rung(self, seat: Seated, account: Account, request: OrderRequest) -> str:
        match self.of(seat):
            case Mode.SHADOW:
                return SHADOW
            case Mode.CANARY:
                return beyond(seat.cap, account, request)
        return ""

    def may_adopt(self, seat: Seated, account: Account, market: MarketId, quantity: Decimal) -> str:
        """Why a holding may not be taken over on this rung: what an entry of its size would hear."""
        entry = OrderRequest(
            client_order_id=ClientOrderId(""),
            account=seat.account_id,
            mandate=seat.mandate.id,
            strategy_id=seat.mandate.strategy_id,
            market=market,
            side=Side.BUY,
            type=OrderType.MARKET,
            quantity=quantity,
            purpose=Purpose.ENTRY,
            time_ms=0,
        )
        return self.dunning.may_adopt(seat.user.id) or self._on_rung(seat, account, entry)

    def cap(self, seat: Seated, account: Account, time_ms: int) -> OrdersCapped | None:
        """What an account has to hear so that it sizes for its rung; None where it does already."""
        cap = seat.cap.order_notional_max if self.of(seat) is Mode.CANARY else None
        return None if account.order_cap == cap else OrdersCapped(time_ms=time_ms, order_notional_max=cap)
