"""The simulated venue's mind: synchronous, deterministic, on virtual time, in whole ticks, steps and units.

What others build on (stable):

- `Venue(listings, slippage_bp=1, strict_ids=False)`, `Listing(market, bars)` from `simexchange.listing`
- `open_account(key, secret, {"USDT": Decimal(1000)})`
- `step() -> bool`: on to the next thing somebody can see; False at the end of the candles
- `step_bars(count) -> bool`: on by so many closed candles, whatever anybody does
- `now_ms`: virtual time; `next_time_ms()`: when `step()` may go next
- `balances(key)`, `orders(key)`, `trades(key)`: the truth a ledger is compared with
- `place`, `cancel`, `find_order`: one request of a user, answered at once; `Refused` says why not

`Server` (simexchange.server) puts it on a socket. Nothing here waits, reads a clock or rolls dice; ids are per
account, so the order in which different accounts' requests arrive changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from tradepool.core.matching.bar_fill import fee_units, market_buy_price, market_sell_price
from tradepool.domain.errors import InvalidInput, MoneyTooLarge, OffGrid
from tradepool.domain.market import EXACT_MAX, UNIT
from tradepool.simexchange.accounts import Account, given_asset
from tradepool.simexchange.errors import (
    AccountExists,
    DuplicateOrder,
    MarketClosed,
    UnknownAccount,
    UnknownOrder,
    UnknownSymbol,
)
from tradepool.simexchange.events import (
    AccountPosition,
    BalanceMoved,
    BookTicker,
    Event,
    ExecutionReport,
    KlineClosed,
    Outlet,
)
from tradepool.simexchange.filters import check_filters, check_stop
from tradepool.simexchange.history import ACCOUNT_SPAN
from tradepool.simexchange.keys import ApiKey, Keys
from tradepool.simexchange.limits import Limiter
from tradepool.simexchange.listing import ListedMarket, Listing, list_markets
from tradepool.simexchange.records import Kind, NewOrder, Order, Side, Status, Trade
from tradepool.simexchange.resting import Resting
from tradepool.simexchange.timeline import Phase, Stage, Timeline
from tradepool.simexchange.wallet import Wallet


class Venue:
    """Markets, accounts and the clock of a bar.

    Depth at the price has no end; a market order pays `slippage_bp` basis points (whole ticks, rounded outward),
    users' orders never meet each other. With `strict_ids` a client order id is good for one order for ever, else, as
    on the real venue, for one open order at a time.
    """

    def __init__(self, listings: Sequence[Listing], slippage_bp: int = 1, *, strict_ids: bool = False) -> None:
        """Open the venue at the first candle's open; BrokenListings when the candles are not usable."""
        self.markets = list_markets(listings)
        self.timeframe_ms = self.markets[0].timeframe_ms
        self.slippage_bp, self.strict_ids = slippage_bp, strict_ids
        self.accounts: dict[str, Account] = {}
        self.keys = Keys()
        self.wallet = Wallet(self.move, self.unit)
        self.limiter: Limiter | None = None
        self.clock_offset_ms: Callable[[], int] = lambda: 0
        self._owners: list[Account] = []
        self._by_symbol = {market.symbol: market for market in self.markets}
        self._resting = [Resting() for _ in self.markets]
        self._outlets: list[Outlet] = []
        self._visible = 0
        self._timeline = Timeline(self.markets)
        self.now_ms = self._timeline.next_time_ms() or 0
        self._next_phase()

    # ---- time

    def step(self) -> bool:
        """Go on, phase by phase, until something was published; False when the candles are over.

        When it returns, every frame is with its connection: whoever is answered after it, is answered after them.
        """
        seen, more = self._visible, True
        while more and self._visible == seen:
            more = self._next_phase() is not None
        self._flush()
        return more

    def step_bars(self, count: int) -> bool:
        """Go on until candles closed at `count` more times, without waiting for anybody; False when they are over."""
        phase: Phase | None = None
        for _ in range(count):
            phase = self._next_phase()
            while phase and not (phase.stage is Stage.TURN and any(bar for _, bar in phase.moves)):
                phase = self._next_phase()
        self._flush()
        return phase is not None

    def run_until(self, time_ms: int) -> bool:
        """Go on through every phase up to a time, whoever listens; False when the candles are over."""
        while (at_ms := self.next_time_ms()) is not None and at_ms <= time_ms:
            self._next_phase()
        self.pass_time(time_ms)
        self._flush()
        return at_ms is not None

    def next_time_ms(self) -> int | None:
        """Virtual time of the next phase; None at the end of the candles."""
        return self._timeline.next_time_ms()

    def pass_time(self, time_ms: int) -> None:
        """Let time go on to there without a phase: clients that wait, retry and sign then do not run ahead of it."""
        self.wallet.settle(time_ms)
        self.now_ms = max(self.now_ms, time_ms)

    def clock_ms(self) -> int:
        """What the venue's own clock shows: virtual time, and by how much it goes wrong."""
        return self.now_ms + self.clock_offset_ms()

    def listen(self, outlet: Outlet) -> None:
        """Tell an outlet what happens from now on."""
        self._outlets.append(outlet)

    def unlisten(self, outlet: Outlet) -> None:
        """Tell it no more."""
        self._outlets.remove(outlet)

    # ---- accounts

    def open_account(self, key: str, secret: str, balances: Mapping[str, Decimal]) -> Account:
        """Open an account with what it holds; amounts must be whole units of their asset (OffGrid) and not negative."""
        if key in self.accounts:
            raise AccountExists(key=key)
        units = {asset: self._units(asset, amount) for asset, amount in balances.items()}
        account = self.accounts[key] = Account(len(self._owners), key, secret, units, self.markets)
        self._owners.append(account)
        self.keys.add(ApiKey(name=key, account=account, secret=secret.encode(), created_ms=self.now_ms))
        return account

    def move(self, account: Account, asset: str, units: int, time_ms: int) -> None:
        """Change what an account has free for a reason that is no order, and tell its user stream."""
        account.move(asset, units)
        if any(outlet.wants_account(account.key) for outlet in self._outlets):
            free, locked = account.free[asset], account.locked[asset]
            self._publish(BalanceMoved(account.key, asset, self.unit(asset), units, free, locked, time_ms))
            self._flush()

    def account(self, key: str) -> Account:
        """The account of a key; UnknownAccount when nobody opened it."""
        if key not in self.accounts:
            raise UnknownAccount(key=key)
        return self.accounts[key]

    def balances(self, key: str) -> dict[str, tuple[Decimal, Decimal]]:
        """Free and locked of every asset, in the order assets were listed."""
        account = self.account(key)
        return {
            asset: (free * self.unit(asset), account.locked[asset] * self.unit(asset))
            for asset, free in account.free.items()
        }

    def orders(self, key: str) -> list[Order]:
        """Every order ever accepted from the account, oldest first."""
        history = self.account(key).history
        ids = range(history.base + 1, history.base + history.order_count + 1)
        return [order for each in ids if (order := history.order(each))]

    def trades(self, key: str) -> list[Trade]:
        """Every trade of the account, oldest first."""
        history = self.account(key).history
        return [history.trade(each) for each in range(history.base + 1, history.base + history.trade_count + 1)]

    # ---- requests

    def market(self, symbol: str) -> ListedMarket:
        """A listed market by the venue's symbol (BTCUSDT); UnknownSymbol when there is none."""
        if symbol not in self._by_symbol:
            raise UnknownSymbol(symbol=symbol)
        return self._by_symbol[symbol]

    def place(self, account: Account, new: NewOrder) -> Order:
        """Take an order and answer with how it stands then: filled, or open. `Refused` changes nothing."""
        market = self.market(new.symbol)
        price = market.price
        if price is None:
            raise MarketClosed(symbol=new.symbol)
        check_filters(account, market, new, price)
        if new.client_id in account.open_ids or (self.strict_ids and account.history.knows_client_id(new.client_id)):
            raise DuplicateOrder(client_id=new.client_id)
        order = Order(
            account.history.next_order_id(), new.client_id, market, new.side, new.kind, new.steps, new.limit_ticks,
            new.stop_ticks, self.now_ms, updated_ms=self.now_ms,
        )  # fmt: skip
        ticks = self._taker_ticks(new, price)
        if ticks is not None:
            order = self._take(account, order, ticks)
        else:
            self._let_rest(account, order, new, price)
        self._flush()
        return order

    def cancel(
        self, account: Account, symbol: str, order_id: int | None = None, client_id: str = "", request_id: str = ""
    ) -> Order:
        """Withdraw an open order; UnknownOrder when it is not open. `request_id` is told to the user stream."""
        market = self.market(symbol)
        wanted = order_id if order_id is not None else account.open_ids.get(client_id, 0)
        order = account.open.get(wanted)
        if order is None or order.market is not market:
            raise UnknownOrder(order=client_id or order_id)
        self._resting[market.index].remove(order)
        order = self._end(account, order, Status.CANCELED, request_id)
        self._flush()
        return order

    def find_order(self, account: Account, symbol: str, order_id: int | None = None, client_id: str = "") -> Order:
        """An order by id, else the latest with this client id; UnknownOrder when there is none in this market."""
        market = self.market(symbol)
        wanted = order_id if order_id is not None else account.history.id_of(client_id) or 0
        order = account.history.order(wanted)
        if order is None or order.market is not market:
            raise UnknownOrder(order=client_id or order_id)
        return order

    def unit(self, asset: str) -> Decimal:
        """Smallest amount of an asset here."""
        for market in self.markets:
            if asset in (market.base, market.quote):
                return market.market.base_unit if asset == market.base else market.market.quote_unit
        return UNIT

    # ---- the clock of a bar

    def _next_phase(self) -> Phase | None:
        phase = self._timeline.pop()
        if phase is None:
            return None
        self.wallet.settle(phase.time_ms)
        self.now_ms = max(self.now_ms, phase.time_ms)
        if phase.stage is Stage.TURN:
            self._turn(phase)
        else:
            for market, bar in phase.moves:
                self._walk(market, bar, phase.stage)
        return phase

    def _turn(self, phase: Phase) -> None:
        """Every price first, then the candles: who reads one of them can trade on all."""
        for market, bar in phase.moves:
            self._move(market, int(market.open[bar]))
            market.published = bar
        for market, bar in phase.moves:
            if bar and any(outlet.wants_klines(market.symbol) for outlet in self._outlets):
                self._publish(KlineClosed(market, bar - 1, self.now_ms))

    def _walk(self, market: ListedMarket, bar: int, stage: Stage) -> None:
        """Let resting orders meet the open, or a price on its way to the low, the high or the close."""
        column = (market.open, market.open, market.low, market.high, market.close)[stage]
        ticks = int(column[bar])
        resting = self._resting[market.index]
        if len(resting):
            # At the open the price has jumped, so a stop that was passed fills there; on a walk it was touched.
            jump = ticks if stage is Stage.OPEN else None
            for order in resting.reached_falling(ticks):
                self._reach(order, jump)
            for order in resting.reached_rising(ticks):
                self._reach(order, jump)
        self._move(market, ticks)

    def _move(self, market: ListedMarket, ticks: int) -> None:
        moved, market.price = market.price != ticks, ticks
        if moved:
            market.book_updates += 1
            if any(outlet.wants_book(market.symbol) for outlet in self._outlets):
                self._publish(self.book(market, ticks))

    def book(self, market: ListedMarket, ticks: int) -> BookTicker:
        """Best prices at a price of `ticks`: what a market order of any size gets."""
        bid, ask = market_sell_price(ticks, self.slippage_bp), market_buy_price(ticks, self.slippage_bp)
        return BookTicker(market, bid, ask, self.now_ms, market.book_updates)

    # ---- orders

    def _taker_ticks(self, new: NewOrder, price: int) -> int | None:
        """What an order pays or gets at once; None when it must wait. A limit caps what slippage may cost."""
        if new.kind is Kind.STOP_LOSS:
            return None
        if new.side is Side.BUY:
            best = market_buy_price(price, self.slippage_bp)
            return best if new.kind is Kind.MARKET else min(best, new.limit_ticks) if new.limit_ticks >= price else None
        best = market_sell_price(price, self.slippage_bp)
        return best if new.kind is Kind.MARKET else max(best, new.limit_ticks) if new.limit_ticks <= price else None

    def _take(self, account: Account, order: Order, ticks: int) -> Order:
        given = ticks * order.market.units_per_tick_step if order.side is Side.BUY else order.market.units_per_step
        account.require(given_asset(order), given * order.steps)
        account.history.add(order)
        self._report(account, order)
        return self._fill(account, order, ticks, is_maker=False)

    def _let_rest(self, account: Account, order: Order, new: NewOrder, price: int) -> None:
        market = order.market
        if order.kind is Kind.STOP_LOSS:
            check_stop(new, price)
        worst = market_buy_price(order.stop_ticks, self.slippage_bp) if order.stop_ticks else order.limit_ticks
        unit = worst * market.units_per_tick_step if order.side is Side.BUY else market.units_per_step
        account.rest(order, unit * order.steps)
        account.history.add(order)
        self._resting[market.index].add(order)
        self._report(account, order)
        self._report_balances(account, market)

    def _reach(self, order: Order, jump: int | None) -> None:
        """Fill a resting order that was reached: a limit at its price, a stop there or, jumped over, at the open."""
        account = self._owners[order.id // ACCOUNT_SPAN]
        if order.kind is Kind.LIMIT:
            account.release(order)
            self._fill(account, order, order.limit_ticks, is_maker=True)
            return
        at = order.stop_ticks if jump is None else jump
        price = market_sell_price if order.side is Side.SELL else market_buy_price
        ticks = price(at, self.slippage_bp)
        cost = ticks * order.steps * order.market.units_per_tick_step
        spendable = account.free[order.market.quote] + account.held[order.id]
        if order.side is Side.BUY and spendable < cost:
            self._end(account, order, Status.EXPIRED)
            return
        account.release(order)
        self._fill(account, order, ticks, is_maker=False)

    def _fill(self, account: Account, order: Order, ticks: int, *, is_maker: bool) -> Order:
        """Exchange base and quote at a price; the fee is taken from what is received."""
        market, history = order.market, account.history
        base, quote = order.steps * market.units_per_step, ticks * order.steps * market.units_per_tick_step
        rate = market.maker_ppm if is_maker else market.taker_ppm
        if order.side is Side.BUY:
            fee = fee_units(base, rate)
            account.exchange(market.quote, quote, market.base, base - fee)
        else:
            fee = fee_units(quote, rate)
            account.exchange(market.base, base, market.quote, quote - fee)
        trade = Trade(
            history.next_trade_id(), order.id, order.client_id, market, order.side, ticks, order.steps, fee, is_maker,
            self.now_ms,
        )  # fmt: skip
        order = order._replace(status=Status.FILLED, quote_units=quote, trade_id=trade.id, updated_ms=self.now_ms)
        history.add_trade(trade)
        history.update(order)
        self._report(account, order, trade)
        self._report_balances(account, market)
        return order

    def _end(self, account: Account, order: Order, status: Status, request_id: str = "") -> Order:
        account.release(order)
        order = order._replace(status=status, updated_ms=self.now_ms)
        account.history.update(order)
        self._report(account, order, request_id=request_id)
        self._report_balances(account, order.market)
        return order

    # ---- telling

    def _report(self, account: Account, order: Order, trade: Trade | None = None, request_id: str = "") -> None:
        if self.limiter:
            self.limiter.on_order(account.key, order, trade, self.now_ms)
        if any(outlet.wants_account(account.key) for outlet in self._outlets):
            self._publish(ExecutionReport(account.key, order, trade, self.now_ms, request_id))

    def _report_balances(self, account: Account, market: ListedMarket) -> None:
        if any(outlet.wants_account(account.key) for outlet in self._outlets):
            free, locked, base, quote = account.free, account.locked, market.base, market.quote
            self._publish(
                AccountPosition(account.key, market, free[base], locked[base], free[quote], locked[quote], self.now_ms)
            )

    def _publish(self, event: Event) -> None:
        self._visible += 1
        for outlet in self._outlets:
            outlet.publish(event)

    def _flush(self) -> None:
        for outlet in self._outlets:
            outlet.flush()

    def _units(self, asset: str, amount: Decimal) -> int:
        unit = self.unit(asset)
        units, rest = divmod(amount, unit)
        if rest:
            raise OffGrid(what=f"balance of {asset}", value=amount, step=unit, market="this venue")
        if units < 0:
            raise InvalidInput(what=f"balance of {asset}", why=f"{amount} is negative", remedy="give zero or more")
        if units >= EXACT_MAX:
            raise MoneyTooLarge(asset=asset, value=amount, unit=self.unit(asset))
        return int(units)
