"""What happens to an account. Events are facts: written to the journal before anything is done about them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.balance import Balance
from tradepool.domain.by_hand import ByHand
from tradepool.domain.charge import Charge
from tradepool.domain.denial import Denial
from tradepool.domain.fill import Fill
from tradepool.domain.flow import MoneyNews
from tradepool.domain.ids import ClientOrderId, MarketId, VenueOrderId
from tradepool.domain.mandate import Mandate
from tradepool.domain.market import Market
from tradepool.domain.order import OrderRequest
from tradepool.domain.signal import Signal

SCHEMA = 1
# Why an order was rejected, when the venue does not say more: it may be the market.
VENUE_REJECTED = Denial.VENUE_REJECTED
# Why an order was never sent: it was made before the market's grid changed, and its account makes it anew.
OFF_NEW_GRID = Denial.OFF_NEW_GRID


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOpened:
    """The account's balances when the platform took it over; books open with them."""

    time_ms: int
    balances: tuple[Balance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandlesClosed:
    """All candles with one T, as the signals of the strategies this account follows.

    `late` says that T is too long past for an entry (`entry_max_age_bars`), `off` what else entries are refused for, if
    anything: exits are still acted on. `closes` are the last ones of markets that are held and have no signal here: sizes
    go by them too, and the candles they are from may have changed nothing and not be journaled.
    """

    time_ms: int
    signals: tuple[Signal, ...]
    late: bool = False
    closes: tuple[tuple[MarketId, float], ...] = ()
    off: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted:
    """The venue has the order; `filled_quantity` is what it had filled by then, as far as that was said."""

    time_ms: int
    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId
    filled_quantity: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected:
    """The venue does not have the order and will not; `reason` is one word, such as `would_trigger`."""

    time_ms: int
    client_order_id: ClientOrderId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled:
    """An order was executed, in whole or in part."""

    fill: Fill

    @property
    def time_ms(self) -> int:
        """The venue's time of the fill."""
        return self.fill.time_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled:
    """An order left the book without (the rest of) its fill; `filled_quantity` is what it had filled, if that was said."""

    time_ms: int
    client_order_id: ClientOrderId
    filled_quantity: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRefused:
    """The venue will not take an order from the book (its market is closed, or gone); `reason` is one word."""

    time_ms: int
    client_order_id: ClientOrderId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceBegan:
    """Another instance of the deployment took the account over: orders are named by its epoch from now on."""

    time_ms: int
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLost:
    """The account's stream broke: nothing is heard until it is restored, and what it did not tell is asked for."""

    time_ms: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRestored:
    """The account's stream stands again, and what it did not tell has been asked for."""

    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignOrder:
    """Somebody else ordered on the account; `name` is the client order id he gave, `market` may be none of ours."""

    time_ms: int
    name: str
    market: MarketId


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesResumed:
    """The owner says that nobody else orders on the account any more: entries are on again. With `limits`, a person says
    that it may trade on after losses instead: limits measure them from here, at the `closes` of what is held."""

    time_ms: int
    limits: bool = False
    closes: tuple[tuple[MarketId, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsSeen:
    """What the venue asks on the mandate's markets from now on: grids, least amounts, and the fees of this account.

    `anew`: heard while it trades; what is held there and lost its protection to the change is protected at once.
    """

    time_ms: int
    markets: tuple[Market, ...]
    anew: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSeen:
    """What a market was traded at last, asked for while a position on it lacks its stop."""

    time_ms: int
    market: MarketId
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateChanged:
    """What the user allows from now on; the terms of each of its markets were seen before."""

    time_ms: int
    mandate: Mandate


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersAdopted:
    """The venue has orders that bear our name and that the journal does not know, because it is older than they are.

    `requests` are those orders, the oldest first, and `fills` all fills on the market that were not booked, in the
    venue's order; of all orders there, `resting` are in the book now.
    """

    time_ms: int
    market: MarketId
    requests: tuple[OrderRequest, ...]
    fills: tuple[Fill, ...]
    resting: tuple[ClientOrderId, ...]


Event = (
    AccountOpened
    | CandlesClosed
    | OrderAccepted
    | OrderRejected
    | OrderFilled
    | OrderCancelled
    | CancelRefused
    | InstanceBegan
    | StreamLost
    | StreamRestored
    | ForeignOrder
    | EntriesResumed
    | TermsSeen
    | PriceSeen
    | MandateChanged
    | OrdersAdopted
    | ByHand
    | MoneyNews
    | Charge
)
