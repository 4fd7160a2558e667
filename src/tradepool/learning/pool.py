"""The trade pool: closed trades of consenting users side by side, without saying whose they are or how large they were.

What is pooled is a return in basis points, the bars in which it was made, market, strategy, why it ended, where it was made
and what the market looked like at its entry. A trade carries a pseudonym: a keyed hash of its user and of the thirty days in
which it ended, under a secret that is thrown away when it rotates, after which nobody can tell whose it was, nor that two of
them are one user's. Its id is random; the list of a user's ids is kept with him, so that he can withdraw them later. Decision 38.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

import polars as pl

from tradepool.domain.candle import timeframe_name
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import UserId
from tradepool.domain.trade import Trade
from tradepool.learning.features import NAMES

BASIS_POINTS = 10_000
PSEUDONYM_BYTES = 8
# No longer than this does a secret last, and no more of a user's trades than end within it have one name.
PSEUDONYM_MS = 30 * 86_400_000
SECRET_BYTES = 32
# Digits after the point. An exact quotient of amounts tells the amounts (it is a fraction in lowest terms); these do not.
RETURN_DIGITS, FEES_DIGITS = 2, 1


class NoSuchColumn(InvalidInput):
    """The trade pool has no column {name}; it has {known}."""


class ShortSecret(InvalidInput):
    """A pseudonym's secret of {length} bytes can be guessed; use {wanted} random ones."""


