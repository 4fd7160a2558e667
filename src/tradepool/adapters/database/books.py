"""Reading the books: ledger, trades and refusals, always of one account."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TypeVar

from sqlalchemy import Connection, func, select

from tradepool.adapters.database import tables
from tradepool.adapters.database.chain import UnreadableEntry, transfers_in
from tradepool.adapters.database.codec import decode
from tradepool.adapters.database.remembered import asked_again
from tradepool.domain.event import OrderFilled
from tradepool.domain.fill import Fill
from tradepool.domain.ids import AccountId, LedgerEntryId, MarketId
from tradepool.domain.ledger import LedgerCode, LedgerEntry, Transfer, TransferCode
from tradepool.domain.order import Refusal
from tradepool.domain.trade import Trade

LAST_FILLS = 20
LAST = 2**53
Told = TypeVar("Told")


class DatabaseBooks:
    """What was booked, read back."""

    def __init__(self, connection: Connection) -> None:
        """`connection` comes from `engine.open_store`."""
        self._connection = connection

    def transfers(self, account: AccountId, after: int = 0) -> Iterator[Transfer]:
        """Every transfer of an account that an event after that sequence made, in the order it was booked."""
        for entry in self.entries(account, after):
            yield from entry.transfers

    def entries(self, account: AccountId, after: int = 0, until: int = LAST) -> Iterator[LedgerEntry]:
        """Every ledger entry of an account that an event after that sequence (and up to `until`) made and that moves something, in
        the order it was booked. UnreadableEntry."""
        e = tables.ledger_entry.c
        query = select(e.id, e.time_ms, e.reference, e.transfers).where(e.account == account, e.transfers != "[]")
        query = query.where(e.sequence > after, e.sequence <= until).order_by(e.sequence, e.id)
        rows = asked_again(self._connection, lambda: self._connection.execute(query).all())
        self._connection.rollback()
        for name, time_ms, reference, transfers in rows:
            try:
                moved = [
                    Transfer(
                        debit=LedgerCode(debit),
                        credit=LedgerCode(credit),
                        asset=asset,
                        amount=Decimal(amount),
                        code=TransferCode(code),
                    )
                    for debit, credit, asset, amount, code in transfers_in(transfers)
                ]
            except (ValueError, ArithmeticError) as error:
                raise UnreadableEntry(why=f"{name}: {error}") from error
            yield LedgerEntry(
                id=LedgerEntryId(name),
                account=account,
                time_ms=time_ms,
                transfers=tuple(moved),
                reference=reference,
            )

    def last_event(self, account: AccountId) -> int:
        """The number of an account's newest event; 0 before the first."""
        newest = self._connection.execute(
            select(func.max(tables.event.c.sequence)).where(tables.event.c.account == account)
        )
        found = newest.scalar()
        self._connection.rollback()
        return int(found or 0)

    def events(self, account: AccountId, kind: type[Told], until: int = LAST) -> list[Told]:
        """Every event of one kind of an account, up to a number, in order."""
        t = tables.event.c
        query = select(t.body).where(t.account == account, t.kind == kind.__name__, t.sequence <= until)
        rows = self._connection.execute(query.order_by(t.sequence)).all()
        self._connection.rollback()
        return [decode(body, kind) for (body,) in rows]

    def last_fills(self, account: AccountId, most: int = LAST_FILLS) -> list[Fill]:
        """The newest fills of an account, the newest first."""
        t = tables.event.c
        query = select(t.body).where(t.account == account, t.kind == OrderFilled.__name__)
        rows = self._connection.execute(query.order_by(t.sequence.desc()).limit(most)).all()
        self._connection.rollback()
        return [decode(body, OrderFilled).fill for (body,) in rows]

    def fills(self, account: AccountId) -> Iterator[Fill]:
        """Every fill of an account, in the order it was booked."""
        t = tables.event.c
        query = select(t.body).where(t.account == account, t.kind == OrderFilled.__name__).order_by(t.sequence)
        for (body,) in self._connection.execute(query):
            yield decode(body, OrderFilled).fill

    def trades(self, account: AccountId) -> list[Trade]:
        """Closed trades of an account, in the order they closed."""
        t = tables.trade.c
        query = select(t.body).where(t.account == account).order_by(t.sequence, t.id)
        return [decode(body, Trade) for (body,) in self._connection.execute(query)]

    def refusals(self, account: AccountId) -> list[Refusal]:
        """Wishes of an account that were not carried out."""
        t = tables.refusal.c
        query = select(t.market, t.time_ms, t.reason).where(t.account == account).order_by(t.sequence, t.id)
        return [
            Refusal(account=account, market=MarketId(market), time_ms=time_ms, reason=reason)
            for market, time_ms, reason in self._connection.execute(query)
        ]
