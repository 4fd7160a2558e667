"""The master key in the system's keyring, by the package `keyring`: it is asked for only where a configuration says so."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType

from tradepool.adapters.vault.master_key import KEY_BYTES, MasterKey, MasterKeyThere, parsed, text_of
from tradepool.domain.errors import InvalidInput, TradepoolError


class NoKeyring(InvalidInput):
    """The master key is to be in the system's keyring, and the package keyring is not installed; install it (pip install keyring), or name a file as master_key in [vault]."""


class KeyringUnusable(TradepoolError):
    """The system's keyring can't be used: {why}; unlock it, or name a file as master_key in [vault]."""


class NoKeyInKeyring(InvalidInput):
    """The system's keyring holds no master key of {name} as {service}; make one with tradepool keys master, or restore the one that this vault was made with."""


def read_from_keyring(service: str, name: str) -> MasterKey:
    """The master key of a deployment. NoKeyring, KeyringUnusable, NoKeyInKeyring, NotAMasterKey."""
    text = _asked(service, name, None)
    if text is None:
        raise NoKeyInKeyring(service=service, name=name)
    return parsed(text.encode(), Path(f"keyring:{service}"))


def make_in_keyring(service: str, name: str) -> MasterKey:
    """A new master key, kept there. NoKeyring, KeyringUnusable; MasterKeyThere: never is one written over."""
    if _asked(service, name, None) is not None:
        raise MasterKeyThere(path=f"keyring:{service}")
    key = MasterKey(os.urandom(KEY_BYTES))
    _asked(service, name, text_of(key))
    return key


def _asked(service: str, name: str, new: str | None) -> str | None:
    """What is kept there; or keep something new."""
    keyring, failed = _package("keyring"), _package("keyring.errors").KeyringError
    try:
        if new is None:
            found: str | None = keyring.get_password(service, name)
            return found
        keyring.set_password(service, name, new)
        return None
    except failed as error:
        why = type(error).__name__
    raise KeyringUnusable(why=why)


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        pass
    raise NoKeyring
