"""What each event of a journal books, and that a journal alone gives the same books as the account that lived it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.core.ledger.test_entries import CAPITAL, COMMISSION, FEES, OWED, TRADING, VENUE, entry, moved
from tests.nouns import ACCOUNT, BTC, ETH, MANDATE, MINUTE_MS, fill, request, signal
from tradepool.core.ledger.booked import Fold, NotPostable
from tradepool.core.ledger.explaining import HeldBooks
from tradepool.domain.balance import Balance
from tradepool.domain.by_hand import BookCorrected, PositionAdopted, PositionReleased
from tradepool.domain.charge import CommissionPaid, PeriodSettled
from tradepool.domain.event import (
    AccountOpened,
    CandlesClosed,
    Event,
    MandateChanged,
    OrderCancelled,
    OrderFilled,
    OrdersAdopted,
    TermsSeen,
)
from tradepool.domain.flow import FlowCause, FlowSeen, Move
from tradepool.domain.ids import FillId, Naming, client_order_id
from tradepool.domain.ledger import LedgerEntry, TransferCode
from tradepool.domain.order import Side
from tradepool.domain.trade import Origin

D = Decimal
MARK = "abc"
STOP = client_order_id(ACCOUNT.number, 1, Naming(MARK))
OPENED = AccountOpened(time_ms=1, balances=(Balance(account=ACCOUNT.id, asset="USDT", free=D(10_000), locked=D(0)),))
SEEN = TermsSeen(time_ms=2, markets=(BTC, ETH))
AGREED = MandateChanged(time_ms=3, mandate=MANDATE)
ADOPTED = PositionAdopted(time_ms=4, market=BTC.id, quantity=D(3), price=D(100), stop_price=D(90))
RELEASED = PositionReleased(time_ms=5, market=BTC.id, price=D(110))
GIFT = FlowSeen(time_ms=6, cause=FlowCause.DIVIDEND, moves=(Move(asset="BNB", amount=D(2)),), reference="7")
CORRECTED = BookCorrected(
    time_ms=7, debit=FEES, credit=TRADING, asset="BTC", amount=D(2), by="ann", confirmed_by="bob", reason="why"
)
GIFT_ENTRY = entry("flow:dividend:7:", 6, moved(VENUE, CAPITAL, "2", "BNB", TransferCode.DIVIDEND))
CORRECTION = entry("correction:7", 7, moved(FEES, TRADING, "2", "BTC", TransferCode.CORRECTION))


def begun(*events: Event) -> Fold:
    """An account that has heard of its opening, its terms, its mandate, and these."""
    fold = Fold(ACCOUNT, MARK)
    for event in (OPENED, SEEN, AGREED, *events):
        fold.entries(event, 0)
    return fold


def booked(fold: Fold, event: Event) -> list[LedgerEntry]:
    return fold.entries(event, 0)


def test_what_is_taken_over_and_given_away_moves_between_trading_and_its_owner() -> None:
    fold = begun()
    took = moved(CAPITAL, TRADING, "3", "BTC", TransferCode.ADOPTED)
    assert booked(fold, ADOPTED) == [entry(f"adopted:{BTC.id}:4", 4, took)]
    assert booked(fold, RELEASED) == []
    gave = moved(TRADING, CAPITAL, "3", "BTC", TransferCode.RELEASED)
    gone = OrderCancelled(time_ms=8, client_order_id=STOP)
    assert booked(fold, gone) == [entry(f"released:{BTC.id}:8", 8, gave)]


def test_a_stop_that_trades_books_a_sale_under_the_mark_of_the_deployment() -> None:
    hit = fill(client_order_id=STOP, side=Side.SELL, price=D(90), quantity=D(3), fee=D("0.27"), fee_asset="USDT")
    assert booked(begun(ADOPTED), OrderFilled(fill=hit)) == [
        entry(
            f"fill:{BTC.id}:1",
            MINUTE_MS,
            moved(TRADING, VENUE, "3", "BTC", TransferCode.SOLD),
            moved(VENUE, TRADING, "270", "USDT", TransferCode.SOLD),
            moved(FEES, VENUE, "0.27", "USDT", TransferCode.FEE),
        )
    ]


def test_what_the_owner_ordered_himself_moves_his_own() -> None:
    """Its cost and its fee too; an order of another deployment's mark is none of ours."""
    outside = [
        moved(VENUE, CAPITAL, "1", "BTC", TransferCode.OUTSIDE),
        moved(CAPITAL, VENUE, "60000.01", "USDT", TransferCode.OUTSIDE),
        moved(CAPITAL, VENUE, "0.001", "BTC", TransferCode.OUTSIDE),
    ]
    for name in ("web_1", client_order_id(ACCOUNT.number, 1)):
        booked_ = booked(begun(), OrderFilled(fill=fill(client_order_id=name)))
        assert booked_ == [entry(f"fill:{BTC.id}:1", MINUTE_MS, *outside)]


