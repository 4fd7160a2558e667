"""R15: a lot that goes from one account of a user's to another is not sold, whatever the clocks and histories do."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.core.commission.lives import flow_entry
from tests.core.commission.test_from_ledger import COST, LOT, MINUTES, OPENING
from tests.nouns import BTC, fill
from tradepool.core.commission.from_ledger import Given, Told, told_of
from tradepool.core.commission.recorded import MINUTE_MS, Prices, Recorded
from tradepool.core.commission.schedule import DAY_MS
from tradepool.core.commission.transfers import Ways
from tradepool.core.ledger.posting import adopted_entry, fill_entry, outside_entry, released_entry
from tradepool.domain.by_hand import PositionAdopted
from tradepool.domain.command import RecordRelease
from tradepool.domain.flow import FlowCause, Move
from tradepool.domain.ids import AccountId, ClientOrderId, FillId, MarketId
from tradepool.domain.ledger import LedgerEntry
from tradepool.domain.order import Side

HOME, OTHER = fill().account, AccountId("other")
GIVEN = Given(0, Decimal(1_000), "USDT")


def sent(time_ms: int = 5, fee: str = "0") -> LedgerEntry:
    """The lot of 0.01 BTC that cost 600.60 leaves its account."""
    move = Move(asset="BTC", amount=Decimal("-0.01"), fee=Decimal(fee))
    return flow_entry(HOME, time_ms, FlowCause.WITHDRAWAL, [move], "1:ab")


def came(time_ms: int = 6, amount: str = "0.01") -> LedgerEntry:
    """It is credited to the other one."""
    return flow_entry(OTHER, time_ms, FlowCause.DEPOSIT, [Move(asset="BTC", amount=Decimal(amount))], "2:ab")


def sold_there(price: int, time_ms: int = 8) -> LedgerEntry:
    """Its owner sells it there himself, at no fee."""
    row = {"price": Decimal(price), "quantity": Decimal("0.01"), "fee": Decimal(0), "fee_asset": "USDT"}
    own = ClientOrderId("web")
    sale = fill(account=OTHER, side=Side.SELL, fill_id=FillId("9"), client_order_id=own, time_ms=time_ms, **row)
    return outside_entry(sale, BTC)


def told(home: list[LedgerEntry], other: list[LedgerEntry], now_ms: int = 10) -> tuple[Told, Told]:
    """What the books of both tell, as it is known at a moment; a bitcoin is 66,000."""
    rows = {(MarketId("binance:BTC/USDT"), at): Recorded(Decimal(66_000)) for at in MINUTES}
    prices = Prices("binance", rows, MINUTES[-1] + MINUTE_MS)
    booked = [OPENING, fill_entry(LOT, BTC), *home]
    ways = Ways.known([*booked, *other], now_ms)
    found = told_of({HOME: (booked, [GIVEN]), OTHER: (other, [])}, prices, ways, "USDT")
    assert not prices.missing
    return found[HOME], found[OTHER]


@pytest.mark.parametrize("credited_ms", [6, 4])
def test_a_lot_that_is_moved_is_sold_where_it_is_sold(credited_ms: int) -> None:
    """Bought for 600.60 here, sold for 640 there: 39.40 are earned then, and no capital was taken back before; credited
    before it left, too, as clocks differ. The platform hears later that the lot is gone: it was not taken over."""
    heard = released_entry(HOME, RecordRelease(BTC.id, Decimal("0.01"), 7), BTC)
    here, there = told([sent(), heard], [came(credited_ms)])
    assert [*here.gains, *there.gains] == []
    assert [flow.amount for flow in here.flows] == [1_000]
    assert here.lots[BTC.id].quantity == 0
    assert (there.lots[BTC.id].quantity, there.lots[BTC.id].cost) == (Decimal("0.01"), COST)
    here, there = told([sent(), heard], [came(credited_ms), sold_there(64_000)])
    assert [gain.amount for gain in (*here.gains, *there.gains)] == [640 - COST]


def test_what_is_lost_on_the_way_has_left_at_its_price_then() -> None:
    """R15: a network's fee of 0.001 BTC is an outflow of 66 and no loss; what it had cost goes with it."""
    here, there = told([sent(fee="0.001")], [came(amount="0.009")])
    assert [gain.amount for gain in here.gains] == [66 - COST / 10]
    assert [flow.amount for flow in here.flows] == [1_000, -66]
    assert (there.lots[BTC.id].quantity, there.lots[BTC.id].cost) == (Decimal("0.009"), COST * 9 / 10)


def test_a_lot_on_its_way_is_still_there_and_one_that_never_comes_left_when_it_did() -> None:
    """Seven days long it is a lot, of the account that it left; then it counts as withdrawn in that minute (R11)."""
    here, there = told([sent()], [], 7 * DAY_MS)
    assert (here.gains, here.lots[BTC.id].cost, there.lots) == ([], COST, {})
    here, _ = told([sent()], [], 8 * DAY_MS)
    assert [gain.amount for gain in here.gains] == [Decimal("59.40")]
    assert [flow.amount for flow in here.flows] == [1_000, -660]


def test_a_moved_lot_that_is_adopted_there_is_the_same_lot() -> None:
    """It is given once: neither its cost nor the capital changes."""
    event = PositionAdopted(
        time_ms=7, market=BTC.id, quantity=Decimal("0.01"), price=Decimal(66_000), stop_price=Decimal(60_000)
    )
    _, there = told([sent()], [came(), adopted_entry(OTHER, event, BTC)])
    assert (there.lots[BTC.id].cost, there.flows) == (COST, [])


def test_money_from_a_moved_lot_that_comes_home_is_the_mandates_again() -> None:
    """It is sold there for what it had cost, and the money sent back: when it leaves for good, it is capital."""
    dollars = Move(asset="USDT", amount=Decimal(-600))
    back = flow_entry(OTHER, 8, FlowCause.WITHDRAWAL, [dollars], "3:cd")
    home = flow_entry(HOME, 9, FlowCause.DEPOSIT, [replace(dollars, amount=Decimal(600))], "4:cd")
    gone = flow_entry(HOME, 10, FlowCause.WITHDRAWAL, [replace(dollars, amount=Decimal("-9999.40"))], "5:")
    here, _ = told([sent(), home, gone], [came(), sold_there(60_060, 7), back], 8 * DAY_MS)
    assert [flow.amount for flow in here.flows] == [1_000, Decimal("-999.40")]
