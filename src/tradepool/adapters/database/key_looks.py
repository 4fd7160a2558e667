"""The last look at each account's key, as a row: when it was, what the key might do, why it was refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from sqlalchemy import Connection, delete, insert, select

from tradepool.adapters.database.engine import transaction
from tradepool.adapters.database.vault_tables import key_look
from tradepool.domain.ids import AccountId
from tradepool.domain.key import KeyLook, KeyRights

_TIMES = ("trading_until_ms", "created_ms")
_FLAGS = tuple(each.name for each in fields(KeyRights) if each.name not in _TIMES)


class DatabaseKeyLooks:
    """Written by the commands on keys and by the trading process, read by `keys list`."""

    def __init__(self, connection: Connection) -> None:
        """`connection` comes from `engine.open_store`."""
        self._connection = connection

    def all(self) -> Mapping[AccountId, KeyLook]:
        """The newest look of each account."""
        t = key_look.c
        query = select(t.account, t.looked_ms, t.rights, t.trading_until_ms, t.created_ms, t.refused)
        rows = self._connection.execute(query).all()
        self._connection.rollback()
        looks = [_look(*row) for row in rows]
        return {look.account: look for look in looks}

    def save(self, looks: Sequence[KeyLook]) -> None:
        """Write looks down, each in place of its account's last one. StoreUnusable."""
        with transaction(self._connection):
            for look in looks:
                self._connection.execute(delete(key_look).where(key_look.c.account == look.account))
                self._connection.execute(insert(key_look).values(_row(look)))

    def forget(self, account: AccountId) -> None:
        """Keep no look of an account. StoreUnusable."""
        with transaction(self._connection):
            self._connection.execute(delete(key_look).where(key_look.c.account == account))


def _row(look: KeyLook) -> dict[str, object]:
    row = {"account": look.account, "looked_ms": look.looked_ms, "rights": None, "refused": look.refused}
    if look.rights is None:
        return row
    has = [name for name in _FLAGS if getattr(look.rights, name)]
    return {**row, "rights": " ".join(has)} | {name: getattr(look.rights, name) for name in _TIMES}


def _look(
    account: str, looked_ms: int, words: str | None, until_ms: int | None, created_ms: int | None, refused: str
) -> KeyLook:
    rights = None
    if words is not None:
        has = {name: name in words.split() for name in _FLAGS}
        rights = KeyRights(**has, trading_until_ms=until_ms, created_ms=created_ms)
    return KeyLook(account=AccountId(account), looked_ms=looked_ms, rights=rights, refused=refused)
