"""`tradepool keys` as its operator meets it, against a venue that is served: what is kept, what is refused, what is left."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, select

from tests.adapters.vault.test_keyring_key import PACKAGE
from tests.entrypoints.console import Console, console_of
from tests.entrypoints.test_exchange_serve import control, served
from tradepool.adapters.database import tables
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.secrets import DatabaseSecrets, StillOnDisk
from tradepool.adapters.exchanges.transport import Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.adapters.vault.envelope import SecretDamaged
from tradepool.adapters.vault.vault import NoSecret
from tradepool.core.risk.key_rights import DAY_MS, KeyTooStrong
from tradepool.domain.errors import KeyRefused
from tradepool.domain.ids import AccountId, UserId
from tradepool.entrypoints import key_pair, key_vault
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import Deployed, deployed_from
from tradepool.entrypoints.exchange_place import read_place
from tradepool.entrypoints.keys import NoKey, keys_of
from tradepool.entrypoints.seating import seats_of
from tradepool.runtime.clock import RealClock

SECRETS = {name: f"{name} of Ann's " * 3 for name in ("planted key", "planted secret")}


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Transport]]:
    """A venue with a key that trades and one that may withdraw; what it printed, and the way there."""
    folder = tmp_path_factory.mktemp("fx")
    with served("--folder", folder, "--users", "1") as (_, printed):
        state = control(printed, "/state")
        (first, *_) = state["accounts"]
        for key, more in (("good", {}), ("greedy", {"permissions": {"withdrawals": True}})):
            control(printed, "/keys", {"account": first, "key": key, "secret": f"{key} secret", **more})
        place = read_place(folder)
        assert place is not None
        yield printed, Transport(ca_file=Path(place.ca_file), loopback_port=place.port)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Console:
    """The command line."""
    return console_of(capsys)


@pytest.fixture
def live(tmp_path: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """A live deployment whose mandates go no further than to watch, with a vault."""
    monkeypatch.chdir(tmp_path)
    assert run("init", "--yes", "--folder", tmp_path / "d").code == 0
    file = tmp_path / "tradepool.toml"
    text = (
        file.read_text().replace('kind = "practice"', 'kind = "live"').replace('mode = "practice"', 'mode = "shadow"')
    )
    file.write_text(f'{text}\n[vault]\nmaster_key = "{tmp_path / "keys" / "master"}"\n')
    said = run("keys", "master")
    assert said.code == 0, said.err
    return deployed_from(None)


def account_of(deployed: Deployed) -> str:
    """The first account of the configuration."""
    return next(iter(deployed.settings.accounts))


def test_a_key_that_trades_is_kept_and_start_finds_it(
    live: Deployed, venue: tuple[str, Transport], run: Console
) -> None:
    """The venue is asked first; `list` and `check` tell of it, and never what it is."""
    account = account_of(live)
    credentials = Credentials("good", "good secret")
    warnings = key_vault.add(live, account, credentials, venue[1])
    assert any("any address" in warning for warning in warnings)
    (told,) = key_vault.check(live, venue[1])
    assert (told.account, told.refused) == (account, "")
    assert {"reading", "trading"} <= set(told.rights)
    listed = run("keys", "list", "--json")
    assert [each["account"] for each in json.loads(listed.out)["keys"]] == [account]
    assert "good secret" not in listed.out
    (seat,) = [seat for seat in live.seats if seat.account_id == account]
    only = Deployed(**{name: getattr(live, name) for name in live.__slots__} | {"seats": [seat]})
    assert keys_of(only)(seat) == credentials


def test_the_last_look_is_listed_and_the_end_of_a_key_is_said(
    live: Deployed, venue: tuple[str, Transport], run: Console
) -> None:
    """`list` asks nobody and opens nothing: it knows what `add` and `check` have found, without a master key."""
    printed, transport = venue
    (first, *_) = control(printed, "/state")["accounts"]
    control(printed, "/keys", {"account": first, "key": "ends", "secret": "ends secret"})
    key_vault.add(live, account_of(live), Credentials("ends", "ends secret"), transport)
    until_ms = RealClock().now_ms() + 10 * DAY_MS + DAY_MS // 2
    control(printed, "/keys/allow", {"key": "ends", "permissions": {"trading_until_ms": until_ms}})
    live.settings.vault.master_key.expanduser().rename(tmp := live.folder.parent / "lost")
    (told,) = json.loads(run("keys", "list", "--json").out)["keys"]
    assert (told["days_left"], told["refused"]) == (None, "")
    assert told["age_days"] is not None
    tmp.rename(live.settings.vault.master_key.expanduser())
    found = key_vault.check(live, transport)
    assert [each.days_left for each in found] == [10]
    key_vault.refuse_if_any(key_vault.expiring(found, 10), 10)
    with pytest.raises(key_vault.KeysEnd, match="1 keys within 14 days"):
        key_vault.refuse_if_any(key_vault.expiring(found, 14), 14)
    (told,) = json.loads(run("keys", "list", "--json").out)["keys"]
    assert told["days_left"] == 10
    assert any("within 14 days" in warning for warning in told["warnings"])
    assert "10" in run("keys", "list").out


def test_a_pair_is_made_here_and_its_private_half_goes_nowhere(
    live: Deployed, venue: tuple[str, Transport], run: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same pair is shown until its key is good; the key in use stays until then; the venue has the public half alone."""
    printed, transport = venue
    account = account_of(live)
    key_vault.add(live, account, Credentials("good", "good secret"), transport)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    said = run("keys", "add", account, "--ed25519")
    assert said.code != 0
    assert "the pair waits in the vault" in said.err
    public = key_pair.public_half(live, account)
    assert public.strip() in said.out
    assert "PRIVATE" not in said.out
    with pytest.raises(KeyRefused):
        key_pair.add_pair(live, account, "not-yet", transport)
    with key_vault.vault_of(live) as (vault, *_):
        private = vault.get(AccountId(account), key_pair.WAITING)
        assert vault.get(AccountId(account), "key") == "good"
    (first, *_) = control(printed, "/state")["accounts"]
    control(printed, "/keys", {"account": first, "key": "pair", "public_key": public})
    key_pair.add_pair(live, account, "pair", transport)
    assert [(each.account, each.refused) for each in key_vault.check(live, transport)] == [(account, "")]
    with key_vault.vault_of(live) as (vault, *_):
        assert (vault.get(AccountId(account), "key"), vault.get(AccountId(account), "secret")) == ("pair", private)
        with pytest.raises(NoSecret):
            vault.get(AccountId(account), key_pair.WAITING)
    disk = b"".join(path.read_bytes() for path in (tmp_path / "d").rglob("*") if path.is_file())
    assert private.splitlines()[1].encode() not in disk


