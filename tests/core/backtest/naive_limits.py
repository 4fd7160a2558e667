"""A mandate's limits written anew, in Decimal: what they remember, which entries they refuse, and how they cut a size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction

from tradepool.domain.mandate import Limits
from tradepool.domain.market import Market

DAY_MS = 86_400_000
# 1970-01-01 was a Thursday: weeks begin three days before it.
THURSDAY_MS = 3 * DAY_MS


@dataclass
class Purse:
    """The cash that all markets of a mandate share, and what its limits remember.

    `closed` are trades that no limit has heard of yet: when, and what they brought. `moment` is when the
    last one closed that was heard of, and the streak and the cool-down before that; `lost_then` who lost then.
    """

    cash: Decimal
    limits: Limits
    unit: Decimal
    day: tuple[int, Decimal] = (0, Decimal(0))
    week: tuple[int, Decimal] = (0, Decimal(0))
    highest: Decimal = Decimal(0)
    losses: int = 0
    cool_until: int = 0
    closed: list[tuple[int, Decimal]] = field(default_factory=list)
    moment: tuple[int, int, int] = (0, 0, 0)
    lost_then: list[bool] = field(default_factory=list)

    def share(self, of: Decimal, share: Decimal) -> Decimal:
        """A share of what is there, in whole units."""
        return (max(of, Decimal(0)) * share / self.unit).to_integral_value(ROUND_FLOOR) * self.unit

    def note_equity(self, equity: Decimal, t: int) -> None:
        if t // DAY_MS != self.day[0]:
            self.day = t // DAY_MS, equity
        if (t + THURSDAY_MS) // (7 * DAY_MS) != self.week[0]:
            self.week = (t + THURSDAY_MS) // (7 * DAY_MS), equity
        if self.limits.drawdown_max:
            self.highest = max(self.highest, equity)

    def give(self, amount: Decimal) -> None:
        """Capital is put in, or taken out: no gain, and no loss."""
        self.cash += amount
        (day, a), (week, b) = self.day, self.week
        self.day, self.week = (day, a and a + amount), (week, b and b + amount)
        self.highest += self.highest and amount

    def resume(self, equity: Decimal) -> None:
        """Losses are measured from here."""
        (day, a), (week, b) = self.day, self.week
        self.day, self.week = (day, min(a, equity)), (week, min(b, equity))
        self.highest, self.losses, self.cool_until = min(self.highest, equity), 0, 0
        self.moment, self.lost_then = (self.moment[0], 0, 0), []

    def hear(self, closed: Sequence[tuple[int, Decimal]]) -> None:
        """Trades that closed, in the order of time; of those of one time the gains count first."""
        self.closed, most = [], self.limits.loss_streak_max
        for t, pnl in closed if most else ():
            if t != self.moment[0]:
                self.moment, self.lost_then = (t, self.losses, self.cool_until), []
            self.lost_then.append(pnl < 0)
            _, before, cool_until = self.moment
            self.losses = sum(self.lost_then) + (before if all(self.lost_then) else 0)
            self.cool_until = cool_until
            if most and self.losses >= most:
                self.losses, self.cool_until = 0, t // 60_000 * 60_000 + self.limits.cool_down_minutes * 60_000

    def refuses(self, equity: Decimal, others: Sequence[Decimal], t: int) -> str:
        """The limit that lets nothing be entered now."""
        falls = (
            ("daily_loss", self.day[1], self.limits.daily_loss_max),
            ("weekly_loss", self.week[1], self.limits.weekly_loss_max),
            ("drawdown", self.highest, self.limits.drawdown_max),
        )
        for name, before, share in falls:
            if share and before - equity >= self.share(before, share):
                return name
        if self.limits.loss_streak_max and t < self.cool_until:
            return "loss_streak"
        most = self.limits.positions_max
        return "positions" if most and len(others) >= most else ""

    def cut(
        self, market: Market, amount: Decimal, equity: Decimal, others: Sequence[Decimal], loses: Fraction
    ) -> tuple[Decimal, str]:
        """What limits leave of an amount, and the one that leaves the least; `loses` is the share lost until the stop."""
        at_most: list[tuple[Decimal | None, str]] = [
            (self.limits.order_notional_max, "order_notional"),
            (self.limits.market_notional_max.get(market.symbol), "market_notional"),
        ]
        if self.limits.exposure_max is not None:
            at_most.append((max(Decimal(0), self.limits.exposure_max - sum(others)), "exposure"))
        if self.limits.trade_risk_max is not None:
            risk = Fraction(self.share(equity, self.limits.trade_risk_max)) / loses
            at_most.append((math.floor(risk / Fraction(self.unit)) * self.unit, "trade_risk"))
        why = ""
        for most, name in at_most:
            if most is not None and most < amount:
                amount, why = most, name
        return amount, why
