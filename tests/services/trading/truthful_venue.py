"""A venue that never lies and a wire that does: the real simexchange, driven synchronously, behind a gateway whose
requests are lost, taken and lost, turned away, or late, and whose stream's frames are shuffled, doubled and dropped.

Nothing here is on a socket, so that thousands of stories can be told; what a venue answers and streams is the venue's
own, its reports go through the platform's own reading of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

import numpy as np
import orjson

from tests.simexchange.exchange_kit import MINUTE, bars, market
from tradepool.adapters.exchanges import translate
from tradepool.domain.balance import Balance
from tradepool.domain.command import Cancel
from tradepool.domain.denial import Denial
from tradepool.domain.event import VENUE_REJECTED, Event, OrderAccepted, OrderCancelled, OrderRejected
from tradepool.domain.fill import Fill, Liquidity
from tradepool.domain.ids import AccountId, ClientOrderId, FillId, VenueOrderId, cancel_id, pair_id
from tradepool.domain.market import FeeSchedule, Market
from tradepool.domain.order import ApprovedOrder, Order, OrderRequest, OrderStatus, OrderType, Side, TimeInForce
from tradepool.ports.exchange import (
    RECV_WINDOW_MS,
    IsKnown,
    NotPlaced,
    OnBalances,
    OnEvent,
    OnLost,
    OutcomeUnknown,
    Still,
)
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange import records
from tradepool.simexchange.codecs.binance.user_stream import report_text
from tradepool.simexchange.errors import (
    DuplicateOrder,
    InsufficientBalance,
    PricesNotRelated,
    Refused,
    StopWouldTrigger,
    UnknownOrder,
    WouldTake,
)
from tradepool.simexchange.events import NOTHING, ExecutionReport
from tradepool.simexchange.events import Event as VenueEvent
from tradepool.simexchange.liquidity import Depth
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.venue import Venue

T = TypeVar("T")

KEY = "key"
MARKETS = (market("BTC"), market("ETH"))
CASH = Decimal(1_000)
BARS = 60
STATUSES = {
    records.Status.NEW: OrderStatus.ACCEPTED,
    records.Status.PARTIALLY_FILLED: OrderStatus.ACCEPTED,
    records.Status.FILLED: OrderStatus.FILLED,
    records.Status.CANCELED: OrderStatus.CANCELLED,
    records.Status.EXPIRED: OrderStatus.CANCELLED,
}
WORDS = {
    StopWouldTrigger: Denial.WOULD_TRIGGER,
    WouldTake: Denial.WOULD_TRIGGER,
    PricesNotRelated: Denial.WOULD_TRIGGER,
    InsufficientBalance: Denial.INSUFFICIENT_CASH,
}
KINDS = {
    OrderType.MARKET: records.Kind.MARKET,
    OrderType.STOP_LOSS: records.Kind.STOP_LOSS,
    OrderType.LIMIT: records.Kind.LIMIT_MAKER,
}


TIFS = {TimeInForce.IOC: records.Tif.IOC, TimeInForce.FOK: records.Tif.FOK}


def walk(seed: int) -> list[tuple[float, float, float, float]]:
    """Candles of a percent or so, up and down."""
    dice, price, rows = np.random.default_rng(seed), 100.0, []
    for _ in range(BARS):
        close = round(price * float(np.exp(dice.normal(0, 0.012))), 2)
        high, low = max(price, close), min(price, close)
        rows.append((price, round(high * 1.004, 2), round(low * 0.996, 2), close))
        price = close
    return rows


def small_books(seed: int) -> Venue:
    """Two markets whose books have an end: an order takes several levels, each a fill."""
    listings = [Listing(each, bars(walk(seed + number))) for number, each in enumerate(MARKETS)]
    venue = Venue(listings, depth=Depth(spread_bp=2, level_notional=Decimal(200), levels=8, seed=seed))
    venue.open_account(KEY, "secret", {"USDT": CASH})
    return venue


class Wire:
    """The way to the venue. `fates` are those of the next requests; what is `held` is on its way until it is let go; so many
    lists of fills, as `lags` says, lack the last one."""

    def __init__(self, venue: Venue, clock: VirtualClock) -> None:
        self.venue, self.clock = venue, clock
        self.fates: deque[str] = deque()
        self.held: list[asyncio.Future[None]] = []
        self.frames: list[list[Event]] = []
        self.opened = self.lives = self.lags = 0
        self._going: set[asyncio.Task[object]] = set()
        self._on_event: OnEvent | None = None
        self._on_lost: OnLost = lambda why: None
        venue.listen(self)

    # ---- what the venue tells

    def wants(self, symbol: str) -> frozenset[str]:
        return NOTHING

    def wants_account(self, key: str) -> bool:
        return True

    def publish(self, event: VenueEvent) -> None:
        if isinstance(event, ExecutionReport) and self._on_event is not None:
            noun = event.order.market.market
            events = translate.events_from_report(orjson.loads(report_text(event)), ACCOUNT_ID, noun)
            self.frames.append(events)

    def flush(self) -> None:
        """Each frame is by itself."""

    def tell(self, number: int, *, keep: bool = False) -> None:
        """Let a frame arrive; `keep` it and it comes again."""
        if self.frames and self._on_event is not None:
            at = number % len(self.frames)
            for event in self.frames[at] if keep else self.frames.pop(at):
                self._on_event(event)

    def cut(self, why: str) -> None:
        """The stream breaks; what was on its way is gone."""
        self.frames.clear()
        if self._on_event is not None:
            self._on_event = None
            self._on_lost(why)

    def hang_up(self) -> None:
        """The platform is gone."""
        self.frames.clear()
        self.lives += 1
        self._on_event, self._on_lost = None, lambda why: None

    def let_go(self) -> None:
        """What was held goes on."""
        for each in self.held:
            if not each.done():
                each.set_result(None)
        self.held.clear()

    # ---- what the platform asks

    async def ask(self, what: str, do: Callable[[], T]) -> T:
        """One request. It goes on to the venue even if who sent it dies meanwhile."""
        task = asyncio.ensure_future(self._carry(what, do, self.fates.popleft() if self.fates else "well"))
        self._going.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[object]) -> None:
        self._going.discard(task)
        if not task.cancelled():
            # Nobody may be there any more to read it.
            task.exception()

    async def _carry(self, what: str, do: Callable[[], T], fate: str) -> T:
        signed_ms = self.clock.now_ms()
        if fate == "turned away":
            raise NotPlaced(venue="binance", request=what, message="too fast")
        if fate == "lost":
            raise OutcomeUnknown(venue="binance", request=what, message="lost")
        if fate == "slow":
            await self._hold()
            if self.clock.now_ms() > signed_ms + RECV_WINDOW_MS:
                raise NotPlaced(venue="binance", request=what, message="outside of the window")
        self.venue.pass_time(self.clock.now_ms())
        answer = do()
        if fate == "late":
            await self._hold()
        if fate == "taken":
            raise OutcomeUnknown(venue="binance", request=what, message="no answer")
        return answer

    async def _hold(self) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.held.append(waiting)
        await waiting


ACCOUNT_ID = AccountId("a" * 32)


class Gateway:
    """The platform's side of the wire: what a real gateway does, without ccxt."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self._life = wire, wire.lives
        self._venue, self._account = wire.venue, wire.venue.account(KEY)

    async def open(self, on_event: OnEvent, on_lost: OnLost, on_balances: OnBalances) -> None:
        def take() -> None:
            # A stream that is opened for who is gone by then is not the stream of who came after him.
            if self._life != self._wire.lives:
                return
            self._wire.frames.clear()
            self._wire._on_event, self._wire._on_lost = on_event, on_lost
            self._wire.opened += 1

        await self._wire.ask("stream", take)

    async def submit(self, order: ApprovedOrder, still: Still) -> Event:
        if not still():
            raise NotPlaced(venue="binance", request="order", message="not wanted")
        request = order.request
        return await self._wire.ask(f"order {request.client_order_id}", lambda: self._place(request))

    async def submit_pair(self, stop: ApprovedOrder, target: ApprovedOrder, still: Still) -> Sequence[Event]:
        if not still():
            raise NotPlaced(venue="binance", request="pair", message="not wanted")
        return await self._wire.ask("pair", lambda: self._place_all([stop.request, target.request]))

    def _place(self, request: OrderRequest) -> Event:
        return self._place_all([request])[0]

    def _place_all(self, requests: Sequence[OrderRequest]) -> Sequence[Event]:
        new, names, now_ms = list(map(new_order, requests)), [r.client_order_id for r in requests], self._venue.now_ms
        try:
            if len(new) == 1:
                placed = [self._venue.place(self._account, new[0])]
            else:
                pair = self._venue.place_list(self._account, records.NewList(pair_id(names[0]), *new))
                placed = [self._venue.find_order(self._account, new[0].symbol, each) for each in pair.order_ids]
        except DuplicateOrder as refused:
            # The name is taken: by a try of ours that came through after all.
            raise OutcomeUnknown(venue="binance", request=names[0], message=str(refused)) from refused
        except Refused as refused:
            why = WORDS.get(type(refused), VENUE_REJECTED)
            if requests[0].time_in_force is TimeInForce.POST_ONLY and isinstance(refused, WouldTake):
                why = Denial.WOULD_TAKE
            return [OrderRejected(time_ms=now_ms, client_order_id=name, reason=why) for name in names]
        return [
            OrderAccepted(
                time_ms=now_ms,
                client_order_id=name,
                venue_order_id=VenueOrderId(str(each.id)),
                filled_quantity=order_of(each).filled_quantity,
            )
            for name, each in zip(names, placed, strict=True)
        ]

    async def cancel(self, command: Cancel) -> Sequence[Event]:
        name = command.client_order_id

        def take() -> Sequence[Event]:
            noun = next(each for each in MARKETS if each.id == command.market)
            symbol = f"{noun.base}{noun.quote}"
            try:
                order = self._venue.cancel(self._account, symbol, None, name, request_id=cancel_id(name))
            except UnknownOrder:
                return []
            ids = self._venue.find_list(self._account, order.list_id).order_ids if order.list_id else (order.id,)
            ended = [self._venue.find_order(self._account, symbol, each) for each in ids]
            names = [ClientOrderId(each.client_id) for each in ended if not each.filled_steps]
            now_ms = self._venue.now_ms
            return [OrderCancelled(time_ms=now_ms, client_order_id=n, filled_quantity=Decimal(0)) for n in names]

        return await self._wire.ask(f"cancel of {name}", take)

    async def look_up(self, request: OrderRequest) -> Order | None:
        noun = noun_of(request)

        def take() -> Order | None:
            try:
                found = self._venue.find_order(self._account, f"{noun.base}{noun.quote}", None, request.client_order_id)
            except UnknownOrder:
                return None
            return order_of(found)

        return await self._wire.ask(f"look-up of {request.client_order_id}", take)

    async def fills(self, market: Market, after: FillId | None, is_known: IsKnown) -> Sequence[Fill]:
        since = int(after) if after is not None else 0

        def take() -> list[Fill]:
            trades = [each for each in self._venue.trades(KEY) if each.market.market == market and each.id > since]
            fills = [
                fill for fill in map(fill_of, trades) if not is_known(replace(fill, client_order_id=ClientOrderId("")))
            ]
            if fills and self._wire.lags:
                self._wire.lags -= 1
                fills.pop()
            return fills

        return await self._wire.ask("fills", take)

    async def open_orders(self, market: Market) -> Sequence[Order]:
        def take() -> list[Order]:
            return [order_of(each) for each in self._account.open.values() if each.market.market == market]

        return await self._wire.ask("open orders", take)

    async def past_orders(self, market: Market) -> Sequence[Order]:
        def take() -> list[Order]:
            return [order_of(each) for each in self._venue.orders(KEY) if each.market.market == market]

        return await self._wire.ask("past orders", take)

    async def standing(self) -> tuple[FeeSchedule, Sequence[Balance]]:
        return await self._wire.ask("account", lambda: (MARKETS[0].fees, balances_of(self._venue)))

    def urgently(self, asked: Awaitable[T]) -> Awaitable[T]:
        return asked

    async def balances(self) -> Sequence[Balance]:
        return await self._wire.ask("balances", lambda: balances_of(self._venue))

    async def close(self) -> None:
        """Nothing is held."""


