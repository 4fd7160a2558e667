"""Users, accounts and mandates by command: checked as a start would, versioned, audited; the file's stay the file's."""

from __future__ import annotations

import io
import os
import pwd
from pathlib import Path

import pytest

from tests.entrypoints.console import Console
from tests.entrypoints.people_kit import People
from tests.model_series import write_series
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.domain.user import Status


@pytest.fixture
def people(console: Console, tmp_path: Path) -> People:
    """Practice."""
    return People(console, tmp_path)


def test_what_commands_add_is_read_as_if_it_were_in_the_file(people: People) -> None:
    people("users", "add", "cem", "--called", "Cem", "--locale", "de-AT", "--test")
    people("accounts", "add", "cem", "--cash", "USDT=700")
    people("mandates", "add", "cem", "--strategy", "donchian_turtle", "--capital", "500", "--param", "length=30")
    found = people.found
    assert [seat.mandate.id for seat in found.seats] == ["ann-first", "ben-first", "cem-1"]
    seat = found.seats[-1]
    assert (seat.user.name, seat.user.locale, seat.user.test, seat.account_id) == ("Cem", "de-AT", True, "cem-1")
    assert seat.account.cash["USDT"] == 700
    assert seat.mandate.capital == 500
    assert seat.strategy.values["length"] == 30
    assert (seat.mandate.limits.daily_loss_max, str(seat.mandate.weight)) == (
        found.seats[0].mandate.limits.daily_loss_max,
        "0.475",
    )
    assert found.settings.accounts["cem-1"].user == "cem"
    # A section of the file may rest on them, and not be called as they are.
    text = people.file.read_text()
    people.file.write_text(text + '\n[accounts.cem-2]\nuser = "cem"\n[risk.users.cem]\nexposure_max = 9\n')
    assert people.found.settings.accounts["cem-2"].user == "cem"
    people.file.write_text(text + '\n[users.cem]\nname = "Cem"\n')
    assert "[users.cem] in" in people.refused("users", "list")
    assert "give the section another name" in people.refused("config", "explain", "users")


def test_a_mistake_is_named_and_nothing_is_written(people: People) -> None:
    people("users", "add", "cem")
    people("accounts", "add", "cem")
    good = ("mandates", "add", "cem", "--strategy", "donchian_turtle", "--capital", "500")
    for arguments, words in (
        (("users", "add", "cem"), "user cem is there already"),
        (("users", "add", "ann"), "user ann is there already"),
        (("users", "add", "dea-x"), "is no name of a user"),
        (("users", "add", "Dea"), "[users] Dea"),
        (("users", "add", "dea", "--locale", "Klingon"), "--locale cannot be 'Klingon'"),
        (("users", "set", "cem", "--role", "user"), "user cem is so already"),
        (("users", "set", "ann", "--role", "risk"), "user ann is a section of"),
        (("accounts", "add", "cen"), "No user is called 'cen'; add one"),
        (("accounts", "add", "cem", "--name", "ann-main"), "account ann-main is there already"),
        (("accounts", "add", "cem", "--cash", "USDT"), "--cash cannot be 'USDT'"),
        (("accounts", "add", "cem", "--cash", "USDT=-1"), "is below zero"),
        (("accounts", "add", "cem", "--cash", "USDT=1e30"), "[accounts.cem-2.cash] USDT"),
        (("accounts", "add", "cem", "--cash", "USDT=1e999999"), "give a finite number below 1e15"),
        (("accounts", "set", "cem-1", "--cash", "USDT=1e14"), "is more than 2^53 units"),
        (("accounts", "set", "cem-1", "--cash", "USDT=0.000000001"), "is not a whole multiple"),
        (("accounts", "add", "cem", "--cash", "US DT=5"), "an asset is called 'US DT'"),
        (("accounts", "set", "ann-main", "--cash", "USDT=1"), "account ann-main is a section of"),
        ((*good, "--account", "ann-main"), "name one with --account"),
        ((*good, "--limit", "daily_los_max=1"), "did you mean daily_loss_max?"),
        ((*good, "--limit", "daily_loss_max=0"), "is out of range"),
        ((*good[:-1], "1e8"), "give less than 90,071,993"),
        ((*good, "--limit", "exposure_max=1e999999"), "is more than is counted exactly"),
        ((*good, "--limit", "market_notional_max.BTC/USDT=1e15"), "BTC/USDT in"),
        ((*good, "--markets", "BTC-USDT"), "'BTC-USDT' is no symbol"),
        ((*good, "--mode", "live"), "use practice, or another deployment"),
        ((*good[:-1], "much"), "--capital cannot be 'much'"),
        ((*good[:3], "--capital", "5"), "--strategy cannot be left out"),
        ((*good[:4], "donchian_turtl", *good[5:]), "did you mean donchian_turtle?"),
        (("mandates", "set", "ann-first", "--capital", "1"), "mandate ann-first is a section of"),
        (("mandates", "pause", "cem-7"), "No mandate is called 'cem-7'"),
        (("users", "resume", "cem"), "is active, and for that it would have to be paused"),
    ):
        assert words in people.refused(*arguments), arguments
    assert [(entry.name, entry.version) for entry in people.found.entries] == [("cem", 1), ("cem-1", 1)]


