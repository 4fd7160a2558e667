"""What the coins of an account are worth, as far as it has heard."""

from __future__ import annotations

from decimal import Decimal

from tradepool.core.account.account import Account
from tradepool.core.account.by_hand import last_ticks


def prices_of(account: Account) -> dict[str, Decimal]:
    """The price of each asset of its markets in its quote asset, at the last close that was heard of them."""
    heard = {
        slot.market.base: slot.market.price(last_ticks(slot)) for slot in account.slots.values() if last_ticks(slot)
    }
    return {**heard, account.quote: Decimal(1)}
