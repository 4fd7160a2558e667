"""The trade pool: closed trades of consenting users side by side, without saying whose they are or how large they were.

What is pooled is a return in basis points, times, market, strategy, why it ended and where it was made. A trade carries a
pseudonym: a keyed hash of its user under a secret that is thrown away when it rotates, after which nobody can tell whose
it was, nor that two of them are one user's. What a user withdraws is found by the ids of his own list, kept with him.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, fields

import polars as pl

from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import UserId
from tradepool.domain.trade import Trade

BASIS_POINTS = 10_000
PSEUDONYM_BYTES = 8
SECRET_BYTES = 32


class NoSuchColumn(InvalidInput):
    """The trade pool has no column {name}; it has {known}."""


class ShortSecret(InvalidInput):
    """A pseudonym's secret of {length} bytes can be guessed; use {wanted} random ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledTrade:
    """One closed trade. Returns and fees in basis points of what the entry cost; times in ms UTC."""

    pseudonym: str
    strategy: str
    market: str
    side: str
    exit_reason: str
    origin: str
    entry_time_ms: int
    exit_time_ms: int
    return_bp: float
    fees_bp: float


TEXTS = ("pseudonym", "strategy", "market", "side", "exit_reason", "origin")
TIMES, SHARES = ("entry_time_ms", "exit_time_ms"), ("return_bp", "fees_bp")
SCHEMA = pl.Schema(
    dict.fromkeys(TEXTS, pl.Categorical()) | dict.fromkeys(TIMES, pl.Int64()) | dict.fromkeys(SHARES, pl.Float64())
)
assert list(SCHEMA) == [field.name for field in fields(PooledTrade)]


def pseudonym_of(user: UserId, secret: bytes) -> str:
    """A user's name in the pool while a secret lasts: sixteen hex digits. Raises ShortSecret.

    >>> one, other = b"1" * 32, b"2" * 32
    >>> pseudonym_of(UserId("ann"), one) == pseudonym_of(UserId("ann"), one) != pseudonym_of(UserId("ann"), other)
    True
    """
    if len(secret) < SECRET_BYTES:
        raise ShortSecret(length=len(secret), wanted=SECRET_BYTES)
    return hmac.new(secret, user.encode(), hashlib.sha256).digest()[:PSEUDONYM_BYTES].hex()


def pooled(trade: Trade, pseudonym: str) -> PooledTrade:
    """What of a trade goes into the pool: no size, no amount, no balance."""
    cost = trade.entry_price * trade.quantity
    fees = trade.exit_fee + trade.entry_fee * trade.entry_price
    return PooledTrade(
        pseudonym=pseudonym,
        strategy=trade.strategy_id,
        market=trade.market,
        side=trade.side.value,
        exit_reason=trade.exit_reason.value,
        origin=trade.origin.value,
        entry_time_ms=trade.entry_time_ms,
        exit_time_ms=trade.exit_time_ms,
        return_bp=float(trade.pnl / cost * BASIS_POINTS),
        fees_bp=float(fees / cost * BASIS_POINTS),
    )


@dataclass(frozen=True, slots=True)
class Group:
    """Trades that share a value: how many, their mean return and the share that won."""

    value: str
    trades: int
    mean_bp: float
    won: float


class Pool:
    """Pooled trades as columns in memory (polars; texts as categories).

    >>> rows = [PooledTrade(pseudonym="a", strategy="s", market=m, side="buy", exit_reason="stop", origin="real",
    ...     entry_time_ms=0, exit_time_ms=1, return_bp=r, fees_bp=20.0) for m, r in (("x", 30.0), ("y", -10.0), ("x", -20.0))]
    >>> Pool.of(rows).where(origin="real").grouped("market")
    [Group(value='x', trades=2, mean_bp=5.0, won=0.5), Group(value='y', trades=1, mean_bp=-10.0, won=0.0)]
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        """Use `Pool.of`; a frame has the columns of SCHEMA."""
        self.frame = frame

    @classmethod
    def of(cls, rows: Sequence[PooledTrade]) -> Pool:
        """Rows in the order they were pooled."""
        return cls(pl.DataFrame({name: [getattr(row, name) for row in rows] for name in SCHEMA}, schema=SCHEMA))

    def __len__(self) -> int:
        """How many there are."""
        return len(self.frame)

    def where(self, since_ms: int | None = None, until_ms: int | None = None, **texts: str) -> Pool:
        """Those with these values that closed in a time (`until_ms` excluded). Raises NoSuchColumn."""
        wanted = [pl.col(_known(name)) == value for name, value in texts.items()]
        closed = pl.col("exit_time_ms")
        wanted += [closed >= since_ms] if since_ms is not None else []
        wanted += [closed < until_ms] if until_ms is not None else []
        return Pool(self.frame.filter(*wanted))

    def grouped(self, by: str) -> list[Group]:
        """Trades by a text column, the most first. Raises NoSuchColumn."""
        returns = pl.col("return_bp")
        by_value = self.frame.group_by(pl.col(_known(by)).alias("value"))
        table = by_value.agg(
            pl.len().alias("trades"), returns.mean().alias("mean_bp"), (returns > 0).mean().alias("won")
        )
        groups = [Group(**row) for row in table.to_dicts()]
        return sorted(groups, key=lambda group: (-group.trades, group.value))


def _known(name: str) -> str:
    if name not in TEXTS:
        raise NoSuchColumn(name=repr(name)[:40], known=", ".join(TEXTS))
    return name
