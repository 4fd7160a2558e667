"""Profit and capital read out of the ledger alone: the change of an account's cash, and every rule's worked example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random
from types import MappingProxyType

import pytest

from tests.core.commission.lives import flow_entry
from tests.nouns import BTC, ETH, fill
from tradepool.core.commission.capital import FlowKind
from tradepool.core.commission.from_ledger import Given, Told, told_by
from tradepool.core.commission.recorded import MINUTE_MS, Prices, Recorded
from tradepool.core.commission.schedule import DAY_MS
from tradepool.core.commission.transfers import Ways
from tradepool.core.ledger.posting import adopted_entry, fill_entry, opening_entry, outside_entry, released_entry
from tradepool.core.ledger.trial_balance import trial_balance
from tradepool.domain.balance import Balance
from tradepool.domain.by_hand import PositionAdopted
from tradepool.domain.command import RecordRelease
from tradepool.domain.fill import Fill
from tradepool.domain.flow import FlowCause, Move
from tradepool.domain.ids import ClientOrderId, FillId, MarketId
from tradepool.domain.ledger import LedgerCode, LedgerEntry
from tradepool.domain.order import Side

NO_PRICES: Mapping[str, Decimal] = MappingProxyType({})
MINUTES = [number * MINUTE_MS for number in range(-10, 11)]
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


def told(booked: Sequence[LedgerEntry], prices: Mapping[str, Decimal] = NO_PRICES, *given: Given) -> Told:
    """What the entries tell, each coin at one price in USDT for ever."""
    rows = {(MarketId(f"binance:{name}"), at): Recorded(price) for name, price in prices.items() for at in MINUTES}
    known = Prices("binance", rows, MINUTES[-1] + MINUTE_MS)
    found = told_by(booked, given, known, Ways.known(booked, 10**9), "USDT")
    assert not known.missing
    return found


@pytest.mark.parametrize("seed", range(5))
def test_gains_less_the_cost_of_open_lots_are_the_change_of_cash(seed: int) -> None:
    """To the last digit, fees in a third coin at its price beside; and lots are what the venue holds of what was bought."""
    booked = entries(traded(seed, 400))
    found = told(booked, {"BNB/USDT": Decimal(600)})
    totals = trial_balance(transfer for entry in booked for transfer in entry.transfers)
    gained = sum(gain.amount for gain in found.gains) - sum(lot.cost for lot in found.lots.values())
    assert gained == totals[LedgerCode.VENUE, "USDT"] - 10_000 - 600 * found.fees["BNB"]
    for market in (BTC, ETH):
        assert found.lots[str(market.id)].quantity == totals[LedgerCode.VENUE, market.base]
    # R12: as much was given as was paid.
    assert sum(flow.amount for flow in found.flows) == 600 * found.fees["BNB"]
    assert {asset: amount for (code, asset), amount in totals.items() if code is LedgerCode.FEES} == found.fees


def test_what_is_sold_beyond_the_lot_is_the_owners() -> None:
    """R9: his own coins are no lot, whatever they bring."""
    sale = fill(side=Side.SELL, fee=Decimal(0), fee_asset="USDT")
    assert [gain.amount for gain in told(entries([sale])).gains] == [0]


def test_a_coin_that_is_given_costs_what_it_was_worth_then() -> None:
    """R16: adopted at the median of eleven closes, which is capital, too; what the owner trades himself never touches it."""
    account = fill().account
    event = PositionAdopted(time_ms=1, market=BTC.id, quantity=Decimal(3), price=Decimal(1), stop_price=Decimal(90))
    sale = fill(side=Side.SELL, price=Decimal(110), quantity=Decimal(2), fee=Decimal(0), fee_asset="USDT", time_ms=4)
    own = replace(sale, fill_id=FillId("2"), client_order_id=ClientOrderId("web_1"), quantity=Decimal(5), time_ms=3)
    held = opening_entry(account, 0, (Balance(account=account, asset="BTC", free=Decimal(9), locked=Decimal(0)),))
    booked = [held, adopted_entry(account, event, BTC), outside_entry(own, BTC), fill_entry(sale, BTC)]
    found = told(booked, {"BTC/USDT": Decimal(100)})
    assert [gain.amount for gain in found.gains] == [20]
    assert [flow.amount for flow in found.flows] == [300]
    assert found.lots[BTC.id].quantity == 1


@pytest.mark.parametrize("ends", [False, True])
def test_what_was_given_as_a_coin_is_taken_back_when_its_money_leaves_or_the_mandate_ends(*, ends: bool) -> None:
    """3 BTC adopted at 300 are sold for 330. Of 330 that leave 30 are results; who ends the mandate takes all back."""
    account = fill().account
    event = PositionAdopted(time_ms=1, market=BTC.id, quantity=Decimal(3), price=Decimal(1), stop_price=Decimal(90))
    row = {"side": Side.SELL, "price": Decimal(110), "quantity": Decimal(3), "fee": Decimal(0), "fee_asset": "USDT"}
    coins = (("BTC", 3), ("USDT", 1_000))
    held = tuple(Balance(account=account, asset=a, free=Decimal(n), locked=Decimal(0)) for a, n in coins)
    booked = [
        opening_entry(account, 0, held),
        adopted_entry(account, event, BTC),
        fill_entry(fill(time_ms=4, **row), BTC),
    ]
    out = flow_of(FlowCause.WITHDRAWAL, Move(asset="USDT", amount=Decimal(-330)), time_ms=5)
    given = [Given(0, Decimal(1_000), "USDT"), *([Given(9, Decimal(0), "USDT")] if ends else [])]
    found = told([*booked, *([] if ends else [out])], {"BTC/USDT": Decimal(100)}, *given)
    assert [gain.amount for gain in found.gains] == [30]
    assert [flow.amount for flow in found.flows] == [1_000, 300, -1_300 if ends else -300]


def test_a_lot_that_left_as_a_coin_is_not_taken_back_again() -> None:
    """1,000 given, 600.60 of it a lot that is withdrawn at 660: with the rest of the money all capital has left, no more."""
    out = flow_of(FlowCause.WITHDRAWAL, Move(asset="BTC", amount=Decimal("-0.01")), time_ms=5)
    money = flow_of(FlowCause.WITHDRAWAL, Move(asset="USDT", amount=Decimal("-399.40")), time_ms=6, reference="2")
    held = Balance(account=fill().account, asset="USDT", free=Decimal(1_000), locked=Decimal(0))
    booked = [opening_entry(fill().account, 0, (held,)), fill_entry(LOT, BTC), out, money]
    found = told(booked, {"BTC/USDT": Decimal(66_000)}, Given(0, Decimal(1_000), "USDT"))
    assert [flow.amount for flow in found.flows] == [1_000, -660, -340]


def test_a_fee_in_the_coin_that_is_sold_is_no_more_than_the_lot() -> None:
    """The lot is sold whole, and the fee is taken of coins that were never ours."""
    bought = fill(price=Decimal(100), fee=Decimal("0.001"))
    sale = fill(
        fill_id=FillId("2"), side=Side.SELL, price=Decimal(110), quantity=Decimal("0.999"), fee=Decimal("0.0001")
    )
    found = told(entries([bought, sale]))
    assert found.lots[BTC.id].quantity == 0
    assert found.gains[0].amount == Decimal("9.89")


# ---- the worked examples, through the ledger

COST = Decimal("600.60")
LOT = fill(price=Decimal(60_000), quantity=Decimal("0.01"), fee=Decimal("0.60"), fee_asset="USDT", time_ms=1)


def with_own(asset: str, amount: str, *more: LedgerEntry) -> list[LedgerEntry]:
    """Our lot of 0.01 BTC that cost 600.60, beside coins of the owner's own."""
    account = fill().account
    coins = (Balance(account=account, asset=asset, free=Decimal(amount), locked=Decimal(0)),)
    own = opening_entry(account, 0, coins)
    return [OPENING, replace(own, reference="opening"), fill_entry(LOT, BTC), *more]


