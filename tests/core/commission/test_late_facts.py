"""What became known after it was booked: profit, capital and lots are as if it had been known at once."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from tests.core.commission.lives import flow_entry
from tests.nouns import BTC, fill
from tradepool.core.commission.from_ledger import Given, Told, told_by
from tradepool.core.commission.late_facts import as_known
from tradepool.core.commission.recorded import Prices
from tradepool.core.commission.transfers import Way, Ways
from tradepool.core.ledger.posting import fill_entry, opening_entry
from tradepool.domain.balance import Balance
from tradepool.domain.flow import FlowCause, FlowNamed, Move
from tradepool.domain.ids import FillId
from tradepool.domain.ledger import LedgerCode, LedgerEntry
from tradepool.domain.order import Side

ACCOUNT = fill().account
OPENING = opening_entry(
    ACCOUNT,
    0,
    tuple(
        Balance(account=ACCOUNT, asset=asset, free=Decimal(free), locked=Decimal(0))
        for asset, free in (("USDT", 1_000), ("BTC", 1))
    ),
)
BOUGHT = fill_entry(fill(price=Decimal(100), fee=Decimal(0), time_ms=1), BTC)
SOLD = fill_entry(fill(fill_id=FillId("2"), side=Side.SELL, price=Decimal(110), fee=Decimal(0), time_ms=9), BTC)


def flow(time_ms: int, cause: FlowCause, asset: str, amount: str, reference: str = "1:", fee: str = "0") -> LedgerEntry:
    """One that moves one asset."""
    move = Move(asset=asset, amount=Decimal(amount), fee=Decimal(fee))
    return flow_entry(ACCOUNT, time_ms, cause, [move], reference)


def told(entries: list[LedgerEntry]) -> Told:
    """900 of what is there are a mandate's; no price is known."""
    given = [Given(0, Decimal(900), "USDT")]
    return told_by(entries, given, Prices("binance", {}, 10**9), Ways.known(entries, 10**9), "USDT")


@pytest.mark.parametrize(("asset", "amount"), [("BTC", "-1"), ("USDT", "-100")])
def test_what_was_unexplained_until_a_history_told_it_left_once(asset: str, amount: str) -> None:
    """The owner withdraws coins of his own, and the venue tells late: no lot is sold by it, no capital taken back."""
    booked = [
        OPENING,
        BOUGHT,
        flow(5, FlowCause.UNEXPLAINED, asset, amount, "5:"),
        flow(3, FlowCause.WITHDRAWAL, asset, amount, "7:ab"),
        flow(8, FlowCause.UNEXPLAINED, asset, amount.removeprefix("-"), "8:"),
        SOLD,
    ]
    known = as_known(booked, [])
    assert known == [OPENING, BOUGHT, booked[3], SOLD]
    found = told(known)
    assert [gain.amount for gain in found.gains] == [10]
    assert [flow.amount for flow in found.flows] == [900]


def test_a_withdrawal_that_came_back_never_left() -> None:
    """Seven days later it would count as capital that was taken back when it left."""
    out = flow(3, FlowCause.WITHDRAWAL, "USDT", "-800", "7:", fee="1")
    back = flow(3, FlowCause.WITHDRAWAL, "USDT", "800", "7:returned:")
    assert as_known([OPENING, out, back], []) == [OPENING]
    # It had left before the account was taken over.
    assert as_known([OPENING, back], []) == [OPENING, back]


def test_a_transfer_is_paired_by_the_id_that_the_chain_gave_later() -> None:
    """More was lost on its way than the venue had published: only its id tells that it arrived."""
    out = flow(3, FlowCause.WITHDRAWAL, "USDT", "-100", "7:", fee="1")
    came = flow(5, FlowCause.DEPOSIT, "USDT", "98", "9:ab")
    known = as_known([out, came], [FlowNamed(time_ms=9, key="withdrawal:7", tx_id="ab")])
    assert [Ways.known(known, 10**9).of(each) for each in known] == [Way.OWN, Way.OWN]
    assert [Ways.known([out, came], 0).of(each) for each in (out, came)] == [Way.IN_TRANSIT, Way.ALONE]


@pytest.mark.parametrize("seed", range(20))
def test_the_venue_holds_as_much_whatever_is_taken_back(seed: int) -> None:
    """Guesses at random: their sum stays, and none is left that another one takes back."""
    random = Random(seed)
    amounts = [Decimal(random.choice([-3, -2, -1, 1, 2, 3])) for _ in range(12)]
    booked = [flow(n, FlowCause.UNEXPLAINED, "BTC", str(amount), f"{n}:") for n, amount in enumerate(amounts)]
    left = [
        t.amount if t.debit is LedgerCode.VENUE else -t.amount for each in as_known(booked, []) for t in each.transfers
    ]
    assert sum(left) == sum(amounts)
    assert all(a * b > 0 for a in left for b in left)
