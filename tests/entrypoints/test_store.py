"""Backups of a deployment: whole, put back as a newer instance whose entries are halted, and never another's."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.entrypoints.console import Console
from tradepool.adapters.database.backup import BackupExists, BackupUnusable, back_up
from tradepool.adapters.database.copying import mark_moved
from tradepool.adapters.database.deployment import DatabaseDeployment, FencedJournal, Replaced, WrongDatabase
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.people_tables import invitation
from tradepool.adapters.database.place import Server
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.database.reserve import SLICE, Reserve
from tradepool.adapters.database.risk import DatabaseRisk
from tradepool.adapters.database.secrets import DatabaseSecrets
from tradepool.domain.deployment import Halt, Mode, Promotion, Scope, ScopeKind
from tradepool.domain.event import StreamRestored
from tradepool.domain.ids import AccountId, MandateId, StrategyId, UserId
from tradepool.domain.limit import Override
from tradepool.entrypoints.deployment import Deployed, deployed_from
from tradepool.entrypoints.emergency import Wish
from tradepool.entrypoints.running import RunsAlready, books_of, only_one
from tradepool.entrypoints.store_backup import UNKNOWN_INSTANCES, put_back
from tradepool.ports.journal import Record
from tradepool.ports.secrets import Place, SealedSecret

ANN = AccountId("ann-main")


def deployment(folder: Path, console: Console) -> Deployed:
    """A practice deployment whose database holds one event, written by its instance."""
    file = folder / "tradepool.toml"
    assert console("init", "--yes", "--file", file, "--folder", folder / "d").code == 0
    deployed = deployed_from(file)
    deployed.folder.mkdir(exist_ok=True)
    write(deployed, 1)
    return deployed


def file_of(deployed: Deployed) -> Path:
    """Its database."""
    assert isinstance(deployed.database, Path)
    return deployed.database


def write(deployed: Deployed, sequence: int) -> None:
    connection = open_store(deployed.database)
    epoch = DatabaseDeployment(connection, deployed.deployment).epoch
    FencedJournal(connection, epoch).write(
        Record(account=ANN, sequence=sequence, as_of_ms=0, event=StreamRestored(time_ms=sequence))
    )
    dispose(connection)


def told(database: Path | Server, deployed: Deployed) -> tuple[int, list[int], list[Halt]]:
    """Its epoch, Ann's events, what is halted."""
    connection = open_store(database)
    rows = DatabaseDeployment(connection, deployed.deployment)
    events = [number for number, _, _ in FencedJournal(connection, 0).read(ANN)]
    found = rows.epoch, events, rows.halts()
    dispose(connection)
    return found


def put(deployed: Deployed, copy: Path) -> str:
    scope = Scope(ScopeKind.PLATFORM, deployed.deployment.id)
    return put_back(deployed, copy, Wish("restore", scope, "the disk died"), "ann", 1_000)


def test_a_backup_is_put_back_as_a_newer_instance(tmp_path: Path, console: Console) -> None:
    """While a journal is open for writing; what was there is kept; entries are halted; the instance before is fenced."""
    deployed, copy = deployment(tmp_path, console), tmp_path / "copy.sqlite"
    busy = open_store(deployed.database)
    DatabaseDeployment(busy, deployed.deployment).next_epoch()
    back_up(deployed.database, copy)
    DatabaseDeployment(busy, deployed.deployment).next_epoch()
    dispose(busy)
    write(deployed, 2)
    assert "as instance 3; what was there is replaced-1000.sqlite" in put(deployed, copy)
    epoch, events, halts = told(deployed.database, deployed)
    assert (epoch, events) == (3, [1])
    (halt,) = halts
    assert (halt.scope.kind, halt.by, halt.reason) == (ScopeKind.PLATFORM, "ann", "the disk died")
    assert told(deployed.folder / "replaced-1000.sqlite", deployed)[:2] == (2, [1, 2])
    connection = open_store(deployed.database)
    with pytest.raises(Replaced):
        FencedJournal(connection, 2).write(Record(account=ANN, sequence=2, as_of_ms=0, event=StreamRestored(time_ms=2)))
    dispose(connection)


@pytest.mark.parametrize("state", ["gone", "garbage", "moved"])
def test_a_database_that_is_lost_may_have_had_newer_instances(state: str, tmp_path: Path, console: Console) -> None:
    deployed, copy = deployment(tmp_path, console), tmp_path / "copy.sqlite"
    assert console("users", "invite", "cem", "--config", tmp_path / "tradepool.toml").code == 0
    back_up(deployed.database, copy)
    if state == "gone":
        file_of(deployed).unlink()
    elif state == "garbage":
        file_of(deployed).write_bytes(b"x" * 10_000)
    else:
        connection = open_store(deployed.database)
        for _ in range(2):
            DatabaseDeployment(connection, deployed.deployment).next_epoch()
        mark_moved(connection, "postgresql://trader@lost.example/books")
        connection.commit()
        dispose(connection)
    said = put(deployed, copy)
    assert ("had gone on in postgresql://trader@lost.example/books" in said) == (state == "moved")
    assert told(deployed.database, deployed)[:2] == (UNKNOWN_INSTANCES + (4 if state == "moved" else 1), [1])
    connection = open_store(deployed.database)
    assert connection.execute(select(invitation)).all() == [], "it may have been used since"
    dispose(connection)