def test_with_another_exchange_configured_no_key_opens(live: Deployed) -> None:
    """None is sent to an exchange that it was not added for; a pair that waits there does not stand in a new one's way."""
    account = AccountId(account_of(live))
    with key_vault.vault_of(live) as (vault, *_):
        vault.put(key_vault.user_of(live, account), account, {"key": "k" * 20, "secret": "s" * 20})
    moved = replace(live, venue=live.venue.model_copy(update={"id": "binanceus"}))
    (seat,) = [seat for seat in moved.seats if seat.account_id == account]
    with pytest.raises(SecretDamaged, match="at binanceus"):
        keys_of(replace(moved, seats=[seat]))(seat)
    (told,) = key_vault.check(moved)
    assert "does not open" in told.refused
    with pytest.raises(SecretDamaged):
        key_vault.rotate(moved, None, None)
    assert keys_of(replace(live, seats=[seat]))(seat).secret == "s" * 20
    with key_vault.vault_of(moved) as (vault, *_):
        vault.put(seat.user.id, account, {key_pair.WAITING: "a pair for another exchange"}, beside=True)
    assert key_pair.public_half(live, account) == key_pair.public_half(live, account)


def test_a_key_is_no_other_users_key_when_its_account_is(live: Deployed) -> None:
    """Before trading ever started its section names another user: that one would trade the first one's money."""
    (name, mine), (_, theirs) = list(live.settings.accounts.items())[:2]
    account, file = AccountId(name), Path("tradepool.toml")
    with key_vault.vault_of(live) as (vault, *_):
        vault.put(UserId(mine.user), account, {"key": "k" * 20, "secret": "s" * 20})
    text = file.read_text()
    file.write_text(
        text.replace(f'[accounts.{name}]\nuser = "{mine.user}"', f'[accounts.{name}]\nuser = "{theirs.user}"')
    )
    given = deployed_from(None)
    (seat,) = [seat for seat in given.seats if seat.account_id == account]
    assert seat.user.id == theirs.user
    with pytest.raises(key_vault.SealedForAnother, match=f"tradepool keys add {name}") as caught:
        keys_of(replace(given, seats=[seat]))(seat)
    (told,) = key_vault.check(given)
    assert told.refused == str(caught.value)
    assert f"user {mine.user}" not in told.refused
    public = key_pair.public_half(live, account)
    with pytest.raises(key_vault.SealedForAnother):
        key_pair.add_pair(given, account, "another's")
    assert public != key_pair.public_half(given, account) == key_pair.public_half(given, account)
    assert keys_of(replace(live, seats=live.seats[:1]))(live.seats[0]).secret == "s" * 20


