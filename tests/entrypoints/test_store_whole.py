"""Books that are backed up, drilled, verified and moved, on both kinds of stores, by the command line."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from tests.entrypoints.console import Console
from tests.entrypoints.test_store import decide, decided
from tests.ledger_kit import Life
from tests.postgres_kit import Postgres
from tests.tampering import by_sql
from tradepool.adapters.database import backup
from tradepool.adapters.database.backup import BackupUnusable
from tradepool.adapters.database.deployment import DatabaseDeployment, FencedJournal, Moved, Replaced
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.place import Place
from tradepool.adapters.database.sealed_copy import HEAD_BYTES
from tradepool.adapters.database.secrets import DatabaseSecrets
from tradepool.adapters.database.wall_check import WallGone
from tradepool.domain.deed import Deed
from tradepool.domain.deployment import Mode
from tradepool.domain.event import InstanceBegan
from tradepool.domain.ids import AccountId, UserId
from tradepool.domain.user import Role, User
from tradepool.entrypoints.deployment import Deployed, deployed_from
from tradepool.entrypoints.running import books_of
from tradepool.entrypoints.store_backup import opened

ROUNDS = 60


class Books:
    """A deployment by its file, with books of two accounts in whichever place its configuration names."""

    def __init__(self, folder: Path, console: Console, place: Place) -> None:
        self.file, self.console = folder / "tradepool.toml", console
        assert console("init", "--yes", "--file", self.file, "--folder", folder / "d").code == 0
        if not isinstance(place, Path):
            self.config(str(place))
        self.deployed.folder.mkdir(exist_ok=True)
        connection = open_store(self.deployed.database, "NORMAL")
        rows = DatabaseDeployment(connection, self.deployed.deployment)
        journal = FencedJournal(connection, rows.next_epoch())
        rows.audit(Deed(time_ms=1, by="op", what="halt", scope="platform", reason="why not"))
        for name, rounds in (("ann-main", ROUNDS), ("ben-main", 1)):
            user = User(id=UserId(name[:3]), name=name[:3], role=Role.USER)
            number = rows.account(user, AccountId(name), "binance").number
            life = Life(journal, name, number, mark=self.deployed.deployment.mark)
            life.actor.handle(InstanceBegan(time_ms=life.now_ms, epoch=1))
            for _ in range(rounds):
                life.round_trip()
        dispose(connection)

    def config(self, database: str) -> None:
        """Name another database."""
        text = re.sub(r"^database = .*\n", "", self.file.read_text(), flags=re.MULTILINE)
        self.file.write_text(text.replace("[deployment]\n", f'[deployment]\ndatabase = "{database}"\n'))

    @property
    def deployed(self) -> Deployed:
        """As configured now."""
        return deployed_from(self.file)

    def store(self, *arguments: object, code: int = 0) -> str:
        """A command of `tradepool store`, which ends with that code; what it said."""
        said = self.console("store", *arguments, "--config", self.file)
        assert said.code == code, said
        return said.err if code else said.out


@pytest.fixture
def books(tmp_path: Path, console: Console, place: Place) -> Books:
    """On both kinds."""
    return Books(tmp_path, console, place)


def test_a_sealed_backup_is_drilled_and_put_back(books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds no word of the books that could be read, and the master key not even sealed; a flipped byte is named."""
    copy, key, master = tmp_path / "sealed", tmp_path / "recovery.key", tmp_path / "master.key"
    assert "There is no folder" in books.store("recovery-key", tmp_path / "none" / "k", code=1)
    assert "beside the books" in books.store("recovery-key", books.deployed.folder / "k", code=1)
    assert "no recovery key" in books.store("backup", copy, code=1)
    said = books.store("recovery-key", key)
    books.file.write_text(
        books.file.read_text() + said[said.index("[backup]") :] + f'[vault]\nmaster_key = "{master}"\n'
    )
    assert books.console("keys", "master", "--config", books.file).code == 0
    books.store("backup", copy)
    assert b"ann-main" not in copy.read_bytes()
    with opened(copy, tmp_path, key) as plain:
        assert b"ann-main" in plain.read_bytes()
        assert master.read_text().strip().partition(":")[2].encode() not in plain.read_bytes()
    assert [each.name for each in books.deployed.folder.glob("*unsealed*")] == []
    assert "is sealed; name the file" in books.store("drill", copy, code=1)
    found = json.loads(books.store("drill", copy, "--recovery-key", key, "--json"))
    assert (found["sealed"], found["compared"], found["restored"]["faults"]) == (True, 2, [])
    assert (found["restored"]["accounts"], found["restored"]["snapshots"]) == (2, 1)
    assert [each.name for each in books.deployed.folder.glob("drill-*")] == []
    damaged = bytearray(copy.read_bytes())
    damaged[HEAD_BYTES + 5_000] ^= 1
    (tmp_path / "damaged").write_bytes(damaged)
    refused = books.store("drill", tmp_path / "damaged", "--recovery-key", key, code=1)
    assert "its bytes are not those that were written" in refused
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{books.deployed.deployment.id}\n"))
    said = books.store("restore", copy, "--recovery-key", key, "--reason", "drill")
    assert "as instance 2" in said
    assert json.loads(books.store("verify", "--json"))["faults"] == []


