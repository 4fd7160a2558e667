"""Sealed backups: opened by the one key they are for, and refused when one byte is another."""

from __future__ import annotations

import os
import pickle
import random
from pathlib import Path

import pytest

from tradepool.adapters.database import sealed_copy
from tradepool.adapters.database.backup import BackupUnusable
from tradepool.adapters.database.sealed_copy import (
    HEAD_BYTES,
    NotARecoveryKey,
    OtherRecoveryKey,
    RecoveryKey,
    RecoveryKeyExposed,
    RecoveryKeyThere,
    RecoveryPublic,
    is_sealed,
    make_recovery_key,
    read_recovery_key,
    seal,
    unseal,
)

KEY = RecoveryKey(bytes(range(32)))


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several of them in a small file."""
    monkeypatch.setattr(sealed_copy, "CHUNK", 1_000)


def sealed_of(folder: Path, size: int) -> tuple[bytes, Path]:
    """Some bytes, and the file they are sealed in."""
    plain, sealed = folder / "plain", folder / "sealed"
    told = random.Random(size).randbytes(size)
    plain.write_bytes(told)
    seal(plain, sealed, KEY.public)
    return told, sealed


@pytest.mark.parametrize("size", [0, 1, 999, 1_000, 1_001, 3_500])
def test_it_comes_back_and_says_nothing_before(tmp_path: Path, size: int) -> None:
    told, sealed = sealed_of(tmp_path, size)
    assert is_sealed(sealed)
    assert not is_sealed(tmp_path / "plain")
    assert sealed.stat().st_mode & 0o777 == 0o600
    assert size < 8 or told[:8] not in sealed.read_bytes()
    unseal(sealed, tmp_path / "back", KEY)
    assert (tmp_path / "back").read_bytes() == told
    assert (tmp_path / "back").stat().st_mode & 0o777 == 0o600


def test_a_flipped_byte_anywhere_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    _, sealed = sealed_of(tmp_path, 2_500)
    whole = sealed.read_bytes()
    for at in [*range(HEAD_BYTES - 40, HEAD_BYTES + 4), *range(HEAD_BYTES, len(whole), 97), len(whole) - 1]:
        damaged = bytearray(whole)
        damaged[at] ^= 1
        sealed.write_bytes(damaged)
        with pytest.raises((BackupUnusable, OtherRecoveryKey)):
            unseal(sealed, tmp_path / "back", KEY)
        assert not (tmp_path / "back").exists()


def test_chunks_that_are_missing_doubled_or_swapped_are_refused(tmp_path: Path) -> None:
    _, sealed = sealed_of(tmp_path, 3_000)
    whole, size = sealed.read_bytes(), 1_016
    head, a, b, c = whole[:HEAD_BYTES], *(whole[HEAD_BYTES + n * size :][:size] for n in range(3))
    assert head + a + b + c == whole
    for chunks in ((a, b), (b, c), (a, c), (b, a, c), (a, b, b, c), (a, b, c, c), (), (a[:500],)):
        sealed.write_bytes(head + b"".join(chunks))
        with pytest.raises(BackupUnusable, match="not those that were written"):
            unseal(sealed, tmp_path / "back", KEY)
    sealed.write_bytes(head[:40])
    with pytest.raises(BackupUnusable, match="ends within its head"):
        unseal(sealed, tmp_path / "back", KEY)


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    _, sealed = sealed_of(tmp_path, 10)
    with pytest.raises(OtherRecoveryKey, match=f"recovery key {KEY.public.id.hex()}"):
        unseal(sealed, tmp_path / "back", RecoveryKey(os.urandom(32)))


def test_a_pair_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    file = tmp_path / "recovery.key"
    public = make_recovery_key(file)
    key = read_recovery_key(file)
    assert key.public == public == RecoveryPublic.of(str(public))
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(RecoveryKeyThere):
        make_recovery_key(file)
    assert repr(key) == f"RecoveryKey(id={public.id.hex()})"
    with pytest.raises(TypeError):
        pickle.dumps(key)
    file.chmod(0o644)
    with pytest.raises(RecoveryKeyExposed):
        read_recovery_key(file)
    for text in ("", str(public), "tradepool-recovery-secret-1:%%", "tradepool-recovery-secret-1:AAAA"):
        (tmp_path / "other").write_text(text)
        (tmp_path / "other").chmod(0o600)
        with pytest.raises(NotARecoveryKey):
            read_recovery_key(tmp_path / "other")
    with pytest.raises(NotARecoveryKey):
        read_recovery_key(tmp_path / "none")
