"""What a person does with his own things, asked for with --as, on a file and on a server that sees to whose they are."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.entrypoints.commission_kit import ACCOUNT, live_in, opened, trade
from tests.entrypoints.console import Console
from tests.nouns import MANDATE
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.key_looks import DatabaseKeyLooks
from tradepool.adapters.database.place import Place
from tradepool.adapters.database.pool import DatabasePool, Listed
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.database.secrets import DatabaseSecrets
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.domain.charge import PeriodSettled
from tradepool.domain.deployment import Mode
from tradepool.domain.ids import AccountId, MarketId, UserId
from tradepool.domain.key import KeyLook
from tradepool.entrypoints import asking, key_vault
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import Deployed, deployed_from

ANN, BEN = UserId("ann"), UserId("ben")


@pytest.fixture
def run(tmp_path: Path, console: Console, place: Place, monkeypatch: pytest.MonkeyPatch) -> Console:
    """The command line of a live deployment of Ann's, who traded; Ben and Bil of the billing have come by command."""
    file = live_in(tmp_path, console, monkeypatch)
    text = file.read_text()
    if not isinstance(place, Path):
        text = re.sub(r"^database = .*\n", "", text, flags=re.MULTILINE)
        text = text.replace("[deployment]\n", f'[deployment]\ndatabase = "{place}"\n')
    file.write_text(f'{text}\n[vault]\nmaster_key = "{tmp_path / "keys" / "master"}"\n')
    opened()
    trade(1, 20, 9, 100, 110)
    for words in ("keys master", "users add ben", "users add bil --role billing", "accounts add ben --name ben-main"):
        assert console(*words.split()).code == 0
    return console


@contextmanager
def store() -> Iterator[Connection]:
    """The deployment's database, as the platform sees it."""
    with books_open(deployed_from(None)) as connection:
        yield connection


def deployed_as(user: str) -> Deployed:
    """The deployment as a person's command has it."""
    with asking.asked(["--as", user], lambda rest: ["keys", "add"]):
        return deployed_from(None)


def said(run: Console, words: str, monkeypatch: pytest.MonkeyPatch, typed: str = "ann", code: int = 0) -> str:
    """What a person was answered, who types a name back where he is asked to."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
    answer = run(*words.split())
    assert answer.code == code, answer
    return answer.err if code else answer.out


def test_a_bill_is_in_his_own_books(run: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no account of the venue's: a wall that knew accounts alone would leave it out, and all sums with it."""
    charge = PeriodSettled(
        time_ms=5, currency="USDT", amount=Decimal(3), by="bil", opened_ms=1, closes_ms=4, mark=Decimal(10), digest=""
    )
    with store() as connection:
        for user in (ANN, BEN):
            DatabaseSettlements(connection).settle(user, charge, f"statement of {user}", after=0)
        number = DatabaseDeployment(connection, deployed_from(None).deployment)
        number.account(deployed_from(None).users[0], ACCOUNT, "binance")
    whole = said(run, "ledger export --user ann", monkeypatch)
    assert whole.count("commission.ann") > 0
    assert said(run, "ledger export --as ann", monkeypatch) == whole
    with books_open(deployed_as("ann")) as connection:
        assert DatabaseSettlements(connection).charges(ANN) == [charge]
        # How far his mandate went decides what is charged.
        assert [each.after for each in DatabasePromotions(connection).of(MANDATE.id)] == [Mode.LIVE]
    if not isinstance(deployed_from(None).database, Path):
        with books_open(deployed_as("ben")) as connection:
            assert (DatabaseSettlements(connection).charges(ANN), DatabasePromotions(connection).of(MANDATE.id)) == (
                [],
                [],
            )


def test_a_key_is_looked_at_and_burnt_before_its_account_is_ever_traded(
    run: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = AccountId("ben-main")
    with key_vault.vault_of(deployed_as("ben")) as (vault, _, looks):
        vault.put(BEN, account, {key_vault.KEY: "k", key_vault.SECRET: "s"})
        looks.save([KeyLook(account=account, looked_ms=1, rights=None, refused="")])
    (told,) = json.loads(said(run, "keys list --json --as ben", monkeypatch))["keys"]
    assert told["account"] == account
    assert json.loads(said(run, "keys list --json --as ann", monkeypatch))["keys"] == []
    said(run, "keys burn ben-main --reason lost --as ben", monkeypatch, "ben")
    with store() as connection:
        assert (DatabaseSecrets(connection).secrets(), DatabaseKeyLooks(connection).all()) == ([], {})


def test_he_withdraws_from_the_pool_himself_and_nobody_else(run: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    said(run, "pool consent ann --as ann", monkeypatch)
    trade_of_hers = Listed(
        id="t1", user=ANN, world="", account=ACCOUNT, market=MarketId("binance:BTC/USDT"), entry_ms=1, exit_ms=2
    )
    with store() as connection:
        DatabasePool(connection).add([trade_of_hers])
    for words in ("pool consent ann --withdraw --as ben", "pool consent zoe --withdraw --as ben"):
        assert "No user is called" in said(run, words, monkeypatch, code=1)
    with store() as connection:
        assert DatabasePool(connection).willing() == {ANN}
    said(run, "pool consent ann --withdraw --as ann", monkeypatch)
    with store() as connection:
        rows = DatabasePool(connection)
        assert (rows.listed(), rows.tombstones(), rows.willing()) == ([], {"t1"}, set())
        deeds = DatabaseDeployment(connection, deployed_from(None).deployment).deeds()
        assert [deed.by for deed in deeds if deed.what.startswith("pool ")] == ["ann", "ann"]


def test_nobody_bills_or_corrects_himself(run: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who bills others is a user as well; another one does it for him."""
    said(run, "accounts add bil --name bil-main", monkeypatch)
    for words in (
        "commission pay bil 2026-09",
        "commission goodwill bil 5 --reason sorry",
        "commission schedule bil 0=0 --consent mine",
        "commission correct bil --reason late",
        "ledger correct bil-main --debit venue --credit capital --asset USDT --amount 1 --reason x",
    ):
        assert "of his own" in said(run, f"{words} --as bil", monkeypatch, "bil", code=1), words
    assert "not settled" in said(run, "commission pay ben 2026-09 --as bil", monkeypatch, code=1)
