"""Keys at rest, in a real database on the disk: they open in their place only, and leave nothing when they are replaced."""

from __future__ import annotations

import pickle
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, text

from tests.postgres_kit import Postgres
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.pool import DatabasePool, HeldSecret
from tradepool.adapters.database.secrets import DatabaseSecrets, StillOnDisk, forget_all
from tradepool.adapters.vault.envelope import (
    BadPlace,
    KeyDamaged,
    OtherMasterKey,
    SecretDamaged,
    new_data_key,
    unwrapped,
    wrapped,
)
from tradepool.adapters.vault.master_key import (
    MasterKeyExposed,
    MasterKeyInside,
    MasterKeyThere,
    NoMasterKey,
    NotAMasterKey,
    make_master_key,
    read_master_key,
)
from tradepool.adapters.vault.vault import KeyVault, NoSecret
from tradepool.domain.ids import AccountId, UserId
from tradepool.ports.secrets import SealedSecret, WrappedKey

ANN, BOB = UserId("ann"), UserId("bob")
MAIN, SPARE, BOBS = AccountId("main"), AccountId("spare"), AccountId("bobs")
PLANTED = {name: f"planted {name} " * 4 for name in ("key", "secret")}


@contextmanager
def vault_in(folder: Path) -> Iterator[tuple[KeyVault, DatabaseSecrets, Connection]]:
    """A vault with two accounts of Ann's and one of Bob's."""
    path = folder / "keys" / "master"
    master = read_master_key(path, folder / "data") if path.exists() else make_master_key(path)
    (folder / "data").mkdir(exist_ok=True)
    connection = open_store(folder / "data" / "store.sqlite")
    store = DatabaseSecrets(connection)
    vault = KeyVault(store, master, "binance")
    if not store.secrets():
        for user, account in ((ANN, MAIN), (ANN, SPARE), (BOB, BOBS)):
            vault.put(user, account, {name: f"{text}{account}" for name, text in PLANTED.items()})
    try:
        yield vault, store, connection
    finally:
        dispose(connection)


def rewrite(store: DatabaseSecrets, keys: list[WrappedKey], secrets: list[SealedSecret]) -> None:
    """What somebody with the database in hand can do."""
    with store.changing():
        store.replace(keys, secrets)


def bytes_of(folder: Path) -> bytes:
    """Every byte of the data folder."""
    return b"".join(path.read_bytes() for path in sorted((folder / "data").rglob("*")) if path.is_file())


def test_a_secret_is_found_again_after_a_restart_and_nowhere_on_the_disk(tmp_path: Path) -> None:
    """Neither secrets nor the master key are among the bytes of the data folder."""
    with vault_in(tmp_path):
        pass
    with vault_in(tmp_path) as (vault, _, _):
        assert vault.get(MAIN, "secret") == f"{PLANTED['secret']}{MAIN}"
        assert vault.accounts() == {MAIN: ANN, SPARE: ANN, BOBS: BOB}
        held = bytes_of(tmp_path)
        assert not any(text.encode() in held for text in PLANTED.values())
        assert read_master_key(tmp_path / "keys" / "master", tmp_path / "data").secret not in held


@pytest.mark.parametrize("change", [{"user": BOB}, {"account": SPARE}, {"field": "key"}, {"version": 2}])
def test_a_record_that_was_moved_does_not_open(tmp_path: Path, change: dict[str, Any]) -> None:
    """To another user, account, field or version."""
    with vault_in(tmp_path) as (vault, store, _):
        keys, secrets = list(store.data_keys()), list(store.secrets())
        mine = next(held for held in secrets if (held.place.account, held.place.field) == (MAIN, "secret"))
        moved = replace(mine, place=replace(mine.place, **change))
        others = [h for h in secrets if h is not mine and h.place != moved.place]
        others = [h for h in others if (h.place.account, h.place.field) != (moved.place.account, moved.place.field)]
        rewrite(store, keys, [*others, moved])
        with pytest.raises(SecretDamaged) as caught:
            vault.get(moved.place.account, moved.place.field)
        said = "".join(traceback.format_exception(caught.value))
        assert PLANTED["secret"] not in said
        assert mine.sealed.hex() not in said


def test_a_record_of_another_exchange_does_not_open(tmp_path: Path) -> None:
    """Its whole database under a configuration that names another exchange: nothing is opened or turned, until it is added
    there."""
    with vault_in(tmp_path) as (vault, store, _):
        before = (store.data_keys(), store.secrets())
        elsewhere = KeyVault(store, read_master_key(tmp_path / "keys" / "master", tmp_path / "data"), "bybit")
        with pytest.raises(SecretDamaged, match=r"of user ann at bybit.*tradepool keys add main") as caught:
            elsewhere.get(MAIN, "secret")
        assert "planted" not in "".join(traceback.format_exception(caught.value))
        with pytest.raises(SecretDamaged):
            elsewhere.rotate(ANN)
        assert (store.data_keys(), store.secrets()) == before
        elsewhere.put(ANN, MAIN, {"key": "k2", "secret": "s2"})
        assert elsewhere.get(MAIN, "secret") == "s2"
        assert vault.get(SPARE, "secret") == f"{PLANTED['secret']}{SPARE}"
        with pytest.raises(SecretDamaged):
            vault.get(MAIN, "secret")


