"""A market by what a user typed: the market, or what he may have meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from tradepool.domain.errors import UnknownMarket
from tradepool.domain.ids import MarketId
from tradepool.domain.market import Market

LIKELY_MAX = 3
# What users write for the quote they mean.
_SAME_QUOTES = ("USDT", "USDC", "FDUSD", "USD")


def listed_market(listed: Mapping[MarketId, Market], wanted: MarketId) -> Market:
    """The market of that id. Raises UnknownMarket with what was probably meant."""
    if wanted in listed:
        return listed[wanted]
    venue, _, symbol = wanted.partition(":")
    venues = sorted({market.venue for market in listed.values()})
    if venue not in venues:
        raise UnknownMarket(symbol=repr(str(wanted))[:60], known=f"markets of {', '.join(venues)} only")
    symbols = sorted(market.symbol for market in listed.values() if market.venue == venue)
    raise UnknownMarket(symbol=repr(symbol)[:60], known=" or ".join(likely(symbol, symbols)) or "nothing like it")


def likely(symbol: str, symbols: list[str]) -> list[str]:
    """Which of the symbols was probably meant: the same letters first, then another quote (or the one that was left out),
    then what looks alike.

    >>> likely("btc-usdt", ["BTC/USDT", "ETH/USDT"]), likely("ETH/USD", ["BTC/USDT", "ETH/USDT"])
    (['BTC/USDT'], ['ETH/USDT'])
    >>> likely("BTC/USTD", ["BTC/USDT", "ETH/BTC"])
    ['BTC/USDT']
    """
    letters = _letters(symbol)
    by_letters = {_letters(each): each for each in symbols}
    if letters in by_letters:
        return [by_letters[letters]]
    for quote in _SAME_QUOTES:
        base = letters.removesuffix(quote)
        if base:
            others = [f"{base}{other}" for other in _SAME_QUOTES if f"{base}{other}" in by_letters]
            if others:
                return [by_letters[each] for each in others][:LIKELY_MAX]
    close = difflib.get_close_matches(letters, list(by_letters), n=LIKELY_MAX, cutoff=0.7)
    return [by_letters[each] for each in close]


def _letters(symbol: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", symbol.upper())
