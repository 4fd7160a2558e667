"""What a trade costs, and in which asset."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tradepool.core.matching.bar_fill import MILLION, fee_units
from tradepool.simexchange.accounts import Account
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import Side


class Fee(NamedTuple):
    """Units of the received asset, or of the base of `market` when the account pays with that."""

    units: int
    market: ListedMarket | None = None


class FeeDesk:
    """Charges trades. A third asset's worth is its market's price against the traded market's quote."""

    def __init__(self, markets: Iterable[ListedMarket]) -> None:
        """Know every market by its pair."""
        self._markets = {(market.base, market.quote): market for market in markets}

    def of(self, account: Account, market: ListedMarket, side: Side, base: int, quote: int, *, is_maker: bool) -> Fee:
        """The fee of a trade of so many units; half a unit is rounded up."""
        plan = account.fees
        rate = plan.rate_ppm(market, is_maker=is_maker)
        received, asset = (base, market.base) if side is Side.BUY else (quote, market.quote)
        keep = MILLION - plan.discount_ppm
        if plan.asset == asset:
            return Fee(_half_up(received * rate * keep, MILLION * MILLION))
        through = self._markets.get((plan.asset, market.quote)) if plan.asset else None
        if through is not None and through.price:
            worth = through.price * through.units_per_tick_step
            units = _half_up(quote * rate * keep * through.units_per_step, MILLION * MILLION * worth)
            # What orders hold is not free, the one that trades included: what is being sold can't pay for itself.
            if units <= account.free[through.base]:
                return Fee(units, through)
        return Fee(fee_units(received, rate))


def _half_up(amount: int, divisor: int) -> int:
    """A positive quotient, half rounded up.

    >>> _half_up(5, 2), _half_up(4, 3)
    (3, 1)
    """
    return (2 * amount + divisor) // (2 * divisor)
