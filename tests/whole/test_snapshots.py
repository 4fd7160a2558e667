"""A snapshot and the events after it are the whole journal, wherever it is cut; a damaged or unknown one is passed over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pysqlite3
import pytest

from tests.conftest import Series
from tests.whole.lives import Lives, held, state_of, tell
from tests.whole.test_faults import NAMES, place, player
from tests.whole.test_new_terms import dearer
from tests.whole.test_parity import WEIGHT, listing_of
from tests.whole.test_storm import storm
from tradepool.adapters.database.codec import decode, encode
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.core.account.account import Account
from tradepool.core.account.snapshot import AccountState, put_back, taken
from tradepool.domain.trade import Origin
from tradepool.entrypoints.replay import Plan
from tradepool.services.trading import account_actor

__all__ = ["place"]

BARS = 700
# What an account is made with, and what one event leaves behind for its caller.
NOT_STATE = ("account", "origin", "changed")


@pytest.fixture
def plan(series: Series) -> Plan:
    """Three users in a storm."""
    listing = listing_of(series("BINANCE-BTC-USDT-5m"), BARS)
    plan = Plan(listings=[listing], players=[player(name, [listing], WEIGHT) for name in NAMES])
    return replace(plan, scenario=storm(21))


def all_of(account: Account) -> dict[str, object]:
    """Every field, so that one which is new and not in the snapshot is found."""
    state = {name: value for name, value in vars(account).items() if name not in NOT_STATE}
    # What the last event commanded is no state.
    return state | {"outbox": replace(account.outbox, commands=[])}


async def two_lives(lives: Lives) -> None:
    """Half the candles, other terms, the other half."""
    async with lives.life() as first:
        await first.until(lambda: held(first) >= 2 and first.platform.market_data.candles > BARS // 2)
    dearer(lives)
    async with lives.life() as second:
        await second.until(lambda: False)
        assert second.platform.desk.halted == {}


def test_the_law_holds_at_every_cut(plan: Plan, place: Path) -> None:
    """All of the account, through JSON, on the journal of a storm in which the venue's terms change."""

    async def story(lives: Lives) -> None:
        await two_lives(lives)
        connection = open_store(lives.database, "NORMAL")
        for seat in lives.seats:
            events = list(DatabaseJournal(connection).read(seat.account.id))
            assert len(events) > 60
            markets = [lives.market(market) for market in seat.mandate.markets]

            def new(seat: object = seat, markets: object = markets) -> Account:
                return Account(seat.account, seat.mandate, markets, Origin.PRACTICE)  # type: ignore[attr-defined, arg-type]

            whole, cuts = new(), []
            for _, as_of_ms, event in events:
                whole.apply(event)
                whole.as_of_ms = max(whole.as_of_ms, as_of_ms)
                cuts.append(encode(taken(whole)))
            for number, cut in enumerate(cuts, 1):
                again = new()
                put_back(again, decode(cut, AccountState))
                assert encode(taken(again)) == cut
                for _, as_of_ms, event in events[number:]:
                    again.apply(event)
                    again.as_of_ms = max(again.as_of_ms, as_of_ms)
                assert all_of(again) == all_of(whole), f"cut after {number} of {len(events)}"
        dispose(connection)

    tell(plan, place, story)


DAMAGE = {
    "none": "",
    "flipped": "update snapshot set body = replace(body, '0', '1') where sequence = (select max(sequence) from snapshot s where s.account = snapshot.account)",
    "cut": "update snapshot set body = substr(body, 1, 50)",
    "of another schema": "update snapshot set schema = 99",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_restart_reads_the_newest_whole_one(
    plan: Plan, place: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two are kept of each account; with none, one or both of them the account is the journal's."""
    monkeypatch.setattr(account_actor, "SNAPSHOT_EVERY", 16)

    async def story(lives: Lives) -> None:
        await two_lives(lives)
        with pysqlite3.connect(lives.database) as database:
            kept = database.execute("select account, count(*), max(sequence) from snapshot group by account").fetchall()
            assert [count for _, count, _ in kept] == [2] * len(lives.seats)
            if DAMAGE[damage]:
                database.execute(DAMAGE[damage])
        journal = [state_of(lives.of_journal(seat)) for seat in lives.seats]
        connection = open_store(lives.database, "NORMAL")
        found = [DatabaseJournal(connection).snapshot(seat.account.id) for seat in lives.seats]
        dispose(connection)
        newest = {account: newest for account, _, newest in kept}
        for seat, each in zip(lives.seats, found, strict=True):
            stands = each[0] if each is not None else 0
            after = {"none": newest[seat.account.id], "flipped": newest[seat.account.id] - 16}.get(damage, 0)
            assert stands == after
        async with lives.life() as third:
            assert third.platform.desk.halted == {}
            assert [state_of(actor.account) for actor in third.actors] == journal

    tell(plan, place, story)