def flow_of(cause: FlowCause, *moves: Move, time_ms: int = 5, reference: str = "1", tx_id: str = "") -> LedgerEntry:
    """What a venue's history tells, as it is booked."""
    return flow_entry(fill().account, time_ms, cause, list(moves), f"{reference}:{tx_id}")


def sold_by_hand(quantity: str, price: int) -> LedgerEntry:
    """The owner sells, at a fee of 0.1 %."""
    worth = Decimal(quantity) * price
    row = {"price": Decimal(price), "quantity": Decimal(quantity), "fee": worth / 1_000, "fee_asset": "USDT"}
    sale = fill(side=Side.SELL, fill_id=FillId("9"), client_order_id=ClientOrderId("web"), time_ms=4, **row)
    return outside_entry(sale, BTC)


def test_r8_a_lot_that_is_taken_over_counts_as_sold() -> None:
    """At the median of five closes less the fee, or at the book's bid where that was lower."""
    booked = with_own("BNB", "1", released_entry(fill().account, RecordRelease(BTC.id, Decimal("0.01"), 5), BTC))
    found = told(booked, {"BTC/USDT": Decimal(66_000)})
    assert [g.amount for g in found.gains] == [Decimal("58.74")]
    assert found.lots[BTC.id].quantity == 0
    lower = told(booked, {"BTC/USDT": Decimal(66_000), "BTC/USDT#bid 0.01": Decimal(65_000)})
    assert [g.amount for g in lower.gains] == [Decimal("48.75")]


