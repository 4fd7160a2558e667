"""An account written anew from the design, in Decimal and without the step's words: slow, plain, one T after another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import NamedTuple

from tests.core.backtest.naive_limits import Purse
from tradepool.core.backtest.mandate_run import Change
from tradepool.core.backtest.run import Setting
from tradepool.domain.mandate import EntryKind
from tradepool.domain.market import Market

D = Decimal
# Side, quantity, distance of the stop, distance and share of each target, gain that breaks even, and when to leave.
Wish = tuple[int, Decimal, Decimal, list[tuple[Decimal, Decimal]], Decimal, float]


class Said(NamedTuple):
    """Distances at a bar's close, in ticks that are not whole yet, the share of the first target, and a time in ms."""

    stop: float
    trail: float
    trail_step: float
    first: float
    second: float
    share: float
    even: float
    hold_ms: float


class Bar(NamedTuple):
    """Prices in ticks, and what the market part says at the close."""

    time: int
    end: int
    open: int
    high: int
    low: int
    close: int
    exposure: int
    previous: int
    said: Said


def whole(value: Decimal, of: Decimal, rounding: str) -> Decimal:
    """A value as a whole number of units."""
    return (value / of).to_integral_value(rounding) * of


@dataclass
class Position:
    """What is held: `side` 1 or -1, `left` the base that is still held, `targets` prices still ahead, each with
    the quantity that is to leave there (None: all of it)."""

    side: int
    time: int
    quantity: Decimal
    price: Decimal
    entry_fee: Decimal
    left: Decimal
    stop: Decimal
    targets: list[tuple[Decimal, Decimal | None]]
    even: Decimal
    until: float
    resting: bool = False
    trailed: bool = False
    sold: list[tuple[Decimal, Decimal, Decimal]] = field(default_factory=list)


