"""Prices that make no sense as the next one of their market: a jump far beyond what the market has done lately.

A wrong print, a thin book, a peg that broke: whichever it is, nobody should buy on it unasked. Pure; closes come in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tradepool.domain.ids import MarketId

# So many closes before anything is judged, and over about so many the usual move is taken.
CLOSES_MIN, CLOSES_MEAN = 30, 100
# A move is odd when it is so many usual ones, and at least so much (as a log return).
TIMES_USUAL, MOVE_MIN = 12.0, 0.03


@dataclass(slots=True)
class _Seen:
    close: float
    count: int = 1
    usual: float = 0.0


class OddPrices:
    """What each market usually does from close to close.

    >>> odd, market = OddPrices(), MarketId("v:A/B")
    >>> [odd.look(market, close) for close in [100.0, 100.1] * 20][-1], odd.look(market, 90.0)
    ('', 'it moved by -10.1 %, 106 times its usual move')
    """

    def __init__(self) -> None:
        """Nothing was seen."""
        self._seen: dict[MarketId, _Seen] = {}

    def look(self, market: MarketId, close: float) -> str:
        """Take in a market's next close; why it is odd, "" if it is not."""
        seen = self._seen.get(market)
        if seen is None:
            self._seen[market] = _Seen(close)
            return ""
        move = math.log(close / seen.close) if close > 0 and seen.close > 0 else math.inf
        bound = max(MOVE_MIN, TIMES_USUAL * seen.usual)
        odd = seen.count >= CLOSES_MIN and abs(move) > bound
        times = abs(move) / seen.usual if seen.usual else math.inf
        weight = 1 / min(seen.count, CLOSES_MEAN)
        # What is odd counts no more than what is just not: the market may go on like that, and then it is usual.
        seen.usual += weight * (min(abs(move), bound) - seen.usual)
        seen.close, seen.count = close, seen.count + 1
        return f"it moved by {100 * math.expm1(move):.1f} %, {times:.0f} times its usual move" if odd else ""
