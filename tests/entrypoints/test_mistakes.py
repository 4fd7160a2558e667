"""What is wrong with one section is set aside where everybody has to be helped, and raised where somebody writes it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.entrypoints.console import Console
from tests.entrypoints.people_kit import People
from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.register import DatabaseRegister
from tradepool.adapters.database.secrets import DatabaseSecrets
from tradepool.domain.errors import TradepoolError
from tradepool.domain.ids import AccountId, UserId
from tradepool.domain.register import Entry, Thing
from tradepool.domain.user import Role, Status, User
from tradepool.entrypoints.deployment import Deployed, deployed, deployed_from
from tradepool.entrypoints.emergency import status
from tradepool.entrypoints.init import Wanted, init
from tradepool.entrypoints.inputs import settings_from
from tradepool.entrypoints.mistakes import UNLED, Mistakes
from tradepool.entrypoints.running import STARTED, STOPPED
from tradepool.ports.secrets import Place, SealedSecret

MISTAKES: tuple[tuple[Callable[[str], str], str, int], ...] = (
    (lambda text: text.replace("[users.ben]", "[users.ben]\nrolle = 1"), "users.ben.rolle", 1),
    (lambda text: text.replace('user = "ben"', 'user = "eve"'), "is no user", 1),
    (lambda text: text.replace('account = "ben-main"', 'account = "ann-main"'), "by mandate ann-first already", 1),
    (lambda text: text.replace("[users.ben]", "[users.Ben]").replace('user = "ben"', 'user = "Ben"'), "is no name", 1),
    (lambda text: re.sub(r"(?s)(ben-first.*?weight = )0.45", r"\g<1>9", text), "weight", 1),
    (lambda text: text + "\n[risk.users.eve]\nexposure_max = 1\n", "no user is called that", 2),
    (lambda text: text + "\n[risk.users.ann]\nexposure_mx = 1\n", "risk.users.ann.exposure_mx", 2),
)


def written(folder: Path, change: Callable[[str], str]) -> Path:
    """A deployment of ann's and ben's, changed."""
    file = folder / "tradepool.toml"
    init(Wanted(file=file, folder=folder / "d", users=["ann", "ben"], yes=True))
    text = file.read_text()
    assert change(text) != text
    file.write_text(change(text))
    return file


@pytest.mark.parametrize(("change", "said", "seats"), MISTAKES)
def test_others_are_there(tmp_path: Path, change: Callable[[str], str], said: str, seats: int) -> None:
    file = written(tmp_path, change)
    for strict in (Mistakes.RAISED, Mistakes.UNLED):
        with pytest.raises(TradepoolError, match=said):
            deployed_from(file, mistakes=strict)
    found = deployed_from(file, mistakes=Mistakes.SET_ASIDE)
    assert any(said in str(each) for each in found.aside), found.aside
    assert "ann-main" in [seat.account_id for seat in found.seats]
    assert len(found.seats) == seats


def test_a_mistake_of_everybodys_is_raised(tmp_path: Path) -> None:
    file = written(tmp_path, lambda text: text.replace('timeframe = "1m"', 'timeframe = "61s"'))
    with pytest.raises(TradepoolError, match="is no timeframe"):
        deployed_from(file, mistakes=Mistakes.SET_ASIDE)


def test_a_strategy_that_cant_be_used_leaves_its_mandate_unled(tmp_path: Path) -> None:
    def gone(text: str) -> str:
        head, section, tail = text.partition("[mandates.ben-first]")
        return head + section + re.sub(r'strategy = "\w+"', 'strategy = "gone.strategy"', tail, count=1)

    def read(file: Path) -> Deployed:
        return deployed_from(file, mistakes=Mistakes.UNLED)

    file = written(tmp_path, gone)
    with pytest.raises(TradepoolError, match=r"mandates.ben-first.*can't be used"):
        deployed_from(file)
    ann, ben = read(file).seats
    assert (ann.off, ben.strategy) == ("", UNLED)
    assert "can't be used" in ben.off == str(ben.unled)
    # A limit on a strategy whose name nobody knows is no mistake then.
    file.write_text(file.read_text() + "\n[risk.strategies.gone]\nexposure_max = 1\n")
    assert len(read(file).risk.limits) > 0
    # Of an inactive one nobody asks.
    file.write_text(
        re.sub(r"(?s)(ben-first.*?)active = true", r"\1active = false", file.read_text()).partition("\n[risk.s")[0]
    )
    found = read(file)
    assert [seat.mandate.id for seat in found.seats] == ["ann-first"]
    assert [seat.mandate.id for seat in found.inactive] == ["ben-first"]


PLAIN = '{"role": "user"}'


def test_a_row_of_the_register_that_cant_be_read_is_set_aside(tmp_path: Path) -> None:
    file = written(tmp_path, lambda text: text + "\n")

    def entry(name: str, body: str) -> Entry:
        return Entry(
            thing=Thing.USER,
            name=name,
            user=UserId(name),
            version=1,
            status=Status.ACTIVE,
            body=body,
            time_ms=1,
            by="x",
            reason="",
        )

    entries = [entry("ann", PLAIN), entry("eve", '{"rolle": 1}'), entry("joe", PLAIN)]
    found = deployed(settings_from(file), file, entries, Mistakes.SET_ASIDE)
    assert [user.id for user in found.users] == ["ann", "ben", "joe"]
    assert ["is the name of" in str(each) or "is not valid" in str(each) for each in found.aside] == [True, True]


def test_a_process_that_died_is_told_whatever_the_clock_said(tmp_path: Path) -> None:
    """It was set back before the last start: what was written last counts."""
    found = deployed_from(written(tmp_path, lambda text: text + "\n"))
    connection = open_store(found.database)
    rows = DatabaseDeployment(connection, found.deployment)
    for what, time_ms, process in ((STARTED, 10, "died"), (STOPPED, 20, "stopped"), (STARTED, 5, "died")):
        rows.audit(Deed(time_ms=time_ms, by="x", what=what, scope="instance 1", reason=""))
        assert status(found).process == process
    dispose(connection)


UP = "name: up\nversion: 1\n\nenter: close > open\nexit: close < open\nstop: 2 percent\n"
# While it is looked at for the first time, somebody else adds a mandate.
MEANWHILE = """\
from pathlib import Path

