"""The keys of a vault: whose they are, and what their venue lets them do. Never what they are."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.table import Table

from tradepool.core.risk.key_rights import DAY_MS, warnings_of
from tradepool.domain.key import KeyLook
from tradepool.presentation.formats import iso

_NAMES = ("reading", "trading", "withdrawals", "transfers", "other_markets", "listed_addresses")


class KeyJson(msgspec.Struct, kw_only=True):
    """One account's key, as its venue told of it when it was looked at last. `refused` says why it can't be traded with;
    `rights` is empty where nobody asked. `age_days` are since it was made, `days_left` until the venue ends its trading
    (None: it does not, or is not known to)."""

    account: str
    user: str
    looked: str = ""
    rights: list[str] = []
    warnings: list[str] = []
    refused: str = ""
    made: str | None = None
    age_days: int | None = None
    ends: str | None = None
    days_left: int | None = None

    @classmethod
    def of(cls, user: str, look: KeyLook, now_ms: int) -> KeyJson:
        """What a look found, with what is to be said of it now."""
        told = cls(account=look.account, user=user, looked=iso(look.looked_ms), refused=look.refused)
        rights = look.rights
        if rights is None:
            return told
        told.rights, told.warnings = [name for name in _NAMES if getattr(rights, name)], warnings_of(rights, now_ms)
        if rights.created_ms is not None:
            told.made, told.age_days = iso(rights.created_ms), (now_ms - rights.created_ms) // DAY_MS
        if rights.trading_until_ms is not None:
            told.ends, told.days_left = iso(rights.trading_until_ms), (rights.trading_until_ms - now_ms) // DAY_MS
        return told


class KeysJson(msgspec.Struct, kw_only=True):
    """All of them."""

    schema: int = 1
    keys: list[KeyJson]


def keys_page(keys: Sequence[KeyJson]) -> Table:
    """A table for people."""
    table = Table("account", "user", "may", "days old", "days left", "look at", title=f"{len(keys)} keys")
    for each in keys:
        noticed = each.refused or "; ".join(each.warnings) or ("" if each.looked else "nobody has asked the venue yet")
        days = ["" if days is None else str(days) for days in (each.age_days, each.days_left)]
        table.add_row(each.account, each.user, ", ".join(each.rights), *days, noticed)
    return table
