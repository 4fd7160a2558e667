"""The trade pool: what is told of a trade, what is not, and that columns in memory count as plain Python does."""

from __future__ import annotations

from dataclasses import asdict, replace
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest

from tests.nouns import ACCOUNT, BTC, ETH, STRATEGY
from tradepool.domain.ids import UserId
from tradepool.domain.order import Purpose, Side
from tradepool.domain.trade import Origin, Trade
from tradepool.learning.features import NAMES
from tradepool.learning.pool import (
    PSEUDONYM_MS,
    NoSuchColumn,
    NotThePool,
    Pool,
    PooledTrade,
    ShortSecret,
    pseudonym_of,
)
from tradepool.learning.pool import pooled as as_pooled

TRADE = Trade(
    account=ACCOUNT.id,
    strategy_id=STRATEGY,
    market=BTC.id,
    side=Side.BUY,
    entry_time_ms=60_000,
    entry_price=Decimal(50_000),
    exit_time_ms=120_000,
    exit_price=Decimal(50_500),
    quantity=Decimal("0.02"),
    entry_fee=Decimal("0.00002"),
    exit_fee=Decimal("1.01"),
    pnl=Decimal("7.99"),
    exit_reason=Purpose.TRAILING,
    origin=Origin.REAL,
)


FEATURES = [float(number) for number in range(len(NAMES))]
MINUTE_MS = 60_000


def pooled(trade: Trade, pseudonym: str = "a", id: str = "0") -> PooledTrade:
    """A trade as it is pooled, entered at its bar."""
    return as_pooled(
        trade,
        id=id,
        pseudonym=pseudonym,
        strategy="own",
        timeframe_ms=MINUTE_MS,
        entry_ms=trade.entry_time_ms // MINUTE_MS * MINUTE_MS,
        features=FEATURES,
    )


def rows(count: int) -> list[PooledTrade]:
    """Random trades."""
    random = Random(3)
    return [
        PooledTrade(
            id=f"{random.getrandbits(128):032x}",
            pseudonym=random.choice("abc"),
            strategy=random.choice(["macd", "rsi"]),
            market=random.choice([str(BTC.id), str(ETH.id)]),
            timeframe="1m",
            side="buy",
            exit_reason=random.choice(["stop", "target"]),
            origin=random.choice(["real", "backtest"]),
            entry_time_ms=number,
            exit_time_ms=number + random.randrange(9),
            return_bp=random.choice([-30.0, 12.5, 0.0]),
            fees_bp=20.0,
            features=FEATURES,
        )
        for number in range(count)
    ]


def test_a_pooled_trade_tells_returns_and_nothing_of_size_or_owner() -> None:
    """A hundred times the size is the same row; the user's and the account's names are in none of it."""
    name = pseudonym_of(UserId("ann"), b"s" * 32, TRADE.exit_time_ms)
    one = pooled(TRADE, name)
    large = replace(TRADE, quantity=TRADE.quantity * 100, entry_fee=TRADE.entry_fee * 100)
    assert pooled(replace(large, exit_fee=TRADE.exit_fee * 100, pnl=TRADE.pnl * 100), name) == one
    assert (one.return_bp, one.fees_bp) == (79.9, 20.1)
    assert not any(word in str(asdict(one)) for word in ("ann", ACCOUNT.id, "0.02", "50000"))
    with pytest.raises(ShortSecret):
        pseudonym_of(UserId("ann"), b"short", 0)


def test_a_name_stands_for_a_user_over_no_more_than_thirty_days() -> None:
    """Whatever is gathered when; two users never have one, not even where a name ends like a number of days."""
    month, ann, secret = PSEUDONYM_MS, UserId("ann"), b"s" * 32
    assert pseudonym_of(ann, secret, 2 * month) == pseudonym_of(ann, secret, 3 * month - 1)
    users = ann, UserId("ann 1"), UserId("ann1"), UserId("ben")
    names = [pseudonym_of(user, secret, at_ms) for user in users for at_ms in range(0, 13 * month, month)]
    assert len({*names}) == len(names) == 13 * len(users)


def test_no_size_can_be_counted_back_from_a_return() -> None:
    """An exact quotient is a fraction in lowest terms, and tells what was divided; what is pooled fits any size."""
    odd = replace(TRADE, quantity=Decimal("0.01973"), pnl=Decimal("7.89371"))
    cost = odd.entry_price * odd.quantity
    guessed = Fraction(float(odd.pnl / cost)).limit_denominator(10**8)
    assert guessed.denominator > 10**5
    assert int(cost * 10**5) % guessed.denominator == 0
    told = Fraction(str(pooled(odd).return_bp))
    assert 100 % told.denominator == 0


def test_times_are_those_of_bars() -> None:
    """When in a bar somebody's order was filled is nobody's business."""
    late = pooled(replace(TRADE, entry_time_ms=60_731, exit_time_ms=179_999))
    assert (late.entry_time_ms, late.exit_time_ms, late.timeframe) == (60_000, 120_000, "1m")


def test_rows_are_added_once_and_taken_out_for_good() -> None:
    """By their ids, in whatever order they come; the order within tells nothing of who came with whom."""
    every = rows(60)
    pool = Pool.of(every[:40]).with_rows(every[20:])
    assert sorted(pool.ids) == sorted(row.id for row in every)
    shuffled = [*every]
    Random(1).shuffle(shuffled)
    assert Pool.of(shuffled).frame.equals(pool.frame)
    gone = {row.id for row in every[10:30]}
    left = pool.without(gone)
    assert (len(left), gone & set(left.ids)) == (40, set())
    assert sum(group.trades for group in left.grouped("market")) == 40


def test_other_columns_are_refused_by_name() -> None:
    """Of a version with other features, say."""
    with pytest.raises(NotThePool, match="gain_1"):
        Pool.checked(Pool.of(rows(2)).frame.drop("gain_1"))


@pytest.mark.parametrize("by", ["strategy", "market", "pseudonym", "exit_reason", "origin"])
def test_groups_are_what_plain_python_counts(by: str) -> None:
    """Filtered by two columns and a time."""
    all_rows = rows(500)
    chosen = [r for r in all_rows if r.origin == "real" and r.market == str(BTC.id) and 100 <= r.exit_time_ms < 400]
    found = {
        group.value: group for group in Pool.of(all_rows).where(100, 400, origin="real", market=str(BTC.id)).grouped(by)
    }
    assert sum(group.trades for group in found.values()) == len(chosen)
    for value, group in found.items():
        returns = [row.return_bp for row in chosen if getattr(row, by) == value]
        assert group.trades == len(returns)
        assert group.mean_bp == pytest.approx(sum(returns) / len(returns))
        assert group.won == sum(r > 0 for r in returns) / len(returns)


def test_an_unknown_column_is_said_by_name() -> None:
    """A value that nobody has is no error: it is in no row."""
    pool = Pool.of(rows(10))
    assert pool.where(market="nowhere").grouped("market") == []
    for call in (lambda: pool.where(wallet="x"), lambda: pool.grouped("wallet")):
        with pytest.raises(NoSuchColumn, match="wallet"):
            call()


def test_an_empty_pool_has_no_groups() -> None:
    """As every pool is in the beginning."""
    assert (len(Pool.of([])), Pool.of([]).grouped("market")) == (0, [])
