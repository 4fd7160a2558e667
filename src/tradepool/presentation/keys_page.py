"""The keys of a vault: whose they are, and what their venue lets them do. Never what they are."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.table import Table

from tradepool.domain.key import KeyRights


class KeyJson(msgspec.Struct, kw_only=True):
    """One account's key. `refused` says why it can't be traded with; `rights` is empty where nobody asked."""

    account: str
    user: str
    rights: list[str] = []
    warnings: list[str] = []
    refused: str = ""

    @classmethod
    def of(cls, account: str, user: str, rights: KeyRights, warnings: list[str]) -> KeyJson:
        """What a venue said of a key."""
        names = ("reading", "trading", "withdrawals", "transfers", "other_markets", "listed_addresses")
        return cls(account=account, user=user, rights=[n for n in names if getattr(rights, n)], warnings=warnings)


class KeysJson(msgspec.Struct, kw_only=True):
    """All of them."""

    schema: int = 1
    keys: list[KeyJson]


def keys_page(keys: Sequence[KeyJson]) -> Table:
    """A table for people."""
    table = Table("account", "user", "may", "look at", title=f"{len(keys)} keys")
    for each in keys:
        noticed = each.refused or "; ".join(each.warnings)
        table.add_row(each.account, each.user, ", ".join(each.rights), noticed)
    return table
