"""The trade pool: what is told of a trade, what is not, and that columns in memory count as plain Python does."""

from __future__ import annotations

from dataclasses import asdict, replace
from decimal import Decimal
from random import Random

import pytest

from tests.nouns import ACCOUNT, BTC, ETH, STRATEGY
from tradepool.domain.ids import UserId
from tradepool.domain.order import Purpose, Side
from tradepool.domain.trade import Origin, Trade
from tradepool.learning.pool import NoSuchColumn, Pool, PooledTrade, ShortSecret, pooled, pseudonym_of

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


def rows(count: int) -> list[PooledTrade]:
    """Random trades."""
    random = Random(3)
    return [
        PooledTrade(
            pseudonym=random.choice("abc"),
            strategy=random.choice(["macd", "rsi"]),
            market=random.choice([str(BTC.id), str(ETH.id)]),
            side="buy",
            exit_reason=random.choice(["stop", "target"]),
            origin=random.choice(["real", "backtest"]),
            entry_time_ms=number,
            exit_time_ms=number + random.randrange(9),
            return_bp=random.choice([-30.0, 12.5, 0.0]),
            fees_bp=20.0,
        )
        for number in range(count)
    ]


def test_a_pooled_trade_tells_returns_and_nothing_of_size_or_owner() -> None:
    """A hundred times the size is the same row; the user's and the account's names are in none of it."""
    name = pseudonym_of(UserId("ann"), b"s" * 32)
    one = pooled(TRADE, name)
    large = replace(TRADE, quantity=TRADE.quantity * 100, entry_fee=TRADE.entry_fee * 100)
    assert pooled(replace(large, exit_fee=TRADE.exit_fee * 100, pnl=TRADE.pnl * 100), name) == one
    assert (round(one.return_bp, 6), round(one.fees_bp, 6)) == (79.9, 20.1)
    assert not any(word in str(asdict(one)) for word in ("ann", ACCOUNT.id, "0.02", "50000"))
    with pytest.raises(ShortSecret):
        pseudonym_of(UserId("ann"), b"short")


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
