"""Market streams: their names, and the venue's public events as the texts clients read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from tradepool.simexchange.candles import INTERVALS, Kline, closed_kline, interval_of
from tradepool.simexchange.codecs.binance.market_rows import (
    aggregate_row,
    best_rows,
    change_fields,
    level_rows,
    trade_row,
    volume_text,
)
from tradepool.simexchange.events import (
    BOOK,
    DEPTH,
    TICKER,
    TRADES,
    BookTicker,
    DepthShown,
    KlineClosed,
    KlineShown,
    Printed,
    TickerShown,
)
from tradepool.simexchange.listing import ListedMarket

DIFFS = ("depth", "depth@100ms", "depth@1000ms")
PARTS = {f"depth{levels}{speed}": levels for levels in (5, 10, 20) for speed in ("", "@100ms", "@1000ms")}
_TOPICS = {
    "trade": TRADES, "aggTrade": TRADES, "bookTicker": BOOK, "ticker": TICKER, "miniTicker": TICKER,
    **dict.fromkeys((*DIFFS, *PARTS), DEPTH),
}  # fmt: skip
_ALL_MARKETS = {"!miniTicker@arr": TICKER, "!ticker@arr": TICKER, "!bookTicker": BOOK}
_KLINE = "kline_"


class Stream(NamedTuple):
    """What a stream's name asks for: a topic of one market, or of all (`market` is None)."""

    market: ListedMarket | None
    topic: str


def read_stream(name: str, markets: Mapping[str, ListedMarket]) -> Stream | None:
    """What a name stands for; None when there is no such stream. `markets` are known by their lower-case symbols."""
    if topic := _ALL_MARKETS.get(name):
        return Stream(None, topic)
    symbol, _, what = name.partition("@")
    market = markets.get(symbol)
    if market is None:
        return None
    if what.startswith(_KLINE):
        interval = interval_of(market, what.removeprefix(_KLINE))
        return Stream(market, interval.name) if interval else None
    return Stream(market, _TOPICS[what]) if what in _TOPICS else None


def kline_stream(market: ListedMarket, interval: str) -> str:
    """Name of a market's candle stream, as `btcusdt@kline_1m`."""
    return f"{market.symbol.lower()}@{_KLINE}{interval}"


def own_interval(market: ListedMarket) -> str:
    """Name of the market's own timeframe; as milliseconds where the venue has no such interval."""
    names = (name for name, each in INTERVALS.items() if each.length_ms == market.timeframe_ms)
    return next(names, f"{market.timeframe_ms}ms")


def closed_text(event: KlineClosed) -> bytes:
    """A closed candle of the market's own."""
    kline = closed_kline(event.market, event.bar)
    return _kline_text(event.market, own_interval(event.market), kline, "true", event.time_ms)


def kline_text(event: KlineShown) -> bytes:
    """A candle of any interval, closed or forming."""
    return _kline_text(event.market, event.interval, event.kline, "true" if event.is_closed else "false", event.time_ms)


def _kline_text(market: ListedMarket, interval: str, kline: Kline, closed: str, time_ms: int) -> bytes:
    price, volume, worth = market.price_text.text, volume_text(kline.volume), f"{kline.quote:.8f}"
    count = kline.last_id - kline.first_id + 1
    first, last = (kline.first_id, kline.last_id) if count else (-1, -1)
    return (
        f'{{"e":"kline","E":{time_ms},"s":"{market.symbol}","k":{{"t":{kline.start_ms},'
        f'"T":{kline.end_ms - 1},"s":"{market.symbol}","i":"{interval}",'
        f'"f":{first},"L":{last},"o":"{price(kline.open)}","c":"{price(kline.close)}",'
        f'"h":"{price(kline.high)}","l":"{price(kline.low)}","v":"{volume}","n":{count},"x":{closed},'
        f'"q":"{worth}","V":"{volume}","Q":"{worth}","B":"0"}}}}'
    ).encode()


