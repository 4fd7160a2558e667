"""What was said of people by command: users, their accounts and mandates. Every change is a version, and none is edited."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tradepool.domain.ids import UserId
from tradepool.domain.user import Status


class Thing(StrEnum):
    """What an entry of the register is about; a configuration has sections of the same names."""

    USER = "user"
    ACCOUNT = "account"
    MANDATE = "mandate"

    @property
    def section(self) -> str:
        """The section of a configuration that says the same.

        >>> Thing.MANDATE.section
        'mandates'
        """
        return f"{self}s"


# The body of an entry about a section of the configuration: it tells a status, and what else there is to say stands there.
AS_FILED = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One version of a thing (from 1), and whose it is: `body` is the JSON of its section from this version on, or AS_FILED."""

    thing: Thing
    name: str
    version: int
    user: UserId
    status: Status
    body: str
    time_ms: int
    by: str
    reason: str
