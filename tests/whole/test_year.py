"""A year of everybody's money: at each month's end the books of every user hold what his venue says, asset by asset."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.whole.year_bills import bills_of, recounted
from tests.whole.year_kit import Year, live_through
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.adapters.database.verify import verify_books
from tradepool.core.commission.bill import unpaid
from tradepool.core.commission.capital import FlowKind
from tradepool.domain.flow import FlowCause
from tradepool.entrypoints import cli
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import Deployed
from tradepool.simexchange.tls import TlsFiles


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a path short enough for a socket."""
    return tmp_path_factory.mktemp("y")


def test_a_year_of_money(place: Path, files: TlsFiles, *, long: bool) -> None:
    """C-1030: 50 users and 365 days with --long; no coin is lost, doubled or guessed at. Each month is settled for
    everybody, some pay; in the end, with no venue left to ask, the books alone give every statement again to the byte."""
    users, days = (50, 366) if long else (4, 121)

    async def story(year: Year, deployed: Deployed) -> None:
        compared = 0

        async def compare() -> None:
            nonlocal compared
            compared += 1
            assert year.off() == {}
            assert year.platform.desk.halted == {}

        with bills_of(deployed, year) as bills:
            await year.live(days, 7, compare, bills.settle)
            assert len(bills.months) == days // 30
        assert compared >= days // 30
        assert all(year.done.values()), f"not all of it happened: {year.done}"
        causes = year.causes()
        assert causes.pop(FlowCause.UNEXPLAINED) == 0
        assert all(causes.values()), causes
        assert sum(len(year.platform.books.trades(seat.account.id)) for seat in year.seats) > users

    deployed = live_through(story, place, files, users=users, days=days, seed=2)
    with books_open(deployed) as connection:
        _charged_fairly(deployed, connection)
        assert verify_books(connection) == []
    _accepted_by_bean_check(deployed, place / "year.beancount")


def _charged_fairly(deployed: Deployed, connection: Connection) -> None:
    """The books give every statement again; three tiers are crossed both ways; some pay, and some owe."""
    steps, kinds, owing = set[tuple[Decimal, Decimal]](), set[FlowKind](), 0
    for number, user in enumerate(deployed.users):
        said = recounted(deployed, connection, user.id)
        highest = max([Decimal(0), *(settled.pnl for _, settled in said)])
        assert sum(settled.commission for _, settled in said) <= Decimal("0.30") * highest
        kinds |= {flow.kind for facts, _ in said for flow in facts.flows}
        steps |= set(pairwise(settled.rate for _, settled in said))
        left = unpaid(DatabaseSettlements(connection).charges(user.id))
        assert not (left and number % 2 == 0)
        owing += bool(left)
    assert owing
    # An own transfer costs capital only where nothing idle is left.
    assert kinds >= {*FlowKind} - {FlowKind.NETWORK_FEE}
    for edge in (Decimal("0.25"), Decimal("0.20")):
        assert {(a <= edge, b <= edge) for a, b in steps} >= {(True, False), (False, True)}, f"the edge to {edge}"


def _accepted_by_bean_check(deployed: Deployed, book: Path) -> None:
    """The real one; every user's ledger is in it."""
    config = str(deployed.file)
    assert cli.run(["ledger", "export", "--format", "beancount", "--out", str(book), "--config", config]) == 0
    text = book.read_text()
    assert all(f"A-{user.id}-main:" in text for user in deployed.users)
    command = [Path(sys.executable).parent / "bean-check", book]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize("seed", range(3))
def test_a_week_checked_every_day(place: Path, files: TlsFiles, seed: int) -> None:
    """C-1031: whatever happens in a week, the books are the venue's after each check."""

    async def story(year: Year, deployed: Deployed) -> None:
        async def after_each_check() -> None:
            assert year.off() == {}

        await year.live(7, 1, after_each_check)
        assert year.causes()[FlowCause.UNEXPLAINED] == 0

    live_through(story, place, files, users=3, days=7, seed=100 + seed)
