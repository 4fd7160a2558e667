"""`tradepool chaos`: kill the platform a hundred times while everything goes wrong, and look what was lost."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tradepool.domain.errors import TradepoolError
from tradepool.entrypoints.inputs import read_whole

USERS_MAX, HOURS_MAX, KILLS_AN_HOUR = 200, 240, 30


class LeftHarm(TradepoolError):
    """{what}; the same again: tradepool chaos --users {users} --hours {hours} --seed {seed} --kills {kills}; its journal, diary and log are in {folder}."""


def chaos(
    *,
    users: Annotated[int, Parameter(converter=read_whole, help="How many trade.")] = 20,
    hours: Annotated[int, Parameter(converter=read_whole, help="Of the market model, in candles of a minute.")] = 24,
    seed: Annotated[int, Parameter(converter=read_whole, help="Of the market, the faults and the kills.")] = 7,
    kills: Annotated[int, Parameter(converter=read_whole, help="How often the platform is killed.")] = 100,
    json: Annotated[bool, Parameter(help="One JSON object on standard output, nothing else there.")] = False,
) -> None:
    """Trade through every fault there is, killed with -9 again and again; exit code 1 if anything was lost or left bare."""
    from rich.progress import Progress

    from tradepool.entrypoints.chaos.place import Place
    from tradepool.entrypoints.chaos.plan import BAR_MS, START_MS, Chaos
    from tradepool.entrypoints.chaos.run import run
    from tradepool.entrypoints.inputs import whole
    from tradepool.entrypoints.saying import console, say, show
    from tradepool.presentation.chaos_page import MUST_BE_ZERO, chaos_page

    asked = Chaos(
        users=whole("--users", users, 1, USERS_MAX),
        hours=whole("--hours", hours, 1, HOURS_MAX),
        seed=whole("--seed", seed, 0, 2**31),
        kills=whole("--kills", kills, 0, hours * KILLS_AN_HOUR),
    )
    folder = Path(tempfile.mkdtemp(prefix="tradepool-"))
    with Progress(console=console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("killed 0 times", total=asked.bars)

        def on_life(killed: int, now_ms: int) -> None:
            bar.update(task, description=f"killed {killed} times", completed=(now_ms - START_MS) // BAR_MS)

        told = run(Place(chaos=asked, folder=folder), on_life)
    if json:
        say(told)
    else:
        show(chaos_page(told))
    if not told.is_clean:
        found = ", ".join(f"{getattr(told, name)} {name}" for name in MUST_BE_ZERO if getattr(told, name))
        raise LeftHarm(what=found, users=users, hours=hours, seed=seed, kills=kills, folder=folder)
    shutil.rmtree(folder, ignore_errors=True)
