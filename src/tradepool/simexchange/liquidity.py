"""What is on offer around a market's price, and what of it was taken: the cost of size.

    Endless   any quantity at the price plus slippage: replays, parity with the backtest (the default)
    Layered   a seeded book of finite levels around the candles' price; what was taken is back when it has moved
    Mirror    a real venue's book, pushed in from outside (simexchange.mirror)

A level is (ticks, steps). Sides of the book are named by who waits there: `Side.BUY` are the bids. All accounts of a
venue take from the same levels.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Protocol

from tradepool.core.matching.bar_fill import market_buy_price, market_sell_price
from tradepool.domain.errors import InvalidInput
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import Order, Side

Level = tuple[int, int]

_MASK = 2**64 - 1


class BadDepth(InvalidInput):
    """A book can't be made: {why}."""


class Liquidity(Protocol):
    """One market's offers. `finite` says whether taking changes them, so that the change must be told."""

    finite: bool

    def move(self, ticks: int) -> bool:
        """The market's price is there now; whether that changed what is on offer."""
        ...

    def follow(self, ticks: int) -> None:
        """The price passes there on its way: offers stand around it, and what was taken stays taken."""
        ...

    def best(self, side: Side) -> Level:
        """The best bid or ask; (0, 0) when there is none."""
        ...

    def levels(self, side: Side, depth: int) -> list[Level]:
        """The best `depth` levels of a side with what is left of each, best first."""
        ...

    def offered(self, taker: Side, limit_ticks: int, steps: int) -> list[Level]:
        """What an order of `steps` would get at once, best price first, not beyond a limit (0: any price)."""
        ...

    def consume(self, taker: Side, taken: Sequence[Level]) -> None:
        """Remember what was taken of what was `offered`."""
        ...

    def reached(self, order: Order, ticks: int, steps: int) -> int:
        """How many of `steps` a resting order gets when the price comes to its limit, or through it, and ends at `ticks`."""
        ...

    def join(self, order: Order) -> None:
        """The order rests in the book now."""
        ...

    def leave(self, order: Order) -> None:
        """It rests there no more."""
        ...


class Endless:
    """Depth without end at the price, `slippage_bp` worse for who takes it; a limit caps what slippage may cost."""

    finite = False

    def __init__(self, market: ListedMarket, slippage_bp: int) -> None:
        """No price yet."""
        self._price, self._size, self._slippage_bp = 0, market.max_steps, slippage_bp

    def move(self, ticks: int) -> bool:
        """Offer at another price."""
        changed, self._price = self._price != ticks, ticks
        return changed

    def follow(self, ticks: int) -> None:
        """Offer at another price."""
        self._price = ticks

    def best(self, side: Side) -> Level:
        """What a market order of any size gets; the size told is the largest lot."""
        if not self._price:
            return 0, 0
        price = market_sell_price if side is Side.BUY else market_buy_price
        return price(self._price, self._slippage_bp), self._size

    def levels(self, side: Side, depth: int) -> list[Level]:
        """The one level there is."""
        return [best for best in (self.best(side),) if best[0]][:depth]

    def offered(self, taker: Side, limit_ticks: int, steps: int) -> list[Level]:
        """Everything at one price, when the limit reaches the market's."""
        if taker is Side.BUY:
            best = market_buy_price(self._price, self._slippage_bp)
            if not limit_ticks:
                return [(best, steps)]
            return [(min(best, limit_ticks), steps)] if limit_ticks >= self._price else []
        best = market_sell_price(self._price, self._slippage_bp)
        return [(max(best, limit_ticks), steps)] if limit_ticks <= self._price else []

    def consume(self, taker: Side, taken: Sequence[Level]) -> None:
        """Nothing is missed."""

    def reached(self, order: Order, ticks: int, steps: int) -> int:
        """Everything."""
        return steps

    def join(self, order: Order) -> None:
        """Nobody queues."""

    def leave(self, order: Order) -> None:
        """Nobody queues."""


class FiniteBook(ABC):
    """What finite books share: levels less what was taken of them. Subclasses say what stands in the book."""

    finite = True

    def __init__(self) -> None:
        """Nothing taken."""
        self._taken: dict[tuple[Side, int], int] = {}

    @abstractmethod
    def standing(self, side: Side) -> Iterator[Level]:
        """Levels as they were before anybody took from them, best first."""

    def best(self, side: Side) -> Level:
        """The best bid or ask; (0, 0) when there is none."""
        return next(self._left(side), (0, 0))

    def levels(self, side: Side, depth: int) -> list[Level]:
        """The best `depth` levels with what is left of each."""
        return list(islice(self._left(side), depth))

    def offered(self, taker: Side, limit_ticks: int, steps: int) -> list[Level]:
        """Level by level until the order has all, the limit is passed or the book ends."""
        got = []
        for ticks, left in self._left(Side.SELL if taker is Side.BUY else Side.BUY):
            beyond = ticks > limit_ticks if taker is Side.BUY else ticks < limit_ticks
            if not steps or (limit_ticks and beyond):
                break
            part = min(steps, left)
            got.append((ticks, part))
            steps -= part
        return got

    def consume(self, taker: Side, taken: Sequence[Level]) -> None:
        """Count it against each level."""
        side = Side.SELL if taker is Side.BUY else Side.BUY
        for ticks, steps in taken:
            self._taken[side, ticks] = self._taken.get((side, ticks), 0) + steps

    def _left(self, side: Side) -> Iterator[Level]:
        for ticks, steps in self.standing(side):
            left = steps - self._taken.get((side, ticks), 0)
            if left > 0:
                yield ticks, left


