"""Positions, orders and trades: looking at them, and steering them by hand.

The trading process is asked where it answers. Where it hangs, or none runs, the journal is read and the account is taken
over for as long as it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import Deed
from tradepool.core.account.account import Account
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import AccountId, MarketId
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.books import books_open, owners
from tradepool.entrypoints.deeds import Answer, carried_out
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.emergency import ANSWER_S, Hangs, answers, by_own_hands, now_ms, rows_of, typed_back
from tradepool.entrypoints.inputs import decimal_of
from tradepool.entrypoints.own_hands import OwnHands
from tradepool.entrypoints.running import running_pid
from tradepool.presentation.books_page import OrderRow, PositionRow, TradeRow, order_rows, position_rows, trade_row
from tradepool.runtime.command_socket import ask

Row = TypeVar("Row", PositionRow, OrderRow)


class NoneSuch(InvalidInput):
    """Nothing was done: there is no {what} {name} ({there})."""


class Several(InvalidInput):
    """Nothing was done: {name} is several: say which of {which}."""


class Refused(TradepoolError):
    """{why}"""


# ---- looking


def positions(deployed: Deployed, user: str | None = None) -> list[PositionRow]:
    """What is held now. NoSuchUser, Hangs where the process stops answering, and what looking by own hands raises."""
    deployed.refuse_unknown_user(user)
    return _of(deployed, user, _rows(deployed, "positions", list[PositionRow], position_rows))


def orders(deployed: Deployed, user: str | None = None) -> list[OrderRow]:
    """Orders of ours that are not final. NoSuchUser."""
    deployed.refuse_unknown_user(user)
    return _of(deployed, user, _rows(deployed, "orders", list[OrderRow], order_rows))


def trades(deployed: Deployed, user: str | None, most: int) -> list[TradeRow]:
    """The last closed trades, the newest last; nobody has to run for that. NoSuchUser."""
    deployed.refuse_unknown_user(user)
    with books_open(deployed) as connection:
        books = DatabaseBooks(connection)
        # Accounts that no mandate trades any more have their trades still.
        accounts = owners(deployed, connection, user)
        found = [(trade, owner) for name, owner in accounts.items() for trade in books.trades(name)]
    found.sort(key=lambda each: each[0].exit_time_ms)
    return [trade_row(*each) for each in found[-most:]]


def _of(deployed: Deployed, user: str | None, rows: Iterable[Row]) -> list[Row]:
    # The trading process tells of everybody.
    return [row for row in rows if user in (None, row.user) and deployed.shows(row.user)]


def _rows(deployed: Deployed, what: str, shape: type[list[Row]], rows_in: Callable[[Account], list[Row]]) -> list[Row]:
    if running_pid(deployed) is not None and answers(deployed):
        told = ask(deployed.socket, {"do": what}, ANSWER_S)
        if told is None:
            raise Hangs(pid=running_pid(deployed))
        return msgspec.json.decode(told, type=shape)

    async def look(hands: OwnHands) -> list[Row]:
        return [row for seat in deployed.seats for row in rows_in(await hands.account(seat))]

    return by_own_hands(deployed, look)


# ---- steering


@dataclass(frozen=True, slots=True)
class Deeded:
    """Something that is to be done to an account: a message, and how it is said and audited."""

    asked: Mapping[str, str]
    account: AccountId
    what: str
    name: str


def close(deployed: Deployed, name: str, share: str, user: str | None) -> Deeded:
    """A position by its id or market, and the share of it to sell. NoneSuch, Several, BadFlag."""
    amount = decimal_of("--share", share)
    row = one_of(positions(deployed, user), name)
    return _about(deployed, row, "close", f"close {amount * 100:f} % of", share=str(amount))


def release(deployed: Deployed, name: str, user: str | None) -> Deeded:
    """A position that is to be its person's own."""
    row = one_of(positions(deployed, user), name)
    return _about(deployed, row, "release", "release", quantity=row.quantity)


