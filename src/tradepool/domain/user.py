"""People, and their accounts on venues."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tradepool.domain.ids import AccountId, UserId


class Role(StrEnum):
    """What a person is in a deployment; what each role may do is in `domain.policy`."""

    OPERATOR = "operator"
    RISK = "risk"
    BILLING = "billing"
    SUPPORT = "support"
    AUDITOR = "auditor"
    USER = "user"
    VIEWER = "viewer"

    @property
    def house(self) -> bool:
        """Whether he works here: everybody's rows are there for him, and his own accounts come after everybody else's.

        >>> [role.value for role in Role if not role.house]
        ['user', 'viewer']
        """
        return self not in (Role.USER, Role.VIEWER)


class Status(StrEnum):
    """How a person, an account or a mandate stands. Halted is nobody's own status: a halt is a row of its own, of a scope."""

    INVITED = "invited"
    ACTIVE = "active"
    PAUSED = "paused"
    HALTED = "halted"
    CLOSED = "closed"

    @property
    def runs(self) -> bool:
        """Whether what is held is looked after: exits and protections go on, and entries where it is active.

        >>> [status.value for status in Status if status.runs]
        ['active', 'paused', 'halted']
        """
        return self not in (Status.INVITED, Status.CLOSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person; `locale` is the language he reads. A test user is there to try things and never has real money."""

    id: UserId
    name: str
    role: Role = Role.USER
    status: Status = Status.ACTIVE
    locale: str = "en"
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person's account on a venue; `number` (from 1) makes its client order ids unique in a deployment."""

    id: AccountId
    user: UserId
    venue: str
    number: int
