"""A live deployment's books, written as the trading process writes them, for tests of what users owe."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.entrypoints.console import Console
from tests.nouns import BTC, MANDATE, fill
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.database.register import DatabaseRegister
from tradepool.core.ledger.flows import flow_entry
from tradepool.core.ledger.posting import fill_entry, opening_entry
from tradepool.domain.balance import Balance
from tradepool.domain.deployment import Mode, Promotion
from tradepool.domain.event import AccountOpened, MandateChanged, OrderFilled
from tradepool.domain.flow import FlowCause, FlowSeen, Move
from tradepool.domain.ids import AccountId, FillId, MandateId, StrategyId, UserId
from tradepool.domain.order import Side
from tradepool.domain.register import Entry, Thing
from tradepool.domain.user import Status
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import deployed_from
from tradepool.ports.journal import Record

ACCOUNT = AccountId("ann-main")


def at(day: int, month: int = 9) -> int:
    """A day of 2026, noon."""
    return int(datetime(2026, month, day, 12, tzinfo=UTC).timestamp()) * 1_000


def live_in(folder: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A live deployment whose mandates trade, in a folder; nobody connects it to anything."""
    monkeypatch.chdir(folder)
    assert run("init", "--yes", "--folder", folder / "d", "--users", "ann").code == 0
    file = folder / "tradepool.toml"
    text = file.read_text().replace('kind = "practice"', 'kind = "live"').replace('mode = "practice"', 'mode = "live"')
    file.write_text(re.sub(r'capital = "?\d+"?', 'capital = "1800"', text))
    return file


@contextmanager
def journal() -> Iterator[DatabaseJournal]:
    """The deployment's journal, open for writing."""
    with books_open(deployed_from(None)) as connection:
        yield DatabaseJournal(connection)


def trade(number: int, day: int, month: int, bought: int, sold: int, account: AccountId = ACCOUNT) -> None:
    """One bitcoin bought and sold on a day of 2026, at no fee."""
    trade_at(number, at(day, month), bought, sold, account)


def trade_at(number: int, time_ms: int, bought: int, sold: int, account: AccountId = ACCOUNT) -> None:
    """One bitcoin bought and sold at a moment, booked as the trading process books it."""
    with journal() as books:
        for place, (side, price) in enumerate(((Side.BUY, bought), (Side.SELL, sold))):
            sequence = 2 * number + 1 + place
            each = fill(account=account, fill_id=FillId(str(sequence)), side=side, price=Decimal(price), fee=Decimal(0))
            each = fill(**{n: getattr(each, n) for n in each.__slots__} | {"time_ms": time_ms + place})
            event = OrderFilled(fill=each)
            entry = fill_entry(each, BTC)
            books.write(Record(account=account, sequence=sequence, as_of_ms=0, event=event, entries=[entry]))


def mandate(
    sequence: int,
    time_ms: int,
    capital: str,
    strategy_id: StrategyId = MANDATE.strategy_id,
    account: AccountId = ACCOUNT,
    mandate_id: MandateId = MANDATE.id,
) -> None:
    """What the account's mandate is from a moment on, as each start writes it down when it is news."""
    ours = replace(MANDATE, id=mandate_id, account=account, markets=(BTC.id,))
    now = replace(ours, capital=Decimal(capital), strategy_id=strategy_id)
    event = MandateChanged(time_ms=time_ms, mandate=now)
    with journal() as books:
        books.write(Record(account=account, sequence=sequence, as_of_ms=0, event=event))


def flowed(sequence: int, time_ms: int, cause: FlowCause, amount: Decimal, asset: str = "USDT") -> None:
    """What came or left without an order, booked as the trading process books it."""
    move = Move(asset=asset, amount=amount)
    event = FlowSeen(time_ms=time_ms, cause=cause, moves=(move,), reference=str(time_ms))
    entry = flow_entry(ACCOUNT, event)
    with journal() as books:
        books.write(Record(account=ACCOUNT, sequence=sequence, as_of_ms=0, event=event, entries=[entry]))


def closed(time_ms: int, mandate_id: MandateId = MANDATE.id) -> None:
    """What `mandates close` writes: a version of the register, and nothing in the journal."""
    entry = Entry(
        thing=Thing.MANDATE,
        name=mandate_id,
        version=1,
        user=UserId("ann"),
        status=Status.CLOSED,
        body="{}",
        time_ms=time_ms,
        by="ann",
        reason="",
    )
    with books_open(deployed_from(None)) as connection:
        DatabaseRegister(connection).write(entry)


def promote(time_ms: int, strategy_id: StrategyId, after: Mode, mandate_id: MandateId = MANDATE.id) -> None:
    """A person lets the mandate go so far from a moment on."""
    made = Promotion(
        time_ms=time_ms,
        by="eva",
        mandate=mandate_id,
        strategy_id=strategy_id,
        before=Mode.SHADOW,
        after=after,
        reason="",
    )
    with books_open(deployed_from(None)) as connection:
        DatabasePromotions(connection).promote(made)


def this_month() -> int:
    """Some hours ago, or the beginning of the month: no month before it has to be settled first."""
    now = datetime.now(UTC)
    month = datetime(now.year, now.month, 1, tzinfo=UTC)
    return int(max(month.timestamp(), now.timestamp() - 7_200) * 1_000)


def opened(time_ms: int = at(18), capital: str = "1800", account: AccountId = ACCOUNT) -> None:
    """The account was taken over, in September if nothing else is said, and its mandate may trade real money."""
    if account == ACCOUNT:
        promote(time_ms - 1, MANDATE.strategy_id, Mode.LIVE)
    found = deployed_from(None)
    with books_open(found) as connection:
        DatabaseDeployment(connection, found.deployment).account(found.users[0], account, found.venue.id)
    mandate(1, time_ms, capital, account=account)
    balances = (Balance(account=account, asset="USDT", free=Decimal(99_000), locked=Decimal(0)),)
    with journal() as books:
        event = AccountOpened(time_ms=time_ms, balances=balances)
        entry = opening_entry(account, time_ms, balances)
        books.write(Record(account=account, sequence=2, as_of_ms=0, event=event, entries=[entry]))


def settle(run: Console, month: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settle with the name typed back; what was said."""
    monkeypatch.setattr("sys.stdin", io.StringIO("ann\n"))
    said = run("commission", "settle", "ann", month, "--reason", "its end")
    return said.out if said.code == 0 else said.err