def test_a_drill_takes_the_newest_of_a_folder_and_compares_it(books: Books, tmp_path: Path) -> None:
    """Books that were rewritten since are not those of the backup."""
    folder = tmp_path / "backups"
    folder.mkdir()
    assert "no file in it" in books.store("drill", folder, code=1)
    books.store("backup", folder / "one", "--plain")
    assert "Nothing is wrong" in books.store("drill", folder)
    connection = open_store(books.deployed.database)
    by_sql(
        connection, "update ledger_entry set transfers = replace(transfers, 'USDT', 'USDC') where account = 'ann-main'"
    )
    dispose(connection)
    assert "ann-main has another trial balance" in books.store("drill", folder, code=1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "update ledger_entry set transfers = replace(transfers, 'bought', 'sold') where account = 'ben-main'",
            "ben-main",
        ),
        ("update snapshot set body = '{}'", "snapshot ann-main .* is not as it was written"),
        ("update deployment set epoch = 0", "event ann-main 4 is of instance 1"),
        ("update audit set reason = 'none'", r"audit 1 \(halt platform by op\) does not follow"),
    ],
)
def test_what_is_not_as_it_was_written_is_named(books: Books, change: str, told: str) -> None:
    assert "Nothing is wrong" in books.store("verify")
    connection = open_store(books.deployed.database)
    by_sql(connection, change)
    dispose(connection)
    assert re.search(told, books.store("verify", code=1))


