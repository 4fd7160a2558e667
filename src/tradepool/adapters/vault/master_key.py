"""The master key: 32 random bytes in a file of its owner alone, outside of what it protects. There is no default one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tradepool.domain.errors import InvalidInput, TradepoolError

KEY_BYTES = 32
HEAD = "tradepool-master-key-1:"
ID_WIDTH = 16


class NoMasterKey(InvalidInput):
    """There is no master key at {path}; make one with tradepool keys master, or restore the one that this vault was made with."""


class MasterKeyExposed(InvalidInput):
    """The master key {path} may be read by others than its owner; run chmod 600 on it, and rotate it if others were here."""


class MasterKeyInside(InvalidInput):
    """The master key {path} lies in {folder}, beside what it protects, and every copy of that would hold it; move it out."""


class NotAMasterKey(InvalidInput):
    """{path} holds no master key: {why}; restore it from where it was kept."""


class MasterKeyThere(TradepoolError):
    """There is a master key at {path} already; secrets under it would be lost with it: rotate it, or name another file."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """Never printed, never pickled; `id` names it without telling anything of it."""

    secret: bytes

    @property
    def id(self) -> str:
        """Sixteen hex digits of its hash."""
        return hashlib.sha256(b"tradepool master key id:" + self.secret).hexdigest()[:ID_WIDTH]

    def __repr__(self) -> str:
        """Say which one it is, not what."""
        return f"MasterKey(id={self.id})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError("master keys are not pickled")


def make_master_key(path: Path) -> MasterKey:
    """Write a new one, readable by its owner only. Raises MasterKeyThere: never is one written over."""
    key = MasterKey(os.urandom(KEY_BYTES))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise MasterKeyThere(path=path) from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{text_of(key)}\n")
        file.flush()
        os.fsync(file.fileno())
    return key


def text_of(key: MasterKey) -> str:
    """A master key as it is written; `parsed` reads it."""
    return f"{HEAD}{base64.b64encode(key.secret).decode()}"


def refuse_inside(path: Path, protects: Path) -> None:
    """Raise MasterKeyInside for a file in the folder of the data, or below it."""
    if path.resolve().is_relative_to(protects.resolve()):
        raise MasterKeyInside(path=path, folder=protects)


def read_master_key(path: Path, protects: Path) -> MasterKey:
    """The master key of a file. Raises NoMasterKey, MasterKeyExposed, MasterKeyInside, NotAMasterKey.

    `protects` is the folder of the data: the key must not be in it, nor in a folder below.
    """
    if not path.is_file():
        raise NoMasterKey(path=path)
    refuse_inside(path, protects)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise MasterKeyExposed(path=path)
    return parsed(path.read_bytes(), path)


def parsed(text: bytes, path: Path) -> MasterKey:
    """The key in a file's bytes. Raises NotAMasterKey, whose text holds nothing of them."""
    head = HEAD.encode()
    if not text.startswith(head):
        raise NotAMasterKey(path=path, why="it does not begin as one does")
    try:
        secret = base64.b64decode(text[len(head) :].strip(), validate=True)
    except binascii.Error:
        raise NotAMasterKey(path=path, why="its letters are not base64") from None
    if len(secret) != KEY_BYTES:
        raise NotAMasterKey(path=path, why=f"it has {len(secret)} bytes in place of {KEY_BYTES}")
    return MasterKey(secret)
