"""One position of a live account: its row of the account step, and the life of the orders around it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tradepool.core.account import account_step as step
from tradepool.core.account import booking, limit_step
from tradepool.core.account.round_trip import RoundTrip, position_of
from tradepool.core.account.terms import price_scale
from tradepool.core.compiler.vocabulary import round_to_int
from tradepool.core.matching.bar_fill import fee_units
from tradepool.domain.by_hand import ByHand
from tradepool.domain.denial import Denial
from tradepool.domain.event import CandlesClosed, EntriesResumed, Event
from tradepool.domain.ids import ClientOrderId
from tradepool.domain.mandate import Mandate
from tradepool.domain.market import Market
from tradepool.domain.order import ORDER_LIFE, OrderNews, OrderRequest, OrderStatus, Purpose, Side
from tradepool.domain.position import Position
from tradepool.domain.signal import Signal


@dataclass(slots=True)
class Working:
    """An order that is not final yet. `told_steps` are those that it has filled at the venue, as far as that was said; `ended`:
    it was heard that it has ended there, before the last of its fills.

    `partner` is the other order of its pair, `refused` why that one was; `part` says that it closes the part with a target
    of its own.
    """

    request: OrderRequest
    status: OrderStatus = OrderStatus.INTENT
    filled_steps: int = 0
    reserved: int = 0
    told_steps: int = field(default=0, compare=False)
    ended: bool = field(default=False, compare=False)
    partner: ClientOrderId | None = None
    part: bool = False
    refused: str = ""

    @property
    def owing(self) -> bool:
        """Whether the venue owes a word: on an intent, and on what takes at once until its end is heard."""
        return self.status is OrderStatus.INTENT or self.request.takes_at_once

    @property
    def owed(self) -> bool:
        """Whether the venue owes fills, as it has said that there are more of them than are booked, or the end that came
        before them: until that is heard again, the order counts as one at work."""
        return self.ended or self.told_steps > self.filled_steps

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

    def missed(self, as_of_ms: int) -> Denial:
        """Why it, a limit, ended without buying: what takes at once found no price; what rests had until the next T."""
        if self.request.takes_at_once:
            return Denial.PRICE_RAN
        return Denial.NOBODY_CAME if self.request.time_ms < as_of_ms else Denial.TAKEN_BACK

    def _hear(self, news: OrderNews) -> bool:
        """Go where the table of an order's life leads; nothing changes when this is no news to it."""
        after = ORDER_LIFE.get((self.status, news))
        self.status = after or self.status
        return after is not None