def test_r10_own_coins_go_first_and_the_release_that_is_heard_later_counts_once() -> None:
    """0.005 of his own, sells 0.012: ours are 0.007, at the fill."""
    release = released_entry(fill().account, RecordRelease(BTC.id, Decimal("0.007"), 9), BTC)
    found = told(with_own("BTC", "0.005", sold_by_hand("0.012", 66_000), release))
    assert [gain.amount for gain in found.gains] == [Decimal("41.118")]
    assert found.lots[BTC.id].quantity == Decimal("0.003")


def test_r10_a_lot_sold_for_other_money_brings_what_that_is_worth() -> None:
    """R21: 0.01 BTC bought for USDT go for 660 USDC, 659.34 after the fee; at 0.9990 that is 658.68066 USDT. A lot that
    was bought for USDC and goes for USDT: by the same market, the other way round."""
    usdc = replace(BTC, quote="USDC")
    row = {"price": Decimal(66_000), "quantity": Decimal("0.01"), "side": Side.SELL, "fill_id": FillId("9")}
    row |= {"client_order_id": ClientOrderId("web"), "time_ms": 4, "fee": Decimal("0.66")}
    sale = outside_entry(fill(market=usdc.id, fee_asset="USDC", **row), usdc)
    found = told(with_own("BNB", "1", sale), {"USDC/USDT": Decimal("0.9990")})
    assert [gain.amount for gain in found.gains] == [Decimal("658.68066") - COST]
    assert [flow.amount for flow in found.flows] == [Decimal("-658.68066")]
    bought = fill_entry(replace(LOT, market=usdc.id, fee_asset="USDC"), usdc)
    sale = outside_entry(fill(fee_asset="USDT", **row), BTC)
    prices = {(MarketId("binance:USDC/USDT"), at): Recorded(Decimal("0.9990")) for at in MINUTES}
    prices |= {(MarketId("binance:USDT/USDC"), at): Recorded(None) for at in MINUTES}
    known = Prices("binance", prices, 10**9)
    found = told_by([OPENING, bought, sale], [], known, Ways(), "USDT")
    # 659.34 USDT are 659.99999... USDC there and 659.34 USDT back, less what a floor to eight places leaves.
    assert abs(found.gains[0].amount - (Decimal("659.34") - COST * Decimal("0.9990"))) < Decimal("0.00001")
    assert (found.unpriced, found.stale) == ([], [])


def test_r11_a_lot_that_is_withdrawn_counts_as_sold_at_that_minute() -> None:
    """No fee, and as much flows out."""
    out = flow_of(FlowCause.WITHDRAWAL, Move(asset="BTC", amount=Decimal("-0.01")))
    found = told(with_own("BNB", "1", out), {"BTC/USDT": Decimal(66_000)})
    assert [gain.amount for gain in found.gains] == [Decimal("59.40")]
    assert [flow.amount for flow in found.flows] == [Decimal("-660.00")]


