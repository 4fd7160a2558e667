"""Binance's public data as a mirror reads it: what to ask and subscribe to, and texts into diffs, prints, listings.

The other codecs of this folder write what Binance says; this one reads it, from Binance itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import msgspec

from tradepool.domain.depth import BookDiff, BookSnapshot, Levels
from tradepool.domain.errors import TradepoolError
from tradepool.domain.market import FeeSchedule, Market, unit_for
from tradepool.simexchange.fixed import FixedPoint, NotANumber
from tradepool.simexchange.listing import ListedMarket, Listing

DEPTH_MAX = 1_000

T = TypeVar("T")


class BadMirrorFrame(TradepoolError):
    """What the mirrored venue says can't be used: {why}."""


class Print(NamedTuple):
    """A public trade: its number, price in ticks, quantity in units of base, the venue's time, and who rested."""

    number: int
    ticks: int
    units: int
    time_ms: int
    buyer_is_maker: bool


class _Envelope(msgspec.Struct):
    stream: str
    data: msgspec.Raw


class _Diff(msgspec.Struct):
    E: int
    U: int
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class _Trade(msgspec.Struct):
    t: int
    p: str
    q: str
    T: int
    m: bool


class _Depth(msgspec.Struct):
    lastUpdateId: int  # noqa: N815  Binance's own name
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class _Rules(msgspec.Struct):
    symbol: str
    baseAsset: str  # noqa: N815
    quoteAsset: str  # noqa: N815
    filters: list[dict[str, Any]]


class _Info(msgspec.Struct):
    symbols: list[_Rules]


def stream_url(base: str, symbols: Sequence[str]) -> str:
    """One connection with the books and prints of all symbols.

    >>> stream_url("wss://x", ["BTCUSDT"])
    'wss://x/stream?streams=btcusdt@depth@100ms/btcusdt@trade'
    """
    names = [f"{symbol.lower()}@{kind}" for symbol in symbols for kind in ("depth@100ms", "trade")]
    return f"{base}/stream?streams={'/'.join(names)}"


def depth_url(base: str, symbol: str) -> str:
    """A snapshot of a book, the best DEPTH_MAX levels of each side."""
    return f"{base}/api/v3/depth?symbol={symbol}&limit={DEPTH_MAX}"


def info_url(base: str, symbols: Sequence[str]) -> str:
    """The rules of markets."""
    names = ",".join(f'"{symbol}"' for symbol in symbols)
    return f"{base}/api/v3/exchangeInfo?symbols=[{names}]"


class MirrorReader:
    """Reads one market's frames on the grid it is listed with."""

    def __init__(self, market: ListedMarket) -> None:
        """Prices are its ticks, quantities units of its base: real books hold amounts finer than a step."""
        self._market_id = market.market.id
        self._ticks, self._units = market.price_text, FixedPoint(market.market.base_unit)

    def diff(self, raw: bytes | msgspec.Raw) -> tuple[int, BookDiff]:
        """A depthUpdate, with the venue's time of it."""
        said = _decode(raw, _Diff)
        bids, asks = self._levels(said.b), self._levels(said.a)
        return said.E, BookDiff(market=self._market_id, first_id=said.U, last_id=said.u, bids=bids, asks=asks)

    def snapshot(self, raw: bytes) -> BookSnapshot:
        """The answer to `depth_url`."""
        said = _decode(raw, _Depth)
        return BookSnapshot(
            market=self._market_id,
            last_id=said.lastUpdateId,
            bids=self._levels(said.bids),
            asks=self._levels(said.asks),
        )

    def print(self, raw: bytes | msgspec.Raw) -> Print:
        """A trade."""
        said = _decode(raw, _Trade)
        return Print(said.t, _count(self._ticks, said.p), _count(self._units, said.q), said.T, said.m)

    def _levels(self, rows: Sequence[tuple[str, str]]) -> Levels:
        return tuple([(_count(self._ticks, price), _count(self._units, quantity)) for price, quantity in rows])


def envelope(text: str) -> tuple[str, str, msgspec.Raw]:
    """Of a frame of the combined stream: the symbol, what is told (`depth@100ms`, `trade`), and the telling itself."""
    said = _decode(text, _Envelope)
    symbol, _, kind = said.stream.partition("@")
    return symbol.upper(), kind, said.data


def listings(raw: bytes, symbols: Sequence[str], fees: FeeSchedule) -> list[Listing]:
    """Markets to be mirrored, by the answer to `info_url`; fees are an account's matter, so they are given."""
    known = {rules.symbol: rules for rules in _decode(raw, _Info).symbols}
    missing = [symbol for symbol in symbols if symbol not in known]
    if missing:
        raise BadMirrorFrame(why=f"it does not list {', '.join(missing)}")
    return [Listing(_market(known[symbol], fees)) for symbol in symbols]


def _market(rules: _Rules, fees: FeeSchedule) -> Market:
    found: dict[str, Mapping[str, Any]] = {str(each.get("filterType")): each for each in rules.filters}
    try:
        lot, notional = found["LOT_SIZE"], found.get("NOTIONAL") or found["MIN_NOTIONAL"]
        step = Decimal(lot["stepSize"]).normalize()
        return Market(
            venue="binance",
            base=rules.baseAsset,
            quote=rules.quoteAsset,
            price_tick=Decimal(found["PRICE_FILTER"]["tickSize"]).normalize(),
            quantity_step=step,
            quantity_min=Decimal(lot["minQty"]).normalize(),
            notional_min=Decimal(notional["minNotional"]).normalize(),
            fees=fees,
            base_unit=unit_for(step),
        )
    except (LookupError, TypeError, ArithmeticError) as error:
        raise BadMirrorFrame(why=f"the rules of {rules.symbol}: {type(error).__name__} {error}") from error


def _decode(raw: bytes | str | msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        raise BadMirrorFrame(why=str(error)) from error


def _count(grid: FixedPoint, text: str) -> int:
    try:
        count = grid.count(text)
    except NotANumber as error:
        raise BadMirrorFrame(why=str(error)) from error
    if count is None:
        raise BadMirrorFrame(why=f"{text} is no whole multiple of {grid.step}")
    return count