def test_orders_that_were_found_book_each_of_their_fills() -> None:
    lost = request(client_order_id=STOP, quantity=D(2))
    fills = tuple(fill(fill_id=FillId(n), client_order_id=STOP, fee=D(0), price=D(9)) for n in "12")
    event = OrdersAdopted(time_ms=9, market=BTC.id, requests=(lost,), fills=fills, resting=())
    code = TransferCode.BOUGHT
    bought = (moved(VENUE, TRADING, "1", "BTC", code), moved(TRADING, VENUE, "9", "USDT", code))
    assert booked(begun(), event) == [entry(f"fill:{BTC.id}:{n}", MINUTE_MS, *bought) for n in "12"]


def test_what_the_venue_holds_is_what_came_less_what_went() -> None:
    """What moves between other accounts changes nothing there, whatever is booked after it."""
    books = HeldBooks()
    books.add(
        [*CORRECTION.transfers, *GIFT_ENTRY.transfers, moved(CAPITAL, VENUE, "0.5", "BNB", TransferCode.UNEXPLAINED)]
    )
    assert (books.held, books.unexplained) == ({"BNB": D("1.5")}, {"BNB": D("-0.5")})


@pytest.mark.parametrize("fold", [Fold(ACCOUNT, MARK), begun()], ids=["before a mandate", "under one"])
def test_what_says_all_there_is_to_say_needs_no_mandate(fold: Fold) -> None:
    settled = PeriodSettled(
        time_ms=8, currency="USDT", amount=D("0.5"), by="eva", opened_ms=2, closes_ms=7, mark=D(1), digest="d"
    )
    paid = CommissionPaid(time_ms=9, currency="USDT", amount=D("-0.5"), by="eva")
    owed = moved(COMMISSION, OWED, "0.5", "USDT", TransferCode.COMMISSION)
    assert booked(fold, GIFT) == [GIFT_ENTRY]
    assert booked(fold, CORRECTED) == [CORRECTION]
    assert booked(fold, settled) == [entry("settled:2", 8, owed)]
    assert booked(fold, replace(settled, amount=D(0))) == []
    assert booked(fold, paid) == [entry("paid:9", 9, moved(OWED, CAPITAL, "0.5", "USDT", TransferCode.PAID))]


def test_a_journal_that_trades_before_it_names_a_mandate_is_none_of_this_version() -> None:
    for event in (OrderFilled(fill=fill()), ADOPTED):
        with pytest.raises(NotPostable, match=f"account {ACCOUNT.id} trades"):
            booked(Fold(ACCOUNT, MARK), event)


def test_a_folded_account_is_real_and_has_heard_what_came_before_its_mandate() -> None:
    fold = Fold(ACCOUNT, MARK)
    for event in (OPENED, SEEN):
        fold.entries(event, 0)
        assert fold.account is None
    fold.entries(AGREED, 77)
    account = fold.account
    assert account is not None
    assert (account.origin, account.naming.mark) == (Origin.REAL, MARK)
    assert (account.opened, account.as_of_ms, list(account.seen)) == (True, 77, [BTC.id, ETH.id])
    fold.entries(GIFT, 5)
    assert account.as_of_ms == 77


def test_the_rest_of_a_t_is_news_when_it_is_read_again() -> None:
    """Candles that were journaled were acted on, though the journal is read on from the middle of their T."""
    fold = begun()
    fold.entries(GIFT, MINUTE_MS)
    fold.entries(CandlesClosed(time_ms=MINUTE_MS, signals=(signal(),)), MINUTE_MS)
    account = fold.account
    assert account is not None
    assert account.slots[BTC.id].entry is not None
