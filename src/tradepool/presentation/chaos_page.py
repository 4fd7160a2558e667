"""How a chaos run is shown: what must be zero, and what was done to find out."""

from __future__ import annotations

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


class ChaosJson(msgspec.Struct, frozen=True):
    """The figures of a run. `lost` to `halted` must be 0; `wrong` names each thing that makes one of them more.

    `kill_points` says how often the platform died at which point.
    """

    schema: int
    users: int
    hours: int
    seed: int
    kills: int
    lost: int
    doubled: int
    unprotected: int
    ledger_off: int
    halted: int
    orders: int
    fills: int
    kill_points: dict[str, int]
    wrong: list[str]

    @property
    def is_clean(self) -> bool:
        """Whether all is zero that must be."""
        return not any((self.lost, self.doubled, self.unprotected, self.ledger_off, self.halted))


MUST_BE_ZERO = {
    "lost": "intents that came to nothing without a word, and orders of ours in no journal",
    "doubled": "intents with two orders at the venue",
    "unprotected": "positions without a stop when the first whole bar after a restart ended, or in the end",
    "ledger_off": "assets whose ledger differs from the venue",
    "halted": "accounts that an error stopped in the last life",
}


def chaos_page(told: ChaosJson) -> RenderableType:
    """A line about the run, the figures, where it was killed, and what is wrong."""
    head = f"{told.users} users, {told.hours} h, seed {told.seed}: {told.orders:,} orders, {told.fills:,} fills"
    table = Table(box=None, header_style="bold", padding=(0, 2))
    for name in ("figure", "found", "what it counts"):
        table.add_column(name, justify="right" if name == "found" else "left")
    table.add_row("kills", f"{told.kills:,}", "kill -9 of the platform, the venue went on")
    for name, meaning in MUST_BE_ZERO.items():
        count = getattr(told, name)
        table.add_row(name, Text(f"{count:,}", "bold red" if count else "green"), meaning)
    points = ", ".join(f"{point} {times}" for point, times in told.kill_points.items())
    wrong = [Text(line, "red") for line in told.wrong]
    return Group(Text(head, "bold"), table, Text(f"killed at: {points}", "dim"), *wrong)
