"""People, and their accounts on venues."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tradepool.domain.ids import AccountId, UserId


class Role(StrEnum):
    """What a person may do in a deployment."""

    OPERATOR = "operator"
    STAFF = "staff"
    TRADER = "trader"

    @property
    def house(self) -> bool:
        """Whether he works here: his accounts come after everybody else's.

        >>> [role.value for role in Role if role.house]
        ['operator', 'staff']
        """
        return self is not Role.TRADER


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person."""

    id: UserId
    name: str
    role: Role = Role.TRADER


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person's account on a venue; `number` (from 1) makes its client order ids unique in a deployment."""

    id: AccountId
    user: UserId
    venue: str
    number: int