def test_a_key_that_may_withdraw_is_refused_and_not_kept(live: Deployed, venue: tuple[str, Transport]) -> None:
    """Nor is one that the venue does not know."""
    account = account_of(live)
    with pytest.raises(KeyTooStrong, match="withdraw"):
        key_vault.add(live, account, Credentials("greedy", "greedy secret"), venue[1])
    with pytest.raises(KeyRefused):
        key_vault.add(live, account, Credentials("nobody", "knows"), venue[1])
    assert key_vault.listed(live) == []


def test_a_key_that_was_widened_later_is_found_by_check(live: Deployed, venue: tuple[str, Transport]) -> None:
    """And said by name, with an exit code."""
    printed, transport = venue
    (first, *_) = control(printed, "/state")["accounts"]
    control(printed, "/keys", {"account": first, "key": "later", "secret": "later secret"})
    key_vault.add(live, account_of(live), Credentials("later", "later secret"), transport)
    control(printed, "/keys/allow", {"key": "later", "permissions": {"withdrawals": True}})
    found = key_vault.check(live, transport)
    with pytest.raises(key_vault.NotAllGood, match="withdraw"):
        key_vault.refuse_unless_good(found)


def test_rotated_and_burnt(
    live: Deployed, venue: tuple[str, Transport], run: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing of a key is on the disk or said; burnt, it is gone, and its user's entries are halted."""
    account = account_of(live)
    key_vault.add(live, account, Credentials("good", "good secret"), venue[1])
    assert "2 secrets" in run("keys", "rotate").out
    user = key_vault.user_of(live, account)
    assert "2 secrets" in run("keys", "rotate", "--user", user).out
    refused = run("keys", "rotate", "--user", f"{user}x")
    assert (refused.code, f"(did you mean {user}?)" in refused.err, refused.out) == (1, True, "")
    assert "1 data keys" in run("keys", "rotate", "--master", tmp_path / "keys" / "new").out
    refused = run("keys", "list")
    assert refused.code == 0
    assert key_vault.listed(live)[0].account == account
    disk = b"".join(path.read_bytes() for path in (tmp_path / "d").rglob("*") if path.is_file())
    assert b"good secret" not in disk
    text = Path("tradepool.toml").read_text()
    Path("tradepool.toml").write_text(text.replace("keys/master", "keys/new"))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{key_vault.user_of(live, account)}\n"))
    burnt = run("keys", "burn", account, "--reason", "seen on a paste site")
    assert burnt.code == 0, burnt.err
    assert "delete the key" in burnt.out
    assert json.loads(run("keys", "list", "--json").out)["keys"] == []


@pytest.fixture
def reader(live: Deployed) -> Iterator[Connection]:
    """Somebody in the midst of a transaction on the books, who keeps old pages there; nobody waits long for him."""

    def hasty(connection: Any, record: object) -> None:
        connection.execute("pragma busy_timeout=20")

    with key_vault.vault_of(live) as (vault, *_):
        for seat in live.seats:
            vault.put(seat.user.id, seat.account_id, {"key": "k" * 20, "secret": "s" * 20})
    connection = open_store(live.database)
    connection.exec_driver_sql("BEGIN")
    connection.execute(select(tables.secret)).all()
    event.listen(Engine, "connect", hasty)
    yield connection
    event.remove(Engine, "connect", hasty)
    dispose(connection)


def test_all_that_was_asked_is_done_before_it_is_said_that_old_keys_may_be_on_the_disk(
    live: Deployed, reader: Connection, venue: tuple[str, Transport], run: Console, tmp_path: Path
) -> None:
    """Everybody's keys, looks, the audit, and where the new master key is to be named: without that none opens any more."""

    def turned() -> list[tuple[str, int, str]]:
        with books_open(live) as connection:
            held = DatabaseSecrets(connection)
            masters = {key.user: key.master for key in held.data_keys()}
            return [(each.place.field, each.place.version, masters[each.place.user]) for each in held.secrets()]

    before = turned()
    assert len({seat.user.id for seat in live.seats}) > 1
    said = run("keys", "rotate")
    assert (said.code, "rotate once more" in said.err, f"{len(before)} secrets are" in said.out) == (1, True, True)
    assert turned() == [(field, version + 1, master) for field, version, master in before]
    assert run("keys", "add", account_of(live), "--ed25519").code == 1
    assert key_pair.public_half(live, account_of(live))
    with pytest.raises(StillOnDisk):
        key_vault.add(live, account_of(live), Credentials("good", "good secret"), venue[1])
    assert "trading" in key_vault.listed(live)[0].rights
    said = run("keys", "rotate", "--master", tmp_path / "keys" / "new")
    assert (said.code, "rotate once more" in said.err, "name it as master_key in [vault]" in said.out) == (
        1,
        True,
        True,
    )
    assert not {master for *_, master in turned()} & {master for *_, master in before}
    with pytest.raises(StillOnDisk):
        key_vault.burn(live, account_of(live), live.seats[0].user.id, "seen on a paste site")
    with key_vault.vault_of(live) as (_, rows, _):
        done = [deed.what for deed in rows.deeds() if deed.what.startswith("keys")]
    assert done[1:] == ["keys rotate", "keys add, pair made", "keys add", "keys rotate master", "keys burn"]


def test_a_master_key_in_the_keyring_opens_the_vault(
    live: Deployed, run: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made there, and followed by another one there: the file is not looked at."""
    packages = tmp_path / "packages"
    (packages / "keyring").mkdir(parents=True)
    for name, text in PACKAGE.items():
        (packages / "keyring" / name).write_text(text)
    monkeypatch.syspath_prepend(str(packages))
    for name in ("keyring", "keyring.errors"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    file, account = Path("tradepool.toml"), AccountId(account_of(live))
    file.write_text(f'{file.read_text()}master_key_keyring = "first"\n')
    live.settings.vault.master_key.expanduser().unlink()
    assert "holds no master key" in run("keys", "rotate").err
    assert "is in keyring:first" in run("keys", "master").out
    with key_vault.vault_of(deployed_from(None)) as (vault, *_):
        vault.put(key_vault.user_of(live, account), account, {"key": "k" * 20, "secret": "s" * 20})
    assert "name it as master_key_keyring" in run("keys", "rotate", "--master", "keyring:second").out
    file.write_text(file.read_text().replace('"first"', '"second"'))
    moved = deployed_from(None)
    (seat,) = [seat for seat in moved.seats if seat.account_id == account]
    assert keys_of(replace(moved, seats=[seat]))(seat).secret == "s" * 20
    assert not live.settings.vault.master_key.expanduser().exists()


def test_bad_input_is_said_by_name(
    live: Deployed, run: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An unknown account, no key, a file that others may read, a second master key, play money."""
    assert "No account is called 'nobody'" in run("keys", "add", "nobody").err
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "There is no key" in run("keys", "add", account_of(live)).err
    file = tmp_path / "key.txt"
    assert "can't be read: No such file" in run("keys", "add", account_of(live), "--file", file).err
    for half in ("", "k\n"):
        file.write_text(half)
        file.chmod(0o600)
        assert f"There is no {'secret' if half else 'key'}" in run("keys", "add", account_of(live), "--file", file).err
    file.write_text("k\n\n-----BEGIN X-----\nabc\n")
    assert key_vault.ask_key("ann", file).secret == "-----BEGIN X-----\nabc"
    file.chmod(0o644)
    assert "may be read by others" in run("keys", "add", account_of(live), "--file", file).err
    assert "There is a master key" in run("keys", "master").err
    text = Path("tradepool.toml").read_text()
    Path("tradepool.toml").write_text(re.sub(r'master_key = ".*"', f'master_key = "{tmp_path / "d" / "m"}"', text))
    assert "beside what it protects" in run("keys", "master").err
    practice = text.replace('kind = "live"', 'kind = "practice"').replace('mode = "shadow"', 'mode = "practice"')
    # Another one: the live deployment's database knows what it is.
    Path("tradepool.toml").write_text(practice.replace(f"{tmp_path / 'd'}", f"{tmp_path / 'practice'}"))
    assert "play money" in run("keys", "list").err


def test_a_key_that_is_missing_is_its_own_accounts_trouble(
    live: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others trade; and burning one needs no master key, which may be what is lost."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    first, *others = live.seats
    with key_vault.vault_of(live) as (vault, *_):
        for seat in live.seats:
            vault.put(seat.user.id, seat.account_id, {"key": "k" * 20, "secret": "s" * 20})
    master = live.settings.vault.master_key.expanduser()
    master.rename(master.with_name("lost"))
    key_vault.burn(live, first.account_id, first.user.id, "seen on a paste site")
    assert "The key is forgotten here" in capsys.readouterr().out
    master.with_name("lost").rename(master)
    key_of = keys_of(live)
    with pytest.raises(NoKey):
        key_of(first)
    with key_vault.vault_of(live) as (_, rows, _):
        assert [halt.scope.name for halt in rows.halts()] == [first.user.id]
        seats, refused = seats_of(live.seats, rows, live.venue.id, key_of)
    assert [seat.account.id for seat in seats] == [seat.account_id for seat in others]
    assert list(refused) == [first.account_id]
    assert others