def test_every_change_is_a_version_with_who_when_from_and_to_and_is_audited(people: People) -> None:
    people("users", "add", "cem")
    people("accounts", "add", "cem")
    people("mandates", "add", "cem", "--strategy", "donchian_turtle", "--capital", "500", "--limit", "positions_max=2")
    said = people("mandates", "set", "cem-1", "--capital", "600", "--limit", "positions_max=none", "--reason", "more")
    assert "capital: 500 -> 600, limits.positions_max: 2 -> none" in said
    people("mandates", "pause", "cem-1", "--reason", "odd")
    (row,) = [each for each in people.json("mandates", "list")["mandates"] if each["mandate"] == "cem-1"]
    assert (row["status"], row["version"], row["capital"]) == ("paused", 3, "600")
    assert [(c["version"], c["status"], c["reason"]) for c in row["changes"]] == [
        (1, "active", ""),
        (2, "active", "more"),
        (3, "paused", "odd"),
    ]
    assert row["changes"][2]["what"] == "status: active -> paused"
    assert people.json("mandates", "show", "ann-first")["version"] == 0
    deeds = people.deeds()
    assert [deed.what for deed in deeds] == [
        "users add",
        "accounts add",
        "mandates add",
        "mandates set",
        "mandates pause",
    ]
    assert deeds[3].scope == "mandate cem-1, version 2: capital: 500 -> 600, limits.positions_max: 2 -> none"
    assert (deeds[3].reason, deeds[3].by, deeds[3].time_ms > 0) == ("more", row["changes"][1]["by"], True)


def test_limits_that_nobody_spoke_of_are_as_usual_and_all_are_shown(people: People) -> None:
    """Whoever sets one limit has not given up the day's loss, and reads no "none" where there are five."""
    people("users", "add", "cem")
    people("accounts", "add", "cem")
    told = ("positions_max=3", "drawdown_max=0.2", "market_notional_max.BTC/USDT=90")
    people("mandates", "add", "cem", "--strategy", "donchian_turtle", "--capital", "500", "--limit", *told)
    limits = {
        "daily_loss_max": "0.05",
        "drawdown_max": "0.2",
        "market_notional_max.BTC/USDT": "90",
        "positions_max": "3",
    }
    assert people.json("mandates", "show", "cem-1")["limits"] == limits
    assert "positions_max 3" in people("mandates", "show", "cem-1")


def test_an_invited_person_trades_once_he_has_accepted(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """His code is a line of standard input, never a word of the command line, and not repeated where it is one."""

    def types(code: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(code))

    old = people("users", "invite", "cem", "--locale", "de").splitlines()[-1]
    code = people("users", "invite", "cem").splitlines()[-1]
    people("accounts", "add", "cem")
    people("mandates", "add", "cem", "--strategy", "donchian_turtle", "--capital", "500")
    assert [seat.user.id for seat in people.found.seats] == ["ann", "ben"]
    assert "cem is invited here, and may do nothing" in people.refused("positions", "--as", "cem")
    database = b"".join(path.read_bytes() for path in (people.file.parent / "d").glob("tradepool.sqlite*"))
    assert code.encode() not in database
    said = people.say("users", "accept", code)
    assert (said.code != 0, code in said.out + said.err) == (True, False)
    for typed, words in (("", "There is no code"), (" \n", "There is no code"), (f"{old}\n", "none, was used")):
        types(typed)
        assert words in people.refused("users", "accept")
    types(f" {code}\n")
    assert people("users", "accept") == "user cem is active\n"
    types(f"{code}\n")
    assert "none, was used" in people.refused("users", "accept")
    assert people.found.seats[-1].user.status is Status.ACTIVE
    assert people.found.settings.users["cem"].locale == "de"
    assert "is active, and for that it would have to be invited" in people.refused("users", "invite", "cem")


def test_a_code_is_good_still_where_its_person_could_not_become_active(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = people("users", "invite", "cem").splitlines()[-1]
    people("accounts", "add", "cem")
    for _ in range(2):
        people("mandates", "add", "cem", "--strategy", "donchian_turtle", "--capital", "500")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{code}\n"))
    assert "is traded by mandate cem-1 already" in people.refused("users", "accept")
    people("mandates", "close", "cem-2")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{code}\n"))
    assert people("users", "accept") == "user cem is active\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{code}\n"))
    assert "none, was used" in people.refused("users", "accept")