def test_a_plain_backup_of_which_a_byte_was_flipped_is_put_back_by_a_person_alone_who_knows(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every page of it can be read, and its books are not those that were written: it is refused, and nothing changed. So it is
    where no chain holds what was flipped, wherever that is."""
    typed = f"{books.deployed.deployment.id}\n"
    books.store("backup", tmp_path / "b", "--plain")
    whole, bad = (tmp_path / "b").read_bytes(), tmp_path / "bad"
    connection = open_store(books.deployed.database)
    entry = str(connection.exec_driver_sql("select transfers from ledger_entry").scalar())
    trade = str(connection.exec_driver_sql("select body from trade").scalar())
    dispose(connection)
    assert backup.as_written(tmp_path / "b")
    for at in range(0, len(whole), len(whole) // 40):
        bad.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert not backup.as_written(bad), at
    for word, bit, told in (
        (entry.encode(), 1, r"ledger_entry \S+ does not follow"),
        (b"why not", 128, r"no whole copy.* not decode"),
        (b"why not", 1, r"audit 1 \(halt platform by op\) does not follow"),
        (trade.encode(), 1, "do not add up to the sum"),
    ):
        damaged = bytearray(whole)
        damaged[whole.index(word)] ^= bit
        bad.write_bytes(damaged)
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        said = books.store("restore", bad, "--reason", "r", code=1)
        assert re.search(told, said), said
        assert "Nothing was changed" in said
    assert "do not add up" in books.store("drill", bad, code=1)
    assert json.loads(books.store("verify", "--json"))["faults"] == []
    assert sorted(books.deployed.folder.glob("re*-*")) == []
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert "as instance 2" in books.store("restore", bad, "--reason", "r", "--faulty")


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_books_move_there_and_back(books: Books, postgres: Postgres) -> None:
    """The old ones are marked: nothing starts on them, and an instance that is still at them writes no more."""
    server = postgres.new()
    assert "newest this version knows" in books.store("migrate")
    before = books.store("verify", "--json")
    old = books.deployed
    connection = open_store(old.database)
    sleeping = FencedJournal(connection, 1)
    assert "which is where" not in books.store("move", "--to", "sqlite", code=1)
    assert "a password does not belong" in books.store("move", "--to", "postgresql://a:b@h/x", code=1)
    said = books.store("move", "--to", server)
    assert f'Write database = "{server}"' in said
    with pytest.raises(Moved, match=re.escape(f"were moved to {server} and go on there")):
        DatabaseDeployment(connection, old.deployment)
    with pytest.raises(Replaced):
        Life(sleeping, "cara-main", 9)
    dispose(connection)
    assert "were moved to" in books.store("move", "--to", server, code=1)
    books.config(str(server))
    moved = json.loads(books.store("verify", "--json"))
    deeds = json.loads(books.console("audit", "show", "--json", "--config", books.file).out)["deeds"]
    assert (deeds[-1]["what"], deeds[-1]["scope"]) == ("store move", f"{old.database} -> {server}")
    rows = json.loads(before)["rows"]
    assert moved["rows"] == rows | {"audit": rows["audit"] + 1}
    assert moved["faults"] == []
    assert "holds" in books.store("move", "--to", postgres_of_another(postgres), code=1)
    books.store("move", "--to", "sqlite")
    books.config("sqlite")
    back = json.loads(books.store("verify", "--json"))
    assert back["rows"] == moved["rows"] | {"audit": rows["audit"] + 2}
    assert len(list(books.deployed.folder.glob("moved-*.sqlite"))) == 1
    postgres.drop(server)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_wall_that_somebody_took_away_is_named_and_nothing_starts_without_it(books: Books) -> None:
    assert json.loads(books.store("verify", "--json"))["faults"] == []
    connection = open_store(books.deployed.database)
    connection.exec_driver_sql("drop policy seen on trade")
    connection.commit()
    dispose(connection)
    assert "trade row-level security is not the one that was built" in books.store("verify", code=1)
    with pytest.raises(WallGone, match=r"is gone from trade, .* store migrate"):
        books_of(books.deployed, "")
    assert "built anew: trade" in books.store("migrate")
    assert "built anew" not in books.store("migrate")
    assert json.loads(books.store("verify", "--json"))["faults"] == []
    dispose(books_of(books.deployed, ""))


def keys_in(place: Place) -> list[str]:
    """The fields of which a store holds a sealed secret."""
    connection = open_store(place)
    found = [each.place.field for each in DatabaseSecrets(connection).secrets()]
    assert bool(found) or not DatabaseSecrets(connection).data_keys()
    dispose(connection)
    return found


def test_a_store_that_was_put_aside_holds_no_keys(
    books: Books, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rotated or burnt, a key is nowhere; of one that can't be read, it is said that it may hold some."""
    old, server = books.deployed.database, postgres.new()
    decide(books.deployed, Mode.LIVE, "ann", "sealed")
    books.store("backup", tmp_path / "b", "--plain")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{books.deployed.deployment.id}\n"))
    said = books.store("restore", tmp_path / "b", "--reason", "r")
    aside = re.search(r"what was there is (?:schema )?([\w.-]+)", said)
    assert aside is not None
    name = aside[1].rstrip(".")
    replaced = old.with_name(name) if isinstance(old, Path) else old.with_schema(name)
    assert (keys_in(replaced), keys_in(old)) == ([], ["sealed"])
    books.store("move", "--to", server)
    assert (keys_in(old), keys_in(server)) == ([], ["sealed"])
    for place in (replaced, old):
        if isinstance(place, Path):
            assert not any(b"sealed-bytes" in file.read_bytes() for file in place.parent.glob(f"{place.name}*"))
    postgres.drop(server)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_of_a_store_that_cant_be_read_it_is_said_that_it_may_hold_keys(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.store("backup", tmp_path / "b", "--plain")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{books.deployed.deployment.id}\n"))
    (books.deployed.folder / "tradepool.sqlite").write_bytes(b"x" * 10_000)
    assert "may hold sealed keys" in books.store("restore", tmp_path / "b", "--reason", "r")


def postgres_of_another(postgres: Postgres) -> str:
    """A place that holds something already."""
    made = postgres.new()
    connection = open_store(made)
    connection.exec_driver_sql("insert into \"user\" values ('u', 'u', 'trader')")
    connection.commit()
    dispose(connection)
    return str(made)


def test_what_people_decided_outlives_a_restore_and_a_new_world(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promotions, halts, limits and keys, as rows of either kind of store."""
    decide(books.deployed, Mode.LIVE, "ann", "burnt")
    books.store("backup", tmp_path / "b", "--plain")
    decide(books.deployed, Mode.SHADOW, "ben", "new")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{books.deployed.deployment.id}\n"))
    books.store("restore", tmp_path / "b", "--reason", "r")
    modes, halts, keys = decided(books.deployed)
    assert (modes, keys) == ([Mode.LIVE, Mode.SHADOW], ["new"])
    assert set(halts) == {"ann", "ben", books.deployed.deployment.id}
    for world in ("first", "second"):
        dispose(books_of(books.deployed, world))
    assert decided(books.deployed)[:2] == (modes, halts)
    decide(books.deployed, Mode.CANARY, "ann", "k")
    assert decided(books.deployed)[0] == [*modes, Mode.CANARY]
    assert json.loads(books.store("verify", "--json"))["accounts"] == 0


def test_who_came_since_the_backup_trades_on_under_his_number(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orders at the venue are known by it. The audit goes on over the restore, and the books are whole after it."""

    def say(words: str, typed: str = "") -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        said = books.console(*words.split(), "--config", books.file)
        assert said.code == 0, said.err
        return said.out

    def numbers(*names: str) -> list[int]:
        connection = open_store(books.deployed.database, "NORMAL")
        rows = DatabaseDeployment(connection, books.deployed.deployment)
        found = [rows.account(User(id=UserId("cem"), name="Cem", role=Role.USER), AccountId(n), "v") for n in names]
        dispose(connection)
        return [each.number for each in found]

    say("users add dan")
    books.store("backup", tmp_path / "b", "--plain")
    for words in ("users add cem", "accounts add cem --name cem-b", "accounts add cem --name cem-a"):
        say(words)
    assert numbers("cem-b", "cem-a") == [3, 4]
    say("risk set platform.exposure_max 7 --reason less", "platform.exposure_max")
    say("suspend BTC/USDT --for ever --reason wicked")
    before = json.loads(say("audit show --last 0 --json"))
    say(f"store restore {tmp_path / 'b'} --reason disk", books.deployed.deployment.id)
    assert numbers("cem-a", "cem-b") == [4, 3]
    after = json.loads(say("audit show --last 0 --json"))
    assert [deed["what"] for deed in after["deeds"]] == [deed["what"] for deed in before["deeds"]] + ["restore"]
    limits = json.loads(say("risk show --json"))["limits"]
    assert [each["value"] for each in limits if each["limit"] == "platform.exposure_max"] == ["7"]
    assert "wicked" in say("suspend list --json")
    say("users add eve")
    assert {"cem", "dan", "eve"} <= {each["user"] for each in json.loads(say("users list --json"))["users"]}
    assert json.loads(books.store("verify", "--json"))["faults"] == []


def test_no_file_is_no_backup(books: Books, tmp_path: Path) -> None:
    with pytest.raises(BackupUnusable, match="there is none"), opened(tmp_path / "none", tmp_path, None):
        raise AssertionError