class NotThePool(InvalidInput):
    """These columns are not the pool's of this version: {why}; gather the trades anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledTrade:
    """One closed trade. Returns and fees in basis points of what the entry cost, rounded, without fees in a third asset; times in ms UTC, when the bar
    opened in which it was entered, and left. `features` are those of `learning.features`, nan where they are unknown."""

    id: str
    pseudonym: str
    strategy: str
    market: str
    timeframe: str
    side: str
    exit_reason: str
    origin: str
    entry_time_ms: int
    exit_time_ms: int
    return_bp: float
    fees_bp: float
    features: Sequence[float]


TEXTS = ("pseudonym", "strategy", "market", "timeframe", "side", "exit_reason", "origin")
TIMES, SHARES = ("entry_time_ms", "exit_time_ms"), ("return_bp", "fees_bp")
SCHEMA = pl.Schema(
    {"id": pl.String()}
    | dict.fromkeys(TEXTS, pl.Categorical())
    | dict.fromkeys(TIMES, pl.Int64())
    | dict.fromkeys((*SHARES, *NAMES), pl.Float64())
)
_PLAIN = [field.name for field in fields(PooledTrade) if field.name != "features"]
assert [*_PLAIN, *NAMES] == list(SCHEMA)


def pseudonym_of(user: UserId, secret: bytes, ended_ms: int) -> str:
    """What a user is called in the pool for a trade that ended then, while a secret lasts: sixteen hex digits. ShortSecret.

    >>> ann, one, other = UserId("ann"), b"1" * 32, b"2" * 32
    >>> pseudonym_of(ann, one, 0) == pseudonym_of(ann, one, PSEUDONYM_MS - 1) != pseudonym_of(ann, other, 0)
    True
    """
    if len(secret) < SECRET_BYTES:
        raise ShortSecret(length=len(secret), wanted=SECRET_BYTES)
    told = f"{user} {ended_ms // PSEUDONYM_MS}".encode()
    return hmac.new(secret, told, hashlib.sha256).digest()[:PSEUDONYM_BYTES].hex()


def pooled(
    trade: Trade,
    *,
    id: str,
    pseudonym: str,
    strategy: str,
    timeframe_ms: int,
    entry_ms: int,
    features: Sequence[float],
) -> PooledTrade:
    """What of a trade goes into the pool: no size, no amount, no balance.

    `entry_ms` is the T at which the entry was decided; `strategy` is what the trade's may be called before all.
    """
    cost = trade.entry_price * trade.quantity
    fees = trade.exit_fee + trade.entry_fee * trade.entry_price
    return PooledTrade(
        id=id,
        pseudonym=pseudonym,
        strategy=strategy,
        market=trade.market,
        timeframe=timeframe_name(timeframe_ms),
        side=trade.side.value,
        exit_reason=trade.exit_reason.value,
        origin=trade.origin.value,
        entry_time_ms=entry_ms,
        exit_time_ms=bar_of(trade.exit_time_ms, timeframe_ms),
        return_bp=round(float(trade.pnl / cost * BASIS_POINTS), RETURN_DIGITS),
        fees_bp=round(float(fees / cost * BASIS_POINTS), FEES_DIGITS),
        features=features,
    )


def bar_of(time_ms: int, timeframe_ms: int) -> int:
    """When the bar opened that a moment is in.

    >>> bar_of(119_999, 60_000), bar_of(120_000, 60_000)
    (60000, 120000)
    """
    return time_ms // timeframe_ms * timeframe_ms


@dataclass(frozen=True, slots=True)
class Group:
    """Trades that share a value: how many, their mean return and the share that won."""

    value: str
    trades: int
    mean_bp: float
    won: float


class Pool:
    """Pooled trades as columns in memory (polars; texts as categories), the first to close first.

    >>> rows = [PooledTrade(id=m + str(r), pseudonym="a", strategy="s", market=m, timeframe="1m", side="buy",
    ...     exit_reason="stop", origin="real", entry_time_ms=0, exit_time_ms=1, return_bp=r, fees_bp=20.0,
    ...     features=[0.0] * len(NAMES)) for m, r in (("x", 30.0), ("y", -10.0), ("x", -20.0))]
    >>> Pool.of(rows).where(origin="real").grouped("market")
    [Group(value='x', trades=2, mean_bp=5.0, won=0.5), Group(value='y', trades=1, mean_bp=-10.0, won=0.0)]
    """

    def __init__(self, frame: pl.DataFrame | pl.LazyFrame) -> None:
        """Use `Pool.of`; a frame has the columns of SCHEMA. Nothing of a lazy one is computed before it is asked for."""
        self._rows = frame.lazy()

    @classmethod
    def of(cls, rows: Sequence[PooledTrade]) -> Pool:
        """Rows in any order."""
        columns: dict[str, list[object]] = {name: [getattr(row, name) for row in rows] for name in _PLAIN}
        columns |= {name: [row.features[place] for row in rows] for place, name in enumerate(NAMES)}
        return cls.checked(pl.DataFrame(columns, schema=SCHEMA))

    @classmethod
    def checked(cls, frame: pl.DataFrame) -> Pool:
        """A frame from elsewhere, in order. Raises NotThePool for other columns."""
        if frame.schema != SCHEMA:
            strange = sorted({*frame.schema.items()} ^ {*SCHEMA.items()}, key=str)[:3]
            raise NotThePool(why=", ".join(f"{name} {kind}" for name, kind in strange) or "its columns are in disorder")
        # By what is random after time, so that the order tells nothing of who was gathered with whom.
        return cls(frame.sort("exit_time_ms", "id"))

    @property
    def frame(self) -> pl.DataFrame:
        """All columns of all rows."""
        return self._rows.collect()

    @property
    def ids(self) -> list[str]:
        """The ids of all rows."""
        return self._rows.select("id").collect()["id"].to_list()

    def __len__(self) -> int:
        """How many there are."""
        return int(self._rows.select(pl.len()).collect().item())

    def with_rows(self, rows: Sequence[PooledTrade]) -> Pool:
        """With more of them; an id that is there already stays as it was."""
        known = set(self.ids)
        news = {row.id: row for row in rows if row.id not in known}
        return Pool.checked(pl.concat([self.frame, Pool.of([*news.values()]).frame])) if news else self

    def without(self, ids: Collection[str]) -> Pool:
        """Without those that were withdrawn."""
        return Pool(self._rows.filter(~pl.col("id").is_in([*ids]))) if ids else self

    def where(self, since_ms: int | None = None, until_ms: int | None = None, **texts: str) -> Pool:
        """Those with these values that closed in a time (`until_ms` excluded). Raises NoSuchColumn."""
        wanted = [pl.col(_known(name)) == value for name, value in texts.items()]
        closed = pl.col("exit_time_ms")
        wanted += [closed >= since_ms] if since_ms is not None else []
        wanted += [closed < until_ms] if until_ms is not None else []
        return Pool(self._rows.filter(*wanted))

    def grouped(self, by: str) -> list[Group]:
        """Trades by a text column, the most first. Raises NoSuchColumn."""
        returns = pl.col("return_bp")
        by_value = self._rows.group_by(pl.col(_known(by)).alias("value"))
        table = by_value.agg(
            pl.len().alias("trades"), returns.mean().alias("mean_bp"), (returns > 0).mean().alias("won")
        )
        groups = [Group(**row) for row in table.collect().to_dicts()]
        return sorted(groups, key=lambda group: (-group.trades, group.value))


def _known(name: str) -> str:
    if name not in TEXTS:
        raise NoSuchColumn(name=repr(name)[:40], known=", ".join(TEXTS))
    return name
