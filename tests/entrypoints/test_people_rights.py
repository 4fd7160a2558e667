"""Who may what to whom by command: limits, invitations, roles, and `--as`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.entrypoints.console import Console
from tests.entrypoints.people_kit import People
from tradepool.domain.actor import Actor
from tradepool.domain.ids import UserId
from tradepool.domain.policy import NotAllowed, may
from tradepool.domain.user import Role
from tradepool.entrypoints import asking, two_people
from tradepool.entrypoints.deployment import NotActive, deployed_from

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def people(console: Console, tmp_path: Path) -> People:
    """Practice."""
    return People(console, tmp_path)


def test_nobody_raises_his_own_limits(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    people("users", "add", "cem")
    people("users", "add", "ola", "--role", "operator")
    for name in ("cem", "ola"):
        people("accounts", "add", name)
        people("mandates", "add", name, "--strategy", "donchian_turtle", "--capital", "500")
    less, more = ("--capital", "400", "--limit", "positions_max=2", "--entry", "fok"), ("--limit", "positions_max=3")
    for name in ("cem", "ola"):
        people("mandates", "set", f"{name}-1", *less, "--as", name)
        dearer = [("--entry", "market"), ("--entry-slippage-max", "0.001")]
        for raise_ in (more, ("--limit", "positions_max=none"), ("--capital", "401"), ("--weight", "0.9"), *dearer):
            said = people.refused("mandates", "set", f"{name}-1", *raise_, "--as", name)
            assert "who may not set limits of his own" in said
    key = "mandate.ola-1.positions_max"
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{key}\n"))
    assert "of his own" in people.refused("risk", "set", key, "9", "--reason", "x", "--as", "ola")
    assert people.json("risk", "show", "--as", "ola")["limits"][-1]["set_by"] == ""
    assert "Offered" in people("mandates", "set", "cem-1", *more, "--as", "ola")
    # Only names that begin with his own: another's is nothing that he could learn of.
    for name in ("ann-main", "zoe-main"):
        assert "let it begin with cem-" in people.refused("accounts", "add", "cem", "--name", name, "--as", "cem")
    people("accounts", "add", "cem", "--name", "cem-savings", "--as", "cem")


def test_what_raises_a_limit_takes_two_people(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command of another one, within a day; a person agrees neither to his own offer nor twice to the same one."""
    people("users", "add", "cem")
    people("accounts", "add", "cem")
    people("mandates", "add", "cem", "--strategy", "donchian_turtle", "--capital", "500")
    for name, role in (("ola", "operator"), ("oda", "operator"), ("ria", "risk")):
        people("users", "add", name, "--role", role)
    key = "user.cem.exposure_max"

    def set_(value: str, as_: str) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{key}\n"))
        return people("risk", "set", key, value, "--reason", "x", "--as", as_)

    def limit() -> list[str]:
        found = people.json("risk", "show", "--user", "cem")["limits"]
        return [f"{row['value']} by {row['set_by']}" for row in found if row["limit"] == key]

    assert "none -> 100" in set_("100", "ria")
    assert "100 -> 90" in set_("90", "ola")
    for _ in range(2):
        assert "Offered" in set_("200", "ria")
        assert limit() == ["90 by ola"]
    assert "Offered" in set_("300", "ola")
    assert "90 -> 200" in set_("200", "ola")
    assert limit() == ["200 by ria and ola"]
    assert "200 -> 90" in set_("90", "ria")
    # What was offered then is used up.
    assert "Offered" in set_("200", "ria")
    for gone in ("none", "configured"):
        assert "Offered" in set_(gone, "ria")
    assert "is what the configuration says again" in set_("configured", "ola")
    assert limit() == []
    with patch.object(two_people, "OFFER_MS", 0):
        assert "Offered" in people("mandates", "set", "cem-1", "--capital", "900", "--as", "ola")
        assert "Offered" in people("mandates", "set", "cem-1", "--capital", "900", "--as", "oda")
    assert "it is a share" in people.refused("mandates", "set", "cem-1", "--limit", "daily_loss_max=2", "--as", "ola")
    assert "capital: 500 -> 900" in people("mandates", "set", "cem-1", "--capital", "900", "--as", "ola")
    deed = people.deeds()[-1]
    assert (deed.what, deed.by) == ("mandates set", "oda and ola")
    # The machine's operator has nobody beside him.
    assert "capital: 900 -> 901" in people("mandates", "set", "cem-1", "--capital", "901")


