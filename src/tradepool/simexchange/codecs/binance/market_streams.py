"""Market streams: their names, and the venue's public events as the texts clients read."""

from __future__ import annotations

from tradepool.domain.candle import timeframe_name
from tradepool.simexchange.codecs.binance.answer import quote_volume
from tradepool.simexchange.events import BookTicker, KlineClosed
from tradepool.simexchange.listing import ListedMarket


def kline_stream(market: ListedMarket) -> str:
    """Name of a market's candle stream, as `btcusdt@kline_1m`."""
    return f"{market.symbol.lower()}@kline_{timeframe_name(market.timeframe_ms)}"


def book_stream(market: ListedMarket) -> str:
    """Name of a market's best-price stream, as `btcusdt@bookTicker`."""
    return f"{market.symbol.lower()}@bookTicker"


def kline_text(event: KlineClosed) -> bytes:
    """A closed candle."""
    market, index = event.market, event.bar
    price, start, volume = market.price_text.text, int(market.open_time[index]), market.volume_text(index)
    worth = quote_volume(market, index)
    return (
        f'{{"e":"kline","E":{event.time_ms},"s":"{market.symbol}","k":{{"t":{start},'
        f'"T":{start + market.timeframe_ms - 1},"s":"{market.symbol}","i":"{timeframe_name(market.timeframe_ms)}",'
        f'"f":{index},"L":{index},"o":"{price(int(market.open[index]))}","c":"{price(int(market.close[index]))}",'
        f'"h":"{price(int(market.high[index]))}","l":"{price(int(market.low[index]))}","v":"{volume}","n":1,"x":true,'
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
