"""What is changed in the configuration itself leaves a trace: section by section, from and to, at the next start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.entrypoints.console import Console
from tests.entrypoints.people_kit import People
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.domain.deed import Deed
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.file_changes import audit_file

SECRET = "aB3" * 12


@pytest.fixture
def people(console: Console, tmp_path: Path) -> People:
    """Live: its sections name keys."""
    return People(console, tmp_path, "live")


def started(people: People) -> dict[str, dict[str, list[str | None]]]:
    """What a start writes down of the configuration, by section; the first thing it does with its books."""
    found = people.found
    with books_open(found) as connection:
        rows = DatabaseDeployment(connection, found.deployment)
        before = len(rows.deeds())
        audit_file(found, rows)
        return dict(told(deed) for deed in rows.deeds()[before:])


def told(deed: Deed) -> tuple[str, dict[str, list[str | None]]]:
    """A section, and what is otherwise there."""
    name, _, changed = deed.scope.partition(": ")
    return name, json.loads(changed)


def test_each_start_writes_down_what_the_file_says_otherwise(people: People) -> None:
    assert set(started(people)) == {
        f"{section}.{name}"
        for section, end in (("users", ""), ("accounts", "-main"), ("mandates", "-first"))
        for name in (f"ann{end}", f"ben{end}")
    }
    assert started(people) == {}
    text = people.file.read_text()
    changed = text.replace("capital = 5000", "capital = 9000", 1).replace(
        "daily_loss_max = 0.05", "daily_loss_max = 0.9", 1
    )
    people.file.write_text(changed + '\n[users.eve]\n[users.ria]\nrole = "risk"\n[risk.users.ann]\nexposure_max = 9\n')
    assert started(people) == {
        "mandates.ann-first": {"capital": ["5000", "9000"], "limits.daily_loss_max": ["0.05", "0.9"]},
        "users.eve": {"section": [None, "there"]},
        "users.ria": {"section": [None, "there"], "role": [None, "risk"]},
        "risk": {"users.ann.exposure_max": [None, "9"]},
    }
    deed = people.deeds()[-1]
    assert (deed.what, deed.reason, bool(deed.by)) == ("configuration", f"start by {people.file}", True)
    people.file.write_text(
        text.replace("capital = 5000", "capital = 9000", 1).replace('name = "Ben"', 'role = "operator"')
    )
    assert started(people) == {
        "mandates.ann-first": {"limits.daily_loss_max": ["0.9", "0.05"]},
        "users.ben": {"role": [None, "operator"], "name": ["Ben", None]},
        "users.eve": {"section": ["there", None]},
        "users.ria": {"section": ["there", None], "role": ["risk", None]},
        "risk": {"users.ann.exposure_max": ["9", None]},
    }
    # What commands add is audited by them.
    people("users", "add", "cem")
    assert started(people) == {}
    assert people.say("audit", "verify").code == 0


def test_a_key_that_stands_in_the_place_of_its_variable_is_not_written_down(people: People) -> None:
    started(people)
    text = people.file.read_text()
    people.file.write_text(text.replace("ANN_SECRET", SECRET).replace("ANN_KEY", "OTHER_KEY"))
    changed = started(people)["accounts.ann-main"]
    assert changed["key_env"] == ["ANN_KEY", "OTHER_KEY"]
    before, after = changed["secret_env"]
    assert (before, str(after)[:11]) == ("ANN_SECRET", "not shown, ")
    database = b"".join(path.read_bytes() for path in (people.file.parent / "d").glob("tradepool.sqlite*"))
    assert SECRET.encode() not in database