@dataclass
class Naive:
    """One market of a run; `trades` and `refusals` are what it found. What is wished is done at the next open."""

    market: Market
    setting: Setting
    purse: Purse
    dust: Decimal = Decimal(0)
    mark: Decimal = Decimal(0)
    held: Position | None = None
    leave: str = ""
    relevel: Decimal = Decimal(0)
    enters: bool = False
    wish: Wish | None = None
    trades: list[tuple[object, ...]] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)

    def fee(self, amount: Decimal, unit: Decimal, rate: Decimal) -> Decimal:
        return whole(amount * rate, unit, ROUND_HALF_UP)

    def slipped(self, price: Decimal, side: int) -> Decimal:
        tick, worse = self.market.price_tick, D(self.setting.slippage_bp) / 10_000
        return max(tick, whole(price * (1 + side * worse), tick, ROUND_CEILING if side > 0 else ROUND_FLOOR))

    def sellable(self, p: Position) -> Decimal:
        return whole(p.left, self.market.quantity_step, ROUND_FLOOR)

    def worth(self, price: Decimal) -> Decimal:
        p = self.held
        return whole(p.side * p.left * price, self.market.quote_unit, ROUND_FLOOR) if p else D(0)

    def enter(self, wish: Wish, bar: Bar, t: int) -> None:
        (side, quantity, distance, targets, gain, until), m = wish, self.market
        at = bar.open * m.price_tick
        price, rate, limit = self.slipped(at, side), m.fees.taker_rate, self.limit(side)
        if limit is not None:
            price = min(price, limit) if side > 0 else max(price, limit)
        cost, inside = quantity * price, m.kind == "spot"
        fee = self.fee(quantity, m.base_unit, rate) if inside else self.fee(cost, m.quote_unit, rate)
        small = quantity * (at if limit is None else limit) < m.notional_min
        ran = limit is not None and side * (at - limit) > 0
        if small or ran or cost + (0 if inside else fee) > self.purse.cash:
            self.refusals.append((t, "below_minimum" if small else "price_ran" if ran else "insufficient_cash"))
            return
        self.purse.cash -= side * cost + (0 if inside else fee)
        stop = max(m.price_tick, price - side * distance) if distance else D(0)
        left = quantity + (self.dust - fee if inside else 0)
        self.dust, even = D(0), gain and max(m.price_tick, price + side * gain)
        self.held = Position(side, t, quantity, price, fee, left, stop, [], even, until)
        self.held.targets = self.ahead(self.held, [(max(m.price_tick, price + side * a), b) for a, b in targets])

    def limit(self, side: int) -> Decimal | None:
        """What an entry may cost at most, or bring at least, by the close it was sized at."""
        tick, entry = self.market.price_tick, self.setting.entry
        if entry.kind is EntryKind.MARKET:
            return None
        return whole(self.mark * (1 + side * entry.slippage_max), tick, ROUND_FLOOR if side > 0 else ROUND_CEILING)

    def ahead(self, p: Position, levels: list[tuple[Decimal, Decimal]]) -> list[tuple[Decimal, Decimal | None]]:
        """The targets of an entry: a part that could not be sold at its stop, or would leave too little, has none."""
        found: list[tuple[Decimal, Decimal | None]] = []
        for level, share in levels:
            part = whole(p.quantity * share, self.market.quantity_step, ROUND_FLOOR)
            least, floor = min(part, self.sellable(p) - part), min(level, p.stop or p.price)
            if share == 1:
                return [*found, (level, None)]
            if least >= self.market.quantity_min and least * floor >= self.market.smallest_sell:
                found.append((level, part))
        return found

    def part(self, p: Position) -> Decimal | None:
        """What leaves apart from the rest."""
        return p.targets[0][1] if p.targets else None

    def place(self, price: Decimal, t: int) -> None:
        assert self.held
        p, p.resting = self.held, False
        if self.sellable(p) * p.stop < self.market.notional_min:
            self.refusals.append((t, "below_minimum"))
        elif p.side * price <= p.side * p.stop:
            self.close_at_market(price, t, "trailing" if p.trailed else "stop")
        else:
            p.resting = True
            passed = [part for level, part in p.targets if p.side * price >= p.side * level]
            if passed and None not in passed:
                p.targets.pop(0)
                self.take(self.slipped(price, -p.side), passed[0] or D(0), self.market.fees.taker_rate, t, "target")
            elif passed:
                p.resting = False
                self.close_at_market(price, t, "target")

    def close_at_market(self, price: Decimal, t: int, reason: str) -> None:
        assert self.held
        p, quantity = self.held, self.sellable(self.held)
        if quantity * price < self.market.notional_min:
            self.refusals.append((t, "below_minimum"))
        else:
            self.take(self.slipped(price, -p.side), quantity, self.market.fees.taker_rate, t, reason)

    def take(self, price: Decimal, quantity: Decimal, rate: Decimal, t: int, reason: str) -> None:
        assert self.held
        p, fee = self.held, self.fee(quantity * price, self.market.quote_unit, rate)
        self.purse.cash += p.side * quantity * price - fee
        p.left -= quantity
        p.sold.append((price, quantity, fee))
        if self.sellable(p):
            return
        self.dust, self.held = p.left, None
        got, fees = sum(a * b for a, b, _ in p.sold), sum(c for *_, c in p.sold)
        paid = p.entry_fee if self.market.kind != "spot" else D(0)
        pnl = p.side * (got - p.quantity * p.price) - fees - paid
        self.trades.append((p.side, p.time, p.price, p.quantity, p.entry_fee, t, fees, pnl, reason))
        self.purse.closed.append((t, pnl))

    def targets(self, reached: Decimal, t: int) -> None:
        while (p := self.held) and p.targets and p.side * reached >= p.side * p.targets[0][0]:
            price, part = p.targets.pop(0)
            quantity = part or self.sellable(p)
            if quantity * price < self.market.smallest_sell:
                self.refusals.append((t, "below_minimum"))
            else:
                self.take(price, quantity, self.market.fees.maker_rate, t, "target")

    def meet(self, bar: Bar, timeframe: int) -> None:
        tick, p = self.market.price_tick, self.held
        assert p
        worst, best = (bar.low, bar.high) if p.side > 0 else (bar.high, bar.low)
        self.targets(bar.open * tick, bar.time)
        if self.held and p.resting and p.side * worst * tick <= p.side * p.stop:
            passed = p.side * bar.open * tick <= p.side * p.stop
            at, t = (bar.open * tick, bar.time) if passed else (p.stop, bar.time + timeframe // 4)
            price, reason = self.slipped(at, -p.side), "trailing" if p.trailed else "stop"
            apart = self.part(p)
            for quantity in (apart, self.sellable(p) - apart) if apart else (self.sellable(p),):
                self.take(price, quantity, self.market.fees.taker_rate, t, reason)
        self.targets(best * tick, bar.time + timeframe // 2)

    def stake(self) -> Decimal:
        """What a limit counts of this market: a position, or an entry that is about to be made."""
        close = self.mark
        return abs(self.worth(close)) if self.held else self.wish[1] * close if self.wish else D(0)

    def size(self, bar: Bar, equity: Decimal, others: Sequence[Decimal]) -> Wish | None:
        m, s, close = self.market, self.setting, bar.close * self.market.price_tick
        if refused := self.purse.refuses(equity, others, bar.end):
            self.refusals.append((bar.end, refused))
            return None
        distance = math.floor(bar.said.stop or bar.said.trail) * m.price_tick
        far = max(distance, whole(close / 1_000, m.price_tick, ROUND_CEILING)) if 0 < distance < close else close
        loses = Fraction(far) / Fraction(close)
        amount, cut = self.purse.cut(m, self.purse.share(equity, s.weight), equity, others, loses)
        quantity, side = whole(amount / close, m.quantity_step, ROUND_FLOOR), bar.exposure
        low = whole(close * D("0.8"), m.price_tick, ROUND_FLOOR) if not distance or side < 0 else close - distance
        fee = self.fee(quantity, m.base_unit, m.fees.taker_rate) if m.kind == "spot" else D(0)
        left = whole(quantity - fee + self.dust, m.quantity_step, ROUND_FLOOR)
        worth = left * max(low, m.price_tick)
        worth -= self.fee(worth, m.quote_unit, m.fees.taker_rate)
        if min(quantity, left) < m.quantity_min or worth < D("1.05") * m.smallest_sell:
            self.refusals.append((bar.end, cut or "below_minimum"))
            return None
        first, second = (math.ceil(away) * m.price_tick for away in (bar.said.first, bar.said.second))
        share = D(math.floor(bar.said.share * 1e6 + 0.5)) / 1_000_000
        targets = [(first, share)] if first and not 0 < second <= first else []
        gain, until = math.ceil(bar.said.even) * m.price_tick, bar.end + math.floor(bar.said.hold_ms + 0.5)
        targets += [(second, D(1))] if second else []
        return side, quantity, distance, targets, gain, until if bar.said.hold_ms else math.inf

    def needed(self, cost: Decimal) -> Decimal:
        """Cash that must be free for an entry of that cost at the close."""
        unit, rate = self.market.quote_unit, self.market.fees.taker_rate
        margin = whole(cost * D("0.005"), unit, ROUND_CEILING)
        at_limit = whole(cost * self.setting.entry.slippage_max, unit, ROUND_FLOOR)
        return cost + max(margin, at_limit) + self.fee(cost, unit, rate)

    def decide(self, bar: Bar) -> None:
        """What to do with the position at the next open, and whether to enter after it."""
        close = bar.close * self.market.price_tick
        self.leave, self.relevel, self.wish = "", D(0), None
        if p := self.held:
            if bar.exposure != p.side or bar.end >= p.until:
                if self.sellable(p) * close >= self.market.smallest_sell:
                    self.leave = "signal_exit" if bar.exposure != p.side else "time_exit"
            else:
                self.relevel = self.trailed(p, bar)
        self.enters = bar.exposure not in (0, bar.previous) and (not self.held or self.leave == "signal_exit")

    def act(self, price: Decimal, t: int) -> None:
        """Move the stop, or leave."""
        if self.relevel and self.held:
            self.held.trailed |= self.relevel != self.held.stop
            self.held.stop = self.relevel
            self.place(price, t)
        if self.leave and self.held:
            self.held.resting = False
            self.close_at_market(price, t, self.leave)

    def trailed(self, p: Position, bar: Bar) -> Decimal:
        """The level the stop is to be moved to, or placed at again where none rests; 0 for nothing to do."""
        tick, level = self.market.price_tick, p.stop
        if bar.said.trail > 0:
            best = (bar.high if p.side > 0 else bar.low) - p.side * math.floor(bar.said.trail)
            gain = p.side * (best - level / tick) if level else D(best)
            level = best * tick if gain >= max(1, math.ceil(bar.said.trail_step)) else level
        reached = p.side * (bar.high if p.side > 0 else bar.low) * tick
        if p.even and reached >= p.side * p.even:
            level = max(level, p.price) if p.side > 0 else min(level or p.price, p.price)
        if level == p.stop and (p.resting or not level):
            return D(0)
        return level if self.sellable(p) * level >= self.market.smallest_sell else D(0)


def run_together(
    markets: Sequence[tuple[Naive, Sequence[Bar]]], timeframe: int, changes: Sequence[Change] = ()
) -> Decimal:
    """All markets of one purse, one T after another, in the mandate's order; the equity at their very last closes."""
    purse, at, ahead = markets[0][0].purse, [0] * len(markets), list(changes)
    for t in sorted({bar.end for _, bars in markets for bar in bars}):
        while ahead and ahead[0].time_ms <= t:
            change_to([naive for naive, _ in markets], purse, ahead.pop(0))
        acting: list[tuple[Naive, Bar, Bar]] = []
        for number, (naive, bars) in enumerate(markets):
            if at[number] < len(bars) and (bar := bars[at[number]]).end == t:
                at[number] += 1
                if naive.held:
                    naive.meet(bar, timeframe)
                # After the last bar there is no open to act at, and nobody is told of it.
                if at[number] < len(bars):
                    naive.mark = bar.close * naive.market.price_tick
                    acting.append((naive, bar, bars[at[number]]))
        # Trades of one bar are heard of by time.
        purse.hear(sorted(purse.closed, key=lambda each: each[0]))
        if acting:
            act_on(
                [naive for naive, _ in markets],
                acting,
                purse,
                purse.cash + sum(naive.worth(naive.mark) for naive, _ in markets),
                t,
            )
    return purse.cash + sum(naive.worth(bars[-1].close * naive.market.price_tick) for naive, bars in markets)


def change_to(all_: Sequence[Naive], purse: Purse, change: Change) -> None:
    """Another mandate from here on."""
    purse.give(change.setting.cash - all_[0].setting.cash)
    purse.limits = change.setting.limits
    for naive in all_:
        naive.setting = change.setting
    if change.resumed:
        purse.resume(purse.cash + sum(naive.worth(naive.mark) for naive in all_))


def act_on(
    all_: Sequence[Naive], acting: Sequence[tuple[Naive, Bar, Bar]], purse: Purse, equity: Decimal, t: int
) -> None:
    """One T: all decide, stops and exits by symbol, sizes and cash of entries in the mandate's order, entries, then their
    stops."""
    purse.note_equity(equity, t)
    for naive, bar, _ in acting:
        naive.decide(bar)
    for naive, _, after in sorted(acting, key=lambda each: each[0].market.symbol):
        naive.act(after.open * naive.market.price_tick, t)
        purse.hear(purse.closed)
    set_aside, entering = D(0), []
    for naive, bar, after in acting:
        if naive.enters:
            wish = naive.size(bar, equity, [other.stake() for other in all_ if other is not naive and other.stake()])
            # A turn whose exit was refused is dropped.
            if wish is None or naive.held:
                continue
            needed = naive.needed(wish[1] * bar.close * naive.market.price_tick)
            if purse.cash - set_aside >= needed:
                set_aside, naive.wish = set_aside + needed, wish
                entering.append((naive, after))
            else:
                naive.refusals.append((t, "insufficient_cash"))
    for naive, after in entering:
        assert naive.wish
        naive.enter(naive.wish, after, t)
        naive.wish = None
    for naive, after in entering:
        if naive.held and naive.held.stop:
            naive.place(after.open * naive.market.price_tick, t)
    purse.hear(purse.closed)
