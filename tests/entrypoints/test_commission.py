"""`tradepool commission` as its operator meets it, over real books: previewed, settled, shown, counted again, paid."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.entrypoints.commission_kit import at, closed, flowed, live_in, mandate, opened, promote, settle, trade
from tests.entrypoints.console import Console, console_of
from tests.nouns import MANDATE
from tests.tampering import by_sql
from tradepool.domain.deployment import Mode
from tradepool.domain.flow import FlowCause
from tradepool.domain.ids import MandateId, StrategyId
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import deployed_from


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Console:
    """The command line."""
    return console_of(capsys)


@pytest.fixture
def live(tmp_path: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A live deployment."""
    return live_in(tmp_path, run, monkeypatch)


def test_two_months_are_settled_one_after_the_other(
    live: Path, run: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """200 earned in the first month at 25 %; 100 lost, then 150 earned: charged for the 50 above the mark."""
    opened()
    trade(1, 20, 9, 60_000, 60_200)
    trade(2, 5, 10, 60_000, 59_900)
    trade(3, 20, 10, 60_000, 60_150)
    told = json.loads(run("commission", "preview", "ann", "--month", "2026-09", "--json").out)
    assert (told["commission"], told["base"], told["tier_capital"]["amount"]) == ("50.00", "200.00000000", "1800")
    assert "an earlier month of ann is not settled" in settle(run, "2026-10", monkeypatch)
    early = json.loads(run("commission", "preview", "ann", "--month", "2026-10", "--json").out)
    assert (early["base"], early["unsettled_ms"], "hash" in early) == ("250.00000000", at(18), False)
    shown = " ".join(run("commission", "preview", "ann", "--month", "2026-10").out.split())
    assert "Not settled: 2026-09-18 12:00 to 2026-10-01 00:00 UTC. The profit of that time is counted in here" in shown
    monkeypatch.setattr("sys.stdin", io.StringIO("ann\n"))
    assert "there is no reason" in run("commission", "settle", "ann", "2026-09").err
    assert "Settled" in settle(run, "2026-09", monkeypatch)
    [deed] = json.loads(run("audit", "show", "--what", "commission settle", "--json").out)["deeds"]
    assert (deed["scope"], deed["reason"]) == ("ann 2026-09", "its end")
    assert "settled already" in settle(run, "2026-09", monkeypatch)
    told = json.loads(run("commission", "preview", "ann", "--month", "2026-10", "--json").out)
    assert (told["base"], "unsettled_ms" in told, "hash" in told) == ("50.00000000", False, True)
    late = json.loads(run("commission", "preview", "ann", "--month", "2026-11", "--json").out)
    assert late["unsettled_ms"] == told["period"]["opened_ms"]
    assert "Settled" in settle(run, "2026-10", monkeypatch)
    page = run("commission", "statement", "ann", "2026-10").out
    said = json.loads(page)
    assert (said["opening_mark"], said["commission"]) == ("200.00000000", "12.50")
    file = tmp_path / "statement.json"
    file.write_text(page)
    said_so = run("commission", "statement", "--verify", file).out
    assert "commission 12.50. The books give the same bytes." in said_so
    file.write_text(page.replace('"12.50"', '"2.50"'))
    assert "was changed" in run("commission", "statement", "--verify", file).err
    html = tmp_path / "statement.html"
    assert run("commission", "statement", "ann", "2026-10", "--html", html).code == 0
    assert "12.50 USDT" in html.read_text()
    assert "are unpaid for 0 days" in " ".join(run("commission", "preview", "ann", "--month", "2026-11").out.split())
    assert "is paid" in run("commission", "pay", "ann", "2026-10", "--reason", "transfer 7").out
    assert "was paid before" in run("commission", "pay", "ann", "2026-10").out


def test_a_running_month_is_previewed_and_not_settled(
    live: Path, run: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Late facts are waited for until six hours after its end."""
    opened()
    now = datetime.now(UTC)
    trade(1, now.day, now.month, 60_000, 60_200) if now.year == 2026 else trade(1, 20, 12, 60_000, 60_200)
    assert "50.00" in run("commission", "preview", "ann").out
    assert "six hours later" in settle(run, f"{now:%Y-%m}", monkeypatch)


def test_who_only_watches_owes_nothing(live: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """No order is placed for him, so there is nothing in his books."""
    opened()
    assert "Settled" in settle(run, "2026-09", monkeypatch)
    assert json.loads(run("commission", "statement", "ann", "2026-09").out)["commission"] == "0.00"


def test_play_money_is_never_charged(tmp_path: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """A practice deployment has nothing to settle, whatever it earned."""
    monkeypatch.chdir(tmp_path)
    assert run("init", "--yes", "--folder", tmp_path / "d", "--users", "ann").code == 0
    # Its time and prices are the practice exchange's, which is not started for a look.
    assert "not running" in run("commission", "preview", "ann").err
    assert "not running" in settle(run, "2026-09", monkeypatch)


def test_bad_input_is_said_by_name(live: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody, no month, nothing traded, not settled, no statement."""
    assert "No user is called 'an'" in run("commission", "preview", "an").err
    assert "has traded nothing" in run("commission", "preview", "ann").err
    for month in ("2026-13", "0000-01", "9999-12"):
        assert "is no month" in run("commission", "preview", "ann", "--month", month).err
        assert "is no month" in run("commission", "statement", "ann", month).err
        assert "is no month" in settle(run, month, monkeypatch)
    assert "is no month" in run("commission", "statement", "ann", "9999-12-31").err
    assert "is not settled" in run("commission", "statement", "ann", "0001-01").err
    assert "is not settled" in run("commission", "statement", "ann", "2026-09").err
    live.write_text(live.read_text())
    assert "This is no statement" in run("commission", "statement", "--verify", live).err


def test_who_is_switched_off_before_the_settlement_pays_as_he_would_have(live: Path, run: Console) -> None:
    """The books of his account are billed, whether a mandate trades it today or not."""
    opened()
    trade(1, 20, 9, 60_000, 60_200)
    live.write_text(live.read_text().replace("active = true", "active = false"))
    assert "active = false" in live.read_text()
    told = json.loads(run("commission", "preview", "ann", "--month", "2026-09", "--json").out)
    assert (told["commission"], told["tier_capital"]["amount"]) == ("50.00", "1800")


def test_the_tier_is_by_the_capital_of_its_time(live: Path, run: Console) -> None:
    """What the configuration says today changes nothing of what was given then; a change counts from its own time."""
    opened()
    trade(1, 20, 9, 60_000, 60_200)
    mandate(5, at(22), "900")
    live.write_text(live.read_text().replace('capital = "1800"', 'capital = "50000"'))
    told = json.loads(run("commission", "preview", "ann", "--month", "2026-09", "--json").out)
    assert (told["commission"], told["tier_capital"]["amount"]) == ("50.00", "1800")
    assert [(amount, kind) for _, amount, kind, _ in told["flows"]] == [("1800", "given"), ("-900", "taken_back")]
    later = json.loads(run("commission", "preview", "ann", "--month", "2026-10", "--json").out)
    assert later["tier_capital"]["amount"] == "900"


def test_what_a_closed_mandate_was_given_is_taken_back(
    live: Path, run: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """R18: from its closing on, whatever the journal says of it later; the month of it and those before stay as they were,
    and another mandate is given its own."""
    opened(capital="5100")
    trade(1, 20, 9, 60_000, 60_200)
    assert "Settled" in settle(run, "2026-09", monkeypatch)
    closed(at(5, 10))
    mandate(5, at(6, 10), "5000")
    later = MandateId("n" * 32)
    promote(at(7, 10), MANDATE.strategy_id, Mode.LIVE, later)
    mandate(6, at(8, 10), "900", mandate_id=later)
    trade(4, 20, 11, 60_000, 60_300)
    file = tmp_path / "statement.json"
    file.write_text(run("commission", "statement", "ann", "2026-09").out)
    assert "the same bytes" in run("commission", "statement", "--verify", file).out
    told = [json.loads(run("commission", "preview", "ann", "--month", f"2026-{n}", "--json").out) for n in (10, 11)]
    assert [each["tier_capital"]["amount"] for each in told] == ["5100", "900"]
    assert [amount for _, amount, *_ in told[-1]["flows"]] == ["5100", "-5100", "900"]
    assert told[-1]["commission"] == "90.00"


def test_a_mandate_in_the_place_of_a_closed_one_goes_on_with_its_capital(live: Path, run: Console) -> None:
    """Nothing was taken out between the closing and the start that takes the other one up."""
    opened(capital="5100")
    later = MandateId("n" * 32)
    closed(at(1, 10))
    promote(at(1, 10), MANDATE.strategy_id, Mode.LIVE, later)
    mandate(5, at(1, 10) + 3_600_000, "5000", mandate_id=later)
    told = json.loads(run("commission", "preview", "ann", "--month", "2026-10", "--json").out)
    assert told["tier_capital"]["amount"] == "5000"
    assert [amount for _, amount, *_ in told["flows"]] == ["5100", "-100"]


def test_another_strategy_changes_nothing_of_what_is_given(live: Path, run: Console) -> None:
    """R17: it has to climb anew, and enters nothing real until then; at T his capital is what it was, and his tier."""
    opened()
    trade(1, 20, 9, 60_000, 60_200)
    mandate(5, at(30), "1800", strategy_id=StrategyId("another"))
    told = json.loads(run("commission", "preview", "ann", "--month", "2026-10", "--json").out)
    assert told["tier_capital"]["amount"] == "1800"
    promote(at(2, 10), StrategyId("another"), Mode.SHADOW)
    told = json.loads(run("commission", "preview", "ann", "--month", "2026-11", "--json").out)
    assert told["tier_capital"]["amount"] == "0"


def test_what_was_unexplained_until_its_history_came_left_once(live: Path, run: Console) -> None:
    """He takes 97,000 of his own; the venue says so late. Counted twice, it would be all that the mandate has."""
    opened()
    day, hour = at(20), 3_600_000
    for number, (time_ms, cause, amount) in enumerate(
        (
            (day + hour, FlowCause.UNEXPLAINED, -97_000),
            (day, FlowCause.WITHDRAWAL, -97_000),
            (day + 2 * hour, FlowCause.UNEXPLAINED, 97_000),
        )
    ):
        flowed(3 + number, time_ms, cause, Decimal(amount))
    trade(4, 25, 9, 60_000, 60_200)
    told = json.loads(run("commission", "preview", "ann", "--month", "2026-09", "--json").out)
    assert [(amount, kind) for _, amount, kind, _ in told["flows"]] == [("1800", "given")]
    assert [(amount, cause) for _, _, amount, _, cause, _ in told["movements"]] == [("-97000", "withdrawal")]
    assert told["commission"] == "50.00"


def test_an_account_that_is_configured_no_more_counts_still(live: Path, run: Console) -> None:
    """R13: what he lost there lowers what he owes, whoever edits the file."""
    opened()
    trade(1, 20, 9, 60_000, 60_200)
    text = live.read_text()
    assert text.count("ann-main") > 1
    live.write_text(text.replace("ann-main", "ann-new"))
    told = json.loads(run("commission", "preview", "ann", "--month", "2026-09", "--json").out)
    assert (told["commission"], list(told["books"])) == ("50.00", ["ann-main"])


def test_a_users_bill_is_verified_with_his_books(live: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who owes less by SQL is found out, and only his books are looked at."""
    opened()
    trade(1, 20, 9, 60_000, 60_200)
    assert "Settled" in settle(run, "2026-09", monkeypatch)
    with books_open(deployed_from(None)) as connection:
        by_sql(
            connection,
            "update ledger_entry set transfers = replace(transfers, '\"50', '\"5') where account = 'commission.ann'",
        )
    said = run("ledger", "verify", "--user", "ann")
    assert (said.code, "commission.ann:settled" in said.out + said.err) == (1, True), said


def test_the_books_of_another_deployment_are_not_touched(live: Path, run: Console, tmp_path: Path) -> None:
    """Neither shown nor settled nor copied."""
    opened()
    live.write_text(re.sub(r'^id = "\w{8}"', 'id = "zzzzzzzz"', live.read_text(), flags=re.MULTILINE))
    for command in (
        ("commission", "preview", "ann", "--month", "2026-09"),
        ("ledger", "export"),
        ("ledger", "balance"),
        ("signals",),
        ("store", "backup", tmp_path / "copy"),
    ):
        said = run(*command)
        assert (said.code, "belongs to the live deployment" in said.err) == (1, True), said
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("what", [("positions",), ("orders",), ("trades",), ("risk", "show")])
def test_nobody_is_said_by_name(what: tuple[str, ...], live: Path, run: Console) -> None:
    """An empty table would say that he holds nothing."""
    said = run(*what, "--user", "an")
    assert (said.code, "No user is called 'an'" in said.err) == (1, True), said
