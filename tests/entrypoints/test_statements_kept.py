"""A statement that somebody replaced in the database is told of, and nobody is charged by it."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.entrypoints.commission_kit import opened, settle, trade
from tests.entrypoints.console import Console
from tests.entrypoints.test_commission_bill import live, owed, run, typed
from tests.tampering import by_sql
from tradepool.core.commission.capital import Period
from tradepool.core.commission.schedule import Tier
from tradepool.core.commission.statement import facts_of, statement
from tradepool.domain.ids import AccountId, UserId
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.commission_books import Asked, Books
from tradepool.entrypoints.deployment import deployed_from

__all__ = ["live", "run", "typed"]


@pytest.fixture
def settled(live: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> str:
    """September's statement: 100 earned, 25.00 of it owed."""
    opened()
    trade(1, 20, 9, 60_000, 60_100)
    settle(run, "2026-09", monkeypatch)
    assert owed() == "25.00"
    return run("commission", "statement", "ann", "2026-09").out.strip()


def test_nothing_is_charged_by_a_statement_that_is_not_the_one_that_was_settled(
    settled: str, run: Console, typed: Console
) -> None:
    """True to its own facts, with a hash that fits, at another rate: the journal holds another one's."""
    facts = facts_of(settled)
    dearer = replace(facts.schedule, tiers=(Tier(rate=Decimal("0.60"), least=Decimal(0)),))
    with books_open(deployed_from(None)) as connection:
        by_sql(connection, f"update settlement set statement = '{statement(replace(facts, schedule=dearer))}'")
    trade(2, 21, 9, 60_000, 60_400)
    for command in (
        ("commission", "statement", "ann", "2026-09"),
        ("commission", "correct", "ann", "--reason", "late"),
        ("commission", "settle", "ann", "2026-10", "--reason", "monthly"),
        ("commission", "pay", "ann", "2026-09"),
    ):
        said = typed(*command)
        assert (said.code, "began 2026-09-18 12:00 UTC is not the one that was settled" in said.err) == (1, True), said
    assert owed() == "25.00"
    for verify in (("ledger", "verify", "--user", "ann"), ("ledger", "verify"), ("store", "verify")):
        told = json.loads(run(*verify, "--json").out)["faults"]
        assert "settlement" in {each["table"] for each in told}, verify


def test_part_of_the_books_gives_another_statement(settled: str, run: Console, tmp_path: Path) -> None:
    """Somebody holds one that is counted by the books as they were before the last sale: it is not what was settled."""
    facts = facts_of(settled)
    with books_open(deployed_from(None)) as connection:
        asked = Asked(
            user=UserId("ann"),
            period=Period(opened_ms=facts.period.opened_ms, closes_ms=facts.period.closes_ms, joined=True),
            schedule=facts.schedule,
            mark=facts.mark,
            counted_ms=facts.counted_ms,
            books={AccountId(account): 2 for account in facts.books},
        )
        forged = statement(Books(deployed_from(None), connection).counted(asked).facts)
    assert json.loads(forged)["commission"] == "0.00"
    file = tmp_path / "forged.json"
    file.write_text(forged)
    said = run("commission", "statement", "--verify", file)
    assert (said.code, "for the books" in said.err) == (1, True), said
    file.write_text(settled)
    assert "the same bytes" in run("commission", "statement", "--verify", file).out
