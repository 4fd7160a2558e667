"""Whatever is asked about another's things is answered as if nobody had them: of every command, found in the command line."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from tests.entrypoints.console import Console, Said
from tests.entrypoints.isolation import IDS, calls, every_command, files, looks
from tests.entrypoints.people_kit import People
from tests.postgres_kit import Postgres
from tradepool.entrypoints.asking import COMMANDS


def ids(user: str, known: str) -> dict[str, str]:
    """A person's ids; all people here are called alike, so that hints of what may have been meant are the same."""
    return {"user": user, "account": f"{user}-main", "mandate": f"{user}-first", "position": known, "order": known}


# Of the file, of the register, of nobody.
ANN, BEN, BIN, BUN = ids("ann", "1a"), ids("ben", "3a"), ids("bin", "5a"), ids("bun", "9z")


@pytest.fixture
def people(console: Console, tmp_path: Path) -> People:
    """Practice: ann and ben in the file, bin by command."""
    found = People(console, tmp_path)
    found("users", "add", "bin")
    found("accounts", "add", "bin", "--name", "bin-main")
    found("mandates", "add", "bin", "--name", "bin-first", "--strategy", "donchian_turtle", "--capital", "500")
    return found


def asked(people: People, words: list[str], name: str, as_: str, monkeypatch: pytest.MonkeyPatch) -> Said:
    """What a person is told, who types back whatever he is asked for; the id is left out of it."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{name}\n"))
    said = people.say(*words, "--as", as_)
    return Said(said.code, said.out.replace(name, "ID"), said.err.replace(name, "ID"))


# Of the machine and its operator: nobody asks for them with --as.
MACHINES = """
backtest, bench, chaos, config explain, config show, data check, data download, data export,
data import, data list, data repair, demo, doctor, exchange limits, exchange serve, init, keys master, keys rotate,
notify test, pool export, pool gather, pool show, pool status, replay, start, stop, store backup, store drill,
store migrate, store move, store recovery-key, store restore, store verify, strategies check,
strategies new, strategies show, sweep, test, universe show, users accept, why
"""


def test_of_every_command_it_is_decided_who_may_ask_for_it(people: People) -> None:
    """Add a new one to `asking.COMMANDS`, where it is tested with everybody's ids; or here, if it is the machine's."""
    machines = set(MACHINES.strip().replace("\n", " ").split(", "))
    assert {command for command, _ in every_command()} == set(COMMANDS) | machines
    assert not set(COMMANDS) & machines
    for command in machines:
        assert f"{command} is nobody's but the operator's" in people.refused(*command.split(), "--as", "ann"), command


def test_there_is_a_call_for_each_id_of_each_command() -> None:
    found = calls(ANN)
    assert {call.asks_for for call in found} == set(IDS)
    assert {"positions close", "mandates set", "commission statement", "keys burn", "explain"} <= {
        call.command for call in found
    }
    assert {call.command for call in found} | {" ".join(words[:2]) for words in looks(ANN)} >= {
        command for command in COMMANDS if " " in command
    }


def test_anothers_id_is_answered_as_nobodys(people: People, monkeypatch: pytest.MonkeyPatch, long: bool) -> None:
    before = people.found.entries
    for own in (ANN, BIN) if long else (ANN,):
        for call in calls(own):
            names = [each[call.asks_for] for each in (BEN, BIN, BUN) if each is not own]
            answers = [asked(people, call.of(name), name, own["user"], monkeypatch) for name in names]
            assert all(answer == answers[-1] for answer in answers), call
            assert answers[-1].code == 1, call
    assert people.found.entries == before


def test_no_list_tells_of_others(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in looks(ANN):
        said = asked(people, words, "nothing", "ann", monkeypatch)
        assert not {"ben", "bin"} & set((said.out + said.err).replace("-", " ").replace("/", " ").split()), words


def test_what_is_wrong_with_others_is_not_told_and_keeps_nobody_from_his_own(
    people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ben's section is misspelt, and bin's strategy is no strategy any more."""
    text = tmp_path / "up.strategy"
    text.write_text("name: up\nversion: 1\n\nenter: close > open\nexit: close < open\nstop: 2 percent\n")
    people("mandates", "set", "bin-first", "--strategy", text)
    lines = [*looks(ANN), *(call.of(ANN[call.asks_for]) for call in calls(ANN))]
    before = [asked(people, words, ANN["account"], "ann", monkeypatch).code for words in looks(ANN)]
    text.write_text("name: up\n")
    people.file.write_text(people.file.read_text().replace("[users.ben]", "[users.ben]\nrolle = 1"))
    assert "rolle" in people.refused("users", "list")
    told = [asked(people, words, ANN["account"], "ann", monkeypatch) for words in lines]
    wrong = [
        (words, answer)
        for words, answer in zip(lines, told, strict=True)
        if re.search(r"rolle|up\.strategy|\b(ben|bin)\b", answer.out + answer.err)
    ]
    assert wrong == []
    assert [answer.code for answer in told[: len(before)]] == before
    # Who is paused by it: his own are told him, as he may mend them.
    people("mandates", "pause", "ann-first", "--as", "ann")
    people("mandates", "pause", "bin-first", "--as", "bin")
    assert "[mandates.bin-first] strategy" in people.refused("mandates", "list", "--as", "bin")
    people("mandates", "set", "bin-first", "--strategy", "donchian_turtle", "--as", "bin")
    assert people.json("mandates", "list", "--as", "bin")["mandates"][0]["status"] == "paused"