def test_things_are_closed_from_the_inside_out_and_stay_readable(people: People) -> None:
    text = people.file.with_name("up.strategy")
    text.write_text("name: up\nversion: 1\n\nenter: close > open\nexit: close < open\nstop: 2 percent\n")
    people("users", "add", "cem")
    people("accounts", "add", "cem")
    people("mandates", "add", "cem", "--strategy", text, "--capital", "500")
    assert "user cem still has account cem-1" in people.refused("users", "close", "cem")
    assert "account cem-1 still has mandate cem-1" in people.refused("accounts", "close", "cem-1")
    people("mandates", "close", "cem-1")
    # Whatever becomes of its strategy, it keeps nobody from starting.
    text.unlink()
    assert "mandate cem-1 is closed, for good" in people.refused("mandates", "resume", "cem-1")
    people("accounts", "close", "cem-1")
    people("users", "close", "cem", "--reason", "left")
    found = people.found
    assert [seat.user.id for seat in found.seats] == ["ann", "ben"]
    assert found.settings.accounts["cem-1"].user == "cem"
    assert people.json("users", "show", "cem")["status"] == "closed"
    assert "cem-1" not in people("ledger", "export", "--user", "cem")
    assert "cem is closed here, and may do nothing" in people.refused("trades", "--as", "cem")


def test_pauses_halts_and_who_may_end_them(people: People) -> None:
    people("users", "add", "cem")
    people("users", "add", "ria", "--role", "risk")
    for who, word in (("cem", "paused"), ("ria", "paused")):
        people("users", "pause", "cem", "--as", who)
        assert people.json("users", "show", "cem")["status"] == word
        if who == "ria":
            said = people.refused("users", "resume", "cem", "--as", "cem")
            assert "ria has paused user cem, and lets it go on" in said
        people("users", "resume", "cem", "--as", who)
    assert [change["by"] for change in people.json("users", "show", "cem")["changes"][1:]] == [
        "cem",
        "cem",
        "ria",
        "ria",
    ]
    assert people.deeds()[-1].by == "ria"


def test_what_the_house_has_paused_its_user_does_not_get_around(people: People) -> None:
    """Neither by changing it first, nor by closing it and adding another."""
    people("users", "add", "cem")
    people("users", "add", "ria", "--role", "risk")
    people("accounts", "add", "cem")
    mandate = ("--strategy", "donchian_turtle", "--capital", "500")
    people("mandates", "add", "cem", *mandate)
    people("accounts", "add", "cem")
    for thing, flag, once, later in (
        ("mandates", "--capital", "499", "498"),
        ("accounts", "--cash", "USDT=5", "USDT=4"),
    ):
        people(thing, "pause", "cem-1", "--as", "cem")
        people(thing, "set", "cem-1", flag, once)
        # Whoever changed it meanwhile, it is still his own pause.
        people(thing, "resume", "cem-1", "--as", "cem")
        people(thing, "pause", "cem-1", "--as", "ria")
        people(thing, "set", "cem-1", flag, later, "--as", "cem")
        for around in (
            (thing, "resume", "cem-1"),
            (thing, "close", "cem-1"),
            ("accounts", "add", "cem"),
            ("mandates", "add", "cem", *mandate),
        ):
            said = people.refused(*around, "--as", "cem")
            assert f"ria has paused {thing.removesuffix('s')} cem-1, and lets it go on" in said, around
        people(thing, "resume", "cem-1", "--as", "ria")
    people("mandates", "add", "cem", *mandate, "--as", "cem")
    people("mandates", "close", "cem-1", "--as", "cem")


def test_a_section_of_the_file_is_paused_and_resumed_and_stays_the_files(people: People) -> None:
    people("users", "add", "ria", "--role", "risk")
    for thing, name in (("mandates", "ann-first"), ("accounts", "ann-main"), ("users", "ann")):
        for who in ("ann", "ria"):
            people(thing, "pause", name, "--as", who, "--reason", "odd")
            assert people.json("mandates", "show", "ann-first")["status"] == "paused"
            assert "is a section of" in people.refused(thing, "close", name)
            if who == "ria":
                assert "ria has paused" in people.refused(thing, "resume", name, "--as", "ann")
                assert "ria has paused" in people.refused("accounts", "add", "ann", "--as", "ann")
            people(thing, "resume", name, "--as", who)
        assert [change["by"] for change in people.json(thing, "show", name)["changes"]] == ["ann", "ann", "ria", "ria"]
    assert (people.deeds()[-4].what, people.deeds()[-4].by) == ("users pause", "ann")
    assert people.deeds()[-4].scope == "user ann, version 1: status: active -> paused"
    assert [seat.mandate.id for seat in people.found.seats] == ["ann-first", "ben-first"]
    # Gone from the file, nothing of it is left that trades; and back in it, it is paused as before.
    text = people.file.read_text()
    people("mandates", "pause", "ben-first")
    people.file.write_text(text.split("[users.ben]")[0])
    assert "No mandate is called 'ben-first'" in people.refused("mandates", "resume", "ben-first")
    assert [seat.mandate.id for seat in people.found.seats] == ["ann-first"]
    people.file.write_text(text)
    assert people.json("mandates", "show", "ben-first")["status"] == "paused"


