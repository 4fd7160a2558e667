"""One position of a live account: its row of the account step, and the life of the orders around it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from tradepool.core.account import account_step as step
from tradepool.core.account.round_trip import RoundTrip
from tradepool.core.account.terms import price_scale
from tradepool.core.matching.bar_fill import fee_units
from tradepool.domain.event import CandlesClosed
from tradepool.domain.ids import ClientOrderId, MarketId
from tradepool.domain.market import Market
from tradepool.domain.order import ORDER_LIFE, OrderNews, OrderRequest, OrderStatus, Purpose
from tradepool.domain.signal import Signal


@dataclass(slots=True)
class Working:
    """An order that is not final yet. `owed`: it has ended at the venue, after fills that are not booked yet."""

    request: OrderRequest
    status: OrderStatus = OrderStatus.INTENT
    filled_steps: int = 0
    reserved: int = 0
    owed: bool = False

    def accepted(self) -> bool:
        """Hear that the venue has it; whether that is news."""
        return self._hear(OrderNews.ACCEPTED)

    def rejected(self) -> bool:
        """Hear that the venue will not have it; whether that is news."""
        return self._hear(OrderNews.REJECTED)

    def cancelled(self) -> bool:
        """Hear that it left the book; whether that is news."""
        return self._hear(OrderNews.CANCELLED)

    def filled(self, steps: int, wanted: int) -> bool:
        """Hear of one more fill; whether that was the last of the `wanted` steps."""
        self.filled_steps += steps
        self._hear(OrderNews.FILLED if self.filled_steps >= wanted else OrderNews.FILLED_IN_PART)
        return self.status.final

    def _hear(self, news: OrderNews) -> bool:
        """Go where the table of an order's life leads; nothing changes when this is no news to it."""
        after = ORDER_LIFE.get((self.status, news))
        self.status = after or self.status
        return after is not None


@dataclass(slots=True)
class Slot:
    """A market of a mandate. `entry`, `stop`, `exit` name the working orders; `after_cancel` is the wish that waits
    for the stop to leave the book (`SELL` or `RELEVEL`), `NOTHING` while none does."""

    market: Market
    terms: list[int]
    scale: float = 0.0
    row: list[int] = field(default_factory=lambda: [0] * step.SLOT_SIZE)
    mark: int = 0
    entry: ClientOrderId | None = None
    stop: ClientOrderId | None = None
    exit: ClientOrderId | None = None
    after_cancel: int = step.NOTHING
    sell_purpose: Purpose = Purpose.SIGNAL_EXIT

    def __post_init__(self) -> None:
        """Ticks per price of the market."""
        self.scale = price_scale(self.market)

    @property
    def held(self) -> bool:
        """Whether there is a position."""
        return self.row[step.HOLDING] > 0

    @property
    def busy(self) -> bool:
        """Whether an entry, an exit or a cancel is on its way: nothing new is decided until it is answered."""
        return self.entry is not None or self.exit is not None or self.after_cancel != step.NOTHING

    @property
    def exiting(self) -> bool:
        """Whether a sale is on its way, whose cash entries elsewhere wait for."""
        return self.exit is not None or self.after_cancel == step.SELL

    def worth(self) -> int:
        """Worth of the position at the last close, in quote units."""
        return step.worth(self.row[step.HOLDING], self.mark, self.terms) if self.held else 0

    def unrealised(self) -> int:
        """What an open position would add to cash over its round trip, sold at the last close, in quote units."""
        if not self.held:
            return 0
        gained = self.worth() + self.row[step.EXIT_PROCEEDS] - self.row[step.EXIT_FEE]
        return gained - fee_units(self.worth(), self.terms[step.TAKER_PPM]) - self.row[step.ENTRY_COST]

    def take_sell_purpose(self) -> Purpose:
        """Why the next sale happens: a person's wish is for one sale only."""
        purpose, self.sell_purpose = self.sell_purpose, Purpose.SIGNAL_EXIT
        return purpose

    def steps(self) -> int:
        """Whole steps that can be sold."""
        return self.row[step.STEPS]

    def covered_by(self, stop: Working) -> int:
        """Steps its stop still stands for: fewer than are held when it could not be replaced as an entry filled further."""
        return self.market.steps(stop.request.quantity) - stop.filled_steps

    def round_trip(self) -> RoundTrip:
        """The round trip recorded in the row."""
        row = self.row
        return RoundTrip(
            row[step.ENTRY_TIME],
            row[step.ENTRY_STEPS],
            row[step.ENTRY_COST],
            row[step.ENTRY_FEE],
            row[step.EXIT_TIME],
            row[step.EXIT_STEPS],
            row[step.EXIT_PROCEEDS],
            row[step.EXIT_FEE],
            row[step.EXIT_REASON],
            row[step.SIDE],
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that waits for the exits of its batch to be final."""

    slot: Slot
    signal: Signal
    equity: int


def to_flatten(slots: Iterable[Slot], markets: Collection[MarketId]) -> list[Slot]:
    """What a person wants sold and is not being sold yet, as far as it can be; its sale will say whose wish it was."""
    found = [s for s in slots if s.market.id in markets and s.held and not s.exiting and not s.row[step.UNSELLABLE]]
    for slot in found:
        slot.sell_purpose = Purpose.FLATTEN
    return found


def with_closes(event: CandlesClosed, slots: Collection[Slot]) -> CandlesClosed:
    """The event with the last closes of what is held and has no candle in it: read again, it sizes as it does now."""
    if len(event.signals) == len(slots):
        return event
    said = {signal.market for signal in event.signals}
    beside = [slot for slot in slots if slot.held and slot.market.id not in said]
    return (
        replace(event, closes=tuple((slot.market.id, slot.mark / slot.scale) for slot in beside)) if beside else event
    )
