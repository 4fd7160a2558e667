"""A year of users: every month settled out of the books, every statement counted again from them alone, byte for byte.

The short form is a few users and months; `--long` is fifty users and the whole year.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.core.commission.lives import Life, close_at
from tests.core.commission.reference import profit
from tests.core.commission.test_year import exact_close
from tests.entrypoints.console import console_of
from tests.nouns import MANDATE
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.core.commission.bill import unpaid
from tradepool.core.commission.recorded import Minute, Recorded
from tradepool.core.commission.statement import READY_MS
from tradepool.domain.deployment import Mode, Promotion
from tradepool.domain.event import AccountOpened, MandateChanged, StreamRestored
from tradepool.domain.ids import AccountId, MandateId, MarketId, UserId
from tradepool.domain.ledger import LedgerEntry
from tradepool.entrypoints.commission import by_the_books, month_ms, settle
from tradepool.entrypoints.commission_deeds import pay
from tradepool.entrypoints.deployment import Deployed, deployed_from
from tradepool.entrypoints.venue_prices import PriceSource
from tradepool.ports.journal import Record

BEGINS = int(datetime(2025, 1, 7, tzinfo=UTC).timestamp()) * 1_000
MONTHS = [f"2025-{month:02}" for month in range(1, 13)]


@dataclass
class Year:
    """A live deployment whose users' lives are written down as time goes on."""

    deployed: Deployed
    connection: Connection
    lives: list[Life]
    now_ms: int = 0

    def __post_init__(self) -> None:
        """Nothing is written yet; the users' mandates may trade real money."""
        self.journal, self.sequences = DatabaseJournal(self.connection), dict[AccountId, int]()
        self.told = {life.user: list(life.told()) for life in self.lives}
        self.place = dict.fromkeys(self.told, 0)
        promotions = DatabasePromotions(self.connection)
        for life in self.lives:
            for account in life.accounts:
                promotions.promote(
                    Promotion(
                        time_ms=BEGINS - 1,
                        by="eva",
                        mandate=MandateId(account),
                        strategy_id=MANDATE.strategy_id,
                        before=Mode.SHADOW,
                        after=Mode.LIVE,
                        reason="",
                    )
                )

    def go_on(self, until_ms: int) -> None:
        """Write down what happens until a moment, event by event."""
        self.now_ms = until_ms
        for life in self.lives:
            told, place = self.told[life.user], self.place[life.user]
            while place < len(told) and self._time(told[place]) <= until_ms:
                self._write(life, told[place])
                place += 1
            self.place[life.user] = place

    @staticmethod
    def _time(each: object) -> int:
        if isinstance(each, LedgerEntry):
            return each.time_ms
        assert isinstance(each, tuple)
        return int(each[1].time_ms)

    def _write(self, life: Life, each: object) -> None:
        event: AccountOpened | MandateChanged | StreamRestored
        if isinstance(each, LedgerEntry):
            account, entries = each.account, [each]
            # What an entry follows from is not read here: any event may carry it.
            event = StreamRestored(time_ms=each.time_ms)
            if each.reference == "opening":
                event = AccountOpened(time_ms=each.time_ms, balances=())
        else:
            assert isinstance(each, tuple)
            account, entries = each[0], []
            market = MarketId(f"binance:BTC/{each[1].quote}")
            mandate = replace(
                MANDATE, id=MandateId(account), account=account, markets=(market,), capital=each[1].capital
            )
            event = MandateChanged(time_ms=each[1].time_ms, mandate=mandate)
        self.sequences[account] = sequence = self.sequences.get(account, 0) + 1
        self.journal.write(Record(account=account, sequence=sequence, as_of_ms=0, event=event, entries=entries))

    @property
    def source(self) -> PriceSource:
        """A venue that always says the same."""

        def closes(wanted: Collection[Minute]) -> Mapping[Minute, Recorded]:
            return {minute: close_at(minute) for minute in wanted}

        return PriceSource(lambda: self.now_ms, closes)

    def reference(self, user: str, ends_ms: int) -> Fraction:
        """The profit by the second reading, over both accounts."""
        entries = [each for each in self.told[user] if isinstance(each, LedgerEntry)]
        accounts = {entry.account for entry in entries}
        return sum(
            (
                profit([e for e in entries if e.account == account], exact_close, ends_ms, self.now_ms)
                for account in accounts
            ),
            Fraction(0),
        )


def configured(folder: Path, capsys: pytest.CaptureFixture[str], users: list[str]) -> Deployed:
    """A live deployment, two accounts a user."""
    run = console_of(capsys)
    assert run("init", "--yes", "--file", folder / "t.toml", "--folder", folder / "d", "--users", users[0]).code == 0
    text = (folder / "t.toml").read_text()
    text = text.replace('kind = "practice"', 'kind = "live"').replace('mode = "practice"', 'mode = "live"')
    for number, user in enumerate(users):
        text += f'\n[users.{user}]\n\n[accounts.{user}-main]\nuser = "{user}"\n' if number else ""
        text += f'\n[accounts.{user}-two]\nuser = "{user}"\n'
    (folder / "t.toml").write_text(text)
    return deployed_from(folder / "t.toml")


def test_a_year_of_statements_is_counted_again_from_the_books_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, long: bool
) -> None:
    """To the byte; profits as a second reading says; all commissions at most 30 % of the highest profit; and bean-check
    accepts the ledger of it all."""
    users, months = ([f"u{n}" for n in range(50)], MONTHS) if long else (["ann", "ben", "eva"], MONTHS[:6])
    deployed = configured(tmp_path, capsys, users)
    connection = open_store(deployed.database, "NORMAL")
    lives = [Life(user, seed, BEGINS, 30 * len(months)) for seed, user in enumerate(users)]
    year, rates = Year(deployed, connection, lives), dict[str, list[Decimal]]()
    for month in months:
        ends_ms = month_ms(month, 0)[1]
        year.go_on(ends_ms + READY_MS)
        for user in users:
            said = json.loads(settle(deployed, connection, year.source, user, month, "its end").statement)
            rates.setdefault(user, []).append(Decimal(said["rate"]))
            assert abs(Fraction(said["pnl"]) - year.reference(user, ends_ms)) < Fraction(1, 10_000)
    for number, user in enumerate(users):
        rows = DatabaseSettlements(connection)
        statements = [each.statement for each in rows.of(UserId(user))]
        # Nobody is asked for a price any more.
        assert all(by_the_books(deployed, connection, text) for text in statements)
        settled = [json.loads(text) for text in statements]
        highest = max([Decimal(0), *(Decimal(each["pnl"]) for each in settled)])
        assert sum(Decimal(each["commission"]) for each in settled) <= Decimal("0.30") * highest
        if number % 2 == 0:
            pay(deployed, connection, user, months[-1], "transfer")
            assert unpaid(rows.charges(UserId(user))) == []
    steps = [(a, b) for mine in rates.values() for a, b in pairwise(mine)]
    assert {rate for mine in rates.values() for rate in mine} == {Decimal("0.30"), Decimal("0.25"), Decimal("0.20")}
    assert any(a < b for a, b in steps)
    assert any(a > b for a, b in steps)
    dispose(connection)
    book = tmp_path / "year.beancount"
    run = console_of(capsys)
    export = run("ledger", "export", "--format", "beancount", "--out", book, "--config", tmp_path / "t.toml")
    assert export.code == 0, export
    assert book.read_text().count("Liabilities:") > len(users)
    checked = subprocess.run(
        [Path(sys.executable).parent / "bean-check", book], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