@dataclass(slots=True)
class Slot:
    """A market of a mandate: `market` is how it is counted, `listed` how the venue has it now: `lot` steps make one of its
    steps, and orders are rounded to it. `entry`, `stops`, `targets`, `exit` name the working orders; `after_cancel` is the
    wish that waits for stops and targets to leave the book (`SELL`, `RELEVEL`, a person's `RELEASE`), `NOTHING` while none
    does. `passed`: the price was beyond what was to rest for some of the position. A person's sale is of `sell_steps`, what
    he is given of `release_steps` (0: all), and that leaves at `release_ticks`."""

    market: Market
    terms: list[int]
    scale: float = 0.0
    row: list[int] = field(default_factory=lambda: [0] * step.SLOT_SIZE)
    mark: int = 0
    entry: ClientOrderId | None = None
    stops: list[ClientOrderId] = field(default_factory=list)
    targets: list[ClientOrderId] = field(default_factory=list)
    exit: ClientOrderId | None = None
    after_cancel: int = step.NOTHING
    sell_purpose: Purpose = Purpose.SIGNAL_EXIT
    passed: bool = False
    listed: Market = field(init=False)
    lot: int = 1
    sell_steps: int = 0
    release_steps: int = 0
    release_ticks: int = 0

    def __post_init__(self) -> None:
        """Ticks per price of the market."""
        self.scale, self.listed = price_scale(self.market), self.market

    def relist(self, listed: Market, market: Market) -> None:
        """Order by one grid and count in another, in which the first is whole."""
        self.listed, self.market = listed, market
        self.lot = market.steps(listed.quantity_step)

    def keep_whole(self) -> None:
        """What is held is closed in whole steps of the venue; what is left is dust then."""
        if self.lot > 1:
            self.row[step.STEPS] -= self.row[step.STEPS] % self.lot
            part = self.row[step.PART]
            self.row[step.PART] -= part % self.lot
            if 0 < part < self.lot:
                booking.next_target(self.row)

    def best(self, signal: Signal, late_ms: int) -> int:
        """The highest price, in ticks, that a candle tells of since the entry: of one that had begun so long before it, the
        close, as its high may be from before."""
        late = 0 < signal.open_ms < self.row[step.ENTRY_TIME] - late_ms
        return self.mark if late else round_to_int(signal.high * self.scale)

    def leave_dust(self) -> None:
        """What an entry that has ended left, if that is less than a step, is no position but dust of the next entry. Its cost
        stays paid: it is in no trade, as nothing is sold for it."""
        row = self.row
        if self.steps() <= 0 and not (self.busy or self.guards or row[step.EXIT_STEPS]):
            row[step.DUST] += row[step.HOLDING]
            row[step.HOLDING] = row[step.STEPS] = row[step.STOP] = row[step.TARGET] = 0

    def pay_in_base(self, fee: int, least: int) -> None:
        """A sale was charged base units of what is held: that can't be sold any more, but for the `least` steps that are
        sold already or on sale. Dust below zero is owed by the next entry."""
        self.row[step.HOLDING] -= fee
        whole = self.row[step.HOLDING] // self.terms[step.UNITS_PER_STEP]
        if fee:
            self.row[step.STEPS] = min(self.steps(), max(whole - whole % self.lot, least))

    def pay_in_quote(self, wallet: list[int], fee: int) -> None:
        """A purchase was charged quote units: they are counted with what leaving costs, as an entry's fee is in base."""
        wallet[step.CASH] -= fee
        self.row[step.EXIT_FEE] += fee

    def quantity(self, steps: int) -> Decimal:
        """What to order of so many steps."""
        return self.market.quantity(steps - steps % self.lot)

    def price(self, level: int, side: Side) -> Decimal:
        """The price of an order at a level in ticks, rounded to the venue's tick: up for a sale, down for a purchase."""
        price, tick = self.market.price(level), self.listed.price_tick
        above = price % tick
        return price - above + tick if above and side is Side.SELL else price - above

    @property
    def held(self) -> bool:
        """Whether there is a position."""
        return self.row[step.HOLDING] > 0

    @property
    def stop(self) -> ClientOrderId | None:
        """The first of its stops, if one is at work."""
        return self.stops[0] if self.stops else None

    @property
    def guards(self) -> list[ClientOrderId]:
        """Its stops, then its targets."""
        return self.stops + self.targets

    @property
    def busy(self) -> bool:
        """Whether an entry, an exit or a cancel is on its way: nothing new is decided until it is answered."""
        return self.entry is not None or self.exit is not None or self.after_cancel != step.NOTHING

    def tied(self, orders: Mapping[ClientOrderId, Working]) -> bool:
        """Whether nothing is decided about what is held until something is answered; an entry that only rests is no reason."""
        entering = self.entry is not None and orders[self.entry].request.takes_at_once
        return entering or self.exit is not None or self.after_cancel != step.NOTHING

    def leaving(self, orders: Mapping[ClientOrderId, Working]) -> bool:
        """Whether a sale of all that is held is on its way; one of a share or a part leaves the rest."""
        if self.after_cancel == step.SELL:
            return not 0 < self.sell_steps < self.steps()
        if self.exit is None:
            return False
        return self.open_steps(orders[self.exit]) >= self.steps() - self.steps() % self.lot

    def settling(self, orders: Mapping[ClientOrderId, Working]) -> bool:
        """Whether a sale, or a move of its stops that may become one, is on its way: entries elsewhere wait for it."""
        return self.asked(orders) or self.exit is not None or bool(self.after_cancel)

    def worth(self) -> int:
        """Worth of the position at the last close, in quote units."""
        return step.worth(self.row[step.HOLDING], self.mark, self.terms) if self.held else 0

    def stake(self) -> int:
        """What a mandate has in this market, in quote units: the worth of a position, or the cost of an entry that is
        on its way."""
        return self.row[step.WISH_COST] if self.entry is not None else self.worth()

    def unrealised(self) -> int:
        """What an open position would add to cash over its round trip, sold at the last close, in quote units."""
        if not self.held:
            return 0
        gained = self.worth() + self.row[step.EXIT_PROCEEDS] - self.row[step.EXIT_FEE]
        return gained - fee_units(self.worth(), self.terms[step.TAKER_PPM]) - self.row[step.ENTRY_COST]

    def forget_wish(self) -> None:
        """What waited for stops and targets to leave the book is not wished any more."""
        self.after_cancel, self.sell_purpose, self.sell_steps = step.NOTHING, Purpose.SIGNAL_EXIT, 0

    def take_sell_purpose(self) -> Purpose:
        """Why the next sale happens: a person's wish is for one sale only."""
        purpose, self.sell_purpose = self.sell_purpose, Purpose.SIGNAL_EXIT
        return purpose

    def take_sell_steps(self) -> int:
        """How much the next sale is of: a person's share is for one sale only, and there may be less by then."""
        steps, self.sell_steps = self.sell_steps, 0
        return min(steps, self.steps()) or self.steps()

    def steps(self) -> int:
        """Whole steps that can be sold."""
        return self.row[step.STEPS]

    def open_steps(self, order: Working) -> int:
        """Steps of one of its orders that are not filled."""
        return self.market.steps(order.request.quantity) - order.filled_steps

    def covered(self, orders: Mapping[ClientOrderId, Working]) -> int:
        """Steps its stops still stand for: fewer than are held when one could not be replaced as an entry filled further."""
        return self._open(self.stops, orders)

    def guarded(self, orders: Mapping[ClientOrderId, Working]) -> int:
        """Steps its stops stand for; where it has no stop, its targets."""
        return self._open(self.stops or self.targets, orders)

    def lacks_target(self, orders: Mapping[ClientOrderId, Working]) -> bool:
        """Whether targets, the only levels it has, do not stand for all that is to be sold at them, and what lacks one
        could be: it was refused."""
        row = self.row
        if row[step.STOP] or not row[step.TARGET]:
            return False
        part_only = row[step.PART] and not row[step.NEXT_TARGET]
        missing = (row[step.PART] if part_only else self.steps()) - self.guarded(orders)
        return self.sellable(missing, row[step.TARGET])

    def bare(self, orders: Mapping[ClientOrderId, Working]) -> bool:
        """Whether some of what is held lacks the stop it should have, or the only target, and could be sold there."""
        stop, missing = self.row[step.STOP], self.steps() - self.covered(orders)
        return (stop > 0 and self.sellable(missing, stop)) or self.lacks_target(orders)

    def awaits_target(self, orders: Mapping[ClientOrderId, Working]) -> bool:
        """Whether it has a stop and a target, and the venue holds no target: it is sold when the price is there."""
        levels = self.held and self.row[step.STOP] > 0 and self.row[step.TARGET] > 0
        return levels and not self.targets and not self.tied(orders) and not self.asked(orders)

    def sellable(self, steps: int, level: int) -> bool:
        """Whether the venue takes a sale of so many steps at a level in ticks."""
        amount = steps * level * self.terms[step.UNITS_PER_TICK_STEP]
        return steps >= self.lot and amount >= self.terms[step.SMALLEST_SELL]

    def asked(self, orders: Mapping[ClientOrderId, Working]) -> bool:
        """Whether the venue has not answered yet for a stop or a target."""
        return any(orders[name].status is OrderStatus.INTENT for name in self.guards)

    def on_grid(self, request: OrderRequest) -> bool:
        """Whether an order, made by what the venue asked then, is in whole ticks and steps of now."""
        tick, prices = self.listed.price_tick, (request.price, request.stop_price)
        return not request.quantity % self.listed.quantity_step and not any(p % tick for p in prices if p is not None)

    def _open(self, names: Iterable[ClientOrderId], orders: Mapping[ClientOrderId, Working]) -> int:
        return sum(self.open_steps(orders[each]) for each in names)

    def position(self, mandate: Mandate) -> Position:
        """The open position."""
        m = mandate
        return position_of(self.row, account=m.account, mandate=m.id, strategy_id=m.strategy_id, market=self.market)

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


def note_others(wallet: list[int], entered: Slot, slots: Iterable[Slot], time_ms: int) -> None:
    """Tell the limits of the account step what stands beside an entry that is about to be sized, and when."""
    wallet[limit_step.NOW] = time_ms
    limit_step.nobody_else(wallet)
    for slot in slots:
        if slot is not entered:
            limit_step.note_other(wallet, slot.stake())


def with_closes(event: Event, slots: Collection[Slot]) -> Event:
    """An event that sizes go by, with the last closes of what is held and has no candle in it: read again, they are the
    same."""
    if not isinstance(event, CandlesClosed | EntriesResumed | ByHand):
        return event
    said = {signal.market for signal in event.signals} if isinstance(event, CandlesClosed) else set()
    beside = tuple((s.market.id, s.mark / s.scale) for s in slots if s.held and s.market.id not in said)
    return replace(event, closes=beside) if beside else event
