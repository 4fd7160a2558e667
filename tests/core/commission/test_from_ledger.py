"""Profit read out of the ledger alone: it is what the account's cash has gained, less what its lots still cost."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from tests.nouns import BTC, ETH, fill
from tradepool.core.commission.from_ledger import told_by
from tradepool.core.commission.lots import MoreThanTheLot
from tradepool.core.ledger.posting import fill_entry, opening_entry
from tradepool.core.ledger.trial_balance import trial_balance
from tradepool.domain.balance import Balance
from tradepool.domain.fill import Fill
from tradepool.domain.ids import FillId
from tradepool.domain.ledger import LedgerCode, LedgerEntry
from tradepool.domain.order import Side

OPENING = opening_entry(
    fill().account, 0, (Balance(account=fill().account, asset="USDT", free=Decimal(10_000), locked=Decimal(0)),)
)


def traded(seed: int, count: int) -> list[Fill]:
    """Random buys and sells on two markets, fees in what is received or in BNB, parts and all."""
    random, held, fills = Random(seed), {BTC.id: Decimal(0), ETH.id: Decimal(0)}, list[Fill]()
    for number in range(count):
        market = random.choice([BTC, ETH])
        price = market.price(random.randrange(1_000, 9_000_000))
        steps = market.steps(held[market.id] // market.quantity_step * market.quantity_step)
        buys = steps == 0 or random.random() < 0.5
        quantity = market.quantity(random.randrange(1, 5_000) if buys else random.randrange(1, steps + 1))
        worth = quantity if buys else quantity * price
        in_bnb = random.random() < 0.2
        unit = market.base_unit if buys else market.quote_unit
        fee = Decimal("0.01") if in_bnb else (worth / 1_000 // unit + 1) * unit
        asset = "BNB" if in_bnb else market.base if buys else market.quote
        held[market.id] += quantity - (fee if asset == market.base else 0) if buys else -quantity
        side = Side.BUY if buys else Side.SELL
        row = {"market": market.id, "side": side, "price": price, "quantity": quantity, "fee": fee, "fee_asset": asset}
        fills.append(fill(fill_id=FillId(str(number)), time_ms=number + 1, **row))
    return fills


def entries(fills: list[Fill]) -> list[LedgerEntry]:
    """As they are posted."""
    markets = {market.id: market for market in (BTC, ETH)}
    return [OPENING, *(fill_entry(each, markets[each.market]) for each in fills)]


@pytest.mark.parametrize("seed", range(5))
def test_gains_less_the_cost_of_open_lots_are_the_change_of_cash(seed: int) -> None:
    """To the last digit, and lots are what the venue holds of what was bought."""
    booked = entries(traded(seed, 400))
    told = told_by(booked, "USDT", 10**9)
    totals = trial_balance(transfer for entry in booked for transfer in entry.transfers)
    gained = sum(gain.amount for gain in told.gains) - sum(lot.cost for lot in told.lots.values())
    assert gained == totals[LedgerCode.VENUE, "USDT"] - 10_000
    for market in (BTC, ETH):
        assert told.lots[str(market.id)].quantity == totals[LedgerCode.VENUE, market.base]
    assert told.fees["BNB"] == sum(quantity for _, _, quantity in told.third_asset_fees)
    assert {asset: amount for (code, asset), amount in totals.items() if code is LedgerCode.FEES} == told.fees


def test_only_what_happened_before_a_moment_counts() -> None:
    """An event belongs to the period of its venue time."""
    booked = entries(traded(1, 50))
    assert [gain.time_ms for gain in told_by(booked, "USDT", 20).gains] == [
        gain.time_ms for gain in told_by(booked, "USDT", 10**9).gains if gain.time_ms < 20
    ]


def test_what_was_never_bought_here_can_not_be_sold_as_ours() -> None:
    """The owner's own coins are no lot."""
    sale = fill(side=Side.SELL, fee=Decimal(0), fee_asset="USDT")
    with pytest.raises(MoreThanTheLot):
        told_by(entries([sale]), "USDT", 10**9)
