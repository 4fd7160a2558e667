"""The locks name no place, agree with each other, and pin the versions we rely on."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements/uv.lock")


def pins(lock: str) -> set[tuple[str, str]]:
    """Name and version of every entry; a package may have a version for each range of Pythons."""
    return set(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", (ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_and_no_addresses(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert pins(lock)
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_dev_lock_holds_the_runtime_lock() -> None:
    assert pins("requirements.lock") - pins("requirements-dev.lock") == set()


def test_the_locks_are_newer_than_what_they_were_made_from() -> None:
    wanted = re.findall(
        r'^    "([A-Za-z0-9_-]+)', (ROOT / "pyproject.toml").read_text().split("[project.scripts]")[0], re.M
    )
    named = {name.lower() for name, _ in pins("requirements.lock")}
    assert {name.lower() for name in wanted} - named == set()


def test_the_resolver_has_not_fallen_back() -> None:
    assert tuple(map(int, version("ccxt").split("."))) >= (4, 5, 90)
    assert tuple(map(int, version("sqlalchemy").split(".")[:2])) >= (2, 1)
