"""What happened beside what the same candles give in a backtest: every difference, and why.

Trades belong together when they were entered in the same bar of one market. The backtest runs without slippage, so
whatever a price differs by is what trading cost; what follows from an earlier difference (a stop at another level, another
size, cash that another market of the mandate did not leave) says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from tradepool.domain.denial import Denial
from tradepool.domain.ids import MarketId
from tradepool.domain.order import Purpose, Refusal
from tradepool.domain.position import Position
from tradepool.domain.trade import Trade

BY_HAND = frozenset((Purpose.MANUAL, Purpose.FLATTEN, Purpose.RELEASED))
LATE = "aged_out"
BP = Decimal(10_000)
Span = tuple[int, int]
# The quantity step of a market at a time.
StepAt = Callable[[MarketId, int], Decimal]


class Cause(StrEnum):
    """Why something was not as the backtest has it."""

    SLIPPAGE = "slippage"
    REFUSAL = "refusal"
    LATE = "late"
    OUTAGE = "outage"
    MANUAL = "manual"
    ROUNDING = "rounding"
    CAP = "cap"
    PART = "part"
    FOLLOWS = "follows"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One of them, at a time (of the entry, or of the exit it is about); `cost` is in the quote asset, above zero where
    what happened was worse, None where that can't be said."""

    time_ms: int
    market: MarketId
    what: str
    expected: str
    happened: str
    cause: Cause
    detail: str = ""
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Lot:
    """A round trip, closed or not."""

    market: MarketId
    entry_ms: int
    entry_price: Decimal
    quantity: Decimal
    exit_ms: int | None = None
    exit_price: Decimal | None = None
    reason: Purpose | None = None

    @staticmethod
    def of(trade: Trade) -> Lot:
        """A closed one."""
        return Lot(
            trade.market,
            trade.entry_time_ms,
            trade.entry_price,
            trade.quantity,
            trade.exit_time_ms,
            trade.exit_price,
            trade.exit_reason,
        )

    @staticmethod
    def held(position: Position, quantity_step: Decimal, left: Decimal = Decimal(0)) -> Lot:
        """An open one, at what was bought: before fees, with what has `left` it by hand, and without what an earlier one
        left over."""
        bought = position.quantity + position.entry_fee + left
        bought -= bought % quantity_step
        return Lot(position.market, position.opened_time_ms, position.average_entry_price, bought)

    def until(self, end_ms: int) -> Lot | None:
        """What was known of it then; None before its entry."""
        if self.entry_ms >= end_ms:
            return None
        if self.exit_ms is None or self.exit_ms < end_ms:
            return self
        return replace(self, exit_ms=None, exit_price=None, reason=None)

    def spans(self, time_ms: int) -> bool:
        """Whether it was held then."""
        return self.entry_ms <= time_ms and (self.exit_ms is None or time_ms <= self.exit_ms)


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a person sold, or took, of what was held; `reason` as a trade would have it that ends with it."""

    market: MarketId
    time_ms: int
    quantity: Decimal
    price: Decimal
    reason: Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What happened to an account. `outages` are times when nobody listened, `capped` when orders were, `adopted` when a
    person brought a holding in, and where; `parts` are wishes whose entry was filled in part only, by market and T."""

    lots: Sequence[Lot]
    refusals: Sequence[Refusal] = ()
    outages: Sequence[Span] = ()
    capped: Sequence[Span] = ()
    adopted: Sequence[tuple[MarketId, int]] = ()
    parts: Sequence[tuple[MarketId, int]] = ()
    by_hand: Sequence[ByHand] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the backtest of the same candles did, and did not."""

    lots: Sequence[Lot]
    refusals: Sequence[Refusal] = ()


@dataclass(slots=True)
class _Comparing:
    """One account: differences found so far, in order of entries."""

    happened: Account
    expected: Expected
    bar_ms: int
    step_at: StepAt
    found: list[Difference] = field(default_factory=list)

    def run(self) -> list[Difference]:
        mine, theirs = (
            {(lot.entry_ms // self.bar_ms, lot.market): lot for lot in lots}
            for lots in (self.expected.lots, self.happened.lots)
        )
        for entry in sorted({*mine, *theirs}):
            meant, made = mine.get(entry), theirs.get(entry)
            if meant is not None and made is not None:
                self._both(meant, made)
            elif meant is not None:
                self._missing(meant)
            elif made is not None:
                self._extra(made)
        return self.found

    def _say(
        self,
        lot: Lot,
        what: str,
        expected: Decimal | str,
        happened: Decimal | str,
        cause: Cause,
        detail: str = "",
        cost: Decimal | None = None,
    ) -> None:
        time_ms = lot.exit_ms if what.startswith("exit") and lot.exit_ms is not None else lot.entry_ms
        self.found.append(
            Difference(
                time_ms=time_ms,
                market=lot.market,
                what=what,
                expected=_text(expected),
                happened=_text(happened),
                cause=cause,
                detail=detail,
                cost=cost,
            )
        )

    # ---- entered in both

    def _both(self, meant: Lot, made: Lot) -> None:
        if meant.entry_price != made.entry_price:
            cost = (made.entry_price - meant.entry_price) * made.quantity
            detail = _bp(meant.entry_price, made.entry_price)
            self._say(
                made, "entry price", meant.entry_price, made.entry_price, Cause.SLIPPAGE, detail=detail, cost=cost
            )
        if meant.quantity != made.quantity:
            self._quantity(meant, made)
        self._part_by_part(made)
        self._exit(meant, made)

    def _quantity(self, meant: Lot, made: Lot) -> None:
        cause, detail = Cause.UNEXPLAINED, ""
        if any(_within(span, made.entry_ms) for span in self.happened.capped):
            cause, detail = Cause.CAP, "a canary's order"
        elif abs(meant.quantity - made.quantity) <= self.step_at(made.market, made.entry_ms):
            cause = Cause.ROUNDING
        elif made.quantity < meant.quantity and self._in_part(made):
            cause, detail = Cause.PART, "the venue had no more within its limit, or its time"
        elif self._differed(made.entry_ms):
            cause, detail = Cause.FOLLOWS, "sized from what earlier differences left"
        self._say(made, "quantity", meant.quantity, made.quantity, cause, detail=detail)

    def _in_part(self, made: Lot) -> bool:
        bar = made.entry_ms // self.bar_ms
        return any(market == made.market and time_ms // self.bar_ms == bar for market, time_ms in self.happened.parts)

    def _by_hand(self, made: Lot) -> list[ByHand]:
        """What left a lot by hand before the rest of it did."""
        mine = (each for each in self.happened.by_hand if each.market == made.market)
        return [each for each in mine if made.spans(each.time_ms) and each.time_ms != made.exit_ms]

    def _part_by_part(self, made: Lot) -> None:
        for each in self._by_hand(made):
            part = replace(made, exit_ms=each.time_ms, exit_price=each.price, reason=each.reason)
            what = f"{_text(each.quantity)} at {_text(each.price)}"
            self._say(part, "exit of a part", "none", what, Cause.MANUAL, detail=str(each.reason))

    def _exit(self, meant: Lot, made: Lot) -> None:
        if meant.exit_ms is None and made.exit_ms is None:
            return
        same_bar = (meant.exit_ms or 0) // self.bar_ms == (made.exit_ms or 0) // self.bar_ms
        if same_bar and meant.reason == made.reason and meant.exit_price is not None and made.exit_price is not None:
            if meant.exit_price != made.exit_price:
                cost = (meant.exit_price - made.exit_price) * made.quantity
                cause, detail = Cause.SLIPPAGE, _bp(meant.exit_price, made.exit_price)
                if self._by_hand(made):
                    cause, detail = Cause.MANUAL, f"{detail} on average, with what had left by hand"
                self._say(made, "exit price", meant.exit_price, made.exit_price, cause, detail=detail, cost=cost)
            return
        cause, detail = self._why_other_exit(meant, made)
        self._say(made if made.exit_ms is not None else meant, "exit", _exit(meant), _exit(made), cause, detail=detail)

    def _why_other_exit(self, meant: Lot, made: Lot) -> tuple[Cause, str]:
        if made.reason in BY_HAND:
            return Cause.MANUAL, str(made.reason)
        times = [time for time in (meant.exit_ms, made.exit_ms) if time is not None]
        if any(_within(span, time) for span in self.happened.outages for time in times):
            return Cause.OUTAGE, ""
        if meant.entry_price != made.entry_price:
            return Cause.FOLLOWS, "its protections stand at their distance from another entry price"
        if self._by_hand(made):
            return Cause.FOLLOWS, "a part of it had left by hand"
        return Cause.UNEXPLAINED, ""

    # ---- entered in one of them

    def _missing(self, meant: Lot) -> None:
        self._say(
            meant, "no entry", f"{_text(meant.quantity)} at {_text(meant.entry_price)}", "none", *self._why_not(meant)
        )

    def _why_not(self, meant: Lot) -> tuple[Cause, str]:
        refused = self._refused(self.happened.refusals, meant)
        if refused:
            return Cause.LATE if refused == LATE else Cause.REFUSAL, refused
        if any(_within(span, meant.entry_ms) for span in self.happened.outages):
            return Cause.OUTAGE, ""
        if _held(self.happened.lots, meant):
            return Cause.FOLLOWS, "another position was held then"
        return Cause.UNEXPLAINED, ""

    def _extra(self, made: Lot) -> None:
        cause, detail = Cause.UNEXPLAINED, ""
        refused = self._refused(self.expected.refusals, made)
        if (made.market, made.entry_ms) in self.happened.adopted:
            cause, detail = Cause.MANUAL, "adopted"
        elif refused == Denial.PRICE_RAN:
            cause, detail = Cause.SLIPPAGE, "the price was within its limit when it came, and the next open was not"
        elif _held(self.expected.lots, made):
            cause, detail = Cause.FOLLOWS, "the backtest still holds an earlier position"
        elif refused and self._differed(made.entry_ms):
            cause, detail = Cause.FOLLOWS, f"after earlier differences the backtest refused it: {refused}"
        what = f"{_text(made.quantity)} at {_text(made.entry_price)}"
        self._say(made, "entry", "none", what, cause, detail=detail)
        self._part_by_part(made)

    def _refused(self, refusals: Sequence[Refusal], lot: Lot) -> str:
        """Why an entry of this bar was not carried out; "" where none was refused."""
        bar = lot.entry_ms // self.bar_ms
        mine = (each.reason for each in refusals if each.market == lot.market and each.time_ms // self.bar_ms == bar)
        return next(mine, "")

    def _differed(self, time_ms: int) -> bool:
        """Whether anything differed by then: cash is shared, so on whatever market."""
        return any(each.time_ms <= time_ms for each in self.found)


def compare(happened: Account, expected: Expected, bar_ms: int, step_at: StepAt) -> list[Difference]:
    """Every difference, in order of entries. `bar_ms` is the timeframe: what was entered on a market within one bar is one
    wish."""
    return _Comparing(happened, expected, bar_ms, step_at).run()


def _held(lots: Sequence[Lot], entered: Lot) -> bool:
    return any(lot.market == entered.market and lot.spans(entered.entry_ms) for lot in lots)


def _within(span: Span, time_ms: int) -> bool:
    return span[0] <= time_ms <= span[1]


def _bp(expected: Decimal, happened: Decimal) -> str:
    return f"{(happened - expected) / expected * BP:+.1f} bp"


def _exit(lot: Lot) -> str:
    return "still open" if lot.exit_price is None else f"{lot.reason} at {_text(lot.exit_price)}"


def _text(value: Decimal | str) -> str:
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value
