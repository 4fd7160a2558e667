"""R13 both ways, over real books: two accounts of one user are settled together, or each against its own mark."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.commission_kit import at, journal, live_in, opened, settle, trade
from tests.entrypoints.console import Console, console_of
from tests.nouns import BTC, fill
from tradepool.adapters.database.prices import DatabasePrices
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.core.commission.recorded import Recorded
from tradepool.core.ledger.posting import fill_entry
from tradepool.domain.charge import ScheduleAgreed
from tradepool.domain.event import OrderFilled
from tradepool.domain.ids import AccountId, FillId, MarketId, UserId
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import deployed_from
from tradepool.ports.journal import Record

OTHER = AccountId("ann-other")
TIERS = ((Decimal("0.30"), Decimal(0), True), (Decimal("0.25"), Decimal(1_000), True))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Console:
    """The command line."""
    return console_of(capsys)


@pytest.fixture
def live(tmp_path: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two accounts of ann's, 900 given to each: +500 on one in September, -300 on the other."""
    file = live_in(tmp_path, run, monkeypatch)
    file.write_text(file.read_text() + '\n[accounts.ann-other]\nuser = "ann"\n')
    opened(capital="900")
    opened(capital="900", account=OTHER)
    trade(1, 20, 9, 60_000, 60_500)
    trade(1, 20, 9, 60_000, 59_700, OTHER)
    return file


def agreed(time_ms: int, *, netted: bool) -> None:
    """Ann agrees to the same rates, and to be settled so from a moment on."""
    charge = ScheduleAgreed(
        time_ms=time_ms,
        currency="USDT",
        amount=Decimal(0),
        by="eva",
        from_ms=time_ms,
        name="agreed",
        tiers=TIERS,
        netted=netted,
    )
    with books_open(deployed_from(None)) as connection:
        rows = DatabaseSettlements(connection)
        rows.write(UserId("ann"), charge, after=len(rows.charges(UserId("ann"))))


def statement(run: Console, month: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A month's settled statement, which the books give again."""
    assert "Settled" in settle(run, month, monkeypatch)
    page = run("commission", "statement", "ann", month).out
    Path("statement.json").write_text(page)
    assert "the same bytes" in run("commission", "statement", "--verify", "statement.json").out
    found: dict[str, Any] = json.loads(page)
    return found


def test_netted_a_loss_on_one_account_lowers_the_profit_of_all(
    live: Path, run: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """25 % of 200."""
    told = statement(run, "2026-09", monkeypatch)
    assert (told["commission"], "accounts" in told) == ("50.00", False)


def test_apart_each_account_is_charged_against_its_own_mark(
    live: Path, run: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """25 % of 500. What the other one earns next makes good its own loss first; 100 beyond it are charged."""
    agreed(at(18) - 1, netted=False)
    told = statement(run, "2026-09", monkeypatch)
    assert (told["commission"], told["base"]) == ("125.00", "500.00000000")
    assert told["accounts"] == [
        ["ann-main", "0", "500.00000000", "500.00000000"],
        ["ann-other", "0", "-300.00000000", "0"],
    ]
    assert run("commission", "statement", "ann", "2026-09", "--html", "page.html").code == 0
    assert "Accounts settled apart" in Path("page.html").read_text()
    trade(2, 20, 10, 60_000, 60_400, OTHER)
    trade(2, 20, 10, 60_000, 59_950)
    assert "profit of ann-other, mark 0" in run("commission", "preview", "ann", "--month", "2026-10").out
    assert statement(run, "2026-10", monkeypatch)["commission"] == "25.00"
    # R23: 40 of the first month were none, and 40 of the other account's were missing: its loss was 260.
    trade(3, 21, 9, 60_000, 59_960)
    trade(3, 21, 9, 60_000, 60_040, OTHER)
    monkeypatch.setattr("sys.stdin", io.StringIO("ann\n"))
    # 25 % of 460 and of 140 are what was charged, by other marks: 460 and 140 in place of 500 and 100.
    assert "Only the mark changed" in run("commission", "correct", "ann", "--reason", "late").out
    trade(4, 20, 11, 60_000, 60_040)
    told = json.loads(run("commission", "preview", "ann", "--month", "2026-11", "--json").out)
    assert [(name, f"{Decimal(mark):.0f}") for name, mark, *_ in told["accounts"]] == [
        ("ann-main", "460"),
        ("ann-other", "140"),
    ]


def test_what_was_netted_before_is_neither_charged_again_nor_given_back(
    live: Path, run: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apart from October on: the loss was netted with what was charged in September; netted again, all marks are one."""
    agreed(at(1, 10) - 43_200_000, netted=False)
    assert statement(run, "2026-09", monkeypatch)["commission"] == "50.00"
    trade(2, 20, 10, 60_000, 60_100, OTHER)
    trade(2, 20, 10, 60_000, 59_900)
    told = statement(run, "2026-10", monkeypatch)
    assert (told["opening_mark"], told["base"], told["commission"]) == ("200.00000000", "100.00000000", "25.00")
    agreed(at(1, 11) - 43_200_000, netted=True)
    told = json.loads(run("commission", "preview", "ann", "--month", "2026-11", "--json").out)
    assert (told["opening_mark"], told["pnl"], told["commission"]) == ("300.00000000", "200.00000000", "0.00")


@pytest.mark.parametrize(("close", "commission"), [("59960", "0.00"), ("59900", "0.00"), ("60200", "24.99")])
def test_what_a_lot_had_lost_when_it_was_netted_is_charged_only_if_it_comes_back(
    live: Path, run: Console, monkeypatch: pytest.MonkeyPatch, close: str, commission: str
) -> None:
    """R7: 100.04 were charged of 200, as a lot stood at -99.96. Apart from October on, with nothing traded."""
    bought = fill(account=OTHER, fill_id=FillId("9"), price=Decimal(60_000), fee=Decimal(0), time_ms=at(25))
    event, entry = OrderFilled(fill=bought), fill_entry(bought, BTC)
    with journal() as books:
        books.write(Record(account=OTHER, sequence=9, as_of_ms=0, event=event, entries=[entry]))
    ends = [(at(1, month) - 43_200_000 - 60_000, price) for month, price in ((10, "59960"), (11, close))]
    with books_open(deployed_from(None)) as connection:
        known = {(MarketId("binance:BTC/USDT"), minute): Recorded(Decimal(price)) for minute, price in ends}
        DatabasePrices(connection).add(known)
    agreed(at(1, 10) - 43_200_000, netted=False)
    told = statement(run, "2026-09", monkeypatch)
    assert (told["closing_mark"], told["commission"]) == ("100.04000000", "25.01")
    told = statement(run, "2026-10", monkeypatch)
    assert (told["opening_mark"], told["commission"]) == ("100.04000000", commission)
    assert [(name, Decimal(mark)) for name, mark, *_ in told["accounts"]] == [
        ("ann-main", 500),
        ("ann-other", Decimal("-399.96")),
    ]


def test_the_setting_is_agreed_by_command(live: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like rates, from the next month on, with the consent on record."""
    monkeypatch.setattr("sys.stdin", io.StringIO("ann\n"))
    said = run("commission", "schedule", "ann", "0=0.30", "1000=0.25", "--apart", "--consent", "mail of 2026-10-03")
    assert said.code == 0, said
    with books_open(deployed_from(None)) as connection:
        [made] = DatabaseSettlements(connection).charges(UserId("ann"))
    assert isinstance(made, ScheduleAgreed)
    assert not made.netted
