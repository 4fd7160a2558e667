"""`tradepool balance`: what users have, by the trading process, by own looking, or, where the venue is silent, by the books.

What the venue said in the last five minutes, or its unbroken stream, is good enough; otherwise it is asked. It is asked for
accounts that a mandate trades; of the others the books tell.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

import msgspec

from tradepool.adapters.database.books import DatabaseBooks
from tradepool.domain.errors import TradepoolError, VenueError
from tradepool.domain.ids import AccountId
from tradepool.domain.ledger import LedgerEntry
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.books import books_open, owners
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.emergency import ANSWER_S, Hangs, answers, by_own_hands
from tradepool.entrypoints.own_hands import OwnHands
from tradepool.entrypoints.running import running_pid
from tradepool.presentation.balance_page import AccountRow, BalancesJson, Holder, Said, account_row, recorded
from tradepool.runtime.command_socket import ask
from tradepool.services.trading.account_actor import AccountActor

CACHE_MS = 5 * 60_000


def balances(deployed: Deployed, user: str | None = None) -> list[AccountRow]:
    """The accounts of a user, or of all. NoSuchUser, Hangs where the trading process stops answering."""
    deployed.refuse_unknown_user(user)
    rows = _traded(deployed, user)
    return rows + _others(deployed, user, {row.account for row in rows})


def _traded(deployed: Deployed, user: str | None) -> list[AccountRow]:
    seats = [seat for seat in deployed.seats if user in (None, seat.user.id)]
    if running_pid(deployed) is not None and answers(deployed):
        told = ask(deployed.socket, {"do": "balance", "user": user or deployed.only or ""}, ANSWER_S)
        if told is None:
            raise Hangs(pid=running_pid(deployed))
        return msgspec.json.decode(told, type=BalancesJson).accounts

    async def look(hands: OwnHands) -> list[AccountRow]:
        return [await _looked(hands, deployed, seat) for seat in seats]

    try:
        return by_own_hands(deployed, look)
    except TradepoolError as error:
        return [_from_books(deployed, _holder(seat), str(error)) for seat in seats]


def _others(deployed: Deployed, user: str | None, there: Container[str]) -> list[AccountRow]:
    """The accounts that nobody told of, by the books."""
    seats = {seat.account_id: seat for seat in deployed.seats}
    with books_open(deployed) as connection:
        left = {name: whose for name, whose in owners(deployed, connection, user).items() if name not in there}
    return [
        _from_books(deployed, _holder(seats[name]), "it was not started")
        if name in seats
        else _from_books(deployed, _untraded(deployed, name, whose), "no mandate trades it, so its venue is not asked")
        for name, whose in left.items()
    ]


async def told(platform: Platform, actors: Sequence[tuple[Seated, AccountActor | None]], user: str) -> str:
    """What the trading process answers: the accounts that were started, of one user or ("") of all."""
    rows = [
        await _told(platform, seat, actor) for seat, actor in actors if actor is not None and user in ("", seat.user.id)
    ]
    return msgspec.json.encode(BalancesJson(accounts=rows)).decode()


async def _told(platform: Platform, seat: Seated, actor: AccountActor) -> AccountRow:
    feed, name, stale = platform.desk.feed, seat.account_id, ""
    try:
        held = await feed.lately(name, CACHE_MS)
    except VenueError as error:
        held, stale = feed.holdings(name), str(error)
    entries = list(platform.books.entries(name))
    said = recorded(entries, stale or "the venue was not asked yet")
    if held is not None:
        held_now = sorted(held.balances, key=lambda balance: balance.asset)
        said = Said(balances=held_now, as_of_ms=held.as_of_ms, stale=stale)
    return account_row(_holder(seat), actor.account, entries, said)


async def _looked(hands: OwnHands, deployed: Deployed, seat: Seated) -> AccountRow:
    """By the journal and the venue's word now."""
    try:
        account, held, now_ms = await hands.held(seat)
    except TradepoolError as error:
        return _from_books(deployed, _holder(seat), str(error))
    entries = _entries(deployed, seat.account_id)
    return account_row(_holder(seat), account, entries, Said(balances=held, as_of_ms=now_ms))


def _from_books(deployed: Deployed, holder: Holder, why: str) -> AccountRow:
    """The venue is not there: what the ledger holds, without prices and lots."""
    entries = _entries(deployed, AccountId(holder.account))
    return account_row(holder, None, entries, recorded(entries, why))


def _entries(deployed: Deployed, account: AccountId) -> list[LedgerEntry]:
    with books_open(deployed) as connection:
        return list(DatabaseBooks(connection).entries(account))


def _holder(seat: Seated) -> Holder:
    quote = str(seat.mandate.markets[0]).rpartition("/")[2]
    return Holder(account=seat.account_id, user=seat.user.id, mandate=seat.mandate.id, quote=quote)


def _untraded(deployed: Deployed, account: AccountId, user: str) -> Holder:
    """An account without a mandate, counted in the money of the venue's first market here."""
    quote = next(iter(deployed.venue.symbols), "").rpartition("/")[2]
    return Holder(account=account, user=user, mandate="", quote=quote)
