"""One-minute closes on record: asked of the venue once, written down, and only then counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from tradepool.core.commission.exact import share
from tradepool.core.commission.prices import Priced, loser_price, median_close
from tradepool.domain.ids import MarketId

MINUTE_MS = 60_000
# R8: a lot that is kept; R16: what was given in another coin.
TAKE_OVER_CLOSES, GIVEN_CLOSES = 5, 11

# A minute's candle may come so long after its end.
LATE_MS = 5_000

# A market and the beginning of a minute.
Minute = tuple[MarketId, int]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a market's last close was at a minute's end, and how old by then; None: the venue had none for a day."""

    close: Decimal | None
    age_s: int = 0


class Prices:
    """The closes of a venue. What is not on record is noted in `missing` and counts as unknown until it is; what was
    counted is in `used`. `bids` may be on record, or not."""

    def __init__(self, venue: str, rows: Mapping[Minute, Recorded], until_ms: int) -> None:
        """Minutes that were not over at `until_ms` count as the last one that was."""
        self._venue, self._rows, self._until_ms = venue, rows, until_ms
        self.missing: set[Minute] = set()
        self.bids: set[Minute] = set()
        self.used: dict[Minute, Recorded] = {}

    def close(self, asset: str, quote: str, time_ms: int) -> Priced:
        """The close of the minute that a moment is in. R20: an old one is provisional, and one that is missing 0.

        >>> rows = {(MarketId("binance:BNB/USDT"), 0): Recorded(Decimal(600))}
        >>> prices = Prices("binance", rows, 125_000)
        >>> prices.close("BNB", "USDT", 59_999).price, prices.close("BNB", "USDT", 60_000), prices.missing
        (Decimal('600'), Priced(price=Decimal('0'), provisional=True), {('binance:BNB/USDT', 60000)})
        """
        if asset == quote:
            return Priced(price=Decimal(1))
        key = self._minute(asset, quote, time_ms)
        row = self._rows.get(key)
        if row is None:
            self.missing.add(key)
            return loser_price(None, 0)
        self.used[key] = row
        return loser_price(row.close, row.age_s)

    def rate(self, asset: str, quote: str, time_ms: int) -> Priced:
        """The close of a minute, by the market the other way round where this one had none: floored to eight places.

        >>> rows = {(MarketId("binance:USDC/USDT"), 0): Recorded(Decimal("0.9990"))}
        >>> rows[MarketId("binance:USDT/USDC"), 0] = Recorded(None)
        >>> prices = Prices("binance", rows, 10**9)
        >>> prices.rate("USDC", "USDT", 7).price, prices.rate("USDT", "USDC", 7).price
        (Decimal('0.9990'), Decimal('1.00100100'))
        """
        found = self.close(asset, quote, time_ms)
        if found.price or self._minute(asset, quote, time_ms) in self.missing:
            return found
        back = self.close(quote, asset, time_ms)
        return replace(back, price=share(Decimal(1), Decimal(1), back.price)) if back.price else found

    def given(self, asset: str, quote: str, time_ms: int) -> Priced:
        """R16: the median of the eleven closes around a moment.

        >>> rows = {(MarketId("binance:BTC/USDT"), n * 60_000): Recorded(Decimal(60 + n)) for n in range(11)}
        >>> Prices("binance", rows, 10**9).given("BTC", "USDT", 5 * 60_000 + 17).price
        Decimal('65')
        """
        return self._median(asset, quote, time_ms - GIVEN_CLOSES // 2 * MINUTE_MS, GIVEN_CLOSES)

    def money(self, asset: str, quote: str, time_ms: int) -> Priced:
        """R21: the same for money; by the market the other way round where there is no such median.

        >>> rows = {(MarketId("binance:TRY/USDT"), n * 60_000): Recorded(None) for n in range(11)}
        >>> rows[MarketId("binance:USDT/TRY"), 5 * 60_000] = Recorded(Decimal(40))
        >>> Prices("binance", rows, 10**9).money("TRY", "USDT", 5 * 60_000).price
        Decimal('0.02500000')
        """
        median = self.given(asset, quote, time_ms)
        return median if median.price else self.rate(asset, quote, time_ms)

    def taken(self, asset: str, quote: str, time_ms: int) -> Priced:
        """R8: the median of the five closes up to a moment."""
        return self._median(asset, quote, time_ms - (TAKE_OVER_CLOSES - 1) * MINUTE_MS, TAKE_OVER_CLOSES)

    def bid(self, asset: str, quote: str, quantity: Decimal, time_ms: int) -> Decimal | None:
        """R8: what the book gave for a lot that was released, where it was looked at then, or in the next minute."""
        for at_ms in (time_ms, time_ms + MINUTE_MS):
            key = bid_of(MarketId(f"{self._venue}:{asset}/{quote}"), quantity, at_ms)
            self.bids.add(key)
            if key in self._rows:
                self.used[key] = self._rows[key]
                return self._rows[key].close
        return None

    def _minute(self, asset: str, quote: str, time_ms: int) -> Minute:
        last_ms = (self._until_ms - LATE_MS) // MINUTE_MS * MINUTE_MS - MINUTE_MS
        return MarketId(f"{self._venue}:{asset}/{quote}"), min(time_ms // MINUTE_MS * MINUTE_MS, last_ms)

    def _median(self, asset: str, quote: str, first_ms: int, count: int) -> Priced:
        if asset == quote:
            return Priced(price=Decimal(1))
        closes = [self.close(asset, quote, first_ms + n * MINUTE_MS) for n in range(count)]
        median = median_close([each.price for each in closes], count)
        return Priced(price=median, provisional=any(each.provisional for each in closes))


def bid_of(market: MarketId, quantity: Decimal, time_ms: int) -> Minute:
    """Where the average bid for a lot is on record: beside the closes, under a name that no market has.

    >>> bid_of(MarketId("binance:BTC/USDT"), Decimal("0.010"), 60_007)
    ('binance:BTC/USDT#bid 0.01', 60000)
    """
    return MarketId(f"{market}#bid {quantity.normalize():f}"), time_ms // MINUTE_MS * MINUTE_MS
