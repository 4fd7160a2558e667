"""R15: a user's own transfers between exchanges: what has left one and not yet come to the other is capital still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradepool.core.commission.exact import exact
from tradepool.core.commission.schedule import DAY_MS

PAIRED_WITHIN_MS = DAY_MS
LOST_AFTER_MS = 7 * DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Coins that left a venue or came to one; `fee` is the network's, as the venue they left publishes it."""

    time_ms: int
    asset: str
    quantity: Decimal
    tx_id: str = ""
    fee: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Matched:
    """Transfers with both ends, and movements with one: on their way, gone (as of departure), or come from outside."""

    pairs: tuple[tuple[Movement, Movement], ...]
    in_transit: tuple[Movement, ...]
    gone: tuple[Movement, ...]
    come: tuple[Movement, ...]

    @exact
    def network_fees(self) -> tuple[Decimal, ...]:
        """What each pair lost on its way: an outflow, not a loss."""
        return tuple(left.quantity - came.quantity for left, came in self.pairs)


@exact
def matched(left: Sequence[Movement], came: Sequence[Movement], now_ms: int) -> Matched:
    """Pair departures and arrivals by asset and transaction id, else by amount less the published fee within 24 hours.

    >>> day = 86_400_000
    >>> out = [Movement(time_ms=0, asset="USDT", quantity=Decimal(100), tx_id="a", fee=Decimal(1)),
    ...        Movement(time_ms=0, asset="USDT", quantity=Decimal(50), fee=Decimal(1)),
    ...        Movement(time_ms=0, asset="BTC", quantity=Decimal(1))]
    >>> back = [Movement(time_ms=9, asset="USDT", quantity=Decimal("99.5"), tx_id="a"),
    ...         Movement(time_ms=9, asset="USDT", quantity=Decimal(49))]
    >>> found = matched(out, back, 7 * day)
    >>> len(found.pairs), found.network_fees(), len(found.in_transit)
    (2, (Decimal('0.5'), Decimal('1')), 1)
    >>> len(matched(out, back, 7 * day + 1).gone)
    1
    """
    pairs = list[tuple[Movement, Movement]]()
    open_left, open_came = list(left), list(came)
    for same in (_same_transaction, _same_amount):
        for departure in list(open_left):
            arrival = next((each for each in open_came if same(departure, each)), None)
            if arrival is not None:
                pairs.append((departure, arrival))
                open_left.remove(departure)
                open_came.remove(arrival)
    on_the_way = tuple(each for each in open_left if now_ms - each.time_ms <= LOST_AFTER_MS)
    gone = tuple(each for each in open_left if now_ms - each.time_ms > LOST_AFTER_MS)
    return Matched(tuple(pairs), on_the_way, gone, tuple(open_came))


def _same_transaction(left: Movement, came: Movement) -> bool:
    return bool(left.tx_id) and (left.asset, left.tx_id) == (came.asset, came.tx_id)


def _same_amount(left: Movement, came: Movement) -> bool:
    named = bool(left.tx_id and came.tx_id)
    within = 0 <= came.time_ms - left.time_ms <= PAIRED_WITHIN_MS
    return not named and within and left.asset == came.asset and left.quantity - left.fee == came.quantity
