"""Candles, prints, tickers and books as Binance's REST writes them; amounts are decimal strings."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tradepool.simexchange.candles import Kline, Window
from tradepool.simexchange.events import BookTicker, TickerShown
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.tape import Print


def volume_text(volume: float) -> str:
    """A traded amount: eight places as the real venue writes, or as many as it takes to be exact.

    >>> volume_text(12.5), volume_text(1e-9)
    ('12.50000000', '0.000000001')
    """
    text = f"{volume:.8f}"
    return text if float(text) == volume else format(Decimal(repr(volume)), "f")


def kline_row(market: ListedMarket, kline: Kline) -> list[object]:
    """A candle as the twelve columns of the klines route."""
    price, volume, quote = market.price_text.text, volume_text(kline.volume), f"{kline.quote:.8f}"
    return [
        kline.start_ms, price(kline.open), price(kline.high), price(kline.low), price(kline.close), volume,
        kline.end_ms - 1, quote, kline.last_id - kline.first_id + 1, volume, quote, "0",
    ]  # fmt: skip


def trade_row(market: ListedMarket, printed: Print) -> dict[str, object]:
    """A print as the trades routes show it."""
    return {
        "id": printed.id,
        "price": market.price_text.text(printed.ticks),
        "qty": market.quantity_text.text(printed.steps),
        "quoteQty": market.quote_text.text(printed.ticks * printed.steps * market.units_per_tick_step),
        "time": printed.time_ms,
        "isBuyerMaker": printed.is_buyer_maker,
        "isBestMatch": True,
    }


def aggregate_row(market: ListedMarket, printed: Print) -> dict[str, object]:
    """A print as an aggregate of one: every taker here got one price at a time."""
    return {
        "a": printed.id,
        "p": market.price_text.text(printed.ticks),
        "q": market.quantity_text.text(printed.steps),
        "f": printed.id,
        "l": printed.id,
        "T": printed.time_ms,
        "m": printed.is_buyer_maker,
        "M": True,
    }


def level_rows(market: ListedMarket, levels: Iterable[tuple[int, int]]) -> list[tuple[str, str]]:
    """Price and quantity of each level."""
    price, quantity = market.price_text.text, market.quantity_text.text
    return [(price(ticks), quantity(steps)) for ticks, steps in levels]


def change_fields(market: ListedMarket, window: Window) -> tuple[str, str, str]:
    """Change of the price in a window, the same in percent, and the average weighted by volume."""
    candle = window.candle
    change, base = candle.close - candle.open, candle.open or 1
    places = float(market.market.price_tick)
    average = candle.quote / candle.volume if candle.volume else candle.close * places
    return market.price_text.text(change), f"{100 * change / base:.3f}", f"{average:.8f}"


def mini_ticker_row(market: ListedMarket, window: Window) -> dict[str, object]:
    """A ticker without what follows from other fields, or comes from the book."""
    candle, price = window.candle, market.price_text.text
    return {
        "symbol": market.symbol,
        "openPrice": price(candle.open),
        "highPrice": price(candle.high),
        "lowPrice": price(candle.low),
        "lastPrice": price(candle.close),
        "volume": volume_text(candle.volume),
        "quoteVolume": f"{candle.quote:.8f}",
        "openTime": candle.start_ms,
        "closeTime": candle.end_ms,
        **ids_row(candle),
    }


def rolling_ticker_row(market: ListedMarket, window: Window) -> dict[str, object]:
    """A ticker of any window."""
    change, percent, average = change_fields(market, window)
    row = mini_ticker_row(market, window)
    return row | {"priceChange": change, "priceChangePercent": percent, "weightedAvgPrice": average}


def day_ticker_row(shown: TickerShown) -> dict[str, object]:
    """The ticker of 24 hours, with the book and the price before."""
    market = shown.market
    (bid, bid_size), (ask, ask_size) = best_rows(shown.best)
    return rolling_ticker_row(market, shown.day) | {
        "prevClosePrice": market.price_text.text(shown.day.before),
        "lastQty": market.quantity_text.text(shown.last.steps if shown.last else 0),
        "bidPrice": bid,
        "bidQty": bid_size,
        "askPrice": ask,
        "askQty": ask_size,
    }


def ids_row(candle: Kline) -> dict[str, object]:
    """Which prints there were; -1 when there were none."""
    count = candle.last_id - candle.first_id + 1
    first, last = (candle.first_id, candle.last_id) if count else (-1, -1)
    return {"firstId": first, "lastId": last, "count": count}


def best_rows(best: BookTicker) -> list[tuple[str, str]]:
    """Price and quantity of the best bid, then of the best ask; zeros where nobody offers."""
    return level_rows(best.market, [(best.bid_ticks, best.bid_steps), (best.ask_ticks, best.ask_steps)])
