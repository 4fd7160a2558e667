"""What makes no sense reaches the books by name, or not at all: nothing is lost, and the account says why it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.ledger_kit import Life
from tests.nouns import ACCOUNT, MINUTE_MS
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import StoreUnusable, dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.verify import verify_books
from tradepool.core.ledger.posting import NegativeOpening
from tradepool.core.ledger.trial_balance import trial_balance
from tradepool.domain.balance import Balance
from tradepool.domain.by_hand import FlattenAsked
from tradepool.domain.command import Submit
from tradepool.domain.deployment import Deployment, Kind
from tradepool.domain.errors import BrokenLaw
from tradepool.domain.event import AccountOpened, OrderAccepted, OrderCancelled, OrderFilled
from tradepool.domain.ids import FillId, VenueOrderId
from tradepool.domain.ledger import LedgerCode
from tradepool.domain.order import Purpose
from tradepool.runtime.clock import VirtualClock
from tradepool.services.trading.account_actor import JournalRefuses
from tradepool.services.trading.desk import TradingDesk


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Empty books of one account, u1."""
    opened = open_store(tmp_path / "t.sqlite", "NORMAL")
    DatabaseDeployment(opened, Deployment(id="simaaaaa", kind=Kind.PRACTICE))
    opened.exec_driver_sql("insert into user values ('u', 'u', 'trader')")
    opened.exec_driver_sql("insert into account values ('u1', 'u', 'binance', 1)")
    opened.commit()
    yield opened
    dispose(opened)


def test_books_are_not_opened_with_less_than_nothing(connection: Connection) -> None:
    journal = DatabaseJournal(connection)
    owed = Balance(account=ACCOUNT.id, asset="USDT", free=Decimal(-5), locked=Decimal(0))
    life = Life(journal, opens=False)
    with pytest.raises(NegativeOpening, match="account u1 holds -5 USDT, and nobody holds less than nothing"):
        life.actor.handle(AccountOpened(time_ms=MINUTE_MS, balances=(owed,)))
    assert [type(event).__name__ for _, _, event in journal.read(life.name)] == ["TermsSeen", "MandateChanged"]
    assert verify_books(connection) == []


def test_a_fill_from_before_its_order_is_booked_and_protected_and_stops_the_account(connection: Connection) -> None:
    """What was bought is a fact, whatever a clock says: refused, it would be held without a stop."""
    journal, said = DatabaseJournal(connection), list[str]()
    life = Life(journal)
    life.actor.on_odd = lambda error: said.append(str(error))
    life.decides(100.0, 1.0, 0.0)
    [request] = life.actor.account.unanswered()
    fill = life.fill_of(request, 100.0)
    life.actor.handle(OrderFilled(fill=replace(fill, time_ms=fill.time_ms - 10_000)))
    assert said == []
    life.decides(100.0, 0.0, 1.0)
    life.answered(100.0)
    [request] = [each for each in life.actor.account.unanswered() if each.purpose is Purpose.SIGNAL_EXIT]
    fill = life.fill_of(request, 100.0)
    life.actor.handle(OrderFilled(fill=replace(fill, time_ms=fill.time_ms - 90_000)))
    assert len(said) == 1
    assert "is dated 90 s before its order was made: a clock has gone backwards" in said[0]
    assert not life.actor.account.positions()
    assert verify_books(connection) == []
    held = trial_balance(DatabaseBooks(connection).transfers(life.name))
    assert held[LedgerCode.VENUE, "BTC"] == life.dust()


def test_an_entry_from_before_its_order_is_protected_all_the_same(connection: Connection) -> None:
    """And the desk, which tells `status`, knows why it entered nothing more."""
    journal = DatabaseJournal(connection)
    life, desk = Life(journal), TradingDesk(VirtualClock(0), journal, MINUTE_MS)
    desk._take_on(life.actor)
    life.decides(100.0, 1.0, 0.0)
    [request] = life.actor.account.unanswered()
    life.actor.handle(OrderFilled(fill=replace(life.fill_of(request, 100.0), time_ms=0)))
    assert [each.purpose for each in life.actor.account.unanswered()] == [Purpose.STOP]
    assert "a clock has gone backwards" in str(desk.halted[life.name])
    assert life.actor.sender._halted


def test_a_full_disk_in_the_middle_of_an_append_breaks_no_chain(connection: Connection) -> None:
    """The same event is offered again, and follows what was written before."""
    life = Life(DatabaseJournal(connection))
    connection.exec_driver_sql(
        f"pragma max_page_count = {connection.exec_driver_sql('pragma page_count').scalar_one() + 1}"
    )
    connection.rollback()

    def trade_on() -> None:
        for _ in range(1_000):
            life.round_trip()

    with pytest.raises(StoreUnusable, match="disk"):
        trade_on()
    held_back = life.actor.refused
    assert held_back
    connection.exec_driver_sql("pragma max_page_count = 1000000")
    connection.rollback()
    assert verify_books(connection) == []
    life.actor.write()
    life.round_trip()
    assert not life.actor.refused
    assert verify_books(connection) == []


