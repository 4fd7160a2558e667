"""Frames and the nouns made of them in the same words, so that nothing can get lost between them unseen."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.nouns import BTC
from tests.replay_kit import symbol_of
from tradepool.domain.depth import BookDiff
from tradepool.domain.market import Market
from tradepool.domain.order import Side
from tradepool.domain.quote import Quote
from tradepool.domain.trade_tick import TradeTick

Words = tuple[object, ...]


def words_of(noun: BookDiff | TradeTick | Quote, market: Market) -> Words:
    """All that a noun says: kind and market first."""
    symbol = symbol_of(market)
    if isinstance(noun, BookDiff):
        bids, asks = (
            [(market.price(ticks), units * market.base_unit) for ticks, units in side]
            for side in (noun.bids, noun.asks)
        )
        return "book", symbol, noun.first_id, noun.last_id, bids, asks
    if isinstance(noun, TradeTick):
        return "print", symbol, noun.trade_id, noun.time_ms, noun.price, noun.quantity, noun.taker is Side.SELL
    return "quote", symbol, noun.bid_price, noun.bid_quantity, noun.ask_price, noun.ask_quantity


def wire_words(frame: dict[str, Any]) -> Words:
    """The same of a frame."""
    symbol = frame["s"]
    if "U" in frame:
        bids, asks = ([(Decimal(p), Decimal(q)) for p, q in frame[side]] for side in "ba")
        return "book", symbol, frame["U"], frame["u"], bids, asks
    if "p" in frame:
        number = frame["t"] if "t" in frame else frame["a"]
        return "print", symbol, number, frame["T"], Decimal(frame["p"]), Decimal(frame["q"]), frame["m"]
    return "quote", symbol, *(Decimal(frame[name]) for name in "bBaA")


def markets_of(frames: list[dict[str, Any]]) -> list[Market]:
    """The markets frames speak of, on a grid as fine as the venue writes."""
    quotes = ("USDT", "EUR", "BTC", "ETH", "BNB", "BUSD", "TRY")
    symbols = sorted({frame["s"] for frame in frames})
    split = [(symbol, next(quote for quote in quotes if symbol.endswith(quote))) for symbol in symbols]
    return [
        replace(
            BTC, base=symbol.removesuffix(quote), quote=quote, price_tick=Decimal("1e-8"), quote_unit=Decimal("1e-16"),
            quantity_step=Decimal("1e-8"), quantity_min=Decimal("1e-8"),
        )
        for symbol, quote in split
    ]  # fmt: skip