def test_r12_a_fee_in_a_third_asset_is_a_cost_and_a_contribution() -> None:
    """Gross 10, a fee of 0.01 BNB at 600: 4 are earned, and 6 were given."""
    bought = fill(price=Decimal(100), fee=Decimal(0), fee_asset="USDT", time_ms=1)
    row = {"price": Decimal(110), "fee": Decimal("0.01"), "fee_asset": "BNB", "time_ms": 2}
    sale = fill(side=Side.SELL, fill_id=FillId("2"), **row)
    found = told([*with_own("BNB", "1")[:2], *entries([bought, sale])[1:]], {"BNB/USDT": Decimal(600)})
    assert [gain.amount for gain in found.gains] == [Decimal("4.00")]
    assert [(flow.amount, flow.kind) for flow in found.flows] == [(Decimal("6.00"), FlowKind.THIRD_ASSET_FEE)]


def test_r14_gifts_are_flows_and_dust_of_a_lot_is_sold_for_what_the_venue_gave() -> None:
    """An airdrop is no profit and no capital; a swept lot brought the BNB it was swept into."""
    gift = flow_of(FlowCause.DIVIDEND, Move(asset="BNB", amount=Decimal(2)), reference="7")
    sweep = flow_of(
        FlowCause.DUST, Move(asset="BTC", amount=Decimal("-0.01")), Move(asset="BNB", amount=Decimal(1)), reference="8"
    )
    prices = {"BNB/USDT": Decimal(650), "BTC/USDT": Decimal(66_000)}
    found = told(with_own("BNB", "1", gift, sweep), prices)
    assert [gain.amount for gain in found.gains] == [650 - COST]
    assert [flow.amount for flow in found.flows] == [-650]
    assert [(m.asset, m.value) for m in found.movements] == [
        ("BNB", Decimal(1_300)),
        ("BTC", Decimal(-660)),
        ("BNB", Decimal(650)),
    ]


def test_r15_money_on_its_way_to_another_account_is_capital_still() -> None:
    """All that a mandate was given leaves: nothing is taken back but the fee, unless it never arrives."""
    given = Given(0, Decimal(10_000), "USDT")
    move = Move(asset="USDT", amount=Decimal(-10_000), fee=Decimal(1))
    out = flow_of(FlowCause.WITHDRAWAL, move, tx_id="ab")
    came = flow_of(FlowCause.DEPOSIT, Move(asset="USDT", amount=Decimal(9_999)), reference="2", tx_id="ab")
    for now_ms, others, left in ((0, (), -1), (8 * DAY_MS, (), -10_000), (8 * DAY_MS, (came,), -1)):
        ways = Ways.known([out, *others], now_ms)
        found = told_by([OPENING, out], [given], Prices("binance", {}, 10**9), ways, "USDT")
        assert [flow.amount for flow in found.flows] == [10_000, left]
        assert found.gains == []


def test_r15_money_that_passes_through_is_not_what_was_moved_to_the_other_account() -> None:
    """All is moved; 500 come and leave again; what was moved comes back, and some of it leaves for good."""
    given = Given(0, Decimal(10_000), "USDT")
    sent = flow_of(FlowCause.WITHDRAWAL, Move(asset="USDT", amount=Decimal(-10_000)), time_ms=5, tx_id="ab")
    there = flow_of(FlowCause.DEPOSIT, Move(asset="USDT", amount=Decimal(10_000)), time_ms=5, tx_id="ab")
    passing = [
        flow_of(FlowCause.UNEXPLAINED, Move(asset="USDT", amount=Decimal(n)), time_ms=6 + at, reference=str(at))
        for at, n in enumerate((500, -500))
    ]
    back = flow_of(FlowCause.DEPOSIT, Move(asset="USDT", amount=Decimal(10_000)), time_ms=8, reference="3", tx_id="cd")
    away = flow_of(
        FlowCause.WITHDRAWAL, Move(asset="USDT", amount=Decimal(-10_000)), time_ms=8, reference="3", tx_id="cd"
    )
    out = flow_of(FlowCause.UNEXPLAINED, Move(asset="USDT", amount=Decimal(-700)), time_ms=9, reference="4")
    ways = Ways.known([sent, there, back, away], 10)
    found = told_by([OPENING, sent, *passing, back, out], [given], Prices("binance", {}, 10**9), ways, "USDT")
    assert [flow.amount for flow in found.flows] == [10_000, -700]