def test_who_did_it_is_who_the_system_says_and_no_variable(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written down as nobody of the deployment may be called; a user that the system has no name of is a number."""
    people("users", "add", "cem")
    people("users", "add", "ria", "--role", "risk")
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "ria")
    people("users", "pause", "cem")
    found = people.deeds()[-1]
    assert (found.what, found.by) == ("users pause", f"shell:{pwd.getpwuid(os.getuid()).pw_name}")
    assert "is no name" in people.refused("users", "add", found.by)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_001)
    people("users", "resume", "cem")
    assert people.deeds()[-1].by == "shell:4000000001"


def test_a_pause_of_an_account_is_one_of_what_trades_it(people: People) -> None:
    people("users", "add", "cem")
    people("accounts", "add", "cem")
    people("mandates", "add", "cem", "--strategy", "donchian_turtle", "--capital", "500")
    for word, status in (("pause", "paused"), ("resume", "active")):
        people("accounts", word, "cem-1", "--reason", "odd", "--as", "cem")
        assert people.json("mandates", "show", "cem-1")["status"] == status
    assert [change["status"] for change in people.json("accounts", "show", "cem-1")["changes"]] == [
        "active",
        "paused",
        "active",
    ]


def test_a_test_user_has_no_real_money(console: Console, tmp_path: Path) -> None:
    live = People(console, tmp_path, "live")
    assert "is for play money" in live.refused("users", "add", "cem", "--test")
    text = live.file.read_text()
    live.file.write_text(text.replace('name = "Ann"', 'name = "Ann"\ntest = true'))
    assert "[users.ann] test" in live.refused("users", "list")
    live.file.write_text(text)
    live("users", "add", "cem")
    live("accounts", "add", "cem")
    live("mandates", "add", "cem", "--strategy", "donchian_turtle", "--capital", "500")
    assert people_mode(live) == ("shadow", "live")


def people_mode(live: People) -> tuple[str, str]:
    """The rung on which cem's mandate stands, and how far it may go."""
    row = live.json("mandates", "show", "cem-1")
    return row["mode"], row["ceiling"]


def test_a_preview_says_what_it_would_do_and_lose_in_a_day_without_a_venue(
    people: People, console: Console, tmp_path: Path
) -> None:
    people("users", "add", "cem")
    people("accounts", "add", "cem")
    people(
        "mandates", "add", "cem", "--strategy", "donchian_turtle", "--capital", "500", "--limit", "daily_loss_max=0.1"
    )
    shown = people.json("mandates", "preview", "cem-1")
    assert (shown["loss_a_day"], shown["worst_day"], shown["exposure_max"]) == ("50", "475", "475")
    assert [row["market"] for row in shown["now"]] == ["BTC/USDT", "ETH/USDT"]
    assert "binance:BTC/USDT@1m are not in the store" in shown["now"][0]["what"]
    assert console("data", "import", write_series("BINANCE-BTC-USDT-1m", tmp_path, 1_000)).code == 0
    here, there = people.json("mandates", "preview", "cem-1")["now"]
    assert (here["time"][:10], there["time"]) == ("2022-01-01", None)
    assert here["what"].startswith("it ")
    people("mandates", "set", "cem-1", "--limit", "trade_risk_max=0.02")
    # A tenth of 500 in the day, and two positions of a fiftieth each until their stops.
    assert people.json("mandates", "preview", "cem-1")["worst_day"] == "70"


def test_a_register_that_cannot_be_read_is_said_and_does_not_keep_a_backup_from_being_restored(
    people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people("users", "add", "cem")
    people("store", "backup", "--plain", tmp_path / "copy")
    connection = open_store(people.found.database)
    connection.exec_driver_sql("drop table register")
    connection.commit()
    dispose(connection)
    assert "no such table: register" in people.refused("users", "list")
    name = people.file.read_text().split('id = "')[1][:8]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{name}\n"))
    people("store", "restore", tmp_path / "copy", "--reason", "damaged")
    assert people.json("users", "show", "cem")["version"] == 1
