"""Draws demo.svg beside this file from a real run: `.venv/bin/python docs/images/draw_demo.py`."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

from rich.console import Console

from tradepool.entrypoints.demo import demo_plan
from tradepool.entrypoints.demo_run import Finished, Watch, picture, show_ending
from tradepool.entrypoints.progress import Ticker, progress_of
from tradepool.entrypoints.replay import Replay, replay
from tradepool.presentation import demo_view

PICTURE_AT = 0.62


def main() -> None:
    """A frame from the middle of the run, then the closing table."""
    plan, watch, taken = demo_plan(5, [], 30, 7), Watch(), []

    def look(run: Replay) -> None:
        watch.seen(run)
        now = picture(run, watch)
        if progress_of(run) >= PICTURE_AT and not taken:
            taken.append(now)

    began_s = time.perf_counter()
    outcome = replay(plan, Ticker(look, 0.2))
    seconds = time.perf_counter() - began_s
    console = Console(record=True, width=142, file=io.StringIO(), highlight=False)
    console.print("$ ./tradepool demo", style="bold")
    console.print(demo_view.frame(taken[0]))
    assert watch.platform is not None
    show_ending(console, plan, Finished(outcome, watch.platform, seconds))
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="tradepool demo"), flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", drawn, flags=re.DOTALL)
    Path(__file__).with_name("demo.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