def adopt(deployed: Deployed, market: str, quantity: str | None, stop_percent: str, user: str | None) -> Deeded:
    """A holding on a market that is to be the mandate's. NoneSuch, Several, BadFlag."""
    traded = MarketId(f"{deployed.venue.id}:{market}")
    seats = [s for s in deployed.seats if traded in s.mandate.markets and user in (None, s.user.id)]
    if not seats:
        raise NoneSuch(what="mandate that trades", name=repr(market)[:40], there="tradepool mandates list")
    if len(seats) > 1:
        raise Several(name=market, which=", ".join(f"--user {seat.user.id}" for seat in seats))
    amount = "" if quantity is None else str(decimal_of("--quantity", quantity))
    stop = str(decimal_of("--stop-percent", stop_percent))
    asked = {"do": "adopt", "account": seats[0].account_id, "market": traded, "quantity": amount, "stop_percent": stop}
    what = f"adopt {amount or 'all free'} {market} on {seats[0].account_id}, with a stop {stop} % below"
    return Deeded(asked, seats[0].account_id, what, market)


def cancel(deployed: Deployed, name: str) -> Deeded:
    """An order by its id or its whole name."""
    found = [row for row in orders(deployed) if name in (row.id, row.name)]
    if not found:
        raise NoneSuch(what="open order", name=repr(name)[:40], there="tradepool orders list")
    row = found[0]
    asked = {
        "do": "cancel",
        "account": row.account,
        "market": f"{deployed.venue.id}:{row.market}",
        "order": row.name,
    }
    return Deeded(asked, AccountId(row.account), f"cancel order {row.id} ({row.purpose} {row.market})", row.id)


def one_of(rows: list[PositionRow], name: str) -> PositionRow:
    """The position of an id or a market. NoneSuch, Several.

    >>> one_of([], "1a")
    Traceback (most recent call last):
        ...
    tradepool.entrypoints.steered.NoneSuch: Nothing was done: there is no open position '1a' (open: none).
    """
    found = [row for row in rows if row.id == name] or [row for row in rows if row.market == name]
    if not found:
        there = ", ".join(f"{row.id} {row.market}" for row in rows) or "none"
        raise NoneSuch(what="open position", name=repr(name)[:40], there=f"open: {there}")
    if len(found) > 1:
        raise Several(name=name, which=", ".join(f"{row.id} ({row.user})" for row in found))
    return found[0]


def _about(deployed: Deployed, row: PositionRow, do: str, word: str, **more: str) -> Deeded:
    asked = {"do": do, "account": row.account, "market": f"{deployed.venue.id}:{row.market}", **more}
    what = f"{word} position {row.id}: {row.quantity} {row.market} of {row.user}"
    return Deeded(asked, AccountId(row.account), what, row.id)


def do(deployed: Deployed, deed: Deeded, reason: str | None) -> str:
    """Have the name typed back, audit it, do it; what came of it. NotConfirmed, NoReason, Refused, Hangs."""
    why = typed_back(deed.what, deed.name, reason)
    with rows_of(deployed) as rows:
        rows.audit(Deed(time_ms=now_ms(), by=me(), what=deed.asked["do"], scope=deed.what, reason=why))
    if running_pid(deployed) is not None and answers(deployed):
        told = ask(deployed.socket, deed.asked, ANSWER_S)
        if told is None:
            raise Hangs(pid=running_pid(deployed))
        answer = msgspec.json.decode(told, type=Answer)
        if answer.why:
            raise Refused(why=answer.why)
        return answer.said
    seat = _seat(deployed, deed.account)
    return by_own_hands(deployed, lambda hands: hands.steer(seat, lambda steering: carried_out(steering, deed.asked)))


def _seat(deployed: Deployed, account: AccountId) -> Seated:
    return next(seat for seat in deployed.seats if seat.account_id == account)