def test_two_writers_of_one_account_never_fork_its_chain(connection: Connection, tmp_path: Path) -> None:
    """The second one's memory of the last link is old: it is refused, and reads it anew."""
    first, other = DatabaseJournal(connection), open_store(tmp_path / "t.sqlite", "NORMAL")
    life, second = Life(first), DatabaseJournal(other)
    sequence = life.actor.sequence
    life.decides(100.0, 1.0, 0.0)
    [request] = life.actor.account.unanswered()
    filled = life.recorded(life.fill_of(request, 100.0))
    older = replace(filled, sequence=sequence + 9, entries=[replace(filled.entries[0], id="other")])  # type: ignore[arg-type]
    second.write(older)
    with pytest.raises(BrokenLaw, match=r"ledger_entry\.account, ledger_entry\.number"):
        first.write(filled)
    first.write(filled)
    numbers = connection.exec_driver_sql("select number from ledger_entry order by number").scalars().all()
    assert numbers == [1, 2, 3]
    dispose(other)


@pytest.fixture
def held(connection: Connection) -> Life:
    """A position whose stop rests."""
    life = Life(DatabaseJournal(connection))
    life.decides(100.0, 1.0, 0.0)
    while life.answered(100.0):
        life.now_ms += 1
    assert len(life.actor.account.slots[life.market.id].guards) == 1
    return life


def refuse(connection: Connection) -> None:
    """From now on the journal takes nothing, and never will."""
    connection.exec_driver_sql("create trigger no before insert on event begin select raise(abort, 'no'); end")
    connection.commit()


def sent(life: Life) -> list[str]:
    """What is on its way to the venue, by kind."""
    return [type(item.command).__name__ for item in life.actor.sender._queue]


def test_who_is_cut_off_takes_no_stop_off_the_book(connection: Connection, held: Life) -> None:
    """Neither when the exit is decided, nor when the venue is asked later: the sale would not follow, nor is it wished on."""
    held.actor.sender._queue.clear()
    refuse(connection)
    with pytest.raises(JournalRefuses):
        held.decides(100.0, 0.0, 1.0)
    slot = held.actor.account.slots[held.market.id]
    assert (slot.busy, len(slot.guards)) == (False, 1)
    assert (held.actor.cancelling(), sent(held), held.actor.awaits) == ([], [], False)


def test_what_a_stop_has_made_way_for_gets_it_back_when_the_journal_refuses(connection: Connection, held: Life) -> None:
    """The sale would leave no trace of itself, and without either the position would be bare."""
    held.decides(100.0, 0.0, 1.0)
    held.actor.sender._queue.clear()
    refuse(connection)
    with pytest.raises(JournalRefuses):
        held.answered(100.0)
    [item] = held.actor.sender._queue
    assert isinstance(item.command, Submit)
    assert item.command.order.request.purpose is Purpose.STOP
    assert held.actor.fills_after(held.market.id) == "1"
    assert not held.actor.account.slots[held.market.id].busy


@pytest.mark.parametrize("leaves", [False, True])
def test_who_is_cut_off_protects_what_is_bought_on(connection: Connection, leaves: bool) -> None:
    """The stop that rests makes way for one of all that is held, now or when the venue is asked, also where all was to be
    sold: that leaves no trace, and does not happen."""
    life = Life(DatabaseJournal(connection))
    life.decides(100.0, 1.0, 0.0)
    [entry] = life.actor.account.unanswered()
    whole = life.fill_of(entry, 100.0)
    part, rest = (
        replace(whole, fill_id=FillId(n), quantity=q) for n, q in (("1", Decimal("0.5")), ("2", Decimal("0.25")))
    )
    life.actor.handle(OrderFilled(fill=part))
    [stop] = life.actor.account.slots[life.market.id].guards
    life.actor.handle(OrderAccepted(time_ms=life.now_ms, client_order_id=stop, venue_order_id=VenueOrderId("1")))
    life.actor.sender._queue.clear()
    refuse(connection)
    asked = FlattenAsked(time_ms=life.now_ms, markets=(life.market.id,))
    with pytest.raises(JournalRefuses):
        life.actor.handle(asked if leaves else OrderFilled(fill=rest))
    if leaves:
        assert sent(life) == []
        life.actor.handle(OrderFilled(fill=rest))
    assert sent(life) == ["Cancel"]
    assert [each.client_order_id for each in life.actor.cancelling()] == [stop]
    life.actor.sender._queue.clear()
    life.actor.handle(OrderCancelled(time_ms=life.now_ms, client_order_id=stop))
    [item] = life.actor.sender._queue
    assert isinstance(item.command, Submit)
    request = item.command.order.request
    # Less two fees of the fill of all.
    assert (request.purpose, request.quantity) == (Purpose.STOP, Decimal("0.67"))
