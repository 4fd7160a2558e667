"""Ledger entries to the letter: every side, name, code and time of what is written down for good."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.nouns import ACCOUNT, BTC, MINUTE_MS, fill
from tradepool.core.ledger.explaining import HeldBooks
from tradepool.core.ledger.posting import NegativeOpening, fill_entry, opening_entry
from tradepool.core.ledger.trial_balance import trial_balance
from tradepool.core.ledger.valuation import valued
from tradepool.domain.balance import Balance
from tradepool.domain.ids import LedgerEntryId
from tradepool.domain.ledger import LedgerCode, LedgerEntry, Transfer, TransferCode
from tradepool.domain.order import Side

VENUE, CAPITAL, TRADING, FEES = LedgerCode.VENUE, LedgerCode.CAPITAL, LedgerCode.TRADING, LedgerCode.FEES
COMMISSION, OWED = LedgerCode.COMMISSION, LedgerCode.OWED


def moved(debit: LedgerCode, credit: LedgerCode, amount: str, asset: str, code: TransferCode) -> Transfer:
    return Transfer(debit=debit, credit=credit, asset=asset, amount=Decimal(amount), code=code)


def entry(reference: str, time_ms: int, *transfers: Transfer) -> LedgerEntry:
    return LedgerEntry(
        id=LedgerEntryId(f"{ACCOUNT.id}:{reference}"),
        account=ACCOUNT.id,
        time_ms=time_ms,
        transfers=transfers,
        reference=reference,
    )


def test_an_opening_is_the_owners_capital_without_what_is_not_there() -> None:
    balances = [("USDT", "3", "2"), ("BTC", "0.5", "0"), ("ETH", "0", "0")]
    told = tuple(Balance(account=ACCOUNT.id, asset=a, free=Decimal(f), locked=Decimal(x)) for a, f, x in balances)
    assert opening_entry(ACCOUNT.id, 17, told) == entry(
        "opening",
        17,
        moved(VENUE, CAPITAL, "5", "USDT", TransferCode.OPENING),
        moved(VENUE, CAPITAL, "0.5", "BTC", TransferCode.OPENING),
    )


def test_nobody_opens_with_less_than_nothing() -> None:
    debt = Balance(account=ACCOUNT.id, asset="BNB", free=Decimal(-2), locked=Decimal(1))
    with pytest.raises(NegativeOpening, match=f"account {ACCOUNT.id} holds -1 BNB, and"):
        opening_entry(ACCOUNT.id, 0, (debt,))


@pytest.mark.parametrize("side", list(Side))
def test_a_fill_is_a_swap_and_a_fee(side: Side) -> None:
    code = TransferCode.BOUGHT if side is Side.BUY else TransferCode.SOLD
    base, quote = ((VENUE, TRADING), (TRADING, VENUE)) if side is Side.BUY else ((TRADING, VENUE), (VENUE, TRADING))
    assert fill_entry(fill(side=side), BTC) == entry(
        f"fill:{BTC.id}:1",
        MINUTE_MS,
        moved(*base, "1", "BTC", code),
        moved(*quote, "60000.01", "USDT", code),
        moved(FEES, VENUE, "0.001", "BTC", TransferCode.FEE),
    )


def test_transfers_of_one_account_add_up() -> None:
    twice = [moved(VENUE, CAPITAL, amount, "USDT", TransferCode.OPENING) for amount in ("5", "7")]
    assert trial_balance(twice) == {(VENUE, "USDT"): Decimal(12), (CAPITAL, "USDT"): Decimal(-12)}


def test_only_what_the_venue_holds_is_valued() -> None:
    totals = {(VENUE, "BTC"): Decimal(2), (VENUE, "ETH"): Decimal(0), (CAPITAL, "BNB"): Decimal(-3)}
    worth = valued(totals, {"BTC": (3, Decimal(5)), "BNB": (4, Decimal(7))}, "USDT")
    assert (worth.currency, worth.worth, worth.unpriced, worth.total) == ("USDT", {"BTC": Decimal(10)}, (), Decimal(10))
    assert worth.closed_ms == {"BTC": 3}
    assert valued({}, {}, "USDT").total == 0


def test_only_a_fee_in_a_coin_that_is_not_traded_needs_a_price() -> None:
    bought, sold = fill(), fill(side=Side.SELL, fee_asset="USDT")
    third = fill(fee_asset="ODD")
    books = HeldBooks()
    for each, expected in ((bought, set[str]()), (sold, set[str]()), (third, {"ODD"})):
        books.add(fill_entry(each, BTC).transfers)
        assert books.third_fees == expected
    assert books.held["ODD"] == -third.fee