def test_a_change_that_would_spoil_something_of_others_tells_nothing_of_it(people: People) -> None:
    """Nobody trades by a strategy any more that has a limit: its last user hears no name of another one."""
    people("mandates", "set", "bin-first", "--strategy", "supertrend")
    people.file.write_text(people.file.read_text() + "\n[risk.strategies.supertrend]\nexposure_max = 9\n")
    said = people.refused("mandates", "close", "bin-first", "--as", "bin")
    assert "the next start would not go well for others" in said
    assert "no strategy is called that" in people.refused("mandates", "close", "bin-first")


def test_a_person_names_no_file_of_the_machine(people: People, tmp_path: Path) -> None:
    """Another's key, a configuration that makes him operator, Python to run, a file to write over; the operator may, before."""
    found = list(files(ANN))
    assert {words[-2] for words in found} >= {"--config", "--file", "--out", "--html", "--practised", "--noted"}
    assert len([words for words in found if words[-2] == "--config"]) == len(COMMANDS)
    for words in found:
        said = people.say(*words, "--as", "ann")
        assert (said.code, said.out) == (1, ""), words
        assert f"{words[-2]} is a file of this machine" in said.err, words
    stray = tmp_path / "stray.py"
    stray.write_text("raise SystemExit(3)")
    people("accounts", "add", "ann", "--as", "ann")
    for strategy in (stray, tmp_path / "others.strategy"):
        terms = ("--strategy", strategy, "--capital", "5")
        assert "is a file of this machine" in people.refused("mandates", "add", "ann", *terms, "--as", "ann")


def test_a_server_answers_a_person_as_a_file_does(
    people: People, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    """Of every command, about her own things: the second wall stands where the first one does, and nothing else is refused."""
    lines = [*looks(ANN), *(call.of(ANN[call.asks_for]) for call in calls(ANN))][:: 1 if long else 7]
    said = [asked(people, words, ANN["account"], "ann", monkeypatch).code for words in lines]
    server = postgres.new()
    text = re.sub(r"^database = .*\n", "", people.file.read_text(), flags=re.MULTILINE)
    people.file.write_text(text.replace("[deployment]\n", f'[deployment]\ndatabase = "{server}"\n'))
    answers = [asked(people, words, ANN["account"], "ann", monkeypatch) for words in lines]
    postgres.drop(server)
    wrong = [(words, answer) for words, answer in zip(lines, answers, strict=True) if "can't be used" in answer.err]
    assert wrong == []
    assert [answer.code for answer in answers] == said


def test_a_person_may_be_the_first_who_looks(console: Console, tmp_path: Path) -> None:
    """It is the platform that makes the database and takes it for the deployment; the person only sees his own."""
    people = People(console, tmp_path)
    assert not people.found.database.exists()
    people("ledger", "balance", "--as", "ann")
    assert people.found.database.exists()
