"""Frames of order books, prints and best prices into nouns. What makes no sense is one of `outcome.NONSENSE`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tradepool.adapters.exchanges.translate import BadFrame, canonical
from tradepool.domain.depth import BookDiff, BookSnapshot, Levels
from tradepool.domain.market import Market
from tradepool.domain.order import Side
from tradepool.domain.quote import Quote
from tradepool.domain.trade_tick import TradeTick


class GridReader:
    """Reads decimals as whole counts of a step, exactly; ten thousands a second come in.

    >>> ticks = GridReader(Decimal("0.05"))
    >>> ticks.count("61837.65000000"), ticks.count("7")
    (1236753, 140)
    """

    __slots__ = ("_factors", "_mantissa", "_places", "_step")

    def __init__(self, step: Decimal) -> None:
        """`step` is above zero; it is `_mantissa` / 10 ** `_places`."""
        self._step = step
        self._places = max(0, -int(step.normalize().as_tuple().exponent))
        self._mantissa = int(step.scaleb(self._places))
        self._factors: dict[int, tuple[int, int]] = {}

    def count(self, text: str) -> int:
        """Steps in a decimal without sign; BadFrame when it is none, or not a whole number of them."""
        whole, _, part = text.partition(".")
        digits = whole + part
        if not (digits.isascii() and digits.isdigit()):
            raise BadFrame(f"{text!r} is not a plain decimal")
        times, divisor = self._factors.get(len(part)) or self._factors_of(len(part))
        count, rest = divmod(int(digits) * times, divisor)
        if rest:
            raise BadFrame(f"{text} is not a whole multiple of {self._step}")
        return count

    def _factors_of(self, decimals: int) -> tuple[int, int]:
        more = decimals - self._places
        found = self._factors[decimals] = (10 ** max(0, -more), self._mantissa * 10 ** max(0, more))
        return found


class BookReader:
    """One market's frames; Binance numbers the updates of spot with `U` and `u`, its other venues link them by `pu`."""

    __slots__ = ("_ticks", "_units", "market")

    def __init__(self, market: Market) -> None:
        """Read prices as the market's ticks, quantities as its base units."""
        self.market = market
        self._ticks, self._units = GridReader(market.price_tick), GridReader(market.base_unit)

    def diff(self, frame: Mapping[str, Any]) -> BookDiff:
        """A depthUpdate."""
        first_id, last_id = _number(frame["U"]), _number(frame["u"])
        if "pu" in frame:
            first_id = _number(frame["pu"]) + 1
        if last_id < first_id:
            raise BadFrame(f"updates {first_id} to {last_id}")
        return BookDiff(
            market=self.market.id,
            first_id=first_id,
            last_id=last_id,
            bids=self._levels(frame["b"]),
            asks=self._levels(frame["a"]),
        )

    def snapshot(self, answer: Mapping[str, Any], depth: int = 0) -> BookSnapshot:
        """The answer to a request for so many levels a side (0: all)."""
        return BookSnapshot(
            market=self.market.id,
            last_id=_number(answer["lastUpdateId"]),
            bids=self._levels(answer["bids"]),
            asks=self._levels(answer["asks"]),
            depth=depth,
        )

    def trade(self, frame: Mapping[str, Any]) -> TradeTick:
        """A trade, or an aggTrade: several prints of one taker at one price, numbered apart."""
        is_buyer_maker = frame["m"]
        if not isinstance(is_buyer_maker, bool):
            raise BadFrame(f"{is_buyer_maker!r} in place of true or false")
        return TradeTick(
            market=self.market.id,
            trade_id=_number(frame["t"] if "t" in frame else frame["a"]),
            time_ms=_number(frame["T"]),
            price=_amount(frame["p"]),
            quantity=_amount(frame["q"]),
            taker=Side.SELL if is_buyer_maker else Side.BUY,
        )

    def print_row(self, row: Mapping[str, Any]) -> TradeTick:
        """A print as the venue's REST API shows it."""
        words = {"t": row["id"], "p": row["price"], "q": row["qty"], "T": row["time"], "m": row["isBuyerMaker"]}
        return self.trade(words)

    def quote(self, frame: Mapping[str, Any], now_ms: int) -> Quote | None:
        """A bookTicker, None while a side is empty; spot's carries no time, so it is that of its arrival."""
        if not (canonical(frame["B"]) and canonical(frame["A"])):
            return None
        bid, ask = _amount(frame["b"]), _amount(frame["a"])
        if bid >= ask:
            raise BadFrame(f"best bid {bid} at or above best ask {ask}")
        return Quote(
            market=self.market.id,
            time_ms=_number(frame["T"]) if "T" in frame else now_ms,
            bid_price=bid,
            bid_quantity=_amount(frame["B"]),
            ask_price=ask,
            ask_quantity=_amount(frame["A"]),
        )

    def _levels(self, rows: Sequence[Sequence[str]]) -> Levels:
        ticks, units = self._ticks.count, self._units.count
        levels = tuple([(ticks(row[0]), units(row[1])) for row in rows])
        if any(price < 1 for price, _ in levels):
            raise BadFrame("a price of zero")
        return levels


def _amount(text: str) -> Decimal:
    amount = canonical(text)
    if amount <= 0:
        raise BadFrame(f"{text} in place of an amount above zero")
    return amount


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadFrame(f"{value!r} in place of a whole number")
    return value
