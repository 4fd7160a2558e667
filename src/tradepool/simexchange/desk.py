"""What becomes of orders: taken at once, resting, reached by a price, set off by a stop, ended.

A price moves in one of three ways, and each asks the same questions of the orders it passes:

    walk     candles: on a way through every price between, or (`jumped`) from one price to another at once
    print    a public trade of a mirrored market: limits are served out of what was printed, stops are set off
    cross    a mirrored book that came to a resting limit: it is served out of what is offered there
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tradepool.core.matching.bar_fill import market_buy_price
from tradepool.simexchange.accounts import Account, given_asset
from tradepool.simexchange.errors import WouldTake
from tradepool.simexchange.fees import FeeDesk
from tradepool.simexchange.history import ACCOUNT_SPAN
from tradepool.simexchange.liquidity import Level
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import Kind, Order, OrderList, Side, Status, Tif, Trade
from tradepool.simexchange.resting import Resting
from tradepool.simexchange.telling import Teller

Reach = Callable[[Account, Order], None]


class Desk:
    """Every account's orders in every market. `slippage_bp` is what a waiting buy stop may pay above its level."""

    def __init__(
        self, markets: Sequence[ListedMarket], owners: Sequence[Account], teller: Teller, slippage_bp: int
    ) -> None:
        """No orders yet; `owners` are the accounts by their index."""
        self._resting = [Resting(by_arrival=market.liquidity.finite) for market in markets]
        self._owners, self._teller, self._slippage_bp = owners, teller, slippage_bp
        self._fees = FeeDesk(markets)

    # ---- what users do

    def place(self, account: Account, order: Order) -> Order:
        """Take a new order that keeps every rule: what it gets at once, and what rests of it. `Refused` changes nothing."""
        offered = self._offered(order)
        if order.kind is Kind.LIMIT_MAKER and offered:
            raise WouldTake
        account.accept(order, self._needed(order, offered))
        account.history.add(order)
        self._teller.report(account, order)
        order = self._work(account, order, offered)
        if order.is_open:
            self._teller.report_balances(account, order.market)
        return order

    def place_list(self, account: Account, order_list: OrderList, legs: tuple[Order, Order]) -> OrderList:
        """Let both orders of a list rest; what they may give away is held once, by the first. `Refused` changes nothing."""
        if any(leg.kind is Kind.LIMIT_MAKER and self._offered(leg) for leg in legs):
            raise WouldTake
        held = max(self._per_step(leg) * leg.steps for leg in legs)
        for leg, units in zip(legs, (held, 0), strict=True):
            account.accept(leg, units)
        account.add_list(order_list)
        for leg in legs:
            account.history.add(leg)
            self._rest(leg)
            self._teller.report(account, leg)
        self._teller.report_list(account, order_list)
        self._teller.report_balances(account, order_list.market)
        return order_list

    def end(self, account: Account, order: Order, status: Status, request_id: str = "") -> Order:
        """What is left of an order is over."""
        account.release(order)
        order = order._replace(status=status, updated_ms=self._teller.now_ms)
        account.history.update(order)
        self._teller.report(account, order, request_id=request_id)
        self._teller.report_balances(account, order.market)
        self._close_list(account, order)
        return order

    def withdraw(self, account: Account, order: Order, status: Status, request_id: str = "") -> Order:
        """Take an open order out of its market."""
        self._leave(order)
        return self.end(account, order, status, request_id)

    # ---- what prices do

    def walk(self, market: ListedMarket, ticks: int, *, jumped: bool) -> None:
        """The price goes to `ticks`; a stop it passes is set off at its own level or, jumped over, where the price is now."""

        def reach(account: Account, order: Order) -> None:
            if order.waits:
                self._set_off(account, order, ticks if jumped else order.stop_ticks)
            else:
                self._serve(account, order, market.liquidity.reached(order, ticks, order.left_steps))

        self._reached(market, ticks, ticks, reach)

    def print(self, market: ListedMarket, ticks: int, steps: int, *, buyer_is_maker: bool) -> None:
        """Somebody traded `steps` at `ticks` on the real venue."""
        printed = steps

        def reach(account: Account, order: Order) -> None:
            nonlocal printed
            if order.waits:
                self._set_off(account, order, ticks)
                return
            # At its own price only who is hit is served: a buy when somebody sold into the bids.
            if order.limit_ticks != ticks or (order.side is Side.BUY) == buyer_is_maker:
                served = min(order.left_steps, market.liquidity.reached(order, ticks, printed))
                printed -= served
                self._serve(account, order, served)

        self._reached(market, ticks, ticks, reach)

    def cross(self, market: ListedMarket) -> None:
        """The mirrored book moved: limits it has come to take what is offered there, at their own price."""

        def reach(account: Account, order: Order) -> None:
            if not order.waits:
                offered = self._offered(order)
                market.liquidity.consume(order.side, offered)
                self._serve(account, order, sum(steps for _, steps in offered))

        bid, ask = market.liquidity.best(Side.BUY)[0], market.liquidity.best(Side.SELL)[0]
        self._reached(market, ask or None, bid or None, reach)

    def _reached(self, market: ListedMarket, falling: int | None, rising: int | None, reach: Reach) -> None:
        """Let each order meet the price that has come to it; who is not through with then waits on, in the same place."""
        resting = self._resting[market.index]
        if not len(resting):
            return
        for queue in (
            resting.reached_falling(falling) if falling is not None else (),
            resting.reached_rising(rising) if rising is not None else (),
        ):
            for order in queue:
                account = self._owners[order.id // ACCOUNT_SPAN]
                reach(account, account.open[order.id])

    def _set_off(self, account: Account, order: Order, at: int) -> None:
        """A stop was reached: it is a market order, or a limit order, at a price of `at`."""
        market = order.market
        self._go_first(account, order)
        market.liquidity.follow(at)
        self._leave(order)
        order = order._replace(working_ms=self._teller.now_ms, updated_ms=self._teller.now_ms)
        offered = self._offered(order)
        more = self._needed(order, offered) - account.held[order.id]
        # A market order may spend what is free beside what it held; a limit never costs more than it held.
        if account.free[given_asset(order)] < more:
            offered, more = (), 0
        account.hold(order, more)
        account.open[order.id] = order
        if order.kind.has_limit:
            account.history.update(order)
            self._teller.report(account, order)
        self._work(account, order, offered)

    # ---- what changes hands

    def _offered(self, order: Order) -> Sequence[Level]:
        """What an order gets at once: nothing while it waits, nothing of less than all when it wants all or none."""
        if order.waits:
            return ()
        offered = order.market.liquidity.offered(order.side, order.limit_ticks, order.left_steps)
        if order.tif is Tif.FOK and sum(steps for _, steps in offered) < order.left_steps:
            return ()
        return offered

    def _needed(self, order: Order, offered: Sequence[Level]) -> int:
        """The most an order gives away, in units: for what it gets at once, and for the rest if that may rest."""
        left = order.left_steps - sum(steps for _, steps in offered) if _may_rest(order) else 0
        return self._given(order, offered) + self._per_step(order) * left

    def _given(self, order: Order, offered: Sequence[Level]) -> int:
        """What an order gives away for so much, in units."""
        if order.side is Side.SELL:
            return sum(steps for _, steps in offered) * order.market.units_per_step
        return sum(ticks * steps for ticks, steps in offered) * order.market.units_per_tick_step

    def _per_step(self, order: Order) -> int:
        """What a resting order holds for each step, in units: the most it may cost."""
        market = order.market
        if order.side is Side.SELL:
            return market.units_per_step
        worst = order.limit_ticks or market_buy_price(order.stop_ticks, self._slippage_bp)
        return worst * market.units_per_tick_step

    def _rest(self, order: Order) -> None:
        self._resting[order.market.index].add(order)
        if not order.waits:
            order.market.liquidity.join(order)

    def _leave(self, order: Order) -> None:
        self._resting[order.market.index].remove(order)
        if not order.waits:
            order.market.liquidity.leave(order)

    def _work(self, account: Account, order: Order, offered: Sequence[Level]) -> Order:
        """Trade at once with what is offered; what is left rests or, where it may not, ends."""
        order.market.liquidity.consume(order.side, offered)
        for ticks, steps in offered:
            order = self._fill(account, order, ticks, steps, is_maker=False)
        if offered and order.market.liquidity.finite:
            self._teller.book_changed(order.market)
        if order.left_steps and _may_rest(order):
            self._rest(order)
        elif order.left_steps:
            order = self.end(account, order, Status.EXPIRED)
        return order

    def _serve(self, account: Account, order: Order, steps: int) -> None:
        """A resting limit is met at its own price."""
        if steps:
            self._go_first(account, order)
            order = self._fill(account, order, order.limit_ticks, steps, is_maker=True)
        if not order.left_steps:
            self._leave(order)

    # ---- lists

    def _go_first(self, account: Account, order: Order) -> None:
        """An order of a list is about to trade: the other one ends, and this one holds what it needs, no more."""
        other = account.other_of(order)
        if other is None:
            return
        account.take_over(order, other, self._per_step(order) * order.left_steps)
        self.withdraw(account, other, Status.EXPIRED)

    def _close_list(self, account: Account, order: Order) -> None:
        """A list whose orders are all over is done."""
        order_list = account.order_list(order.list_id) if order.list_id else None
        if order_list is None or order_list.is_done or any(each in account.open for each in order_list.order_ids):
            return
        order_list = order_list._replace(is_done=True, updated_ms=self._teller.now_ms)
        account.add_list(order_list)
        self._teller.report_list(account, order_list)

    # ---- money

    def _fill(self, account: Account, order: Order, ticks: int, steps: int, *, is_maker: bool) -> Order:
        """Exchange base and quote at a price; the fee is taken from what is received, or from what is free of a third asset."""
        market, history, now_ms = order.market, account.history, self._teller.now_ms
        base, quote = steps * market.units_per_step, ticks * steps * market.units_per_tick_step
        fee = self._fees.of(account, market, order.side, base, quote, is_maker=is_maker)
        taken = 0 if fee.market else fee.units
        if order.side is Side.BUY:
            account.pay(order, quote, market.base, base - taken)
        else:
            account.pay(order, base, market.quote, quote - taken)
        if fee.market:
            account.move(fee.market.base, -fee.units)
        trade = Trade(
            history.next_trade_id(), order.id, order.client_id, market, order.side, ticks, steps, fee.units, is_maker,
            now_ms, order.trade_id, fee.market,
        )  # fmt: skip
        order = order._replace(
            status=Status.FILLED if steps == order.left_steps else Status.PARTIALLY_FILLED,
            quote_units=order.quote_units + quote, trade_id=trade.id, updated_ms=now_ms,
            filled_steps=order.filled_steps + steps,
        )  # fmt: skip
        if order.left_steps:
            account.open[order.id] = order
        else:
            account.release(order)
        history.add_trade(trade)
        history.update(order)
        self._teller.printed(market, ticks, steps, is_buyer_maker=is_maker == (order.side is Side.BUY))
        self._teller.report(account, order, trade)
        self._teller.report_balances(account, market, fee.market)
        if not order.is_open:
            self._close_list(account, order)
        return order


def _may_rest(order: Order) -> bool:
    """Whether what an order does not get at once waits for more."""
    return order.waits or (order.kind.has_limit and order.tif is Tif.GTC)
