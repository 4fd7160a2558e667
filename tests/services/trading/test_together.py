"""Many accounts in one transaction: all of it or each by himself, and nothing leaves that is not written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection

from tests.nouns import ACCOUNT, BTC, MANDATE, MINUTE_MS, signal
from tradepool.adapters.database.engine import StoreUnusable, dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.core.account.account import Account
from tradepool.domain.balance import Balance
from tradepool.domain.errors import BrokenLaw
from tradepool.domain.event import AccountOpened, CandlesClosed
from tradepool.domain.ids import AccountId
from tradepool.domain.trade import Origin
from tradepool.ports.exchange import AccountGateway
from tradepool.ports.journal import Record
from tradepool.runtime.clock import VirtualClock
from tradepool.services.trading import account_actor, recovery
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.sender import Sender
from tradepool.services.trading.together import TURNS, Together

COUNT = 20


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    opened = open_store(tmp_path / "t.sqlite", "NORMAL")
    yield opened
    dispose(opened)


def actors(journal: DatabaseJournal, usdt: Decimal = Decimal(0)) -> list[AccountActor]:
    """Accounts that have opened with so much, or as the journal has them; their gateways are never asked."""
    found = []
    for number in range(1, COUNT + 1):
        name = AccountId(f"u{number}")
        noun = replace(ACCOUNT, id=name, number=number)
        mandate = replace(MANDATE, account=name, markets=(BTC.id,), capital=Decimal(10_000))
        account = Account(noun, mandate, [BTC], Origin.PRACTICE)
        sender = Sender(cast("AccountGateway", object()), VirtualClock(MINUTE_MS), MINUTE_MS, lambda event: None)
        actor = AccountActor(account, sender._gateway, journal, sender)
        held = Balance(account=name, asset="USDT", free=usdt, locked=Decimal(0))
        recovery.remember(actor, journal)
        if not actor.account.opened:
            actor.handle(AccountOpened(time_ms=0, balances=(held,) if usdt else ()))
        found.append(actor)
    return found


def entered(together: Together, crowd: list[AccountActor]) -> list[BaseException | None]:
    """Everybody hears of the same candle at once; what went wrong for whom."""

    async def main() -> list[BaseException | None]:
        event = CandlesClosed(time_ms=MINUTE_MS, signals=(signal(BTC),))
        return await asyncio.gather(*(together.handle(actor, event) for actor in crowd), return_exceptions=True)

    return asyncio.run(main())


def written(journal: DatabaseJournal, crowd: list[AccountActor]) -> list[int]:
    """How many intents each has in the journal."""
    return [len(journal.intents(actor.account.account.id)) for actor in crowd]


def test_a_crowd_is_one_transaction(connection: Connection) -> None:
    journal = DatabaseJournal(connection)
    crowd, said = actors(journal), list[str]()
    raw = connection.connection.driver_connection
    assert raw is not None
    raw.set_trace_callback(said.append)
    assert entered(Together(journal), crowd) == [None] * COUNT
    assert said.count("COMMIT") == 1
    raw.set_trace_callback(None)
    assert written(journal, crowd) == [1] * COUNT
    assert not any(actor.sender.idle for actor in crowd)
    # No news is nothing: neither a record nor an order.
    assert entered(Together(journal), crowd) == [None] * COUNT
    assert written(journal, crowd) == [1] * COUNT
    assert [actor.sequence for actor in crowd] == [2] * COUNT


@pytest.mark.parametrize(("pause", "transactions"), [(1, 1), (TURNS + 2, COUNT // 5)])
def test_who_comes_in_the_next_turns_is_in_the_same_transaction(
    connection: Connection, pause: int, transactions: int
) -> None:
    """A few of a crowd a turn, as answers come; nobody waits for who does not come."""
    journal = DatabaseJournal(connection)
    crowd, said = actors(journal), list[str]()
    raw = connection.connection.driver_connection
    assert raw is not None
    raw.set_trace_callback(said.append)

    async def main() -> None:
        together, event = Together(journal), CandlesClosed(time_ms=MINUTE_MS, signals=(signal(BTC),))
        tasks = list[asyncio.Task[None]]()
        for few in range(0, COUNT, 5):
            tasks += [asyncio.create_task(together.handle(actor, event)) for actor in crowd[few : few + 5]]
            for _ in range(pause):
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert said.count("COMMIT") == transactions
    assert written(journal, crowd) == [1] * COUNT


def test_who_cannot_be_written_fails_alone_and_sends_nothing(connection: Connection) -> None:
    journal = DatabaseJournal(connection)
    crowd = actors(journal)
    connection.exec_driver_sql(
        "create trigger no before insert on order_intent when new.account = 'u7' begin select raise(abort, 'no'); end"
    )
    connection.commit()
    # An account whose own code breaks does not reach the journal at all.
    crowd[11].account.wallet = []
    wrong = entered(Together(journal), crowd)
    assert [n for n, error in enumerate(wrong) if error is not None] == [6, 11]
    assert isinstance(wrong[6], BrokenLaw)
    assert isinstance(wrong[11], IndexError)
    expected = [int(n not in (6, 11)) for n in range(COUNT)]
    assert written(journal, crowd) == expected
    assert [int(not actor.sender.idle) for actor in crowd] == expected


def test_a_store_that_is_away_is_not_waited_for_by_each_of_a_crowd(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group's own try, and two of single accounts; everybody hears why, and offers what he decided again."""
    journal, tries = DatabaseJournal(connection), list[int]()
    crowd = actors(journal)

    def away(records: Sequence[Record]) -> None:
        tries.append(len(records))
        raise StoreUnusable(path="there", why="nobody answers")

    monkeypatch.setattr(journal, "write_all", away)
    wrong = entered(Together(journal), crowd)
    assert tries == [COUNT, 1, 1]
    assert {type(error) for error in wrong} == {StoreUnusable}
    assert all(actor.refused and actor.sender.idle for actor in crowd)
    monkeypatch.undo()
    for actor in crowd:
        actor.write()
    assert written(journal, crowd) == [1] * COUNT


