"""Who asks: every call of the store is on somebody's behalf, and answers as if the rest were not there."""

from __future__ import annotations

from dataclasses import dataclass

from tradepool.domain.ids import UserId
from tradepool.domain.user import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """A person in a role; without a user it is the platform itself, at its own work.

    >>> PLATFORM.sees(UserId("ann")), Actor(UserId("bob"), Role.USER).sees(UserId("ann"))
    (True, False)
    """

    user: UserId | None
    role: Role

    @property
    def sees_all(self) -> bool:
        """Whether everybody's rows are there for him."""
        return self.user is None or self.role.house

    def sees(self, user: UserId) -> bool:
        """Whether that user's rows are there for him: his own are, always."""
        return self.sees_all or self.user == user


PLATFORM = Actor(None, Role.OPERATOR)
