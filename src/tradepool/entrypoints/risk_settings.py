"""The section [risk]: limits above one mandate, and what happens when one is reached. What is left out does not limit."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

Act = Literal["refuse", "reduce_only", "flatten", "halt"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ScopeLimits(_Section):
    """Limits of the platform, a user, a strategy, a market or a cluster; which of them a scope has says `risk show`.

    Amounts are in the quote asset, shares up to 1. `actions` says what else happens than that an entry is refused.
    """

    order_notional_max: Decimal | None = None
    exposure_max: Decimal | None = None
    positions_max: Decimal | None = None
    daily_loss_max: Decimal | None = None
    weekly_loss_max: Decimal | None = None
    drawdown_max: Decimal | None = None
    orders_per_minute_max: Decimal | None = None
    price_age_max_s: Decimal | None = None
    balance_age_max_s: Decimal | None = None
    price_band_max: Decimal | None = None
    volume_share_max: Decimal | None = None
    actions: dict[str, Act] = {}


class ClusterLimits(ScopeLimits):
    """Markets that move together; its limits are about what each user has on all of them."""

    markets: list[str] = []


class RiskSettings(_Section):
    """Limits above one mandate."""

    platform: ScopeLimits = ScopeLimits()
    users: dict[str, ScopeLimits] = {}
    strategies: dict[str, ScopeLimits] = {}
    markets: dict[str, ScopeLimits] = {}
    clusters: dict[str, ClusterLimits] = {}
