"""The market's rules that an order must keep: the venue enforces exactly what its exchangeInfo tells."""

from __future__ import annotations

from decimal import Decimal

from tradepool.domain.errors import InvalidInput
from tradepool.domain.market import EXACT_MAX, Market
from tradepool.simexchange.accounts import Account
from tradepool.simexchange.errors import FilterFailed, StopWouldTrigger
from tradepool.simexchange.listing import MILLION, ListedMarket
from tradepool.simexchange.records import Kind, NewOrder, Side, stops_falling
from tradepool.simexchange.rules import Rules


class Filters:
    """A market's rules in whole ticks, steps and units. They may change; the grid that orders are counted in may not."""

    def __init__(self, listed: ListedMarket, market: Market, rules: Rules) -> None:
        """Count the rules on the listed market's grid; InvalidInput when the new grid is not a multiple of it."""
        self.market, self.rules = market, rules
        self.tick, self.step = (
            _multiple(listed, what, size, grid)
            for what, size, grid in (
                ("price_tick", market.price_tick, listed.market.price_tick),
                ("quantity_step", market.quantity_step, listed.market.quantity_step),
            )
        )
        self.min_steps = max(1, listed.market.steps(market.quantity_min))
        self.max_steps = (
            _most(listed.max_steps, rules.quantity_max, listed.market.quantity_step) // self.step * self.step
        )
        largest = _most(self.max_steps, rules.market_quantity_max, listed.market.quantity_step)
        self.market_max_steps = largest // self.step * self.step
        self.max_ticks = listed.max_ticks // self.tick * self.tick
        self.min_notional = listed.market.quote_units(market.notional_min)
        self.max_notional = _most(EXACT_MAX - 1, rules.notional_max, market.quote_unit)
        self.position_max = _most(EXACT_MAX - 1, rules.position_max, market.base_unit)

    def check(self, account: Account, market: ListedMarket, new: NewOrder, price: int, *, opens: int = 1) -> None:
        """FilterFailed names the first rule the order breaks; `opens` orders come with it. `price` is the market's."""
        self._check_size(new)
        named = [
            ticks for has, ticks in ((new.kind.has_limit, new.limit_ticks), (new.kind.has_stop, new.stop_ticks)) if has
        ]
        if any(not self.tick <= ticks <= self.max_ticks or ticks % self.tick for ticks in named):
            raise FilterFailed(filter="PRICE_FILTER")
        if new.kind.has_limit and not self._in_band(new, price):
            raise FilterFailed(filter="PERCENT_PRICE_BY_SIDE")
        self._check_worth(market, new, price)
        self._check_counts(account, market, new, opens)

    def _check_size(self, new: NewOrder) -> None:
        if not self.min_steps <= new.steps <= self.max_steps or new.steps % self.step:
            raise FilterFailed(filter="LOT_SIZE")
        if new.kind is Kind.MARKET and new.steps > self.market_max_steps:
            raise FilterFailed(filter="MARKET_LOT_SIZE")

    def _in_band(self, new: NewOrder, price: int) -> bool:
        band = self.rules.band
        if band is None:
            return True
        down, up = (band.bid_down, band.bid_up) if new.side is Side.BUY else (band.ask_down, band.ask_up)
        return price * int(down * MILLION) <= new.limit_ticks * MILLION <= price * int(up * MILLION)

    def _check_worth(self, market: ListedMarket, new: NewOrder, price: int) -> None:
        at_market = new.kind is Kind.MARKET
        worth = (new.limit_ticks or new.stop_ticks or price) * new.steps * market.units_per_tick_step
        too_small = worth < self.min_notional and (self.rules.min_to_market or not at_market)
        if too_small or (worth > self.max_notional and (self.rules.max_to_market or not at_market)):
            raise FilterFailed(filter="NOTIONAL")

    def _check_counts(self, account: Account, market: ListedMarket, new: NewOrder, opens: int) -> None:
        rules = self.rules
        if new.side is Side.BUY and rules.position_max is not None:
            buys = sum(each.left_steps for each in account.open.values() if each.market is market and not each.side)
            held = account.free[market.base] + account.locked[market.base]
            if held + (buys + new.steps) * market.units_per_step > self.position_max:
                raise FilterFailed(filter="MAX_POSITION")
        if new.kind is Kind.MARKET:
            return
        if account.open_count[market.symbol] + opens > rules.orders_max:
            raise FilterFailed(filter="MAX_NUM_ORDERS")
        if new.kind.has_stop and rules.stops_max is not None:
            stops = sum(each.market is market and each.kind.has_stop for each in account.open.values())
            if stops >= rules.stops_max:
                raise FilterFailed(filter="MAX_NUM_ALGO_ORDERS")


def check_stop(new: NewOrder, price: int) -> None:
    """StopWouldTrigger when the price has reached or passed the stop already."""
    falling = stops_falling(new.side, new.kind)
    reached = new.stop_ticks >= price if falling else new.stop_ticks <= price
    if reached:
        raise StopWouldTrigger(stop=new.stop_ticks, price=price)


def _most(natural: int, limit: Decimal | None, unit: Decimal) -> int:
    """The smaller of what can be counted and what is allowed, in whole units."""
    return natural if limit is None else min(natural, int(limit / unit))


def _multiple(listed: ListedMarket, what: str, size: Decimal, grid: Decimal) -> int:
    count, rest = divmod(size, grid)
    if rest or count < 1:
        raise InvalidInput(
            what=f"{what} {size} of {listed.symbol}",
            why=f"the market was listed with {grid}",
            remedy="change it to a multiple of that, or list the market with a finer one",
        )
    return int(count)
