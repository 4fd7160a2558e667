"""What we ask of a venue: public candles once for all, and one user's orders.

Adapters fit these by shape. Nothing here retries: a call ends with an answer or with a named error, and
`OutcomeUnknown` means that an order must be looked up by its client id before anything else is done with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, TypeVar

from tradepool.core.risk.suspension import Trouble
from tradepool.domain.balance import Balance
from tradepool.domain.candle import Candle
from tradepool.domain.command import Cancel
from tradepool.domain.errors import VenueError
from tradepool.domain.event import Event
from tradepool.domain.fill import Fill
from tradepool.domain.flow import FlowSeen
from tradepool.domain.ids import FillId, MarketId
from tradepool.domain.key import KeyRights
from tradepool.domain.market import FeeSchedule, Market
from tradepool.domain.order import ApprovedOrder, Order, OrderRequest

# How long a request may be carried out after it was signed; clients sign for no longer.
RECV_WINDOW_MS = 5_000


class OutcomeUnknown(VenueError):
    """{venue} may or may not have taken {request}: {message}; it is looked up by its client order id."""

    transient = True


class AnswerImpossible(OutcomeUnknown):
    """{venue} answered {request} with what can't be: {message}; nothing of it is believed, and it is asked again."""


class NotPlaced(VenueError):
    """{venue} did not take {request}: {message}; it is sent again."""

    transient = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """The venue's clock beside ours at `time_ms` (ours): `offset_ms` is what ours lacks; half the round trip is how far
    the comparison may be wrong."""

    time_ms: int
    offset_ms: int
    round_trip_ms: int


T = TypeVar("T")

Still = Callable[[], bool]
OnCandle = Callable[[Candle], None]
OnEvent = Callable[[Event], None]
OnLost = Callable[[str], None]
OnBalances = Callable[[Sequence[Balance], int], None]
# Of a fill whose order is not named yet.
IsKnown = Callable[[Fill], bool]


class CandleFeed(Protocol):
    """Public market data of one venue, for all users."""

    async def markets(self) -> Sequence[Market]:
        """Every spot market the venue lists, halted ones too."""
        ...

    async def subscribe(
        self, markets: Sequence[Market], timeframe_ms: int, on_candle: OnCandle, on_lost: OnLost
    ) -> None:
        """Return once the venue has acknowledged; from then on each closed candle is handed over once.

        `on_lost` tells of a broken stream: subscribe again, then fetch `history` for what was missed.
        """
        ...

    async def standing(self, markets: Sequence[Market]) -> dict[MarketId, Market | Trouble]:
        """Each market as it is listed now or, where it is halted or delisted, that."""
        ...

    async def prices(self, markets: Sequence[Market]) -> Mapping[MarketId, Decimal]:
        """What each of them was traded at last; one that the venue does not know is left out."""
        ...

    async def time_ms(self) -> int:
        """The venue's time."""
        ...

    async def read_clock(self) -> ClockReading:
        """Compare our clock with the venue's; requests are signed with the venue's time from then on."""
        ...

    async def history(self, market: Market, timeframe_ms: int, since_ms: int) -> Sequence[Candle]:
        """All closed candles with an open time of at least `since_ms`, in order."""
        ...

    async def page(self, market: Market, timeframe_ms: int, since_ms: int, now_ms: int) -> Sequence[Candle]:
        """Those of them that the venue gives at once and that had closed by `now_ms` (its time), in order."""
        ...

    async def close(self) -> None:
        """Leave."""
        ...


class AccountGateway(Protocol):
    """One user's account on one venue."""

    async def open(self, on_event: OnEvent, on_lost: OnLost, on_balances: OnBalances) -> None:
        """Return once the venue streams this account's events; `on_lost` tells of a broken stream, `on_balances` what
        the account holds of some assets now, and the venue's time of it."""
        ...

    async def submit(self, order: ApprovedOrder, still: Still) -> Event:
        """OrderAccepted or OrderRejected; OutcomeUnknown when neither can be told.

        `still` is asked right before the order leaves, after all waiting: False means that it must not, and NotPlaced.
        """
        ...

    async def submit_pair(self, stop: ApprovedOrder, target: ApprovedOrder, still: Still) -> Sequence[Event]:
        """The answers to both, the stop's first: OrderAccepted or OrderRejected, never one of each; else as `submit`. One
        that trades ends the other; what they give away is held once."""
        ...

    async def cancel(self, command: Cancel) -> Sequence[Event]:
        """The end of an order, and of its pair: OrderCancelled of each of which nothing was filled, or CancelRefused. What is
        not among them, or no open order any more, has its end told by the stream or `look_up`."""
        ...

    async def look_up(self, request: OrderRequest) -> Order | None:
        """The order as the venue has it, by client order id; None when it has none."""
        ...

    async def fills(self, market: Market, after: FillId | None, is_known: IsKnown) -> Sequence[Fill]:
        """This account's fills on a market after one of them, in the venue's order, without those that are known."""
        ...

    async def open_orders(self, market: Market) -> Sequence[Order]:
        """Every order that rests on a market, whoever made it."""
        ...

    async def past_orders(self, market: Market) -> Sequence[Order]:
        """The newest orders of this account on a market, resting or ended, the oldest first; a thousand at most."""
        ...

    async def rights(self) -> KeyRights:
        """What this account's key may do."""
        ...

    async def fees(self) -> FeeSchedule:
        """The rates this account pays."""
        ...

    async def standing(self) -> tuple[FeeSchedule, Sequence[Balance]]:
        """Both at once: the rates this account pays, and what it holds."""
        ...

    def urgently(self, asked: Awaitable[T]) -> Awaitable[T]:
        """Await what this gateway was asked as urgently as an exit."""
        ...

    async def balances(self) -> Sequence[Balance]:
        """What the account holds."""
        ...

    async def flows(self, since_ms: int) -> Sequence[FlowSeen]:
        """Coins that came or left without an order from then on, by the venue's histories, the oldest first; what is still
        on its way is not among them, and nothing where the venue has no such histories."""
        ...

    async def unlisted(self, assets: Collection[str]) -> Collection[str]:
        """Those of these assets that the venue lists neither in a market nor as a coin; it is asked for its coins where one
        is in no market."""
        ...

    async def close(self) -> None:
        """Leave."""
        ...