def book_text(event: BookTicker) -> bytes:
    """The best prices."""
    market = event.market
    price, size = market.price_text.text, market.quantity_text.text
    return (
        f'{{"u":{event.update_id},"s":"{market.symbol}","b":"{price(event.bid_ticks)}","B":"{size(event.bid_steps)}",'
        f'"a":"{price(event.ask_ticks)}","A":"{size(event.ask_steps)}"}}'
    ).encode()


def trade_text(event: Printed) -> bytes:
    """A print."""
    row = trade_row(event.market, event.print)
    fields = {"t": row["id"], "p": row["price"], "q": row["qty"], "T": row["time"], "m": row["isBuyerMaker"], "M": True}
    return orjson.dumps({"e": "trade", "E": event.time_ms, "s": event.market.symbol} | fields)


def aggregate_text(event: Printed) -> bytes:
    """A print as an aggregate of one."""
    head: dict[str, object] = {"e": "aggTrade", "E": event.time_ms, "s": event.market.symbol}
    return orjson.dumps(head | aggregate_row(event.market, event.print))


def difference_text(before: DepthShown, now: DepthShown) -> bytes | None:
    """What changed in a book since it was last told: 0 takes a level away. None when nothing did."""
    bids, asks = _changed(before.bids, now.bids), _changed(before.asks, now.asks)
    if not bids and not asks:
        return None
    market = now.market
    return orjson.dumps(
        {
            "e": "depthUpdate",
            "E": now.time_ms,
            "s": market.symbol,
            "U": before.update_id + 1,
            "u": now.update_id,
            "b": level_rows(market, bids),
            "a": level_rows(market, asks),
        }
    )


def part_text(now: DepthShown, levels: int) -> bytes:
    """The best levels of a book."""
    return orjson.dumps(book_rows(now, levels))


def book_rows(now: DepthShown, levels: int) -> dict[str, object]:
    """The best levels of a book, as REST and the partial streams show it."""
    bids, asks = (level_rows(now.market, side[:levels]) for side in (now.bids, now.asks))
    return {"lastUpdateId": now.update_id, "bids": bids, "asks": asks}


def mini_ticker_text(event: TickerShown) -> bytes:
    """The last 24 hours in short."""
    return orjson.dumps({"e": "24hrMiniTicker", "E": event.time_ms, "s": event.market.symbol} | _ticker(event))


def ticker_text(event: TickerShown) -> bytes:
    """The last 24 hours, with the best prices."""
    market, candle = event.market, event.day.candle
    change, percent, average = change_fields(market, event.day)
    (bid, bid_size), (ask, ask_size) = best_rows(event.best)
    count = candle.last_id - candle.first_id + 1
    more: dict[str, object] = {
        "p": change, "P": percent, "w": average, "x": market.price_text.text(event.day.before),
        "Q": market.quantity_text.text(event.last.steps if event.last else 0),
        "b": bid, "B": bid_size, "a": ask, "A": ask_size, "O": candle.start_ms, "C": candle.end_ms,
        "F": candle.first_id if count else -1, "L": candle.last_id if count else -1, "n": count,
    }  # fmt: skip
    return orjson.dumps({"e": "24hrTicker", "E": event.time_ms, "s": market.symbol} | more | _ticker(event))


def _ticker(event: TickerShown) -> dict[str, object]:
    candle, price = event.day.candle, event.market.price_text.text
    return {
        "c": price(candle.close), "o": price(candle.open), "h": price(candle.high), "l": price(candle.low),
        "v": volume_text(candle.volume), "q": f"{candle.quote:.8f}",
    }  # fmt: skip


def _changed(before: Sequence[tuple[int, int]], now: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    old, new = dict(before), dict(now)
    gone = [(ticks, 0) for ticks in old if ticks not in new]
    return [*gone, *((ticks, steps) for ticks, steps in new.items() if old.get(ticks) != steps)]
