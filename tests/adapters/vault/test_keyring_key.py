"""The master key in the system's keyring: through the package where there is one, and a name for what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tradepool.adapters.vault.keyring_key import (
    KeyringUnusable,
    NoKeyInKeyring,
    NoKeyring,
    make_in_keyring,
    read_from_keyring,
)
from tradepool.adapters.vault.master_key import MasterKeyThere, NotAMasterKey

# The package's interface, over a file in place of the desktop's service.
PACKAGE = {
    "__init__.py": """
import json, pathlib
from keyring.errors import KeyringError
FILE = pathlib.Path(__file__).with_name("held.json")
def get_password(service, name):
    held = json.loads(FILE.read_text()) if FILE.exists() else {}
    if held == "locked":
        raise KeyringError("locked: hunter2")
    return held.get(service + "|" + name)
def set_password(service, name, value):
    held = json.loads(FILE.read_text()) if FILE.exists() else {}
    FILE.write_text(json.dumps({**held, service + "|" + name: value}))
""",
    "errors.py": "class KeyringError(Exception):\n    pass\n",
}


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package keyring that keeps in a file; its folder."""
    folder = tmp_path / "keyring"
    folder.mkdir()
    for name, text in PACKAGE.items():
        (folder / name).write_text(text)
    for name in ("keyring", "keyring.errors"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


@pytest.mark.usefixtures("keyring")
def test_a_master_key_is_made_once_and_found_again() -> None:
    """Of one deployment: another has none."""
    with pytest.raises(NoKeyInKeyring, match="no master key of abc as tradepool"):
        read_from_keyring("tradepool", "abc")
    key = make_in_keyring("tradepool", "abc")
    assert read_from_keyring("tradepool", "abc") == key
    with pytest.raises(MasterKeyThere):
        make_in_keyring("tradepool", "abc")
    with pytest.raises(NoKeyInKeyring):
        read_from_keyring("tradepool", "other")


def test_what_is_wrong_is_said_without_what_the_keyring_said(keyring: Path) -> None:
    """Locked, or with something else in that place."""
    (keyring / "held.json").write_text('"locked"')
    with pytest.raises(KeyringUnusable) as caught:
        read_from_keyring("tradepool", "abc")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    (keyring / "held.json").write_text('{"tradepool|abc": "pass word"}')
    with pytest.raises(NotAMasterKey):
        read_from_keyring("tradepool", "abc")


def test_without_the_package_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(NoKeyring, match="pip install keyring"):
        read_from_keyring("tradepool", "abc")
