"""`init` writes a deployment that is read back; mistakes in one name their section and key; databases know their owner."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from alembic.command import upgrade

from tests.entrypoints.console import Console
from tradepool.adapters.database.deployment import DatabaseDeployment, Deed, WrongDatabase
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.domain.deployment import Deployment, Halt, Kind, Mode, Scope, ScopeKind
from tradepool.domain.ids import AccountId, UserId
from tradepool.domain.user import User
from tradepool.entrypoints.deployment import config_file, deployed, deployed_from
from tradepool.entrypoints.inputs import settings_from


@pytest.fixture
def written(console: Console, tmp_path: Path) -> Path:
    """A configuration as `init --yes` writes it."""
    file = tmp_path / "tradepool.toml"
    said = console("init", "--yes", "--file", file, "--folder", tmp_path / "data")
    assert said.code == 0, said.err
    return file


def test_it_is_practice_with_two_users_and_no_secret(written: Path, tmp_path: Path) -> None:
    found = deployed(settings_from(written), written)
    assert found.deployment.kind is Kind.PRACTICE
    assert [seat.user.id for seat in found.seats] == ["ann", "ben"]
    assert {seat.ceiling for seat in found.seats} == {Mode.PRACTICE}
    assert found.seats[0].mandate.limits.order_notional_max == 2500
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert "secret" not in written.read_text()
    assert found.database == tmp_path / "data" / "tradepool.sqlite"


def test_nothing_is_overwritten_without_saying_so(console: Console, written: Path, tmp_path: Path) -> None:
    before = written.read_text()
    said = console("init", "--yes", "--file", written, "--folder", tmp_path / "data")
    assert (said.code, written.read_text()) == (1, before)
    assert "say --overwrite" in said.err
    assert console("init", "--yes", "--overwrite", "--file", written, "--folder", tmp_path / "data").code == 0
    assert written.read_text() != before
    assert list(written.parent.glob(".*new")) == []


def test_real_money_is_asked_for_by_name_and_begins_in_the_shadow(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "live.toml"
    said = console("init", "--yes", "--kind", "live", "--users", "zoe", "--file", file, "--folder", tmp_path / "l")
    assert said.code == 0, said.err
    found = deployed(settings_from(file), file)
    assert (found.deployment.kind, found.seats[0].ceiling) == (Kind.LIVE, Mode.LIVE)
    assert found.seats[0].account.key_env == "ZOE_KEY"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("daily_loss_max", "daily_los_max", "mandates.ann-first.limits.daily_los_max|did you mean daily_loss_max?"),
        (
            '"moving_average_cross"',
            '"moving_averge_cross"',
            "[mandates.ann-first] strategy|did you mean moving_average",
        ),
        ('markets = ["BTC/USDT"', 'markets = ["BTC-USDT"', "[mandates.ann-first] markets|'BTC-USDT'|such as BTC/USDT"),
        ('markets = ["BTC/USDT"', 'markets = ["BTC/USD"', "'BTC/USD' is not traded|did you mean BTC/USDT?"),
        ('account = "ann-main"', 'account = "anne-main"', "[mandates.ann-first] account|did you mean ann-main?"),
        ('account = "ben-main"', 'account = "ann-main"', "[mandates.ben-first] account|an account of its own"),
        ('user = "ann"', 'user = "an"', "[accounts.ann-main] user|did you mean ann?"),
        ('mode = "practice"', 'mode = "live"', "[mandates.ann-first] mode|use practice, or another deployment"),
        ("weight = 0.45", "weight = 45", "[mandates.ann-first] weight|use a share above 0"),
        ("weight = 0.45", "weight = 0.45\nentry = 'icc'", "mandates.ann-first.entry|'ioc'"),
        (
            "weight = 0.45",
            "weight = 0.45\ncanary.hours_min = 0",
            "mandates.ann-first.canary.hours_min|greater than or equal to 1",
        ),
        (
            "weight = 0.45",
            "weight = 0.45\nentry_slippage_max = 0.01",
            "[mandates.ann-first] entry_slippage_max|from 0 to 0.1, with entry ioc, fok or limit only",
        ),
        ("capital = 5000", "capital = -1", "[mandates.ann-first] capital|an amount above 0"),
        ("daily_loss_max = 0.05", "daily_loss_max = 0", "daily_loss_max|above 0, or none"),
        ('timeframe = "1m"', 'timeframe = "1min"', "[venue] timeframe|'1min' is no timeframe"),
        ("[users.ann]", "[users.Ann]", "[users] Ann|a-z, 0-9"),
        ("capital = 5000", "capital = 'much'", "mandates.ann-first.capital|not valid"),
    ],
)
def test_a_mistake_names_its_section_and_key(console: Console, written: Path, old: str, new: str, words: str) -> None:
    written.write_text(written.read_text().replace(old, new, 1))
    said = console("config", "explain", "mandates", "--config", written)
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert all(word in said.err for word in words.split("|")), said.err


def test_where_a_value_comes_from(console: Console, written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEPOOL_VENUE__TIMEFRAME", "5m")
    said = console("config", "explain", "venue", "--config", written)
    rows = {line.split()[0]: line for line in said.out.splitlines()}
    assert "environment" in rows["venue.timeframe"]
    assert "5m" in rows["venue.timeframe"]
    assert rows["venue.exchange"].rstrip().endswith("default")
    shown = console("config", "show", "--config", written)
    assert "[mandates.ann-first.limits]" in shown.out
    assert console("config", "explain", "venue.timefrme", "--config", written).code == 1


def test_without_a_configuration_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match="run tradepool init"):
        config_file(None)


@pytest.mark.parametrize("opened", [False, True])
def test_a_database_of_another_deployment_is_not_touched(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: bool
) -> None:
    """A live configuration that names a practice folder: exit code 1, and not a byte is another, be its schema an older
    one, and be it open."""
    practice, live = tmp_path / "practice.toml", tmp_path / "live.toml"
    for kind, file in (("practice", practice), ("live", live)):
        console("init", "--file", file, "--folder", tmp_path / "books", "--kind", kind, "--users", "ann", "--yes")
    (tmp_path / "books").mkdir(exist_ok=True)
    with monkeypatch.context() as older:
        older.setattr("tradepool.adapters.database.engine.command.upgrade", lambda config, _: upgrade(config, "0006"))
        # Its triggers are of tables that were not there yet.
        older.setattr("tradepool.adapters.database.engine.triggers.build", lambda connection: None)
        connection = open_store(deployed_from(practice).database)
    DatabaseDeployment(connection, deployed_from(practice).deployment)
    if not opened:
        dispose(connection)
    # Beside an open one lies what its readers share, which is none of its data.
    files = [path for path in (tmp_path / "books").iterdir() if not path.name.endswith("-shm")]
    before = {path: path.read_bytes() for path in files}
    for command in (
        ("status",),
        ("start",),
        ("mandates",),
        ("explain", "ann", "--day", "2026-01-01"),
        ("keys", "list"),
        ("store", "migrate"),
    ):
        said = console(*command, "--config", live)
        assert (said.code, "belongs to the practice deployment" in said.err) == (1, True), said
    assert {path: path.read_bytes() for path in files} == before
    assert opened or list((tmp_path / "books").iterdir()) == files
    dispose(connection)


def test_a_database_belongs_to_one_deployment(tmp_path: Path) -> None:
    connection = open_store(tmp_path / "a.sqlite")
    ours = Deployment(id="aaaaaaaa", kind=Kind.PRACTICE)
    DatabaseDeployment(connection, ours)
    rows = DatabaseDeployment(connection, ours)
    for other in (Deployment(id="aaaaaaaa", kind=Kind.LIVE), Deployment(id="bbbbbbbb", kind=Kind.PRACTICE)):
        with pytest.raises(WrongDatabase, match="nothing was done"):
            DatabaseDeployment(connection, other)
    user = User(id=UserId("ann"), name="Ann")
    numbers = [rows.account(user, AccountId(name), "binance").number for name in ("one", "two", "one")]
    assert numbers == [1, 2, 1]
    assert (rows.epoch, rows.next_epoch(), rows.epoch) == (0, 1, 1)
    scope = Scope(ScopeKind.USER, "ann")
    rows.halt(Halt(scope=scope, since_ms=5, by="op", reason="venue odd"))
    second = open_store(tmp_path / "a.sqlite")
    assert [halt.scope for halt in DatabaseDeployment(second, ours).halts()] == [scope]
    deed = Deed(time_ms=6, by="op", what="resume", scope=str(scope), reason="fine again")
    assert DatabaseDeployment(second, ours).lift(scope, deed) is True
    assert rows.halts() == []
    assert [deed.what for deed in rows.deeds()] == ["halt", "resume"]
    dispose(second)
    dispose(connection)
