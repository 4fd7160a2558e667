"""Which keys are taken: those that trade and can't move money away. What is worth a warning, and what has changed."""

from __future__ import annotations

from dataclasses import fields

from tradepool.domain.errors import KeyRefused
from tradepool.domain.ids import AccountId
from tradepool.domain.key import KeyRights

DAY_MS = 86_400_000
# How many days before its end a key is warned of: once for each.
EXPIRY_DAYS = (14, 7, 3, 1)
# What is no right, but a time.
_TIMES = ("trading_until_ms", "created_ms")


class KeyTooStrong(KeyRefused):
    """The API key of account {account} at {venue} may {what}; only keys that trade and can do nothing else are taken: switch that off at the venue, or connect another key."""


class KeyTooWeak(KeyRefused):
    """The API key of account {account} at {venue} may not {what}; allow it at the venue, or connect another key."""


def check_rights(rights: KeyRights, venue: str, account: AccountId) -> None:
    """Raise KeyTooStrong or KeyTooWeak unless a key may read and trade, and can't take money away."""
    strong = [word for word, has in (("withdraw", rights.withdrawals), ("transfer", rights.transfers)) if has]
    if strong:
        raise KeyTooStrong(venue=venue, account=account, what=" and ".join(strong))
    weak = [word for word, has in (("read", rights.reading), ("trade", rights.trading)) if not has]
    if weak:
        raise KeyTooWeak(venue=venue, account=account, what=" or ".join(weak))


def warnings_of(rights: KeyRights, now_ms: int) -> list[str]:
    """What a user should mend though the key is taken, in words.

    >>> key = KeyRights(
    ...     reading=True, trading=True, withdrawals=False, transfers=False, other_markets=False, listed_addresses=False
    ... )
    >>> warnings_of(key, 0)
    ['it may be used from any address: list the addresses of this machine at the venue']
    """
    found = []
    if not rights.listed_addresses:
        found.append("it may be used from any address: list the addresses of this machine at the venue")
    if rights.other_markets:
        found.append("it may trade margin, futures or options: switch that off at the venue")
    days = expires_within(rights, now_ms)
    if days is not None:
        found.append(f"the venue ends its trading within {days} {'day' if days == 1 else 'days'}: renew it there")
    return found


def expires_within(rights: KeyRights, now_ms: int) -> int | None:
    """The least of EXPIRY_DAYS within which a key's trading ends; None where it is longer than all of them.

    >>> key = KeyRights(
    ...     reading=True, trading=True, withdrawals=False, transfers=False, other_markets=False, listed_addresses=False,
    ...     trading_until_ms=20 * DAY_MS,
    ... )
    >>> [expires_within(key, day * DAY_MS) for day in (0, 5, 6, 13, 17, 19, 21)]
    [None, None, 14, 7, 3, 1, 1]
    """
    if rights.trading_until_ms is None:
        return None
    left_ms = rights.trading_until_ms - now_ms
    return min((days for days in EXPIRY_DAYS if left_ms <= days * DAY_MS), default=None)


def changes(before: KeyRights, after: KeyRights) -> list[str]:
    """What a key may now and might not before, and the other way round: `+transfers`, `-trading`."""
    names = [each.name for each in fields(KeyRights) if each.name not in _TIMES]
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in names]
    return [f"{'+' if now else '-'}{name}" for name, was, now in pairs if was != now]