def test_a_record_sealed_before_exchanges_were_bound_is_refused_by_name(tmp_path: Path) -> None:
    """As earlier commits sealed it: to user, account, field and version. Added anew, it opens."""
    with vault_in(tmp_path) as (vault, store, _):
        master = read_master_key(tmp_path / "keys" / "master", tmp_path / "data")
        (data_key,) = [unwrapped(key, master) for key in store.data_keys() if key.user == ANN]
        nonce, place = bytes(12), next(held.place for held in store.secrets() if held.place.account == MAIN)
        old = AESGCM(data_key).encrypt(nonce, b"k1", f"{ANN}|{MAIN}|{place.field}|{place.version}".encode())
        others = [held for held in store.secrets() if held.place != place]
        rewrite(store, list(store.data_keys()), [*others, SealedSecret(place=place, nonce=nonce, sealed=old)])
        with pytest.raises(SecretDamaged, match="did not bind keys to their exchange yet; add the key anew"):
            vault.get(MAIN, place.field)
        vault.put(ANN, MAIN, {"key": "k2", "secret": "s2"})
        assert vault.get(MAIN, place.field) == {"key": "k2", "secret": "s2"}[place.field]


EDITS = {
    "user": "update secret set user = 'bob' where account = 'main'",
    "field": "update secret set field = 'other' where account = 'main' and field = 'key'; "
    "update secret set field = 'key' where account = 'main' and field = 'secret'",
    "version": "update secret set version = version + 1 where account = 'main'",
    "older version": "update secret set version = version - 1 where account = 'main'",
    "account": "delete from secret where account = 'spare'; update secret set account = 'spare' where account = 'main'",
    "sealed and nonce": "update secret set (sealed, nonce) = (select sealed, nonce from secret where account = 'bobs' "
    "and field = 'key') where account = 'main'",
    "data key": "update data_key set (wrapped, nonce) = (select wrapped, nonce from data_key where user = 'bob') "
    "where user = 'ann'",
    "whose data key": "delete from data_key where user = 'ann'; update data_key set user = 'ann' where user = 'bob'",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_was_edited_by_sql_does_not_open(tmp_path: Path, edit: str) -> None:
    """A record moved to another user, account, field or version, with the values of another, or under another's key."""
    with vault_in(tmp_path) as (vault, _, connection):
        for statement in edit.split("; "):
            connection.execute(text(statement))
        connection.commit()
        account = SPARE if "set account" in edit else MAIN
        with pytest.raises((SecretDamaged, KeyDamaged)) as caught:
            vault.get(account, "key")
        assert "planted" not in "".join(traceback.format_exception(caught.value))


def test_a_flipped_bit_is_found_wherever_it_is(tmp_path: Path) -> None:
    """In a nonce, a sealed secret or a wrapped key."""
    with vault_in(tmp_path) as (vault, store, _):
        keys, secrets = list(store.data_keys()), list(store.secrets())
        for part in ("nonce", "sealed"):
            bad = [with_flipped(held, part) for held in secrets]
            rewrite(store, keys, bad)
            with pytest.raises(SecretDamaged):
                vault.get(MAIN, "secret")
        for part in ("nonce", "wrapped"):
            rewrite(store, [with_flipped(key, part) for key in keys], secrets)
            with pytest.raises(KeyDamaged):
                vault.get(MAIN, "secret")
        swapped = [
            replace(key, wrapped=other.wrapped, nonce=other.nonce) for key, other in zip(keys, keys[::-1], strict=True)
        ]
        rewrite(store, swapped, secrets)
        with pytest.raises(KeyDamaged):
            vault.get(MAIN, "secret")


def with_flipped(row: Any, part: str) -> Any:
    """The row with one bit of a part turned over."""
    return replace(row, **{part: flipped(getattr(row, part))})


def keep_pool_secret(connection: Connection, folder: Path) -> WrappedKey:
    """The pseudonyms' secret, as a gathering keeps it under the master key."""
    held = wrapped(new_data_key(), UserId("trade pool"), read_master_key(folder / "keys" / "master", folder / "data"))
    DatabasePool(connection).keep_secret(HeldSecret(5, held))
    return held


def flipped(text: bytes) -> bytes:
    """One bit of it turned over."""
    return bytes([text[0] ^ 1]) + text[1:]


def test_a_rotation_leaves_nothing_of_the_old_keys(tmp_path: Path) -> None:
    """The user's and the master key: what was there before is in no byte of the folder, and opens nothing."""
    with vault_in(tmp_path) as (vault, store, connection):
        old_keys, old_secrets = [*store.data_keys(), keep_pool_secret(connection, tmp_path)], store.secrets()
        assert vault.rotate(ANN) == 4
        anns = [held.sealed for held in old_secrets if held.place.user == ANN]
        assert not any(sealed in bytes_of(tmp_path) for sealed in anns)
        new = make_master_key(tmp_path / "keys" / "new")
        assert vault.rotate_master(new) == 2
        assert not any(key.wrapped in bytes_of(tmp_path) for key in old_keys)
        assert {key.master for key in store.data_keys()} == {new.id}
        assert DatabasePool(connection).secret() is None
        assert vault.get(MAIN, "secret") == f"{PLANTED['secret']}{MAIN}"
        assert vault.get(BOBS, "key") == f"{PLANTED['key']}{BOBS}"
        old = read_master_key(tmp_path / "keys" / "master", tmp_path / "data")
        with pytest.raises(OtherMasterKey):
            KeyVault(store, old, "binance").get(MAIN, "secret")


def test_rotations_while_somebody_reads_leave_nothing_of_the_old_keys(tmp_path: Path) -> None:
    """The trading process has the database open and reads; and it dies, which leaves the log of writes behind."""
    with vault_in(tmp_path) as (vault, store, _):
        reader = open_store(tmp_path / "data" / "store.sqlite")
        reader.execute(text("select count(*) from secret")).all()
        old = [*(held.sealed for held in store.secrets()), *(key.wrapped for key in store.data_keys())]
        reader.rollback()
        for _ in range(3):
            vault.rotate(ANN)
            vault.rotate(BOB)
        vault.rotate_master(make_master_key(tmp_path / "keys" / "new"))
        left = bytes_of(tmp_path)
        assert [one for one in old if one in left] == []
        dispose(reader)


def test_a_rotation_leaves_nothing_of_the_old_keys_in_the_tables_of_a_server(
    tmp_path: Path, postgres: Postgres
) -> None:
    """They are written anew: a row that was only deleted would lie there until the next vacuum."""
    server = postgres.new()
    connection = open_store(server)
    store = DatabaseSecrets(connection)
    vault = KeyVault(store, make_master_key(tmp_path / "keys" / "master"), "binance")
    vault.put(ANN, MAIN, PLANTED)
    old = [*(held.sealed for held in store.secrets()), *(key.wrapped for key in store.data_keys())]
    old.append(keep_pool_secret(connection, tmp_path).wrapped)

    def on_disk() -> list[bytes]:
        postgres.run("checkpoint")
        files = (path for path in (postgres.folder / "base").rglob("*") if path.is_file())
        held = b"".join(path.read_bytes() for path in files)
        return [one for one in old if one in held]

    assert on_disk() == old
    vault.rotate(ANN)
    vault.rotate_master(make_master_key(tmp_path / "new"))
    assert on_disk() == []
    assert vault.get(MAIN, "key") == PLANTED["key"]
    old = [*(held.sealed for held in store.secrets()), *(key.wrapped for key in store.data_keys())]
    old.append(keep_pool_secret(connection, tmp_path).wrapped)
    assert on_disk() == old
    forget_all(connection)
    assert on_disk() == []
    dispose(connection)
    postgres.drop(server)


def test_a_rotation_that_could_not_overwrite_says_so(tmp_path: Path) -> None:
    """A reader in the midst of its transaction keeps the old pages: who rotates has to know."""
    with vault_in(tmp_path) as (vault, _, connection):
        connection.exec_driver_sql("pragma busy_timeout=20")
        reader = open_store(tmp_path / "data" / "store.sqlite")
        reader.exec_driver_sql("BEGIN")
        reader.execute(text("select count(*) from secret")).all()
        with pytest.raises(StillOnDisk, match="in use by another process"):
            vault.rotate(ANN)
        assert vault.get(MAIN, "secret") == f"{PLANTED['secret']}{MAIN}"
        dispose(reader)
        vault.rotate(ANN)


def test_a_store_that_is_used_no_more_keeps_nothing_that_a_master_key_opens(tmp_path: Path) -> None:
    """Neither keys nor the pseudonyms' secret, in no byte of the folder."""
    with vault_in(tmp_path) as (_, store, connection):
        old = [*(held.sealed for held in store.secrets()), *(key.wrapped for key in store.data_keys())]
        old.append(keep_pool_secret(connection, tmp_path).wrapped)
        assert forget_all(connection) == ""
        left = bytes_of(tmp_path)
        assert [one for one in old if one in left] == []
        assert (store.data_keys(), store.secrets(), DatabasePool(connection).secret()) == ([], [], None)


def test_what_is_added_anew_is_a_version_on_and_what_is_forgotten_is_gone(tmp_path: Path) -> None:
    """With the last account of a user its data key goes."""
    with vault_in(tmp_path) as (vault, store, _):
        vault.put(ANN, MAIN, {"key": "k2", "secret": "s2"})
        assert vault.get(MAIN, "secret") == "s2"
        assert {h.place.version for h in store.secrets() if h.place.account == MAIN} == {2}
        gone = next(key.wrapped for key in store.data_keys() if key.user == BOB)
        assert vault.forget(BOBS)
        assert not vault.forget(BOBS)
        assert [key.user for key in store.data_keys()] == [ANN]
        assert gone not in bytes_of(tmp_path)
        with pytest.raises(NoSecret):
            vault.get(BOBS, "key")


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    """The data key of one user is damaged: a new master key is refused for all."""
    with vault_in(tmp_path) as (vault, store, connection):
        keys, secrets = list(store.data_keys()), list(store.secrets())
        rewrite(store, [keys[0], replace(keys[1], wrapped=flipped(keys[1].wrapped))], secrets)
        pools = keep_pool_secret(connection, tmp_path)
        before = (store.data_keys(), store.secrets())
        with pytest.raises(KeyDamaged):
            vault.rotate_master(make_master_key(tmp_path / "keys" / "new"))
        with pytest.raises(BadPlace):
            vault.put(ANN, AccountId("a|b"), {"key": "k"})
        assert (store.data_keys(), store.secrets()) == before
        assert DatabasePool(connection).secret() == HeldSecret(5, pools)
        assert vault.get(MAIN, "key") == f"{PLANTED['key']}{MAIN}"


def test_nobodys_key_is_sealed_under_a_master_key_that_was_rotated_away(tmp_path: Path) -> None:
    """It would be lost when that is deleted: while the configuration still names the old one, a new user's is refused, too."""
    with vault_in(tmp_path) as (vault, store, _):
        new = make_master_key(tmp_path / "keys" / "new")
        vault.rotate_master(new)
        before = (store.data_keys(), store.secrets())
        old = KeyVault(store, read_master_key(tmp_path / "keys" / "master", tmp_path / "data"), "binance")
        for user in (UserId("cid"), ANN):
            with pytest.raises(OtherMasterKey, match=rf"under master key {new.id}.*tradepool keys burn ACCOUNT"):
                old.put(user, AccountId("third"), PLANTED)
        assert (store.data_keys(), store.secrets()) == before
        vault.put(UserId("cid"), AccountId("third"), PLANTED)
        assert vault.get(AccountId("third"), "key") == PLANTED["key"]


@pytest.mark.parametrize("wrong", [KeyDamaged, NoSecret])
def test_everybodys_keys_are_rotated_or_nobodys(tmp_path: Path, wrong: type[Exception]) -> None:
    """Bob's data key is damaged or gone: Ann's secrets are as they were, and can be rotated by themselves."""
    with vault_in(tmp_path) as (vault, store, _):
        anns, bobs = store.data_keys()
        damaged = [anns, replace(bobs, wrapped=flipped(bobs.wrapped))] if wrong is KeyDamaged else [anns]
        rewrite(store, damaged, list(store.secrets()))
        before = (store.data_keys(), store.secrets())
        with pytest.raises(wrong):
            vault.rotate()
        assert (store.data_keys(), store.secrets()) == before
        assert vault.rotate(ANN) == 4
        assert vault.get(MAIN, "key") == f"{PLANTED['key']}{MAIN}"


def test_a_master_key_is_never_written_over_and_never_taken_from_a_bad_place(tmp_path: Path) -> None:
    """Missing, exposed, beside the data, or no key at all; the words of an error never hold it."""
    path, data = tmp_path / "keys" / "master", tmp_path / "data"
    with pytest.raises(NoMasterKey):
        read_master_key(path, data)
    key = make_master_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_master_key(path, data) == key
    with pytest.raises(MasterKeyThere):
        make_master_key(path)
    with pytest.raises(MasterKeyInside):
        read_master_key(path, tmp_path)
    path.chmod(0o640)
    with pytest.raises(MasterKeyExposed):
        read_master_key(path, data)
    text = path.read_text()
    for bad in ("", text[1:], text[:-6], text.replace("key-1:", "key-1:*")):
        other = tmp_path / "keys" / "bad"
        other.write_text(bad)
        other.chmod(0o600)
        with pytest.raises(NotAMasterKey) as caught:
            read_master_key(other, data)
        assert not re.search(re.escape(text[30:50]), str(caught.value))
    assert key.id in repr(key)
    assert key.secret.hex() not in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)
