"""R4 and R6 as settings of a user's schedule: agreed by command, and then another statement out of the same books."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.entrypoints.commission_kit import ACCOUNT, at, journal, live_in, mandate, opened, settle, this_month, trade
from tests.entrypoints.console import Console, Said, console_of
from tests.nouns import BTC, fill
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.prices import DatabasePrices
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.core.commission.bill import schedule_at
from tradepool.core.commission.recorded import Recorded
from tradepool.core.commission.schedule import HOUR_MS, TIERS
from tradepool.core.ledger.posting import fill_entry
from tradepool.domain.charge import ScheduleAgreed
from tradepool.domain.event import OrderFilled
from tradepool.domain.ids import FillId, MarketId, UserId
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import deployed_from
from tradepool.ports.journal import Record

ANN = UserId("ann")
RATES = "0=0.30", "1000=0.25", "5000+=0.20"
# The last minute of September.
LAST_MS = int(datetime(2026, 9, 30, 23, 59, tzinfo=UTC).timestamp()) * 1_000


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Console:
    """The command line."""
    return console_of(capsys)


@pytest.fixture
def live(tmp_path: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A live deployment."""
    return live_in(tmp_path, run, monkeypatch)


@pytest.fixture
def typed(run: Console, monkeypatch: pytest.MonkeyPatch) -> Console:
    """The command line of somebody who types the user's name back."""

    def go(*words: object) -> Said:
        monkeypatch.setattr("sys.stdin", io.StringIO("ann\n"))
        return run(*words)

    return go


def agreed(time_ms: int, *, tier_window_ms: int = 24 * HOUR_MS, charges_open_winners: bool = False) -> None:
    """Ann agrees to the standard rates, with other terms, from a moment of the past on."""
    charge = ScheduleAgreed(
        time_ms=time_ms,
        currency="USDT",
        amount=Decimal(0),
        by="eva",
        from_ms=time_ms,
        name="agreed",
        tiers=tuple((tier.rate, tier.least, tier.included) for tier in TIERS),
        tier_window_ms=tier_window_ms,
        charges_open_winners=charges_open_winners,
    )
    with books_open(deployed_from(None)) as connection:
        rows = DatabaseSettlements(connection)
        rows.write(ANN, charge, after=len(rows.charges(ANN)))


def bought(number: int, day: int, close: str) -> None:
    """One bitcoin bought at 60,000 in September and kept; its close in the month's last minute is on record."""
    each = fill(account=ACCOUNT, fill_id=FillId(str(number)), price=Decimal(60_000), fee=Decimal(0), time_ms=at(day))
    with journal() as books:
        event, entry = OrderFilled(fill=each), fill_entry(each, BTC)
        books.write(Record(account=ACCOUNT, sequence=number, as_of_ms=0, event=event, entries=[entry]))
    with books_open(deployed_from(None)) as connection:
        minute = MarketId("binance:BTC/USDT"), LAST_MS
        DatabasePrices(connection).add({minute: Recorded(Decimal(close))})


