"""`tradepool ledger` over real books: exported, and balanced at any moment."""

from __future__ import annotations

import json
from pathlib import Path

from tests.entrypoints.commission_kit import opened, trade
from tests.entrypoints.console import Console
from tests.entrypoints.test_commission import live, run

__all__ = ["live", "run"]


def test_the_books_of_a_deployment_in_both_forms_and_at_any_moment(live: Path, run: Console, tmp_path: Path) -> None:
    """What was held before and after a trade; bad words are said by name."""
    opened()
    trade(1, 20, 9, 60_000, 60_200)
    rows = run("ledger", "export").out.splitlines()
    assert len(rows) == 1 + 1 + 2 * 2
    file = tmp_path / "books.beancount"
    assert run("ledger", "export", "--format", "beancount", "--out", file, "--user", "ann").code == 0
    assert "Assets:A-ann-main:Venue  99000 USDT" in file.read_text()
    held = [
        json.loads(run("ledger", "balance", "--json", "--at", day).out)["balances"]["venue"]
        for day in ("2026-09-17", "2026-09-19", "2026-09-20")
    ]
    assert held == [{}, {"USDT": "99000"}, {"USDT": "99200.00000000"}]
    assert "is no moment" in run("ledger", "balance", "--at", "yesterday").err
    assert "No user is called" in run("ledger", "export", "--user", "eve").err
