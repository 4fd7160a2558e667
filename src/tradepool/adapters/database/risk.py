"""Limits over restarts: what people set, what was reached, the highest equities. Commands and the trading process share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Executable, Select, delete, select
from sqlalchemy.exc import DBAPIError

from tradepool.adapters.database import tables
from tradepool.adapters.database.chain import audited
from tradepool.adapters.database.codec import decode
from tradepool.adapters.database.engine import StoreUnusable, place_of, reason_of, transaction
from tradepool.adapters.database.remembered import wrote
from tradepool.adapters.database.sql import unless_there, upsert
from tradepool.domain.deed import Deed
from tradepool.domain.deployment import Halt
from tradepool.domain.ids import AccountId
from tradepool.domain.limit import Action, Override, Trip
from tradepool.domain.order import OrderRequest, Purpose

# More orders of one account than go out in a minute.
NEWEST = 60


class DatabaseRisk:
    """The rows of limits; every call is one transaction. StoreUnusable when the database can't be used."""

    def __init__(self, connection: Connection) -> None:
        """`connection` comes from `engine.open_store`."""
        self._connection = connection

    def _write(self, *statements: Executable) -> None:
        with transaction(self._connection):
            for statement in statements:
                self._connection.execute(statement)
        # A halt is in force at once for who reads halts over this connection.
        wrote(self._connection)

    def _read(self, query: Select[Any]) -> Sequence[Any]:
        try:
            return self._connection.execute(query).all()
        except DBAPIError as error:
            raise StoreUnusable(path=place_of(self._connection), why=reason_of(error)) from error
        finally:
            self._connection.rollback()

    # ---- what people do

    def overrides(self) -> list[Override]:
        """What people set instead of the configuration, by key."""
        t = tables.risk_setting.c
        rows = self._read(select(t.key, t.value, t.since_ms, t.by, t.reason).order_by(t.key))
        return [
            Override(key=key, value=Decimal(value) if value else None, since_ms=since_ms, by=by, reason=reason)
            for key, value, since_ms, by, reason in rows
        ]

    def override(self, wish: Override, before: Decimal | None) -> None:
        """Set a limit from now on; it is audited with what it was."""
        told: dict[str, object] = {
            "key": wish.key,
            "value": "" if wish.value is None else str(wish.value),
            "since_ms": wish.since_ms,
        }
        told |= {"by": wish.by, "reason": wish.reason}
        change = f"{'none' if before is None else before} -> {'none' if wish.value is None else wish.value}"
        deed = Deed(
            time_ms=wish.since_ms, by=wish.by, what="risk set", scope=f"{wish.key}: {change}", reason=wish.reason
        )
        self._write(upsert(tables.risk_setting).values(told), audited(deed))

    def forget(self, key: str, deed: Deed) -> None:
        """The configuration's value of a limit holds again."""
        t = tables.risk_setting
        self._write(delete(t).where(t.c.key == key), audited(deed))

    def resume(self, scope: str, keys: Sequence[str], deed: Deed) -> None:
        """Let a scope trade on: what was reached there (`keys`) is over, and its losses are measured anew."""
        t = tables.risk_trip.c
        asked = upsert(tables.risk_resumed).values(scope=scope)
        forgotten = delete(tables.risk_peak).where(tables.risk_peak.c.key == f"{scope}.drawdown_max")
        self._write(delete(tables.risk_trip).where(t.key.in_(keys)), forgotten, asked, audited(deed))

    def resumed(self) -> list[str]:
        """The scopes that a person has let trade on; they are told until all have heard."""
        scope = tables.risk_resumed.c.scope
        return [str(each) for (each,) in self._read(select(scope).order_by(scope))]

    def all_resumed(self, scopes: Sequence[str]) -> None:
        """These have heard; what a person asked for since stays."""
        t = tables.risk_resumed
        self._write(delete(t).where(t.c.scope.in_(scopes)))

    # ---- what is reached

    def trips(self) -> list[Trip]:
        """Limits that were reached, ended ones included, by key."""
        t = tables.risk_trip.c
        query = select(t.key, t.user, t.action, t.since_ms, t.until_ms, t.note).order_by(t.key, t.user)
        rows = self._read(query)
        return [
            Trip(key=key, user=user, action=Action(action), since_ms=since_ms, until_ms=until_ms, note=note)
            for key, user, action, since_ms, until_ms, note in rows
        ]

    def save_trip(self, trip: Trip) -> None:
        """A limit was reached."""
        row = {"key": trip.key, "user": trip.user, "action": trip.action.value, "since_ms": trip.since_ms}
        row |= {"until_ms": trip.until_ms, "note": trip.note}
        self._write(upsert(tables.risk_trip).values(row))

    def peaks(self) -> dict[tuple[str, str], Decimal]:
        """What accounts had gained when their scope was highest, by limit and account."""
        t = tables.risk_peak.c
        rows = self._read(select(t.key, t.account, t.gained))
        return {(key, account): Decimal(gained) for key, account, gained in rows}

    def save_peaks(self, peaks: Mapping[tuple[str, str], Decimal]) -> None:
        """Scopes have never been higher."""
        rows = [{"key": key, "account": account, "gained": str(gain)} for (key, account), gain in peaks.items()]
        self._write(upsert(tables.risk_peak).values(rows))

    def halt(self, halt: Halt) -> None:
        """Halt a scope, until a person lifts it; audited as the platform's own deed. A person's halt stays as it is."""
        row = {"kind": halt.scope.kind.value, "name": halt.scope.name, "since_ms": halt.since_ms}
        row |= {"by": halt.by, "reason": halt.reason}
        deed = Deed(time_ms=halt.since_ms, by=halt.by, what="halt", scope=str(halt.scope), reason=halt.reason)
        self._write(unless_there(tables.halt).values(row), audited(deed))

    def entries_since(self, account: AccountId, time_ms: int) -> list[OrderRequest]:
        """Entries of an account that were decided after then; those the gate refused are among them."""
        t = tables.order_intent.c
        query = select(t.body).where(t.account == account).order_by(t.sequence.desc()).limit(NEWEST)
        found = [decode(body, OrderRequest) for (body,) in self._read(query)]
        return [each for each in reversed(found) if each.purpose is Purpose.ENTRY and each.time_ms > time_ms]
