"""What an API key may do, as its venue tells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRights:
    """The rights of one key. `listed_addresses` says that it may be used only from addresses the user has listed;
    `trading_until_ms` is when the venue will end its trading, None while it will not."""

    reading: bool
    trading: bool
    withdrawals: bool
    transfers: bool
    other_markets: bool
    listed_addresses: bool
    trading_until_ms: int | None = None