def test_what_is_no_whole_copy_changes_nothing(tmp_path: Path, console: Console) -> None:
    """Damaged, of another deployment, not there, or in place of a database that is traded on."""
    deployed, copy = deployment(tmp_path, console), tmp_path / "copy.sqlite"
    (tmp_path / "other").mkdir()
    other = deployment(tmp_path / "other", console)
    back_up(other.database, copy)
    before = file_of(deployed).read_bytes()
    with pytest.raises(WrongDatabase):
        put(deployed, copy)
    assert list(deployed.folder.glob("restoring-*")) == []
    damaged = tmp_path / "damaged.sqlite"
    pages = bytearray(copy.read_bytes())
    pages[8_192:20_000] = b"\x55" * (20_000 - 8_192)
    damaged.write_bytes(pages)
    for file in (damaged, tmp_path / "none.sqlite"):
        with pytest.raises(BackupUnusable):
            put(deployed, file)
    with only_one(deployed), pytest.raises(RunsAlready):
        put(deployed, copy)
    assert file_of(deployed).read_bytes() == before
    with pytest.raises(BackupExists):
        back_up(deployed.database, copy)


def test_the_commands(tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deployment's id is typed back."""
    deployed = deployment(tmp_path, console)
    file = tmp_path / "tradepool.toml"
    assert "is a whole copy" in console("store", "backup", tmp_path / "b", "--plain", "--config", file).out
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    refused = console("store", "restore", tmp_path / "b", "--reason", "why", "--config", file)
    assert refused.code == 1
    assert "Nothing was done" in refused.err
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{deployed.deployment.id}\n"))
    said = console("store", "restore", tmp_path / "b", "--reason", "why", "--config", file)
    assert "resume --all" in said.out, said.err


def test_files_are_their_owners_alone(tmp_path: Path, console: Console) -> None:
    """Everybody's books: the database, what SQLite keeps beside it, a copy, the reserve. A folder has to be there."""
    deployed, copy = deployment(tmp_path, console), tmp_path / "copy.sqlite"
    back_up(deployed.database, copy)
    assert Reserve(deployed.folder / "reserve", SLICE).fill()
    connection = open_store(deployed.database)
    for file in (copy, *deployed.folder.glob("tradepool.sqlite*"), deployed.folder / "reserve"):
        assert file.stat().st_mode & 0o777 == 0o600, file
    dispose(connection)
    said = console("store", "backup", tmp_path / "none" / "b", "--plain", "--config", tmp_path / "tradepool.toml")
    assert (said.code, "There is no folder" in said.err) == (1, True), said


def promotion(after: Mode) -> Promotion:
    """Of Ann's mandate."""
    return Promotion(
        time_ms=1,
        by="eva",
        mandate=MandateId("ann-first"),
        strategy_id=StrategyId("s"),
        before=Mode.SHADOW,
        after=after,
        reason="r",
    )


def decide(deployed: Deployed, after: Mode, halted: str, key: str) -> None:
    """What people do to a deployment: promote, halt, add a key in place of all others."""
    connection = open_store(deployed.database)
    DatabasePromotions(connection).promote(promotion(after))
    halt = Halt(scope=Scope(ScopeKind.USER, halted), since_ms=1, by="eva", reason="r")
    DatabaseDeployment(connection, deployed.deployment).halt(halt)
    DatabaseRisk(connection).override(
        Override(key="platform.exposure_max", value=Decimal(len(halted)), since_ms=1, by="eva", reason="r"), None
    )
    place = Place(user=UserId("ann"), account=ANN, field=key, version=1)
    with (keys := DatabaseSecrets(connection)).changing():
        keys.replace([], [SealedSecret(place=place, nonce=b"n", sealed=b"sealed-bytes")])
    dispose(connection)


def decided(deployed: Deployed) -> tuple[list[Mode], list[str], list[str]]:
    """Promotions, halts, keys."""
    connection = open_store(deployed.database)
    modes = [each.after for each in DatabasePromotions(connection).of(MandateId("ann-first"))]
    halts = [each.scope.name for each in DatabaseDeployment(connection, deployed.deployment).halts()]
    keys = [each.place.field for each in DatabaseSecrets(connection).secrets()]
    dispose(connection)
    return modes, halts, keys


def test_what_people_decided_since_the_backup_holds(tmp_path: Path, console: Console) -> None:
    """A demotion and a halt stay, and a burnt key does not come back; where the database is lost, that is said."""
    deployed, copy = deployment(tmp_path, console), tmp_path / "copy.sqlite"
    decide(deployed, Mode.LIVE, "ann", "burnt")
    back_up(deployed.database, copy)
    decide(deployed, Mode.SHADOW, "ben", "new")
    assert "burn what was burnt since" not in put(deployed, copy)
    modes, halts, keys = decided(deployed)
    assert modes == [Mode.LIVE, Mode.SHADOW]
    assert {"ann", "ben"} < set(halts)
    assert keys == ["new"]
    file_of(deployed).unlink()
    assert "burn what was burnt since" in put(deployed, copy)
    assert decided(deployed)[2] == ["burnt"]


def test_play_money_that_begins_anew_keeps_what_people_decided(tmp_path: Path, console: Console) -> None:
    """How far each mandate goes, limits that were set, halts."""
    deployed = deployment(tmp_path, console)
    dispose(books_of(deployed, "first"))
    decide(deployed, Mode.LIVE, "ann", "k")
    dispose(books_of(deployed, "second"))
    assert decided(deployed)[:2] == ([Mode.LIVE], ["ann"])
    connection = open_store(deployed.database)
    assert [each.key for each in DatabaseRisk(connection).overrides()] == ["platform.exposure_max"]
    dispose(connection)
