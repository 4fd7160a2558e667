"""The section [money]: what is done about balances that change and nobody says why."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from tradepool.services.trading.flow_desk import FlowRules


class MoneySettings(BaseModel):
    """How long a venue's histories may take to explain a change, in minutes, before it is booked as unexplained; and from
    what share of all that an account holds on (in percent) such a change switches its entries off."""

    model_config = ConfigDict(extra="forbid")
    unexplained_after_minutes: int = Field(default=15, ge=1, le=1_440)
    quarantine_percent: Decimal = Field(default=Decimal(20), gt=0, le=100)

    @property
    def rules(self) -> FlowRules:
        """The same as the flow desk knows them.

        >>> from tradepool.services.trading.flow_desk import FlowRules
        >>> MoneySettings().rules == FlowRules()
        True
        """
        from tradepool.services.trading.flow_desk import MINUTE_MS, FlowRules

        patience_ms = self.unexplained_after_minutes * MINUTE_MS
        return FlowRules(patience_ms=patience_ms, jump_share=self.quarantine_percent / 100)
