"""The recorded order book of BTC/USDT on Binance, 2024-08-08: diffs, snapshot, best prices and prints as texts."""

from __future__ import annotations

import gzip
import json
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

NAME = "BINANCE-BTC-USDT-20240808"
SYMBOL = "BTCUSDT"
NS_PER_MS = 1_000_000

TextLevels = list[list[str]]


@dataclass
class Truth:
    """An order book kept in the plainest way: price text to quantity text."""

    last_id: int = 0
    bids: dict[str, str] = field(default_factory=dict)
    asks: dict[str, str] = field(default_factory=dict)

    def apply(self, frame: dict[str, Any]) -> None:
        """Take over a depthUpdate."""
        for side, rows in ((self.bids, frame["b"]), (self.asks, frame["a"])):
            for price, quantity in rows:
                if float(quantity):
                    side[price] = quantity
                else:
                    side.pop(price, None)
        self.last_id = frame["u"]

    def answer(self, limit: int) -> dict[str, Any]:
        """What GET depth says now."""
        bids = sorted(self.bids.items(), key=lambda row: -float(row[0]))[:limit]
        asks = sorted(self.asks.items(), key=lambda row: float(row[0]))[:limit]
        return {"lastUpdateId": self.last_id, "bids": bids, "asks": asks}


@dataclass(frozen=True)
class Quoted:
    """A recorded best bid and ask: update id, bid, its quantity, ask, its quantity."""

    ids: list[int]
    rows: list[tuple[float, float, float, float]]

    def at(self, update_id: int) -> tuple[int, tuple[float, float, float, float]] | None:
        """The newest one not after an update, with its own update id."""
        index = bisect_right(self.ids, update_id) - 1
        return (self.ids[index], self.rows[index]) if index >= 0 else None


@dataclass(frozen=True)
class Capture:
    """Frames in the order they were received, each with its receive time in ns, and the snapshot taken among them."""

    snapshot: Truth
    diffs: list[tuple[int, dict[str, Any]]]
    quotes: list[tuple[int, dict[str, Any]]]
    trades: list[tuple[int, dict[str, Any]]]
    quoted: Quoted


def text(number: float) -> str:
    """As Binance writes a number."""
    return f"{number:.8f}"


def read_capture(folder: Path, diffs_max: int | None = None) -> Capture:
    """The capture in `ticks/` of the real data, up to so many diffs."""
    l2 = pl.read_parquet(folder / "ticks" / f"{NAME}-l2.parquet")
    snapshot = Truth()
    for last_id, side, price, quantity in (
        l2.filter(pl.col("is_snapshot")).select("last_update_id", "side", "price", "qty").rows()
    ):
        snapshot.last_id = last_id
        (snapshot.bids if side == 1 else snapshot.asks)[text(price)] = text(quantity)
    rows = (
        l2.filter(~pl.col("is_snapshot"))
        .group_by(["first_update_id", "last_update_id"], maintain_order=True)
        .agg(pl.col("local_ts_ns").first(), pl.col("timestamp").first(), "side", "price", "qty")
    )
    diffs = [(row[2], _diff(*row)) for row in rows.head(diffs_max or len(rows)).rows()]
    until = diffs[-1][0]
    quotes = pl.read_parquet(folder / "ticks" / f"{NAME}-bbo.parquet").filter(pl.col("local_ts_ns") <= until)
    trades = pl.read_parquet(folder / "ticks" / f"{NAME}-trades.parquet").filter(pl.col("local_ts_ns") <= until)
    return Capture(
        snapshot,
        diffs,
        [(row[0], _quote(*row[2:])) for row in quotes.rows()],
        [(row[0], _trade(*row[1:6])) for row in trades.rows()],
        Quoted(quotes["update_id"].to_list(), quotes.select("bid", "bid_qty", "ask", "ask_qty").rows()),
    )


def wire_frames(folder: Path) -> list[str]:
    """What Binance sent in 30 s of 2021 on one connection, word for word."""
    with gzip.open(folder / "ticks" / "wire-BINANCE.jsonl.gz", "rt") as lines:
        records = [json.loads(line) for line in lines]
    return [record["raw"] for record in records if record["ev"] == "recv"]


def _diff(
    first_id: int, last_id: int, _: int, time_ms: int, sides: list[int], prices: list[float], quantities: list[float]
) -> dict[str, Any]:
    levels = list(zip(sides, prices, quantities, strict=True))
    return {
        "e": "depthUpdate",
        "E": time_ms,
        "s": SYMBOL,
        "U": first_id,
        "u": last_id,
        "b": [[text(price), text(quantity)] for side, price, quantity in levels if side == 1],
        "a": [[text(price), text(quantity)] for side, price, quantity in levels if side == -1],
    }


def _quote(update_id: int, bid: float, bid_quantity: float, ask: float, ask_quantity: float) -> dict[str, Any]:
    return {
        "u": update_id,
        "s": SYMBOL,
        "b": text(bid),
        "B": text(bid_quantity),
        "a": text(ask),
        "A": text(ask_quantity),
    }


def _trade(time_ms: int, trade_id: int, price: float, quantity: float, side: int) -> dict[str, Any]:
    return {
        "e": "trade",
        "E": time_ms,
        "s": SYMBOL,
        "t": trade_id,
        "p": text(price),
        "q": text(quantity),
        "T": time_ms,
        "m": side == -1,
        "M": True,
    }
