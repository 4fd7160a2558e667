"""What a user pays for profit: tiers by the capital given, and the readings that are the operator's to set."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.errors import InvalidInput

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
# No period is longer than a month, so no tier needs a wider look.
WINDOW_MAX_MS = 31 * DAY_MS


class BadSchedule(InvalidInput):
    """The commission schedule has {what}; {remedy}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """`rate` of the profit from `least` capital on, or only above it where that is not `included`."""

    rate: Decimal
    least: Decimal
    included: bool = True

    def holds(self, capital: Decimal) -> bool:
        """Whether so much capital reaches it."""
        return capital > self.least or (self.included and capital == self.least)

    @property
    def words(self) -> str:
        """Its rate and from where on it holds."""
        return f"{(self.rate * 100).normalize():f} % {'from' if self.included else 'above'} {self.least:f}"


TIERS = (
    Tier(rate=Decimal("0.30"), least=Decimal(0)),
    Tier(rate=Decimal("0.25"), least=Decimal(1_000)),
    Tier(rate=Decimal("0.20"), least=Decimal(5_000), included=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Amounts in `currency`, units of it and not dollars (R21).

    `tier_window_ms` is how far around a period's opening the lowest capital is looked for (R4; 0: at the opening alone).
    `charges_open_winners` values open lots above their cost too, at a fresh price (R6; off: they are charged when they are
    closed).
    `netted` lets a loss on one account lower the profit of another (R13; off: each has its own mark, `netting.apart`).
    """

    name: str = "standard"
    currency: str = "USDT"
    tiers: tuple[Tier, ...] = TIERS
    tier_window_ms: int = DAY_MS
    charges_open_winners: bool = False
    netted: bool = True
    smallest_invoice: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        """Refuse what has a hole, or takes more of a profit than there is."""
        if not self.tiers or self.tiers[0].least != 0 or not self.tiers[0].included:
            raise BadSchedule(what="no tier from 0 on", remedy="let the first tier begin at 0")
        bounds = [tier.least for tier in self.tiers]
        if sorted(set(bounds)) != bounds:
            raise BadSchedule(what="tiers out of order", remedy="write them from the least capital up, each once")
        for tier in self.tiers:
            if not 0 <= tier.rate < 1:
                raise BadSchedule(what=f"a rate of {tier.rate}", remedy="use a share from 0 to below 1, such as 0.30")
        if not 0 <= self.tier_window_ms <= WINDOW_MAX_MS:
            what, most = f"a tier window of {self.tier_window_ms // HOUR_MS} hours", WINDOW_MAX_MS // HOUR_MS
            raise BadSchedule(what=what, remedy=f"use 0 to {most}")

    @property
    def words(self) -> str:
        """All of it in a line, for who agrees to it and for the audit.

        >>> Schedule().words
        '30 % from 0, 25 % from 1000, 20 % above 5000; tier by the lowest capital within 24 h of T; open winners at cost; accounts netted'
        >>> Schedule(tiers=TIERS[:1], tier_window_ms=0, charges_open_winners=True, netted=False).words
        '30 % from 0; tier by the capital at T; open winners at their price; accounts apart'
        """
        hours = self.tier_window_ms // HOUR_MS
        return "; ".join(
            [
                ", ".join(tier.words for tier in self.tiers),
                f"tier by the lowest capital within {hours} h of T" if hours else "tier by the capital at T",
                f"open winners at {'their price' if self.charges_open_winners else 'cost'}",
                f"accounts {'netted' if self.netted else 'apart'}",
            ]
        )

    def tier(self, capital: Decimal) -> Tier:
        """The tier of so much capital. R3: the whole profit is charged at this one rate.

        >>> [str(100 * Schedule().tier(Decimal(c)).rate) for c in ("999.99", "1000", "5000", "5000.01")]
        ['30.00', '25.00', '25.00', '20.00']
        """
        return next((tier for tier in reversed(self.tiers) if tier.holds(capital)), self.tiers[0])
