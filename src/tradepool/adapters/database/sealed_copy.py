"""Backups that only the holder of the recovery key reads: whoever makes them has its public half and can't open them.

A file is a head (what it is, whom it is for, a public key made for this one file) and chunks under AES-256-GCM, whose key
follows from the two (X25519, HKDF). Each chunk knows its place and whether it is the last one, so that a flipped byte, a
chunk that is missing and one too many are all refused by name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tradepool.adapters.database.backup import BackupUnusable
from tradepool.adapters.database.engine import make_private
from tradepool.domain.errors import InvalidInput, TradepoolError

MAGIC = b"tradepool sealed backup 1\n"
PUBLIC_HEAD, SECRET_HEAD = "tradepool-recovery-1:", "tradepool-recovery-secret-1:"
KEY_BYTES, ID_BYTES, TAG_BYTES, CHUNK = 32, 8, 16, 1_048_576
HEAD_BYTES = len(MAGIC) + ID_BYTES + KEY_BYTES


class NotARecoveryKey(InvalidInput):
    """{where} is no recovery key: {why}; make a pair with tradepool store recovery-key FILE."""


class RecoveryKeyExposed(InvalidInput):
    """The recovery key {path} may be read by others than its owner; run chmod 600 on it, and make a new pair if others were here."""


class RecoveryKeyThere(TradepoolError):
    """There is a file at {path} already; backups sealed to a key in it would be lost with it: name another file."""


class OtherRecoveryKey(TradepoolError):
    """The backup {path} was sealed to recovery key {wanted}, and this is {given}; name the file of that one."""


class NeedsRecoveryKey(InvalidInput):
    """The backup {path} is sealed; name the file of its recovery key with --recovery-key."""


@dataclass(frozen=True, slots=True)
class RecoveryPublic:
    """The half that seals: no secret, it belongs into the configuration."""

    key: bytes

    @property
    def id(self) -> bytes:
        """Which key a backup is for."""
        return hashlib.sha256(b"tradepool recovery key id:" + self.key).digest()[:ID_BYTES]

    def __str__(self) -> str:
        """As the configuration has it."""
        return PUBLIC_HEAD + base64.b64encode(self.key).decode()

    @classmethod
    def of(cls, text: str) -> RecoveryPublic:
        """Read it back. NotARecoveryKey.

        >>> RecoveryPublic.of(str(RecoveryPublic(bytes(32)))).key == bytes(32)
        True
        """
        return cls(_bytes_of(text, PUBLIC_HEAD, "[backup] recovery_key"))


@dataclass(frozen=True, slots=True)
class RecoveryKey:
    """The half that opens; never printed, never pickled, kept away from the machine whose backups it opens."""

    secret: bytes

    @property
    def public(self) -> RecoveryPublic:
        """Its other half."""
        return RecoveryPublic(X25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw())

    def __repr__(self) -> str:
        """Say which one it is, not what."""
        return f"RecoveryKey(id={self.public.id.hex()})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError("recovery keys are not pickled")


def make_recovery_key(path: Path) -> RecoveryPublic:
    """Write a new secret half, for its owner only; the public one. RecoveryKeyThere: never is one written over."""
    key = RecoveryKey(os.urandom(KEY_BYTES))
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise RecoveryKeyThere(path=path) from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{SECRET_HEAD}{base64.b64encode(key.secret).decode()}\n")
        file.flush()
        os.fsync(file.fileno())
    return key.public


def read_recovery_key(path: Path) -> RecoveryKey:
    """The secret half. NotARecoveryKey, RecoveryKeyExposed."""
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotARecoveryKey(where=path, why=getattr(error, "strerror", None) or "it is no text") from error
    if stat.S_IMODE(mode) & 0o077:
        raise RecoveryKeyExposed(path=path)
    return RecoveryKey(_bytes_of(text, SECRET_HEAD, str(path)))


def _bytes_of(text: str, head: str, where: str) -> bytes:
    if not text.startswith(head):
        raise NotARecoveryKey(where=where, why=f"it does not begin with {head}")
    try:
        found = base64.b64decode(text.removeprefix(head), validate=True)
    except binascii.Error as error:
        raise NotARecoveryKey(where=where, why="it is no base64") from error
    if len(found) != KEY_BYTES:
        raise NotARecoveryKey(where=where, why=f"it has {len(found)} bytes, not {KEY_BYTES}")
    return found


def is_sealed(path: Path) -> bool:
    """Whether a file says that it is a sealed backup."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def seal(plain: Path, sealed: Path, to: RecoveryPublic) -> None:
    """Write a copy that only the holder of the other half of `to` can open."""
    own = X25519PrivateKey.generate()
    head = MAGIC + to.id + own.public_key().public_bytes_raw()
    cipher = _cipher(own.exchange(X25519PublicKey.from_public_bytes(to.key)), head)
    make_private(sealed)
    with plain.open("rb") as source, sealed.open("wb") as target:
        target.write(head)
        chunk, number = source.read(CHUNK), 0
        while True:
            following = source.read(CHUNK)
            target.write(cipher.encrypt(_nonce(number, last=not following), chunk, head))
            if not following:
                break
            chunk, number = following, number + 1
        target.flush()
        os.fsync(target.fileno())


def unseal(sealed: Path, plain: Path, key: RecoveryKey) -> None:
    """Write what was sealed. OtherRecoveryKey; BackupUnusable for one whose bytes are not those that were written: then
    there is no `plain`."""
    make_private(plain)
    with ExitStack() as failing:
        failing.callback(plain.unlink, missing_ok=True)
        with sealed.open("rb") as source, plain.open("wb") as target:
            _open_chunks(sealed, source, target, key)
        failing.pop_all()


def _open_chunks(path: Path, source: BinaryIO, target: BinaryIO, key: RecoveryKey) -> None:
    head = source.read(HEAD_BYTES)
    told, own = head[len(MAGIC) : -KEY_BYTES], head[-KEY_BYTES:]
    if len(head) != HEAD_BYTES:
        raise BackupUnusable(path=path, why="it ends within its head")
    if told != key.public.id:
        raise OtherRecoveryKey(path=path, wanted=told.hex(), given=key.public.id.hex())
    try:
        shared = X25519PrivateKey.from_private_bytes(key.secret).exchange(X25519PublicKey.from_public_bytes(own))
    except ValueError as error:
        raise BackupUnusable(path=path, why="its head is not as it was written") from error
    cipher, number = _cipher(shared, head), 0
    chunk = source.read(CHUNK + TAG_BYTES)
    while True:
        following = source.read(CHUNK + TAG_BYTES)
        try:
            target.write(cipher.decrypt(_nonce(number, last=not following), chunk, head))
        except (InvalidTag, ValueError) as error:
            why = f"its bytes are not those that were written (chunk {number})"
            raise BackupUnusable(path=path, why=why) from error
        if not following:
            return
        chunk, number = following, number + 1


def _cipher(shared: bytes, head: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=head, info=b"tradepool backup").derive(shared))


def _nonce(number: int, *, last: bool) -> bytes:
    """Never twice under one key: the key is the file's own."""
    return number.to_bytes(11) + bytes([last])
