"""Names of things. Each is a string type of its own, so that one can't be passed for another."""

from __future__ import annotations

from typing import NewType

UserId = NewType("UserId", str)
AccountId = NewType("AccountId", str)
MandateId = NewType("MandateId", str)
StrategyId = NewType("StrategyId", str)
MarketId = NewType("MarketId", str)
ClientOrderId = NewType("ClientOrderId", str)
VenueOrderId = NewType("VenueOrderId", str)
FillId = NewType("FillId", str)
LedgerEntryId = NewType("LedgerEntryId", str)

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int, width: int) -> str:
    """Write a non-negative integer in base 36, zero-padded, so that text order is number order.

    >>> base36(35, 3), base36(36, 3)
    ('00z', '010')
    """
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text.rjust(width, "0")


def client_order_id(account_number: int, order_number: int) -> ClientOrderId:
    """Name an order intent: 18 characters of [a-z0-9] that every known venue accepts, ordered by account, then number.

    The same numbers give the same name after a crash, so the venue itself can refuse a double.

    >>> client_order_id(7, 1)
    'p00000700000000001'
    """
    return ClientOrderId(f"p{base36(account_number, 6)}{base36(order_number, 11)}")
