"""Rows of the account step by the names of their numbers, all else zero."""

from __future__ import annotations

from tradepool.core.account import account_step, limit_step


def wallet(**numbers: int) -> list[int]:
    """A mandate's money."""
    return _row(account_step.WALLET_SIZE, numbers)


def slot(**numbers: int) -> list[int]:
    """One position of it."""
    return _row(account_step.SLOT_SIZE, numbers)


def terms(**numbers: int) -> list[int]:
    """What its market and mandate fix."""
    return _row(account_step.TERMS_SIZE, numbers)


def _row(size: int, numbers: dict[str, int]) -> list[int]:
    row = [0] * size
    for name, number in numbers.items():
        row[getattr(account_step if hasattr(account_step, name) else limit_step, name)] = number
    return row
