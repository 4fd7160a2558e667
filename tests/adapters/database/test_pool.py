"""Whose trades are pooled: consents, lists, withdrawals; and that what is deleted is off the disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tradepool.adapters.database.carry import carry_newer, carry_settings, decided_in
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import StoreUnusable, dispose, open_store
from tradepool.adapters.database.pool import WORDING, Consent, DatabasePool, HeldSecret, Listed
from tradepool.domain.deployment import Deployment, Kind
from tradepool.domain.ids import AccountId, MarketId, UserId
from tradepool.domain.user import Role, User
from tradepool.ports.secrets import WrappedKey

ANN, BEN = UserId("ann"), UserId("ben")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    opened = open_store(tmp_path / "a.sqlite")
    yield opened
    dispose(opened)


@pytest.fixture
def rows(connection: Connection) -> DatabasePool:
    return DatabasePool(connection)


def word(user: UserId, time_ms: int, *, given: bool = True, wording: int = WORDING) -> Consent:
    return Consent(user=user, time_ms=time_ms, given=given, by="operator", wording=wording)


def listed(number: int, user: UserId = ANN, world: str = "") -> Listed:
    return Listed(
        id=f"{number:032x}",
        user=user,
        world=world,
        account=AccountId(f"{user}-main"),
        market=MarketId("binance:BTC/USDT"),
        entry_ms=number * 1_000,
        exit_ms=number * 1_000 + 500,
    )


def test_a_users_last_word_counts(rows: DatabasePool) -> None:
    """It was given to certain words; to others it says nothing."""
    assert (rows.consents(), rows.willing()) == ({}, set())
    rows.say(word(ANN, 1))
    rows.say(word(BEN, 2, wording=WORDING - 1))
    assert rows.willing() == {ANN}
    rows.say(word(ANN, 3, given=False))
    rows.say(word(BEN, 4))
    assert rows.willing() == {BEN}
    assert rows.consents()[ANN] == word(ANN, 3, given=False)


def test_who_withdraws_has_no_list_and_his_ids_are_buried(rows: DatabasePool) -> None:
    """The others' stay; what is in no file any more is forgotten."""
    for user in (ANN, BEN):
        rows.say(word(user, 1))
    rows.add([*(listed(number) for number in range(3)), listed(9, BEN)])
    rows.say(word(ANN, 2, given=False))
    assert [each.id for each in rows.listed()] == [listed(9).id]
    assert rows.tombstones() == {listed(number).id for number in range(3)}
    rows.forget({listed(0).id, listed(1).id})
    assert rows.tombstones() == {listed(2).id}


def test_what_was_listed_while_a_word_was_taken_back_is_buried_too(rows: DatabasePool) -> None:
    """A gathering had asked who consents just before."""
    rows.say(word(ANN, 1))
    rows.say(word(ANN, 2, given=False))
    rows.add([listed(1)])
    rows.bury_unwilling()
    assert (rows.listed(), rows.tombstones()) == ([], {listed(1).id})


def test_a_trade_is_on_a_list_once_in_each_world(rows: DatabasePool) -> None:
    """Times come again in the next practice exchange; the database itself refuses the same one twice."""
    rows.add([listed(1), replace(listed(1, world="w2"), id="b" * 32)])
    with pytest.raises(StoreUnusable):
        rows.add([replace(listed(1), id="c" * 32)])
    assert len(rows.listed()) == 2


def test_accounts_are_those_of_the_users_asked_for(connection: Connection, rows: DatabasePool) -> None:
    deployment = DatabaseDeployment(connection, Deployment(id="aaaaaaaa", kind=Kind.LIVE))
    for user in (ANN, BEN):
        deployment.account(User(id=user, name=user, role=Role.USER), AccountId(f"{user}-main"), "binance")
    assert rows.accounts({BEN}) == {AccountId("ben-main"): BEN}


def test_what_is_deleted_is_off_the_disk(tmp_path: Path) -> None:
    """The link from a user to his pooled trades, and the secret that was rotated: neither in the file nor beside it."""
    connection = open_store(tmp_path / "a.sqlite")
    rows, secret = DatabasePool(connection), b"the wrapped secret of a month ago"

    def on_disk(what: bytes) -> bool:
        return any(what in file.read_bytes() for file in tmp_path.iterdir())

    def held(wrapped: bytes) -> HeldSecret:
        return HeldSecret(5, WrappedKey(user=UserId("trade pool"), master="m", nonce=b"n", wrapped=wrapped))

    ids = [f"{number:032x}" for number in range(1_000, 1_300)]
    rows.say(word(ANN, 1))
    rows.add([replace(listed(number), id=each) for number, each in enumerate(ids)])
    rows.keep_secret(held(secret))
    assert rows.secret() == held(secret)
    assert all(on_disk(each.encode()) for each in ids)
    assert on_disk(secret)
    rows.forget_secret(4)
    assert rows.secret() == held(secret)
    rows.forget_secret(5)
    assert rows.secret() is None
    rows.say(word(ANN, 2, given=False))
    rows.forget(ids)
    assert not on_disk(secret)
    assert not any(on_disk(each.encode()) for each in ids)
    dispose(connection)


def test_consents_and_lists_go_with_the_deployment(tmp_path: Path) -> None:
    """Into books that begin anew, and into an older copy: who withdrew since stays withdrawn."""
    old, new, copy = (open_store(tmp_path / f"{name}.sqlite") for name in ("old", "new", "copy"))
    for connection in (old, copy):
        for user in (ANN, BEN):
            DatabasePool(connection).say(word(user, 1))
        DatabasePool(connection).add([listed(1), listed(2, BEN)])
    DatabasePool(old).say(word(ANN, 2, given=False))
    decided, held = decided_in(old), DatabasePool(old)
    carry_settings(new, decided)
    carry_newer(copy, decided)
    for connection in (new, copy):
        rows = DatabasePool(connection)
        assert rows.consents() == held.consents()
        assert (rows.willing(), rows.listed(), rows.tombstones()) == ({BEN}, [listed(2, BEN)], {listed(1).id})
    for connection in (old, new, copy):
        dispose(connection)
