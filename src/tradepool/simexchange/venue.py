"""The simulated venue's mind: synchronous, deterministic, on virtual time, in whole ticks, steps and units.

What others build on (stable):

- `Venue(listings, slippage_bp=1, strict_ids=False, depth=None)`, `Listing(market, bars)` from `simexchange.listing`
- `open_account(key, secret, {"USDT": Decimal(1000)})`
- `step() -> bool`: on to the next thing somebody can see; False at the end of the candles
- `step_bars(count) -> bool`: on by so many closed candles, whatever anybody does
- `now_ms`: virtual time; `next_time_ms()`: when `step()` may go next
- `balances(key)`, `orders(key)`, `trades(key)`: the truth a ledger is compared with
- `place`, `cancel`, `find_order`: one request of a user, answered at once; `Refused` says why not
- `place_list`, `find_list`: one-cancels-the-other; `set_status`, `delist`, `change_filters`: a market's life
- `account.fees = FeePlan(...)`: an account's own rates, and fees paid in a third asset
- `push_book`, `push_trade`: prices of a market listed without candles, which mirrors a real one
- `market.liquidity.levels(side, depth)`: its book; `best(market)`: the best of it

`Server` (simexchange.server) puts it on a socket. Nothing here waits, reads a clock or rolls dice; ids are per
account. With endless depth the order in which different accounts' requests arrive therefore changes nothing that an
account sees of its own; a finite book serves at each price who came first, and what one took another does not get.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from tradepool.domain.market import UNIT, Market
from tradepool.simexchange.accounts import Account, whole_units
from tradepool.simexchange.desk import Desk
from tradepool.simexchange.errors import (
    AccountExists,
    NotMirrored,
    UnknownAccount,
    UnknownOrder,
    UnknownSymbol,
)
from tradepool.simexchange.events import BookTicker, DepthShown, Outlet
from tradepool.simexchange.filters import Filters
from tradepool.simexchange.intake import Intake
from tradepool.simexchange.keys import ApiKey, Keys
from tradepool.simexchange.limits import Limiter
from tradepool.simexchange.liquidity import Depth, Endless, Level
from tradepool.simexchange.listing import ListedMarket, Listing, asset_units, list_markets
from tradepool.simexchange.mirror import Mirror
from tradepool.simexchange.public_data import show_stage
from tradepool.simexchange.pushed import PushedCandles
from tradepool.simexchange.records import NewList, NewOrder, Order, OrderList, Side, Status, Trade
from tradepool.simexchange.rules import MarketStatus, Rules
from tradepool.simexchange.telling import Teller
from tradepool.simexchange.timeline import Phase, Stage, Timeline
from tradepool.simexchange.wallet import Wallet


class Venue:
    """Markets, accounts and the clock of a bar.

    Without `depth` there is no end of it at the price: a market order pays `slippage_bp` basis points (whole ticks,
    rounded outward). Users' orders never meet each other, but they take from the same finite book. With `strict_ids` a client order id is good for one order for ever, else, as
    on the real venue, for one open order at a time.
    """

    def __init__(
        self, listings: Sequence[Listing], slippage_bp: int = 1, *, strict_ids: bool = False,
        depth: Depth | None = None, show_forming: bool = False,
    ) -> None:  # fmt: skip
        """Open the venue at the first candle's open; BrokenListings when the candles are not usable."""
        self.markets = list_markets(listings)
        self.timeframe_ms = self.markets[0].timeframe_ms
        self.slippage_bp, self.strict_ids, self.show_forming = slippage_bp, strict_ids, show_forming
        self.accounts: dict[str, Account] = {}
        self.keys = Keys()
        self._units = asset_units(self.markets)
        self.wallet = Wallet(self._moved, self.unit)
        self.clock_offset_ms: Callable[[], int] = lambda: 0
        self._owners: list[Account] = []
        self._by_symbol = {market.symbol: market for market in self.markets}
        for market, listing in zip(self.markets, listings, strict=True):
            market.filters = Filters(market, market.market, listing.rules)
            endless = depth.book(market) if depth else Endless(market, slippage_bp)
            market.liquidity = Mirror() if market.is_mirrored else endless
        self.rule_changes = 0
        self._pushed = {market.symbol: PushedCandles(market) for market in self.markets if market.is_mirrored}
        self._teller = Teller()
        self._desk = Desk(self.markets, self._owners, self._teller, slippage_bp)
        self._intake = Intake(strict_ids=strict_ids)
        self._timeline = Timeline(self.markets)
        self.pass_time(self._timeline.next_time_ms() or 0)
        self._next_phase()

    # ---- time

    @property
    def now_ms(self) -> int:
        """Virtual time, ms UTC; whoever drives the venue may set it."""
        return self._teller.now_ms

    @now_ms.setter
    def now_ms(self, time_ms: int) -> None:
        self._teller.now_ms = time_ms

    def step(self, until_ms: int | None = None) -> bool:
        """Go on, phase by phase, until something was published; False when the candles are over.

        It stops before a phase that is later than `until_ms`: somebody wants to do something then, heard or not.
        When it returns, every frame is with its connection: whoever is answered after it, is answered after them.
        """
        seen, more = self._teller.published, True
        while more and self._teller.published == seen:
            if until_ms is not None and (self.next_time_ms() or 0) > until_ms:
                break
            more = self._next_phase() is not None
        self._teller.flush()
        return more

    def step_bars(self, count: int) -> bool:
        """Go on until candles closed at `count` more times, without waiting for anybody; False when they are over."""
        phase: Phase | None = None
        for _ in range(count):
            phase = self._next_phase()
            while phase and not (phase.stage is Stage.TURN and any(bar for _, bar in phase.moves)):
                phase = self._next_phase()
        self._teller.flush()
        return phase is not None

    def run_until(self, time_ms: int) -> bool:
        """Go on through every phase up to a time, whoever listens; False when the candles are over."""
        while (at_ms := self.next_time_ms()) is not None and at_ms <= time_ms:
            self._next_phase()
        self.pass_time(time_ms)
        self._teller.flush()
        return at_ms is not None

    @property
    def published(self) -> int:
        """How many events were told so far."""
        return self._teller.published

    def next_time_ms(self) -> int | None:
        """Virtual time of the next phase; None at the end of the candles."""
        return self._timeline.next_time_ms()

    def pass_time(self, time_ms: int) -> None:
        """Let time go on to there without a phase: clients that wait, retry and sign then do not run ahead of it."""
        self.wallet.settle(time_ms)
        self._teller.pass_time(time_ms)

    def clock_ms(self) -> int:
        """What the venue's own clock shows: virtual time, and by how much it goes wrong."""
        return self.now_ms + self.clock_offset_ms()

    @property
    def limiter(self) -> Limiter | None:
        """What counts requests and orders; None: nothing does. Set another one and counting starts from zero."""
        return self._teller.limiter

    @limiter.setter
    def limiter(self, limiter: Limiter | None) -> None:
        self._teller.limiter = limiter

    def listen(self, outlet: Outlet) -> None:
        """Tell an outlet what happens from now on."""
        self._teller.outlets.append(outlet)

    def unlisten(self, outlet: Outlet) -> None:
        """Tell it no more."""
        self._teller.outlets.remove(outlet)

    # ---- accounts

    def open_account(self, key: str, secret: str, balances: Mapping[str, Decimal]) -> Account:
        """Open an account with what it holds; amounts must be whole units of their asset (OffGrid) and not negative."""
        if key in self.accounts:
            raise AccountExists(key=key)
        units = {asset: whole_units(asset, amount, self.unit(asset)) for asset, amount in balances.items()}
        account = Account(len(self._owners), key, secret, units, self.markets)
        self.keys.add(ApiKey(name=key, account=account, secret=secret.encode(), created_ms=self.now_ms))
        self.accounts[key] = account
        self._owners.append(account)
        return account

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
        return [history.known(each) for each in ids]

    def trades(self, key: str) -> list[Trade]:
        """Every trade of the account, oldest first."""
        history = self.account(key).history
        return [history.trade(each) for each in range(history.base + 1, history.base + history.trade_count + 1)]

    # ---- requests

    def market(self, symbol: str, *, or_gone: bool = False) -> ListedMarket:
        """A listed market by the venue's symbol (BTCUSDT), `or_gone` one that was; UnknownSymbol when there is none."""
        market = self._by_symbol.get(symbol)
        if market is None or not (market.is_listed or or_gone):
            raise UnknownSymbol(symbol=symbol)
        return market

    def place(self, account: Account, new: NewOrder) -> Order:
        """Take an order and answer with how it stands then: filled, in part, or open. `Refused` changes nothing."""
        order = self._desk.place(account, self.check(account, new))
        self._teller.flush()
        return order

    def check(self, account: Account, new: NewOrder) -> Order:
        """The order that a request would make; nothing is changed. `Refused` says why it would make none."""
        return self._intake.order(account, self.market(new.symbol), new, self.now_ms)

    def place_list(self, account: Account, new: NewList) -> OrderList:
        """Take two orders of which one cancels the other. `Refused` changes nothing."""
        market, now_ms = self.market(new.below.symbol), self.now_ms
        list_id = account.history.base + len(account.lists) + 1
        legs = self._intake.pair(account, market, new, now_ms, list_id)
        placed = OrderList(list_id, new.client_id, market, (legs[0].id, legs[1].id), now_ms, now_ms)
        self._desk.place_list(account, placed, legs)
        self._teller.flush()
        return placed

    def cancel(
        self, account: Account, symbol: str, order_id: int | None = None, client_id: str = "", request_id: str = ""
    ) -> Order:
        """Withdraw an open order, and with it its whole list; UnknownOrder when it is not open.

        `request_id` is told to the user stream.
        """
        market = self.market(symbol)
        wanted = order_id if order_id is not None else account.open_ids.get(client_id, 0)
        order = account.open.get(wanted)
        if order is None or order.market is not market:
            raise UnknownOrder(order=client_id or order_id)
        other = account.other_of(order)
        order = self._desk.withdraw(account, order, Status.CANCELED, request_id)
        if other is not None:
            self._desk.withdraw(account, other, Status.CANCELED, request_id)
        self._teller.flush()
        return order

    def find_list(self, account: Account, list_id: int | None = None, client_id: str = "") -> OrderList:
        """A list by id, else the latest with this client id; UnknownOrder when there is none."""
        found = account.order_list(list_id if list_id is not None else account.list_ids.get(client_id, 0))
        if found is None:
            raise UnknownOrder(order=client_id or list_id)
        return found

    def find_order(self, account: Account, symbol: str, order_id: int | None = None, client_id: str = "") -> Order:
        """An order by id, else the latest with this client id; UnknownOrder when this market, gone or not, has none."""
        market = self.market(symbol, or_gone=True)
        wanted = order_id if order_id is not None else account.history.id_of(client_id) or 0
        order = account.history.order(wanted)
        if order is None or order.market is not market:
            raise UnknownOrder(order=client_id or order_id)
        return order

    def unit(self, asset: str) -> Decimal:
        """Smallest amount of an asset here."""
        return self._units.get(asset, UNIT)

    def best(self, market: ListedMarket) -> BookTicker:
        """A market's best prices now."""
        return self._teller.best(market)

    def depth(self, market: ListedMarket) -> DepthShown:
        """A market's book now."""
        return self._teller.depth(market)

    # ---- a market's life

    def set_status(self, symbol: str, status: MarketStatus) -> None:
        """Let a market trade or stand still: open orders stay and may be cancelled, new ones are refused.

        A market that trades again has jumped to where its price is by then.
        """
        market = self.market(symbol)
        market.status, market.has_halted = status, market.has_halted or status != "TRADING"
        self.rule_changes += 1

    def delist(self, symbol: str, *, remove: bool = True) -> None:
        """End a market: its open orders expire, balances stay. It leaves the exchangeInfo, or stays there as BREAK."""
        market = self.market(symbol)
        self.set_status(symbol, "BREAK")
        for account in self._owners:
            for order in [each for each in account.open.values() if each.market is market]:
                self._desk.withdraw(account, order, Status.EXPIRED)
        market.is_listed = not remove
        self._teller.flush()

    def change_filters(self, symbol: str, market: Market | None = None, rules: Rules | None = None) -> None:
        """Other rules from now on; open orders stay as they are. The new grid is a multiple of the listed one."""
        listed = self.market(symbol)
        listed.filters = Filters(listed, market or listed.filters.market, rules or listed.filters.rules)
        self.rule_changes += 1

    # ---- prices from outside

    def push_book(
        self, symbol: str, bids: Iterable[Level], asks: Iterable[Level], time_ms: int, *, update: bool = False
    ) -> None:
        """A mirrored book is this now, or with `update` these levels of it changed (0 steps: gone); in ticks and steps.

        Resting limits the book has come to are served. Before the first print its middle is the market's price.
        """
        market, book = self._mirrored(symbol, time_ms)
        for side, levels in ((Side.BUY, bids), (Side.SELL, asks)):
            (book.update if update else book.replace)(side, levels)
        if market.status == "TRADING":
            self._desk.cross(market)
        bid, ask = book.best(Side.BUY)[0], book.best(Side.SELL)[0]
        if market.price is None and bid and ask:
            market.price = (bid + ask) // 2
        self._teller.book_changed(market)
        self._teller.flush()

    def push_trade(self, symbol: str, ticks: int, steps: int, time_ms: int, *, buyer_is_maker: bool) -> None:
        """Somebody traded on the real venue: stops are set off, and what was printed serves resting limits.

        A limit that is better than the print is served first; one at its price when its side was hit and the queue
        before it is through.
        """
        market, _ = self._mirrored(symbol, time_ms)
        if market.status != "TRADING":
            return
        self._desk.print(market, ticks, steps, buyer_is_maker=buyer_is_maker)
        market.price = ticks
        self._pushed[symbol].add(ticks, steps, self.now_ms)
        self._teller.printed(market, ticks, steps, is_buyer_maker=buyer_is_maker)
        show_stage(self._teller, market, show_forming=self.show_forming)
        self._teller.flush()

    def _mirrored(self, symbol: str, time_ms: int) -> tuple[ListedMarket, Mirror]:
        """A mirrored market whose time goes on to there."""
        market = self.market(symbol)
        if not isinstance(market.liquidity, Mirror):
            raise NotMirrored(symbol=symbol)
        self.pass_time(time_ms)
        if self._pushed[symbol].pass_time(self.now_ms):
            show_stage(self._teller, market, show_forming=self.show_forming)
        return market, market.liquidity

    # ---- the clock of a bar

    def _next_phase(self) -> Phase | None:
        phase = self._timeline.pop()
        if phase is None:
            return None
        self.pass_time(phase.time_ms)
        if phase.stage is Stage.TURN:
            self._turn(phase)
        else:
            for market, bar in phase.moves:
                self._walk(market, bar, phase.stage)
        for market, bar in phase.moves:
            if market.status == "TRADING":
                market.tape.reach(bar, phase.stage)
                show_stage(self._teller, market, show_forming=self.show_forming)
        return phase

    def _turn(self, phase: Phase) -> None:
        """Every price first, the candles after all of them: who reads one can trade on all."""
        for market, bar in phase.moves:
            if market.status == "TRADING":
                self._move(market, int(market.open[bar]))
                market.published = bar

    def _walk(self, market: ListedMarket, bar: int, stage: Stage) -> None:
        """Let resting orders meet the open, or a price on its way to the low, the high or the close."""
        if market.status != "TRADING":
            return
        column = (market.open, market.open, market.low, market.high, market.close)[stage]
        ticks = int(column[bar])
        # At the open and after a halt the price has jumped, so a stop that was passed fills there; on a walk it was
        # touched.
        self._desk.walk(market, ticks, jumped=stage is Stage.OPEN or market.has_halted)
        market.has_halted = False
        self._move(market, ticks)

    def _move(self, market: ListedMarket, ticks: int) -> None:
        moved, market.price = market.price != ticks, ticks
        if market.liquidity.move(ticks) or moved:
            self._teller.book_changed(market)

    def _moved(self, account: Account, asset: str, units: int, time_ms: int) -> None:
        account.move(asset, units)
        self._teller.moved(account, asset, self.unit(asset), units, time_ms)