def noun_of(request: OrderRequest) -> Market:
    return next(each for each in MARKETS if each.id == request.market)


def new_order(request: OrderRequest) -> records.NewOrder:
    noun, may_take = noun_of(request), request.adds_risk and request.time_in_force is not TimeInForce.POST_ONLY
    return records.NewOrder(
        f"{noun.base}{noun.quote}",
        request.client_order_id,
        records.Side.BUY if request.side is Side.BUY else records.Side.SELL,
        records.Kind.LIMIT if may_take and request.type is OrderType.LIMIT else KINDS[request.type],
        noun.steps(request.quantity),
        noun.ticks(request.price) if request.price is not None else 0,
        noun.ticks(request.stop_price) if request.stop_price is not None else 0,
        TIFS.get(request.time_in_force, records.Tif.GTC),
    )


def order_of(order: records.Order) -> Order:
    return Order(
        client_order_id=ClientOrderId(order.client_id),
        venue_order_id=VenueOrderId(str(order.id)),
        market=order.market.market.id,
        status=STATUSES[order.status],
        filled_quantity=order.market.market.quantity(order.filled_steps),
        time_ms=order.created_ms,
        updated_ms=order.updated_ms,
    )


def fill_of(trade: records.Trade) -> Fill:
    noun, is_buy = trade.market.market, trade.side is records.Side.BUY
    return Fill(
        fill_id=FillId(str(trade.id)),
        account=ACCOUNT_ID,
        client_order_id=ClientOrderId(trade.client_id),
        market=noun.id,
        side=Side.BUY if is_buy else Side.SELL,
        price=noun.price(trade.ticks),
        quantity=noun.quantity(trade.steps),
        fee=trade.fee_units * (noun.base_unit if is_buy else noun.quote_unit),
        fee_asset=noun.base if is_buy else noun.quote,
        liquidity=Liquidity.MAKER if trade.is_maker else Liquidity.TAKER,
        time_ms=trade.time_ms,
    )


def balances_of(venue: Venue) -> list[Balance]:
    return [
        Balance(account=ACCOUNT_ID, asset=asset, free=free, locked=locked)
        for asset, (free, locked) in venue.balances(KEY).items()
    ]


MINUTE_MS = MINUTE