def test_idle_money_leaves_first_and_what_is_taken_back_comes_back() -> None:
    """R4: 9,100 of the 10,000 are idle; only what goes beyond is the mandate's."""
    given = Given(0, Decimal(900), "USDT")
    out = flow_of(FlowCause.UNEXPLAINED, Move(asset="USDT", amount=Decimal(-9_200)), time_ms=5)
    back = flow_of(FlowCause.DEPOSIT, Move(asset="USDT", amount=Decimal(500)), time_ms=6, reference="2")
    found = told([OPENING, out, back], NO_PRICES, given)
    assert [flow.amount for flow in found.flows] == [900, -100, 100]


def test_r21_a_gain_in_another_currency_is_converted_at_its_minute() -> None:
    """100 USDC at 0.9990 are 99.90 USDT."""
    market = replace(BTC, quote="USDC")
    row = {"market": market.id, "fee": Decimal(0), "fee_asset": "USDC"}
    bought = fill(price=Decimal(1_000), time_ms=1, **row)
    sale = fill(side=Side.SELL, fill_id=FillId("2"), price=Decimal(1_100), time_ms=2, **row)
    booked = [fill_entry(each, market) for each in (bought, sale)]
    assert [g.amount for g in told(booked, {"USDC/USDT": Decimal("0.9990")}).gains] == [Decimal("99.90")]


def test_r21_money_that_is_listed_the_other_way_round_alone() -> None:
    """4,000 lira earned, 40,000 given, at 40 lira a dollar: there is no market of the lira in dollars."""
    market = replace(BTC, quote="TRY")
    row = {"market": market.id, "fee": Decimal(0), "fee_asset": "TRY"}
    bought = fill(price=Decimal(2_000_000), quantity=Decimal("0.01"), time_ms=1, **row)
    sale = fill(
        side=Side.SELL, fill_id=FillId("2"), price=Decimal(2_400_000), quantity=Decimal("0.01"), time_ms=2, **row
    )
    rows = {(MarketId("binance:TRY/USDT"), at): Recorded(None) for at in MINUTES}
    rows |= {(MarketId("binance:USDT/TRY"), at): Recorded(Decimal(40)) for at in MINUTES}
    prices = Prices("binance", rows, 10**9)
    booked = [fill_entry(each, market) for each in (bought, sale)]
    found = told_by(booked, [Given(0, Decimal(40_000), "TRY")], prices, Ways(), "USDT")
    assert [gain.amount for gain in found.gains] == [100]
    assert [flow.amount for flow in found.flows] == [1_000]
    assert not found.unpriced
    assert not prices.missing


def test_a_cost_without_a_price_is_named_and_a_lot_without_one_counts_as_lost() -> None:
    """R20: what is missing can only lower the commission, so what would raise it stops the settlement."""
    paid = fill(fee=Decimal("0.01"), fee_asset="BNB", time_ms=1)
    unknown = {(MarketId("binance:BNB/USDT"), at): Recorded(None) for at in MINUTES}
    unknown |= {(MarketId("binance:BTC/USDT"), at): Recorded(None) for at in MINUTES}
    prices = Prices("binance", unknown, 10**9)
    assert told_by([fill_entry(paid, BTC)], [], prices, Ways(), "USDT").unpriced == ["BNB at 1970-01-01 00:00"]
    out = flow_of(FlowCause.WITHDRAWAL, Move(asset="BTC", amount=Decimal("-0.01")))
    found = told_by(with_own("BNB", "1", out), [], prices, Ways(), "USDT")
    assert ([gain.amount for gain in found.gains], found.stale) == ([-COST], [5])


