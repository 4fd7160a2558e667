"""Positions, open orders and closed trades: as JSON and as tables. Every row has a short id that is easily typed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from rich.table import Table

from tradepool.core.account import account_step as step
from tradepool.core.account.account import Account
from tradepool.core.account.round_trip import position_of
from tradepool.core.account.slot import Slot, Working
from tradepool.domain.ids import ClientOrderId, MarketId, read_client_order_id
from tradepool.domain.trade import Trade
from tradepool.presentation.formats import iso, money, plain, price_text
from tradepool.presentation.results import SCHEMA


class PositionRow(msgspec.Struct, frozen=True):
    """An open position. `last` and `unrealised` are of the last close, None before one is known; `protected` says that
    its stop rests at the venue."""

    id: str
    account: str
    user: str
    mandate: str
    market: str
    quantity: str
    entry_price: str
    opened: str
    stop: str | None
    protected: bool
    last: str | None
    unrealised: str | None


class OrderRow(msgspec.Struct, frozen=True):
    """An order of ours that is not final."""

    id: str
    name: str
    account: str
    user: str
    market: str
    side: str
    type: str
    purpose: str
    quantity: str
    filled: str
    price: str | None
    status: str
    decided: str


class TradeRow(msgspec.Struct, frozen=True):
    """A closed trade."""

    account: str
    user: str
    market: str
    quantity: str
    opened: str
    entry_price: str
    closed: str
    exit_price: str
    pnl: str
    reason: str


class PositionsJson(msgspec.Struct, frozen=True):
    """`positions list --json`."""

    positions: list[PositionRow]
    schema: int = SCHEMA


class OrdersJson(msgspec.Struct, frozen=True):
    """`orders list --json`."""

    orders: list[OrderRow]
    schema: int = SCHEMA


class TradesJson(msgspec.Struct, frozen=True):
    """`trades list --json`: the newest last."""

    trades: list[TradeRow]
    schema: int = SCHEMA


def position_id(number: int, place: int) -> str:
    """The account's number and the market's place in its mandate, in letters.

    >>> position_id(12, 0), position_id(3, 27)
    ('12a', '3ab')
    """
    letters = ""
    while place >= 0:
        place, letter = divmod(place, 26)
        letters, place = chr(ord("a") + letter) + letters, place - 1
    return f"{number}{letters}"


def order_id(name: ClientOrderId) -> str:
    """The numbers of account and order, out of an order's name.

    >>> order_id(ClientOrderId("osim00000070000001"))
    '7-1'
    """
    read = read_client_order_id(name)
    return name if read is None else f"{read.account_number}-{read.order_number}"


def position_rows(account: Account) -> list[PositionRow]:
    """The open positions of an account."""
    places = enumerate(account.slots.values())
    return [_position(account, slot, position_id(account.account.number, n)) for n, slot in places if slot.held]


def _position(account: Account, slot: Slot, name: str) -> PositionRow:
    mandate = account.mandate
    held = position_of(
        slot.row, account=mandate.account, mandate=mandate.id, strategy_id=mandate.strategy_id, market=slot.market
    )
    return PositionRow(
        id=name,
        account=mandate.account,
        user=account.account.user,
        mandate=mandate.id,
        market=slot.market.symbol,
        quantity=plain(held.quantity),
        entry_price=plain(held.average_entry_price),
        opened=iso(held.opened_time_ms),
        stop=None if held.stop_price is None else plain(held.stop_price),
        protected=bool(slot.row[step.RESTING]),
        last=plain(slot.market.price(slot.mark)) if slot.mark else None,
        unrealised=plain(slot.unrealised() * account.quote_unit) if slot.mark else None,
    )


def order_rows(account: Account) -> list[OrderRow]:
    """The orders of an account that are not final, the oldest first."""
    return [_order(account, name, working) for name, working in sorted(account.orders.items())]


def _order(account: Account, name: ClientOrderId, working: Working) -> OrderRow:
    request = working.request
    market = account.slots[request.market].market
    price = request.stop_price or request.price
    return OrderRow(
        id=order_id(name),
        name=name,
        account=request.account,
        user=account.account.user,
        market=market.symbol,
        side=request.side,
        type=request.type,
        purpose=request.purpose,
        quantity=plain(request.quantity),
        filled=plain(market.quantity(working.filled_steps)),
        price=None if price is None else plain(price),
        status=working.status,
        decided=iso(request.time_ms),
    )


def trade_row(trade: Trade, user: str) -> TradeRow:
    """A closed trade."""
    return TradeRow(
        account=trade.account,
        user=user,
        market=_symbol(trade.market),
        quantity=plain(trade.quantity),
        opened=iso(trade.entry_time_ms),
        entry_price=plain(trade.entry_price),
        closed=iso(trade.exit_time_ms),
        exit_price=plain(trade.exit_price),
        pnl=plain(trade.pnl),
        reason=trade.exit_reason,
    )


def _symbol(market: MarketId) -> str:
    return str(market).partition(":")[2]


# ---- for people


def positions_page(rows: Sequence[PositionRow]) -> Table:
    """Positions."""
    table = _table("id", "user", "market", "quantity", "entry", "last", "unrealised", "stop", "opened")
    for row in rows:
        stop = row.stop or "none"
        word = stop if row.protected else f"[red]{stop}, not resting[/red]"
        gain = "" if row.unrealised is None else money(Decimal(row.unrealised), signed=True)
        last = row.last or "not known"
        entry = price_text(row.entry_price)
        table.add_row(row.id, row.user, row.market, row.quantity, entry, last, gain, word, row.opened)
    return table


def orders_page(rows: Sequence[OrderRow]) -> Table:
    """Open orders."""
    table = _table("id", "user", "market", "side", "type", "purpose", "quantity", "filled", "price", "status")
    for row in rows:
        figures = (row.quantity, row.filled, row.price or "market")
        table.add_row(row.id, row.user, row.market, row.side, row.type, row.purpose, *figures, row.status)
    return table


def trades_page(rows: Sequence[TradeRow]) -> Table:
    """Closed trades."""
    table = _table("user", "market", "opened", "entry", "closed", "exit", "quantity", "pnl", "reason")
    for row in rows:
        pnl = money(Decimal(row.pnl), signed=True)
        entry, left = price_text(row.entry_price), price_text(row.exit_price)
        table.add_row(row.user, row.market, row.opened, entry, row.closed, left, row.quantity, pnl, row.reason)
    return table


def _table(*titles: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in titles:
        table.add_column(title)
    return table
