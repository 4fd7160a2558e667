"""What we ask of whoever carries words to people, and of the watcher outside that a sign of life goes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tradepool.domain.errors import TradepoolError


class NotDelivered(TradepoolError):
    """{channel} did not take it: {why}; check its section in the configuration, and that it is up."""

    transient = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One line to be seen at a glance, and the whole of it; no secret is in either. `time_ms` is the machine's."""

    subject: str
    text: str
    time_ms: int


class Notifier(Protocol):
    """One way to one person."""

    async def send(self, message: Message) -> None:
        """Hand it over, or raise NotDelivered; nothing is tried again here."""
        ...


class SignOfLife(Protocol):
    """The address of a watcher outside, who alarms when he hears nothing."""

    async def beat(self) -> None:
        """Tell him that all is well, or raise NotDelivered."""
        ...