def test_a_fee_that_eats_a_lot_has_sold_it() -> None:
    """1 BNB is ours and nothing else there: half of it pays a fee, and counts as sold at its price, as the fee's cost does."""
    bnb = replace(BTC, base="BNB", quantity_step=Decimal("0.001"), quantity_min=Decimal("0.001"))
    row = {"fee": Decimal(0), "fee_asset": "USDT", "time_ms": 1}
    bought = fill(market=bnb.id, price=Decimal(500), quantity=Decimal(1), **row)
    paying = fill(fill_id=FillId("2"), price=Decimal(100), fee=Decimal("0.5"), fee_asset="BNB", time_ms=2)
    booked = [OPENING, fill_entry(bought, bnb), fill_entry(paying, BTC)]
    found = told(booked, {"BNB/USDT": Decimal(600)})
    assert [gain.amount for gain in found.gains] == [50]
    assert found.lots[bnb.id].quantity == Decimal("0.5")
    assert found.lots[BTC.id].cost == 400
    assert [flow.amount for flow in found.flows] == [300, -300]


def test_what_the_owner_buys_with_the_mandates_money_is_capital_taken_back() -> None:
    """R4: all of the account is the mandate's; he buys himself for 100."""
    own = fill(client_order_id=ClientOrderId("web"), price=Decimal(100), fee=Decimal(0), fee_asset="USDT", time_ms=5)
    found = told([OPENING, outside_entry(own, BTC)], NO_PRICES, Given(0, Decimal(10_000), "USDT"))
    assert [flow.amount for flow in found.flows] == [10_000, -100]
    assert found.lots == {}


def test_what_the_owner_sells_of_what_he_bought_with_the_mandates_money_makes_that_good() -> None:
    """R4: he buys for 100 with the mandate's money and sells half at 55, less a fee: 54.90 are capital again. Of the lot that
    goes with the other half, nothing is: it counts as taken over in coins, and its money is idle."""
    own = {"client_order_id": ClientOrderId("web"), "fee": Decimal(0), "fee_asset": "USDT"}
    bought = fill(price=Decimal(100), quantity=Decimal("1"), time_ms=5, **own)
    half = fill(side=Side.SELL, price=Decimal(110), quantity=Decimal("0.5"), time_ms=6, fill_id=FillId("2"), **own)
    half = replace(half, fee=Decimal("0.10"))
    rest = replace(half, quantity=Decimal("0.51"), fee=Decimal(0), time_ms=7, fill_id=FillId("3"))
    booked = [OPENING, fill_entry(LOT, BTC), *(outside_entry(each, BTC) for each in (bought, half, rest))]
    found = told(booked, NO_PRICES, Given(0, Decimal(10_000), "USDT"))
    assert [flow.amount for flow in found.flows[:3]] == [10_000, -100, Decimal("54.90")]
    assert sorted((flow.amount, flow.kind) for flow in found.flows[3:]) == [
        (Decimal("-1.10"), FlowKind.WITHDRAWN_IN_KIND),
        (Decimal("45.10"), FlowKind.GIVEN),
    ]
    assert [gain.amount for gain in found.gains] == [Decimal("1.10") - COST]


def test_results_leave_before_capital_does() -> None:
    """1,000 given, 100 earned: taking 150 out takes 50 of the capital."""
    row = {"quantity": Decimal(1), "fee": Decimal(0), "fee_asset": "USDT"}
    bought = fill(price=Decimal(500), time_ms=1, **row)
    sale = fill(side=Side.SELL, fill_id=FillId("2"), price=Decimal(600), time_ms=2, **row)
    held = Balance(account=fill().account, asset="USDT", free=Decimal(1_000), locked=Decimal(0))
    out = flow_of(FlowCause.UNEXPLAINED, Move(asset="USDT", amount=Decimal(-150)))
    booked = [opening_entry(fill().account, 0, (held,)), fill_entry(bought, BTC), fill_entry(sale, BTC), out]
    found = told(booked, NO_PRICES, Given(0, Decimal(1_000), "USDT"))
    assert [flow.amount for flow in found.flows] == [1_000, -50]


def test_a_mandate_in_other_money_is_capital_at_its_price() -> None:
    """R16: 900 USDT are taken back, 500 USDC at 0.9990 are given instead."""
    given = [Given(1, Decimal(900), "USDT"), Given(2, Decimal(500), "USDC")]
    found = told([OPENING], {"USDC/USDT": Decimal("0.9990")}, *given)
    assert [flow.amount for flow in found.flows] == [900, -900, Decimal("499.5")]
