"""Where a store may be: what an URL may say, and what it never says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradepool.adapters.database.engine import StoreUnusable, open_store
from tradepool.adapters.database.place import NotAPlace, Server, place_in


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://role:hunter2@db.example/books",
        "postgresql://role@db.example/books?password=hunter2",
        "postgresql://role@/books?host=/run&sslpassword=hunter2",
    ],
)
def test_a_password_is_refused_and_not_said(url: str) -> None:
    with pytest.raises(NotAPlace, match="a password does not belong there") as refused:
        place_in(Path("d"), url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["", "books.sqlite", "mysql://role@h/books", "postgresql://role@h", "postgresql://h/"])
def test_what_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(NotAPlace, match="names no database"):
        place_in(Path("d"), url)


def test_a_server_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match=r"can't be used: .*that the server is up") as refused:
        open_store(Server(f"postgresql://role@/books?host={tmp_path}"))
    assert "\n" not in str(refused.value)
