"""What an API key may do, as its venue tells."""

from __future__ import annotations

from dataclasses import dataclass

from tradepool.domain.ids import AccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRights:
    """The rights of one key. `listed_addresses` says that it may be used only from addresses the user has listed;
    `trading_until_ms` is when the venue will end its trading, None while it will not; `created_ms` is when the key was
    made, None where the venue does not tell."""

    reading: bool
    trading: bool
    withdrawals: bool
    transfers: bool
    other_markets: bool
    listed_addresses: bool
    trading_until_ms: int | None = None
    created_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLook:
    """What was found when an account's key was looked at: its rights as they were told last (None: never), and why it
    can't be traded with ("" if it can)."""

    account: AccountId
    looked_ms: int
    rights: KeyRights | None
    refused: str = ""
