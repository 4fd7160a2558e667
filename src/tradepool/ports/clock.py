"""What we ask of time. Only `runtime/clock` keeps it; everything else is given one."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The time now, and waiting for later."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait so long on this clock; zero or less only lets others run."""
        ...