from tradepool.core.strategies.catalog import named
from tradepool.entrypoints import cli

once = Path(__file__).with_suffix(".once")
if not once.exists():
    once.touch()
    told = ["--strategy", "donchian_turtle", "--capital", "5", "--name", "cem-b"]
    assert cli.run(["--config", "{file}", "--as", "cem", "mandates", "add", "cem", *told]) == 0


def strategy():
    return named("donchian_turtle")
"""


@pytest.fixture
def people(console: Console, tmp_path: Path) -> People:
    """Practice: ann and ben in the file, cem by command, with one account."""
    found = People(console, tmp_path)
    found("users", "add", "cem")
    found("accounts", "add", "cem")
    return found


def test_of_two_mandates_that_are_added_at_once_an_account_gets_one(people: People) -> None:
    strategy = people.file.with_name("meanwhile.py")
    strategy.write_text(MEANWHILE.format(file=people.file))
    added = people.say("mandates", "add", "cem", "--strategy", strategy, "--capital", "5", "--name", "cem-a")
    assert (added.code, "something beside it; look and ask again" in added.err) == (1, True), added
    assert [seat.mandate.id for seat in people.found.seats] == ["ann-first", "ben-first", "cem-b"]


def test_where_two_mandates_trade_an_account_either_is_closed(people: People) -> None:
    """As an older version let them be added, or whoever writes past us; the others are paused meanwhile."""
    told = ("--strategy", "donchian_turtle", "--capital", "5")
    people("mandates", "add", "cem", *told, "--name", "cem-a")
    connection = open_store(people.found.database)
    register = DatabaseRegister(connection)
    (first,) = register.versions(Thing.MANDATE, "cem-a")
    for name in ("cem-b", "cem-c"):
        register.write(replace(first, name=name))
    dispose(connection)
    assert "is traded by mandate cem-a already" in people.refused("users", "list")
    people("users", "pause", "cem")
    people("accounts", "pause", "cem-1", "--as", "cem")
    people("mandates", "pause", "ann-first", "--as", "ann")
    people("mandates", "pause", "cem-a", "--as", "cem")
    people("mandates", "close", "cem-a")
    assert "is traded by mandate cem-b already" in people.refused("users", "list", "--as", "cem")
    people("mandates", "close", "cem-c", "--as", "cem")
    assert [seat.mandate.id for seat in people.found.seats] == ["ann-first", "ben-first", "cem-b"]


def test_a_strategy_that_two_mandates_share_is_mended_one_by_one(people: People) -> None:
    text = people.file.with_name("up.strategy")
    text.write_text(UP)
    people("users", "add", "dea")
    people("accounts", "add", "dea")
    for user in ("cem", "dea"):
        people("mandates", "add", user, "--strategy", text, "--capital", "500")
    text.write_text("name: up\n")
    told = ("--strategy", "donchian_turtle")
    # Nobody is kept from less, and what was wrong already keeps nobody else from anything.
    for name in ("cem-1", "dea-1", "ann-first"):
        people("mandates", "pause", name)
    people("users", "pause", "ben")
    assert "[mandates.cem-1] weight" in people.refused("mandates", "set", "cem-1", *told, "--weight", "9")
    people("mandates", "set", "cem-1", *told)
    assert "[mandates.dea-1] strategy" in people.refused("mandates", "list")
    people("mandates", "set", "dea-1", *told)
    assert [seat.off for seat in people.found.seats] == [""] * 4


def test_a_key_is_burnt_whatever_is_wrong_with_others(
    tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = People(console, tmp_path, "live")
    people.file.write_text(people.file.read_text().replace("[users.ben]", "[users.ben]\nrolle = 1"))
    for who in ([], ["--as", "ann"]):
        monkeypatch.setattr("sys.stdin", io.StringIO("ann\n"))
        assert "entries of ann are halted" in people("keys", "burn", "ann-main", "--reason", "seen", *who)


@pytest.mark.parametrize(
    ("known_by", "section"),
    [
        ("vault", ""),
        ("books", ""),
        ("vault", '[accounts.ann-main]\nuser = "ann"\nusr = 1\n'),
        ("books", '[accounts.ann-main]\nuser = "ann"\nusr = 1\n'),
        ("vault", '[accounts.ann-main]\nuser = "annn"\n'),
    ],
)
def test_a_key_is_burnt_whatever_its_own_section_says(
    tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch, known_by: str, section: str
) -> None:
    """It is gone, set aside, or says a user who is none: the vault knows whose key it is, and the books whose account."""
    people = People(console, tmp_path, "live")
    deployment, ann, account = people.found.deployment, UserId("ann"), AccountId("ann-main")
    connection = open_store(people.found.database)
    rows, keys = DatabaseDeployment(connection, deployment), DatabaseSecrets(connection)
    if known_by == "books":
        rows.account(User(id=ann, name="ann", role=Role.USER), account, "binance")
    else:
        with keys.changing():
            place = Place(user=ann, account=account, field="key", version=1)
            keys.replace([], [SealedSecret(place=place, nonce=b"n", sealed=b"s")])
    people.file.write_text(re.sub(r"\[accounts.ann-main\][^\[]*", section, people.file.read_text()))
    monkeypatch.setattr("sys.stdin", io.StringIO("ann\n"))
    assert "entries of ann are halted" in people("keys", "burn", account, "--reason", "seen")
    assert [halt.scope.name for halt in rows.halts()] == ["ann"]
    assert keys.secrets() == []
    dispose(connection)
    assert "No account is called 'nobody'" in people.refused("keys", "burn", "nobody", "--reason", "seen")


def test_a_mandate_of_no_account_is_not_paused(tmp_path: Path, console: Console) -> None:
    people = People(console, tmp_path)
    people.file.write_text(people.file.read_text().replace('account = "ben-main"', 'account = "eve"'))
    assert "No account is called 'eve'" in people.refused("mandates", "pause", "ben-first")