def test_support_invites_users_and_nobody_who_works_here(people: People) -> None:
    people("users", "add", "sam", "--role", "support")
    people("users", "invite", "cem", "--as", "sam")
    assert "who may not add and change people" in people.refused(
        "users", "invite", "eve", "--role", "risk", "--as", "sam"
    )
    people("users", "invite", "eve", "--role", "risk")
    assert "who may not add and change people" in people.refused("users", "invite", "eve", "--as", "sam")


def test_as_is_for_commands_about_people_and_names_one(people: People) -> None:
    assert "start is nobody's but the operator's" in people.refused("start", "--as", "ann")
    assert "--as names 2 people" in people.refused("positions", "--as", "ann", "--as=ben")
    assert "--as names 0 people" in people.refused("positions", "--as=")
    assert "No user is called 'zed'" in people.refused("positions", "--as", "zed")
    assert asking.asker() is None


def test_who_may_look_at_who_did_what_reads_the_audit(people: People) -> None:
    """By `--as`, and of all people: operator, risk and auditor; nobody else, not even of what he did himself."""
    for role in ("auditor", "risk", "billing"):
        people("users", "add", role[:3], "--role", role)
    people("users", "pause", "aud", "--as", "ris")
    for name in ("aud", "ris"):
        deeds = people.json("audit", "show", "--as", name)["deeds"]
        assert ("users pause", "ris") in [(deed["what"], deed["by"]) for deed in deeds]
        assert "All as it was written" in people("audit", "verify", "--as", name)
    for name in ("bil", "ann"):
        for command in ("show", "verify"):
            assert "who may not look at who did what" in people.refused("audit", command, "--as", name)


def test_a_person_is_told_the_names_of_strategies_and_no_path_of_this_machine(people: People, tmp_path: Path) -> None:
    (folder := tmp_path / "strategies").mkdir()
    (folder / "own_dip.strategy").write_text((EXAMPLES / "golden_cross.strategy").read_text())
    (folder / "broken.strategy").write_text("what")
    told = people.json("strategies", "list", "--as", "ann")
    assert (told["origins"]["own_dip"], told["origins"]["donchian_turtle"]) == ("this deployment", "built in")
    assert (told["faults"], str(tmp_path) in people("strategies", "list", "--as", "ann")) == ({}, False)
    assert people.json("strategies", "list")["origins"]["own_dip"] == str(folder / "own_dip.strategy")
    assert "No user is called 'zed'" in people.refused("strategies", "list", "--as", "zed")


def _words(command: str, rest: Sequence[str]) -> list[str]:
    return command.split()


@pytest.mark.parametrize("role", Role)
def test_what_a_command_gets_is_what_its_action_may_touch(people: People, role: Role) -> None:
    """A command of each action: refused, or it gets everything, or what is the person's own."""
    people("users", "add", "cem", "--role", role)
    people("accounts", "add", "cem")
    actor = Actor(UserId("cem"), role)
    for action, command in {action: command for command, action in asking.COMMANDS.items()}.items():
        with asking.asked(["--as", "cem"], partial(_words, command)):
            if may(actor, action):
                assert set(people.found.settings.accounts) == {"ann-main", "ben-main", "cem-1"}
            elif may(actor, action, UserId("cem")):
                found = people.found
                assert set(found.settings.accounts) == {"cem-1"}
                assert ([user.id for user in found.users], found.seats, found.only) == (["cem"], [], "cem")
            else:
                with pytest.raises(NotAllowed):
                    deployed_from(people.file)


def test_a_paused_person_may_look_and_a_closed_one_may_not(people: People) -> None:
    people("users", "add", "cem")
    people("users", "pause", "cem")
    people("trades", "--as", "cem")
    people("users", "close", "cem")
    with asking.asked(["--as", "cem"], lambda rest: ["trades"]), pytest.raises(NotActive, match="cem is closed here"):
        deployed_from(people.file)
