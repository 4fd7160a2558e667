"""Order intents, what review makes of them, and how they stand at the venue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tradepool.domain.ids import AccountId, ClientOrderId, MandateId, MarketId, StrategyId, VenueOrderId


class Side(StrEnum):
    """Which way base moves."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """How an order waits for its price."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_LOSS = "stop_loss"


class TimeInForce(StrEnum):
    """How long a limit may wait for its price.

    GTC: until it is cancelled. IOC: not at all, what it does not get at once ends. FOK: not at all, and all of it or
    nothing. POST_ONLY: until it is cancelled, and it is refused where it would take.
    """

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post_only"


class Purpose(StrEnum):
    """Why an order exists; for an exit it is also the reason the trade records."""

    ENTRY = "entry"
    SIGNAL_EXIT = "signal_exit"
    STOP = "stop"
    TRAILING = "trailing"
    TARGET = "target"
    TIME_EXIT = "time_exit"
    FLATTEN = "flatten"
    MANUAL = "manual"
    RELEASED = "released"


class OrderStatus(StrEnum):
    """How an order stands. `INTENT` is ours alone: written down, not yet answered by the venue."""

    INTENT = "intent"
    ACCEPTED = "accepted"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"

    @property
    def final(self) -> bool:
        """Whether nothing more can happen to the order."""
        return self in (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED)


class OrderNews(StrEnum):
    """What may be heard of an order, by whatever way: an answer, the stream, a look-up."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FILLED_IN_PART = "filled in part"
    FILLED = "filled"
    CANCELLED = "cancelled"


# The life of an order: what becomes of it on what news. Whatever is not here is no news: it was heard before, or comes
# too late, and changes nothing. A fill may overtake the acceptance; a final order hears nothing more.
ORDER_LIFE: Mapping[tuple[OrderStatus, OrderNews], OrderStatus] = {
    (OrderStatus.INTENT, OrderNews.ACCEPTED): OrderStatus.ACCEPTED,
    (OrderStatus.INTENT, OrderNews.REJECTED): OrderStatus.REJECTED,
    (OrderStatus.INTENT, OrderNews.FILLED_IN_PART): OrderStatus.ACCEPTED,
    (OrderStatus.INTENT, OrderNews.FILLED): OrderStatus.FILLED,
    (OrderStatus.INTENT, OrderNews.CANCELLED): OrderStatus.CANCELLED,
    (OrderStatus.ACCEPTED, OrderNews.FILLED_IN_PART): OrderStatus.ACCEPTED,
    (OrderStatus.ACCEPTED, OrderNews.FILLED): OrderStatus.FILLED,
    (OrderStatus.ACCEPTED, OrderNews.CANCELLED): OrderStatus.CANCELLED,
}


def order_life_drawing() -> str:
    """The table as a Mermaid state diagram, for the documentation.

    >>> order_life_drawing().splitlines()[:3]
    ['stateDiagram-v2', '    [*] --> intent', '    intent --> accepted: accepted, filled in part']
    """
    news: dict[tuple[OrderStatus, OrderStatus], list[str]] = {}
    for (before, heard), after in ORDER_LIFE.items():
        news.setdefault((before, after), []).append(heard)
    lines = [f"{before} --> {after}: {', '.join(heard)}" for (before, after), heard in news.items()]
    ends = [f"{status} --> [*]" for status in OrderStatus if status.final]
    return "\n    ".join(["stateDiagram-v2", "[*] --> intent", *lines, *ends])


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """One intent to trade; `client_order_id` names the intent, not the try. `time_ms` is the T it was decided at.

    Only a limit has a price, and only a limit may have a `time_in_force` other than GTC.
    """

    client_order_id: ClientOrderId
    account: AccountId
    mandate: MandateId
    strategy_id: StrategyId
    market: MarketId
    side: Side
    type: OrderType
    quantity: Decimal
    purpose: Purpose
    time_ms: int
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC

    @property
    def takes_at_once(self) -> bool:
        """Whether it never rests: what it does not get at once ends."""
        return self.type is OrderType.MARKET or self.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)

    @property
    def adds_risk(self) -> bool:
        """Whether it opens or adds to a position, whoever wished it. On spot every buy does and no sell: what is sold is
        held."""
        return self.side is Side.BUY


@dataclass(frozen=True, slots=True)
class ApprovedOrder:
    """An order that risk review let pass; only `core/risk/review` makes one, and gateways take nothing else."""

    request: OrderRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A wish that was not carried out, and why; `time_ms` is an order's own (an entry's T), however late it was refused."""

    account: AccountId
    market: MarketId
    time_ms: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the venue tells of it: created at `time_ms`, last changed at `updated_ms`.

    What was ordered is None where it is of no kind that we order.
    """

    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId
    market: MarketId
    status: OrderStatus
    filled_quantity: Decimal
    time_ms: int
    updated_ms: int
    side: Side | None = None
    type: OrderType | None = None
    quantity: Decimal | None = None
    stop_price: Decimal | None = None
    price: Decimal | None = None
