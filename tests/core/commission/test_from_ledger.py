"""Profit read out of the ledger alone: it is what the account's cash has gained, less what its lots still cost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from tests.nouns import BTC, ETH, fill
from tradepool.core.commission.from_ledger import told_by
from tradepool.core.commission.lots import MoreThanTheLot
from tradepool.core.ledger.posting import adopted_entry, fill_entry, opening_entry, outside_entry, released_entry
from tradepool.core.ledger.trial_balance import trial_balance
from tradepool.domain.balance import Balance
from tradepool.domain.by_hand import PositionAdopted
from tradepool.domain.command import RecordRelease
from tradepool.domain.fill import Fill
from tradepool.domain.ids import ClientOrderId, FillId
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


def test_what_was_adopted_can_be_sold_and_is_told_as_moved_by_hand() -> None:
    """Its cost is unknown; what is released leaves the lot; what the owner traded himself never touches it."""
    account = fill().account
    event = PositionAdopted(time_ms=1, market=BTC.id, quantity=Decimal(3), price=Decimal(100), stop_price=Decimal(90))
    released = RecordRelease(BTC.id, Decimal(1), 2)
    sale = fill(side=Side.SELL, price=Decimal(110), quantity=Decimal(2), fee=Decimal(0), fee_asset="USDT", time_ms=4)
    own = replace(sale, fill_id=FillId("2"), client_order_id=ClientOrderId("web_1"), quantity=Decimal(5), time_ms=3)
    booked = [
        adopted_entry(account, event, BTC),
        released_entry(account, released, BTC),
        outside_entry(own, BTC),
        fill_entry(sale, BTC),
    ]
    told = told_by(booked, "USDT", 10**9)
    assert told.by_hand == [entry.reference for entry in booked[:3]]
    assert [gain.amount for gain in told.gains] == [220]
    assert told.lots[BTC.id].quantity == 0


def test_a_fee_in_the_coin_that_is_sold_is_no_more_than_the_lot() -> None:
    """The lot is sold whole, and the fee is taken of coins that were never ours."""
    bought = fill(price=Decimal(100), fee=Decimal("0.001"))
    sale = fill(
        fill_id=FillId("2"), side=Side.SELL, price=Decimal(110), quantity=Decimal("0.999"), fee=Decimal("0.0001")
    )
    told = told_by(entries([bought, sale]), "USDT", 10**9)
    assert told.lots[BTC.id].quantity == 0
    assert told.gains[0].amount == Decimal("9.89")