def test_what_was_refused_is_offered_again_before_anything_else(connection: Connection) -> None:
    """In its place in the sequence, and its order goes out then; the event that waited for that is not lost."""
    journal = DatabaseJournal(connection)
    crowd = actors(journal)
    connection.exec_driver_sql(
        # Trouble of the store, which may pass; what breaks one of its laws never would.
        "create trigger no before insert on event when new.account = 'u7' begin select json('{'); end"
    )
    connection.commit()
    together, refused = Together(journal), crowd[6]
    entered(together, crowd)
    assert [actor.refused for actor in crowd] == [actor is refused for actor in crowd]
    later = CandlesClosed(time_ms=2 * MINUTE_MS, signals=(signal(BTC, time_ms=2 * MINUTE_MS),))
    refused.together = together.handle
    refused.post(later)

    async def goes_on() -> None:
        task = asyncio.create_task(refused.run(lambda actor: asyncio.sleep(0)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert refused.refused
        assert refused.sender.idle
        connection.exec_driver_sql("drop trigger no")
        connection.commit()
        clock = refused.sender.clock
        assert isinstance(clock, VirtualClock)
        clock.advance_to(clock.now_ms() + 1_000)
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(goes_on())
    assert not refused.refused
    assert not refused.sender.idle
    assert refused.account.as_of_ms == 2 * MINUTE_MS
    events = list(journal.read(AccountId("u7")))
    assert [sequence for sequence, _, _ in events] == list(range(1, len(events) + 1))
    assert isinstance(events[1][2], CandlesClosed)


def test_who_has_gone_meanwhile_decides_nothing(connection: Connection) -> None:
    journal = DatabaseJournal(connection)
    crowd, together = actors(journal)[:2], Together(journal)

    async def main() -> None:
        event = CandlesClosed(time_ms=MINUTE_MS, signals=(signal(BTC),))
        tasks = [asyncio.create_task(together.handle(actor, event)) for actor in crowd]
        asyncio.get_running_loop().call_soon(tasks[0].cancel)
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    assert written(journal, crowd) == [0, 1]


def test_a_record_that_can_not_be_built_leaves_no_hole(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = DatabaseJournal(connection)
    actor = actors(journal)[0]

    def broken(*asked: object) -> None:
        raise KeyError("market")

    event = CandlesClosed(time_ms=MINUTE_MS, signals=(signal(BTC),))
    with monkeypatch.context() as patched:
        patched.setattr(account_actor, "entries_of", broken)
        with pytest.raises(KeyError):
            actor.handle(event)
    assert (actor.sequence, actor.refused) == (1, False)


def test_what_the_journal_will_never_take_is_offered_once(connection: Connection) -> None:
    journal = DatabaseJournal(connection)
    actor = actors(journal)[0]
    connection.exec_driver_sql("create trigger no before insert on order_intent begin select raise(abort, 'no'); end")
    connection.commit()
    with pytest.raises(BrokenLaw):
        actor.handle(CandlesClosed(time_ms=MINUTE_MS, signals=(signal(BTC),)))
    assert (actor.sequence, actor.refused, actor.sender.idle) == (1, False, True)
    # From now on nothing is written: a restart could not read it.
    connection.exec_driver_sql("drop trigger no")
    connection.commit()
    actor.handle(CandlesClosed(time_ms=2 * MINUTE_MS, signals=(signal(BTC),)))
    assert [sequence for sequence, _, _ in journal.read(actor.account.account.id)] == [1]
