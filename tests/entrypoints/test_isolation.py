"""Whatever is asked about another's things is answered as if nobody had them: of every command, found in the command line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.entrypoints.console import Console, Said
from tests.entrypoints.isolation import IDS, calls, looks
from tests.entrypoints.test_people import People
from tradepool.entrypoints.asking import COMMANDS

# Of the same shape, so that hints of what may have been meant are the same.
BENS = {"user": "ben", "account": "ben-main", "mandate": "ben-first", "position": "3a", "order": "3a"}
NOBODYS = {"user": "bun", "account": "bun-main", "mandate": "bun-first", "position": "9z", "order": "9z"}
ANNS = {"user": "ann", "account": "ann-main", "mandate": "ann-first", "position": "1a", "order": "1a"}


@pytest.fixture
def people(console: Console, tmp_path: Path) -> People:
    """Practice: ann and ben in the file, cem by command."""
    found = People(console, tmp_path)
    found("users", "add", "cem")
    found("accounts", "add", "cem")
    found("mandates", "add", "cem", "--strategy", "donchian_turtle", "--capital", "500")
    return found


def asked(people: People, words: list[str], name: str, as_: str, monkeypatch: pytest.MonkeyPatch) -> Said:
    """What a person is told, who types back whatever he is asked for; the id is left out of it."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{name}\n"))
    said = people.say(*words, "--as", as_)
    return Said(said.code, said.out.replace(name, "ID"), said.err.replace(name, "ID"))


def test_there_is_a_call_for_each_id_of_each_command() -> None:
    found = calls(ANNS)
    assert {call.asks_for for call in found} == set(IDS)
    assert {"positions close", "mandates set", "commission statement", "keys burn", "explain"} <= {
        c.command for c in found
    }
    assert {call.command for call in found} | {" ".join(words[:2]) for words in looks(ANNS)} >= {
        command for command in COMMANDS if " " in command
    }


@pytest.mark.parametrize(
    ("as_", "theirs", "nobodys"),
    [
        ("ann", BENS, NOBODYS),
        (
            "ann",
            {"user": "cem", "account": "cem-1", "mandate": "cem-1"},
            {"user": "cam", "account": "cam-1", "mandate": "cam-1"},
        ),
        ("cem", BENS, NOBODYS),
    ],
    ids=["file", "register", "from the register"],
)
def test_anothers_id_is_answered_as_nobodys(
    people: People, monkeypatch: pytest.MonkeyPatch, as_: str, theirs: dict[str, str], nobodys: dict[str, str]
) -> None:
    own = (
        ANNS
        if as_ == "ann"
        else {"user": "cem", "account": "cem-1", "mandate": "cem-1", "position": "3a", "order": "3a"}
    )
    before = people.found.entries
    for call in calls(own):
        if call.asks_for not in theirs:
            continue
        answers = [
            asked(people, call.of(ids[call.asks_for]), ids[call.asks_for], as_, monkeypatch)
            for ids in (theirs, nobodys)
        ]
        assert answers[0] == answers[1], call
        assert answers[0].code == 1, call
    assert people.found.entries == before


def test_no_list_tells_of_others(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in looks(ANNS):
        said = asked(people, words, "nothing", "ann", monkeypatch)
        assert not {"ben", "cem"} & set((said.out + said.err).replace("-", " ").replace("/", " ").split()), words
