"""What a user reads of his balances: what is the mandate's, what is his own, what is it worth, and what is old."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

from rich.console import Console

from tests.nouns import ACCOUNT, BTC, ETH, MANDATE
from tradepool.core.account.account import Account
from tradepool.core.ledger.flows import flow_entry
from tradepool.core.ledger.posting import opening_entry
from tradepool.domain.balance import Balance
from tradepool.domain.flow import FlowCause, FlowSeen, Move, Quarantined
from tradepool.domain.ledger import LedgerEntry
from tradepool.domain.trade import Origin
from tradepool.presentation.balance_page import Holder, Said, account_row, balances_page, recorded

HOLDER = Holder(account="ann-main", user="ann", mandate="ann-first", quote="USDT")


def held(asset: str, free: str, locked: str = "0") -> Balance:
    return Balance(account=ACCOUNT.id, asset=asset, free=Decimal(free), locked=Decimal(locked))


def entries() -> list[LedgerEntry]:
    """Opened with 12,000 USDT, then a bitcoin and a half came and a part of it left."""
    came = FlowSeen(
        time_ms=60_000, cause=FlowCause.DEPOSIT, moves=(Move(asset="BTC", amount=Decimal("1.5")),), reference="1"
    )
    left = FlowSeen(
        time_ms=120_000,
        cause=FlowCause.WITHDRAWAL,
        moves=(Move(asset="BTC", amount=Decimal("-0.5"), fee=Decimal("0.1")),),
        reference="2",
    )
    opening = opening_entry(ACCOUNT.id, 0, (held("USDT", "12000"),))
    return [opening, flow_entry(ACCOUNT.id, came), flow_entry(ACCOUNT.id, left)]


def test_lots_own_coins_and_worth() -> None:
    """A mandate of 10,000 in 12,000, a bitcoin of one's own, and a coin nobody knows the price of."""
    account = Account(ACCOUNT, MANDATE, [BTC, ETH], Origin.PRACTICE)
    account.mark(BTC.id, 100.0)
    said = Said(balances=[held("BTC", "0.25", "0.75"), held("NEW", "3"), held("USDT", "12000")], as_of_ms=180_000)
    row = account_row(HOLDER, account, entries(), said)
    assert [(coin.asset, coin.mandate, coin.own, coin.price, coin.value) for coin in row.coins] == [
        ("BTC", "0", "1", "100", "100"),
        ("NEW", "0", "3", None, None),
        ("USDT", "10000", "2000", "1", "12000"),
    ]
    assert (row.equity, row.as_of, row.stale) == ("12100", "1970-01-01T00:03:00Z", "")
    assert row.flows == {
        "opening": {"USDT": "12000"},
        "deposit": {"BTC": "1.5"},
        "withdrawal": {"BTC": "-0.4"},
        "network_fee": {"BTC": "-0.1"},
    }


def test_where_the_venue_is_silent_the_books_speak_and_say_so() -> None:
    """As of their last entry; without the account's state nobody says what is whose."""
    row = account_row(HOLDER, None, entries(), recorded(entries(), "it does not answer."))
    assert [(coin.asset, coin.free, coin.mandate, coin.own) for coin in row.coins] == [
        ("BTC", "1", None, None),
        ("USDT", "12000", None, None),
    ]
    assert (row.as_of, row.equity) == ("1970-01-01T00:02:00Z", "12000")
    account = Account(ACCOUNT, MANDATE, [BTC, ETH], Origin.PRACTICE)
    account.apply(Quarantined(time_ms=0, why="+9 BTC"))
    quarantined = account_row(HOLDER, account, [], recorded([], "never asked"))
    console = Console(width=160, file=StringIO())
    console.print(balances_page([row, quarantined]))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for words in ("STALE: it does not answer; shown", "network fee: -0.1 BTC", "unknown", "QUARANTINED: +9 BTC"):
        assert words in text
