"""Order books, prints and best prices through ccxt: one client for all users, every frame taken by handler.

ccxt's own books would coalesce updates, ask for their snapshots whether or not anybody needs one, and tell of a gap only
whoever is waiting just then; its `watch_trades` keeps a thousand. So the raw frames are read here. `watch_*` calls
subscribe, and pend to hear of a broken connection; what follows on what is `core/matching/book_sync`'s business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from tradepool.adapters.exchanges import outcome
from tradepool.adapters.exchanges.ask import Ask
from tradepool.adapters.exchanges.book_frames import BookReader
from tradepool.adapters.exchanges.clients import SHARED_TABLES, new_client
from tradepool.adapters.exchanges.pacing import Pacer
from tradepool.adapters.exchanges.stream import Stream
from tradepool.adapters.exchanges.translate import rows_from
from tradepool.adapters.exchanges.transport import Session
from tradepool.domain.depth import BookSnapshot
from tradepool.domain.ids import AccountId
from tradepool.domain.market import Market
from tradepool.domain.trade_tick import TradeTick
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import OnLost
from tradepool.ports.market_stream import MarketEars
from tradepool.ports.weights import WeightBroker

NOBODY = AccountId("")
# ccxt's limit of symbols a call, and so a connection; Binance itself takes 1,024 streams on one.
SYMBOLS_MAX = 200
PRINTS_MAX = 1_000

T = TypeVar("T")


class CcxtBooks:
    """The order books, prints and best prices of one venue: a connection for each of the three and 200 markets."""

    def __init__(
        self,
        venue: str,
        session: Session,
        clock: Clock,
        *,
        master: Any = None,
        keep_alive_ms: int = 30_000,
        depth: int = 1_000,
        broker: WeightBroker | None = None,
    ) -> None:
        """`master` is another client of the venue whose loaded markets are shared; a snapshot shows `depth` levels."""
        self.client: Any = new_client(venue, session, clock, keep_alive_ms)
        self._pacer = Pacer(self.client, broker)
        self._clock = clock
        self._master = master
        self._depth = depth
        self._readers: dict[str, BookReader] = {}
        self._unanswered = 0
        self._ask = Ask(self.client, NOBODY)
        self._stream = Stream(self.client, "books", NOBODY)

    async def subscribe(self, markets: Sequence[Market], ears: MarketEars, on_lost: OnLost) -> None:
        """Return once the venue has acknowledged every stream; an earlier subscription ends without a word."""
        client = self.client
        await self._load_markets()
        self._readers = {client.market_id(market.symbol): BookReader(market) for market in markets}
        # Every connection is a new one: ccxt would count those of earlier subscriptions until it refuses another.
        client.options.update(streamBySubscriptionsHash={}, numSubscriptionsByStream={}, streamIndex=-1)
        client.handle_subscription_status = self._on_status
        watches: list[Callable[[list[str]], Awaitable[Any]]] = []
        if ears.on_diff is not None:
            client.handle_order_book = self._handler(ears, BookReader.diff, ears.on_diff)
            watches.append(client.watch_order_book_for_symbols)
        if ears.on_trade is not None:
            client.handle_trade = self._handler(ears, BookReader.trade, ears.on_trade)
            watches.append(client.watch_trades_for_symbols)
        if ears.on_quote is not None:
            client.handle_bids_asks = self._handler(ears, self._quote, ears.on_quote)
            watches.append(client.watch_bids_asks)
        symbols = [market.symbol for market in markets]
        groups = [symbols[start : start + SYMBOLS_MAX] for start in range(0, len(symbols), SYMBOLS_MAX)]
        self._unanswered = len(watches) * len(groups)
        for _ in range(self._unanswered):
            await self._pacer.connect()
        await self._stream.open(lambda: _first_end([watch(group) for watch in watches for group in groups]), on_lost)

    async def snapshot(self, market: Market) -> BookSnapshot:
        """The book now, by REST; OutcomeUnknown when the answer makes no sense."""
        if self.client.markets is None:
            await self._load_markets()
        asked = self.client.publicGetDepth({"symbol": self.client.market_id(market.symbol), "limit": self._depth})
        return await self._ask("depth", asked, lambda answer: BookReader(market).snapshot(answer, self._depth))

    async def prints(self, market: Market) -> Sequence[TradeTick]:
        """The last thousand prints, by REST; OutcomeUnknown when the answer makes no sense."""
        reader = BookReader(market)

        def read(answer: Any) -> list[TradeTick]:
            found = [reader.print_row(row) for row in rows_from(answer)]
            return sorted(found, key=lambda each: each.trade_id)

        asked = self.client.publicGetTrades({"symbol": self.client.market_id(market.symbol), "limit": PRINTS_MAX})
        return await self._ask("trades", asked, read)

    async def close(self) -> None:
        """Stop listening and close the client."""
        await self._stream.close()
        await self.client.close()

    async def _load_markets(self) -> None:
        if self._master is not None and self.client.markets is None:
            for table in SHARED_TABLES:
                setattr(self.client, table, getattr(self._master, table))
            self.client.set_markets_from_exchange(self._master)
        await self._ask("load_markets", self.client.load_markets(), len)

    def _on_status(self, connection: Any, answer: Any) -> Any:
        self._unanswered -= 1
        if not self._unanswered:
            self._stream.acknowledge()
        return answer

    def _quote(self, reader: BookReader, frame: Any) -> Any:
        return reader.quote(frame, self._clock.now_ms())

    def _handler(
        self, ears: MarketEars, read: Callable[[BookReader, Any], T | None], tell: Callable[[T], None]
    ) -> Callable[[Any, Any], None]:
        """What ccxt calls with a frame: one market's nonsense is told of that market, without its name it ends all."""

        def on_frame(connection: Any, frame: Any) -> None:
            reader = self._readers.get(frame["s"])
            if reader is None:
                return
            try:
                noun = read(reader, frame)
            except outcome.NONSENSE as error:
                ears.on_bad(reader.market.id, f"a frame makes no sense: {type(error).__name__} {error}")
                return
            if noun is not None:
                tell(noun)

        return on_frame


async def _first_end(watches: Sequence[Awaitable[Any]]) -> None:
    """Pend until any of them ends, and end as it did."""
    tasks = [asyncio.ensure_future(watch) for watch in watches]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        errors = [task.exception() for task in ended if not task.cancelled()]
        for error in filter(None, errors):
            raise error
    finally:
        for task in tasks:
            task.cancel()
