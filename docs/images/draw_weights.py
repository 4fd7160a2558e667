"""Draws weights.svg beside this file from a simulated half hour: `PYTHONPATH=. .venv/bin/python docs/images/draw_weights.py`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.whole.thousand_users import Seen, day
from tradepool.entrypoints.exchange_limits import NAMES
from tradepool.ports.weights import Priority
from tradepool.simexchange.limits import Limits

USERS, MINUTES, SEED = 1_000, 30, 3
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 860, 250, 60, 46, 30
INK, FAINT, BAR, LIMIT = "#333", "#bbb", "#4c78a8", "#d62728"
SHADES = {50: "#9ecae1", 99: "#4c78a8", 100: "#17406d"}


def text(x: float, y: float, words: str, anchor: str = "start", size: int = 12) -> str:
    """A line of words."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{INK}">{words}</text>'


def box(x: float, y: float, width: float, height: float, fill: str) -> str:
    """A filled box."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'


def rule(x1: float, y1: float, x2: float, y2: float, stroke: str) -> str:
    """A line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"/>'


def used_panel(seen: Seen, top: float) -> Iterable[str]:
    """The venue's count at the end of each of its minutes, and its limit."""
    most = Limits().weight_per_minute
    high, wide = HEIGHT - TOP - BOTTOM, WIDTH - LEFT - 20
    base = top + TOP + high
    yield text(LEFT, top + 22, f"Weight the venue counted in each minute: {USERS:,} users, one address", size=14)
    for level in range(0, most + 1, 2_000):
        y = base - high * level / most
        yield rule(LEFT, y, LEFT + wide, y, LIMIT if level == most else FAINT)
        yield text(LEFT - 6, y + 4, f"{level:,}", "end")
    yield text(LEFT + wide, top + TOP - 5, "the venue's limit", "end")
    counts = list(seen.used.values())
    step = wide / len(counts)
    for n, used in enumerate(counts):
        tall = high * used / most
        yield box(LEFT + n * step + 2, base - tall, step - 4, tall, BAR)
        if n % 5 == 0:
            yield text(LEFT + (n + 0.5) * step, base + 16, str(n), "middle")
    yield text(LEFT + wide, base + 28, "minute", "end", 11)


def waits_panel(seen: Seen, top: float) -> Iterable[str]:
    """How long each priority waited in the broker."""
    high, wide = HEIGHT - TOP - BOTTOM, WIDTH - LEFT - 150
    longest = max(max(waits) for waits in seen.waits.values()) / 1_000
    yield text(LEFT, top + 22, "Seconds waited in the broker: half, 99 of 100, and the longest", size=14)
    for n, priority in enumerate(Priority):
        y = top + TOP + n * high / len(Priority)
        yield text(LEFT + 90, y + 20, NAMES[priority], "end")
        for m, (percent, fill) in enumerate(SHADES.items()):
            waited = seen.percentile(priority, percent) / 1_000
            long = max(1.0, (wide - 160) * waited / longest)
            yield box(LEFT + 100, y + 3 + m * 11, long, 9, fill)
            yield text(LEFT + 106 + long, y + 11 + m * 11, f"{waited:.2f}", size=10)
        yield text(WIDTH - 20, y + 20, f"{len(seen.waits[priority]):,} requests", "end", 11)


def main() -> None:
    """Two panels, one under the other."""
    seen = day(USERS, MINUTES, SEED)
    parts = [*used_panel(seen, 0), *waits_panel(seen, HEIGHT)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {2 * HEIGHT}" font-family="sans-serif">'
    lines = [head, box(0, 0, WIDTH, 2 * HEIGHT, "#fff"), *parts, "</svg>\n"]
    Path(__file__).with_name("weights.svg").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
