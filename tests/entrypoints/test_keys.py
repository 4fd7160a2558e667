"""`tradepool keys` as its operator meets it, against a venue that is served: what is kept, what is refused, what is left."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.entrypoints.console import Console, console_of
from tests.entrypoints.test_exchange_serve import control, served
from tradepool.adapters.exchanges.transport import Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.core.risk.key_rights import KeyTooStrong
from tradepool.domain.errors import KeyRefused
from tradepool.entrypoints import key_vault
from tradepool.entrypoints.deployment import Deployed, deployed_from
from tradepool.entrypoints.exchange_place import read_place
from tradepool.entrypoints.keys import NoKey, keys_of
from tradepool.entrypoints.seating import seats_of

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


def test_bad_input_is_said_by_name(
    live: Deployed, run: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An unknown account, no key, a file that others may read, a second master key, play money."""
    assert "No account is called 'nobody'" in run("keys", "add", "nobody").err
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "There is no key" in run("keys", "add", account_of(live)).err
    file = tmp_path / "key.txt"
    assert "can't be read: No such file" in run("keys", "add", account_of(live), "--file", file).err
    file.write_text("k\ns\n")
    file.chmod(0o644)
    assert "may be read by others" in run("keys", "add", account_of(live), "--file", file).err
    assert "There is a master key" in run("keys", "master").err
    text = Path("tradepool.toml").read_text()
    Path("tradepool.toml").write_text(re.sub(r'master_key = ".*"', f'master_key = "{tmp_path / "d" / "m"}"', text))
    assert "beside what it protects" in run("keys", "master").err
    practice = text.replace('kind = "live"', 'kind = "practice"').replace('mode = "shadow"', 'mode = "practice"')
    Path("tradepool.toml").write_text(practice)
    assert "play money" in run("keys", "list").err


def test_a_key_that_is_missing_is_its_own_accounts_trouble(live: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others trade; and burning one needs no master key, which may be what is lost."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    first, *others = live.seats
    with key_vault.vault_of(live) as (vault, _):
        for seat in live.seats:
            vault.put(seat.user.id, seat.account_id, {"key": "k" * 20, "secret": "s" * 20})
    master = live.settings.vault.master_key.expanduser()
    master.rename(master.with_name("lost"))
    assert "The key is forgotten here" in key_vault.burn(live, first.account_id, "seen on a paste site")
    master.with_name("lost").rename(master)
    key_of = keys_of(live)
    with pytest.raises(NoKey):
        key_of(first)
    with key_vault.vault_of(live) as (_, rows):
        assert [halt.scope.name for halt in rows.halts()] == [first.user.id]
        seats, refused = seats_of(live.seats, rows, live.venue.id, key_of)
    assert [seat.account.id for seat in seats] == [seat.account_id for seat in others]
    assert list(refused) == [first.account_id]
    assert others