def statement(run: Console, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """September's settled statement, which its own facts and the books give again, and whose page is page.html."""
    assert "Settled" in settle(run, "2026-09", monkeypatch)
    page = run("commission", "statement", "ann", "2026-09").out
    Path("statement.json").write_text(page)
    assert "the same bytes" in run("commission", "statement", "--verify", "statement.json").out
    assert run("commission", "statement", "ann", "2026-09", "--html", "page.html").code == 0
    found: dict[str, object] = json.loads(page)
    return found


@pytest.mark.parametrize(
    ("hours", "capital", "commission"), [(24, "900", "60.00"), (1, "1800", "50.00"), (0, "1800", "50.00")]
)
def test_the_tier_is_by_the_lowest_capital_of_the_hours_agreed(
    live: Path, run: Console, monkeypatch: pytest.MonkeyPatch, hours: int, capital: str, commission: str
) -> None:
    """R4: 1,800 are given, and 900 taken back two hours later; 200 are earned."""
    opened()
    mandate(3, at(18) + 2 * HOUR_MS, "900")
    trade(2, 20, 9, 60_000, 60_200)
    agreed(at(18) - 1, tier_window_ms=hours * HOUR_MS)
    told = statement(run, monkeypatch)
    tier = told["tier_capital"]
    assert isinstance(tier, dict)
    assert (tier["amount"], told["commission"]) == (capital, commission)
    assert ("the capital at the opening" in Path("page.html").read_text()) == (hours == 0)


@pytest.mark.parametrize(
    ("charged", "close", "counted", "commission"),
    [
        (False, "60200", "0", "25.00"),
        (True, "60200", "139.8", "59.95"),
        (True, "59960", "-99.96", "0.00"),
        (False, "59960", "-99.96", "0.00"),
    ],
)
def test_an_open_winner_counts_at_its_price_where_that_is_agreed(
    live: Path,
    run: Console,
    monkeypatch: pytest.MonkeyPatch,
    charged: bool,
    close: str,
    counted: str,
    commission: str,
) -> None:
    """R6: 100 are earned, and one bitcoin that cost 60,000 is open; 60.20 of fees would be paid on selling it. A loser counts
    either way (R7)."""
    opened()
    trade(1, 20, 9, 60_000, 60_100)
    bought(5, 21, close)
    agreed(at(18) - 1, charges_open_winners=charged)
    told = statement(run, monkeypatch)
    lots = told["open_lots"]
    assert isinstance(lots, list)
    assert [Decimal(lot["counted"]) for lot in lots] == [Decimal(counted)]
    assert (told["commission"], told["provisional"]) == (commission, False)
    assert ("open winners at their price" in Path("page.html").read_text()) == charged


def test_the_terms_are_agreed_by_command_and_audited(live: Path, run: Console, typed: Console) -> None:
    """From the next month on, and the preview says today which tier comes; what is not said again is as in the standard."""
    opened(this_month())
    terms = ("--tier-hours", "0", "--open-winners", "--consent", "mail of 2026-10-03")
    for bad in (("--tier-hours", "-1"), ("--tier-hours", "745")):
        refused = typed("commission", "schedule", "ann", *RATES, *bad, "--consent", "mail 7")
        assert f"has a tier window of {bad[1]} hours; use 0 to 744" in refused.err, refused
    said = typed("commission", "schedule", "ann", *RATES, *terms)
    words = "tier by the capital at T; open winners at their price; accounts netted"
    assert (said.code, f"20 % above 5000; {words}." in said.out) == (0, True), said
    assert "if nothing is taken back before" in " ".join(run("commission", "preview", "ann").out.split())
    assert typed("commission", "schedule", "ann", "0=0.10", "--consent", "mail 8").code == 0
    assert "on 10 % of the profit" in " ".join(run("commission", "preview", "ann").out.split())
    deployed = deployed_from(None)
    with books_open(deployed) as connection:
        charges = DatabaseSettlements(connection).charges(ANN)
        deeds = DatabaseDeployment(connection, deployed.deployment).deeds()
    first, second = (schedule_at(charges[:count], 10**15) for count in (1, 2))
    assert (first.tiers, first.tier_window_ms, first.charges_open_winners, first.netted) == (TIERS, 0, True, True)
    assert (second.tier_window_ms, second.charges_open_winners) == (24 * HOUR_MS, False)
    assert next((each.scope, each.reason) for each in deeds if each.what == "commission schedule") == (
        f"ann: {'; '.join([', '.join(tier.words for tier in TIERS), words])}",
        "mail of 2026-10-03",
    )


def test_the_next_period_is_settled_by_what_was_agreed(live: Path, run: Console, typed: Console) -> None:
    """With --now: the time until now by the standard schedule, what follows by the capital at its opening. A day around it
    would reach to before he joined."""
    opened(this_month())
    terms = ("--tier-hours", "0", "--consent", "mail 7", "--now")
    assert typed("commission", "schedule", "ann", *RATES, *terms).code == 0
    now = json.loads(run("commission", "preview", "ann", "--json").out)
    assert (now["tier_capital"]["amount"], now["rate"]) == ("1800", "0.25")
    since_ms, until_ms = now["tier_capital"]["window_ms"]
    assert since_ms == until_ms == now["period"]["opened_ms"]
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    before = json.loads(run("commission", "statement", "ann", day).out)
    assert before["schedule"]["tier_window_ms"] == 24 * HOUR_MS
