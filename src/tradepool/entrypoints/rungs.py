"""How far each mandate goes now: its ceiling is in the configuration, the rung it has reached in the database, as is whether
somebody paused it."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Connection

from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.database.register import DatabaseRegister
from tradepool.core.account.account import Account
from tradepool.core.account.canary import beyond
from tradepool.domain.by_hand import OrdersCapped
from tradepool.domain.denial import Denial
from tradepool.domain.deployment import Mode, mode_of
from tradepool.domain.ids import ClientOrderId, MarketId
from tradepool.domain.order import OrderRequest, OrderType, Purpose, Side
from tradepool.entrypoints.deployment import Seated
from tradepool.entrypoints.dunning import Dunning
from tradepool.entrypoints.register_rows import entries_off

SHADOW = "shadow"


class Rungs:
    """Asks the database each time: a promotion, a step back or a pause holds at once."""

    def __init__(self, connection: Connection) -> None:
        """Of the deployment whose database this is."""
        self.promotions, self._register = DatabasePromotions(connection), DatabaseRegister(connection)
        self.dunning = Dunning(connection)

    def of(self, seat: Seated) -> Mode:
        """How far a mandate goes."""
        return mode_of(seat.ceiling, seat.mandate.strategy_id, self.promotions.newest(seat.mandate.id))

    def may_enter(self, seat: Seated, account: Account, request: OrderRequest) -> str:
        """Why an entry may not go out on this rung, while it is paused, or of a user who has not paid (R26); "" if it may."""
        return self._paused(seat) or self.dunning.may_enter(seat.user.id) or self._on_rung(seat, account, request)

    def _paused(self, seat: Seated) -> str:
        off = seat.off or entries_off(self._register.statuses(), seat.user.id, seat.account_id, seat.mandate.id)
        return Denial.PAUSED if off else ""

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
            # After all names of orders: each entry that is on its way counts.
            client_order_id=ClientOrderId("~"),
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
        return self._paused(seat) or self.dunning.may_adopt(seat.user.id) or self._on_rung(seat, account, entry)

    def cap(self, seat: Seated, account: Account, time_ms: int, most: Decimal | None = None) -> OrdersCapped | None:
        """What an account has to hear so that it sizes for its rung, and for what an order may be at `most` for another
        reason; None where it does already."""
        caps = [seat.cap.order_notional_max] if self.of(seat) is Mode.CANARY else []
        cap = min(caps if most is None else [*caps, most], default=None)
        return None if account.order_cap == cap else OrdersCapped(time_ms=time_ms, order_notional_max=cap)
