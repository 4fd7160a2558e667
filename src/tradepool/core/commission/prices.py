"""The price of what is not money: medians that one trade cannot move, and what a stale price may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from tradepool.core.commission.exact import ZERO, exact
from tradepool.domain.errors import InvalidInput

FRESH_S = 60
STALE_S = 86_400


class NotEnoughCloses(InvalidInput):
    """A price needs {wanted} one-minute closes, and {given} were given; fetch the candles around that moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A price, and whether it is too old to be final: then the statement is provisional until it is known."""

    price: Decimal
    provisional: bool = False


def median_close(closes: Sequence[Decimal], wanted: int) -> Decimal:
    """R16: a deposit in another coin is worth the median of eleven closes around its credit, and counts only if given.

    >>> median_close([Decimal(c) for c in (60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 9_999)], 11)
    Decimal('65')
    """
    if len(closes) != wanted or not wanted % 2:
        raise NotEnoughCloses(wanted=wanted, given=len(closes))
    return sorted(closes)[wanted // 2]


def loser_price(last_print: Decimal | None, age_s: int) -> Priced:
    """R20: only losers need a price, and one that is missing can only lower the commission.

    >>> [loser_price(Decimal(5), age) for age in (60, 61)]
    [Priced(price=Decimal('5'), provisional=False), Priced(price=Decimal('5'), provisional=True)]
    >>> loser_price(Decimal(5), 86_401), loser_price(None, 0)
    (Priced(price=Decimal('0'), provisional=True), Priced(price=Decimal('0'), provisional=True))
    """
    if last_print is None or age_s > STALE_S:
        return Priced(price=ZERO, provisional=True)
    return Priced(price=last_print, provisional=age_s > FRESH_S)


def unpriced(asset: str, time_ms: int) -> str:
    """What has no price, for a person.

    >>> unpriced("BNB", 90_000)
    'BNB at 1970-01-01 00:01'
    """
    return f"{asset} at {datetime.fromtimestamp(time_ms // 1_000, UTC):%Y-%m-%d %H:%M}"


@exact
def converted(gain: Decimal, close: Decimal) -> Decimal:
    """R21: a gain in another currency, at the close of the minute of its exit; frozen from then on.

    >>> converted(Decimal(100), Decimal("0.9990"))
    Decimal('99.9000')
    """
    return gain * close