@dataclass(frozen=True, slots=True)
class Depth:
    """How deep a market of candles is: a book of `levels` levels a side, each worth about `level_notional` of quote.

    The best levels are `spread_bp` basis points apart, the others follow every `gap_bp` (at least a tick). A level's
    size varies from half to one and a half of its worth, by `seed` alone.
    """

    spread_bp: int
    level_notional: Decimal
    levels: int = 20
    gap_bp: int = 1
    seed: int = 0

    def book(self, market: ListedMarket) -> Layered:
        """One market's book; BadDepth when the settings make none."""
        if self.spread_bp < 0 or self.gap_bp < 0 or self.levels < 1 or self.level_notional <= 0:
            raise BadDepth(why=f"{self}: a spread and a gap of 0 or more, a level and a worth of more than 0")
        return Layered(market, self)


class Layered(FiniteBook):
    """A book around the candles' price, the same for the same seed; each move of the price makes it anew.

    On the way of one move it follows the price and stays as taken from as it is: many small stops get no more of it
    than one large one.
    Sizes are a hash of (seed, market, price, side, level): nothing is drawn, so looking changes nothing.
    """

    def __init__(self, market: ListedMarket, depth: Depth) -> None:
        """No price yet."""
        super().__init__()
        self._depth, self._price = depth, 0
        self._flow: dict[Side, int] = {}
        self._seed = depth.seed << 32 ^ zlib.crc32(market.symbol.encode())
        self._level_units = int(depth.level_notional / market.market.quote_unit)
        self._tick_step_units = market.units_per_tick_step

    def move(self, ticks: int) -> bool:
        """The book of that price; what was taken is back."""
        changed = self._price != ticks or bool(self._taken)
        self._price = ticks
        self._taken.clear()
        self._flow.clear()
        return changed

    def follow(self, ticks: int) -> None:
        """The book around that price, less what was taken at each level."""
        self._price = ticks

    def standing(self, side: Side) -> Iterator[Level]:
        """Levels outward from the price; asks begin at least a tick above the best bid."""
        depth, price = self._depth, self._price
        if not price:
            return
        half = depth.spread_bp // 2
        last = market_sell_price(price, half) + 1 if side is Side.BUY else market_sell_price(price, half)
        for number in range(depth.levels):
            away = half + depth.spread_bp % 2 * (side is Side.SELL) + number * depth.gap_bp
            if side is Side.SELL:
                last = max(last + 1, market_buy_price(price, away))
            else:
                last = min(last - 1, market_sell_price(price, min(away, 10_000)))
            if last < 1:
                return
            yield last, self._size(side, number, last)

    def reached(self, order: Order, ticks: int, steps: int) -> int:
        """At most a level's size for every level from the limit to where the price is: that much flowed by, for all of them."""
        limit = order.limit_ticks
        levels = 1 + abs(limit - ticks) // max(1, limit * self._depth.gap_bp // 10_000)
        flowed = self._size(order.side, self._depth.levels, limit) * levels
        flow = min(flowed, self._flow.get(order.side, flowed))
        got = min(steps, flow)
        self._flow[order.side] = flow - got
        return got

    def join(self, order: Order) -> None:
        """Resting orders are nobody's offer here."""

    def leave(self, order: Order) -> None:
        """Resting orders are nobody's offer here."""

    def _left(self, side: Side) -> Iterator[Level]:
        """Between a level and the one before it, a book that followed the price misses what was taken when it was elsewhere."""
        if not self._taken:
            yield from self.standing(side)
            return
        before = self._price + (1 if side is Side.BUY else -1)
        for ticks, steps in self.standing(side):
            between = range(ticks, before) if side is Side.BUY else range(before + 1, ticks + 1)
            left = steps - sum(gone for (of, at), gone in self._taken.items() if of is side and at in between)
            if left > 0:
                yield ticks, left
            before = ticks

    def _size(self, side: Side, number: int, ticks: int) -> int:
        share = _mixed(self._seed, self._price, side, number) % 1_000 + 500
        return max(1, self._level_units * share // (1_000 * ticks * self._tick_step_units))


def _mixed(*words: int) -> int:
    """A hash of whole numbers with every bit stirred (splitmix64)."""
    state = 0
    for word in words:
        state = (state + word * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & _MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
        state ^= state >> 31
    return state
