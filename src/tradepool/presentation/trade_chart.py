"""Candles with entries and exits as a picture: SVG of our own, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from tradepool.core.market.bars import Bars
from tradepool.presentation.formats import minute

WIDTH, HEIGHT = 960, 400
LEFT, TOP, RIGHT, BOTTOM = 16, 44, 76, 30
COLOURS = ("#5b7db1", "#b08d3c", "#8a63a8", "#4f9a94")
UP, DOWN, INK, PAPER, GRID = "#3f9142", "#c2443c", "#333333", "#ffffff", "#e4e4e4"


class Mark(NamedTuple):
    """An entry or exit: the bar it happened in, its price, whether it opens, and what is written beside it."""

    bar: int
    price: float
    opens: bool
    text: str


def trade_chart(title: str, bars: Bars, marks: Sequence[Mark], lines: Mapping[str, NDArray[np.float64]]) -> str:
    """Candles, up to four lines by name (nan: a gap), and marks; line arrays are as long as the bars."""
    low, high = float(bars.low.min()), float(bars.high.max())
    room = 0.06 * (high - low)
    scale = _Scale(len(bars), low - room, high + room)
    shown = list(lines.items())[: len(COLOURS)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>',
        f'<text x="{LEFT}" y="20" font-size="14" fill="{INK}">{escape(title)}</text>',
        *_grid(scale, bars),
        *_candles(scale, bars),
    ]
    at = LEFT
    for colour, (name, values) in zip(COLOURS, shown, strict=False):
        parts.append(f'<path d="{_path(scale, values)}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
        parts.append(f'<text x="{at}" y="37" fill="{colour}">{escape(name)}</text>')
        at += 7 * len(name) + 16
    parts += [part for mark in marks for part in _mark(scale, mark)]
    return "\n".join([*parts, "</svg>", ""])


class _Scale(NamedTuple):
    """From bars and prices to places."""

    bars: int
    low: float
    high: float

    @property
    def step(self) -> float:
        return (WIDTH - LEFT - RIGHT) / self.bars

    def x(self, bar: float) -> float:
        return LEFT + (bar + 0.5) * self.step

    def y(self, price: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - price) / (self.high - self.low)


def _grid(scale: _Scale, bars: Bars) -> list[str]:
    """Five levels with their prices, five times."""
    parts = []
    for price in np.linspace(scale.low, scale.high, 7)[1:-1].tolist():
        y = scale.y(price)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 6}" y="{y + 4:.1f}" fill="{INK}">{price:,.6g}</text>')
    for bar in np.linspace(0, len(bars) - 1, 6)[:-1].astype(int).tolist():
        parts.append(
            f'<text x="{scale.x(bar):.1f}" y="{HEIGHT - 10}" fill="{INK}">{minute(int(bars.open_time[bar]))}</text>'
        )
    return parts


def _candles(scale: _Scale, bars: Bars) -> list[str]:
    """Wicks and bodies, one path each for those that rose and those that fell."""
    wide = max(0.6 * scale.step, 0.8)
    paths: dict[str, list[str]] = {UP: [], DOWN: []}
    columns = (column.tolist() for column in (bars.open, bars.high, bars.low, bars.close))
    for bar, (open_, high, low, close) in enumerate(zip(*columns, strict=True)):
        x, top, bottom = scale.x(bar), scale.y(max(open_, close)), scale.y(min(open_, close))
        body = f"M{x - wide / 2:.1f} {top:.1f}h{wide:.1f}v{max(bottom - top, 0.6):.1f}h-{wide:.1f}z"
        paths[UP if close >= open_ else DOWN].append(f"M{x:.1f} {scale.y(high):.1f}V{scale.y(low):.1f}{body}")
    return [
        f'<path d="{"".join(d)}" fill="{c}" stroke="{c}" stroke-width="0.6" opacity="0.55"/>' for c, d in paths.items()
    ]


def _path(scale: _Scale, values: NDArray[np.float64]) -> str:
    """A line with gaps where there is no value, or one beyond the picture."""
    words, pen = [], "M"
    for bar, value in enumerate(values.tolist()):
        inside = scale.low <= value <= scale.high
        if inside:
            words.append(f"{pen}{scale.x(bar):.1f} {scale.y(value):.1f}")
        pen = "L" if inside else "M"
    return "".join(words)


def _mark(scale: _Scale, mark: Mark) -> list[str]:
    x, y, colour = scale.x(mark.bar), scale.y(mark.price), UP if mark.opens else DOWN
    tip, far = (5, 15) if mark.opens else (-5, -15)
    text = escape(mark.text)
    return [
        f'<path d="M{x:.1f} {y + tip:.1f}l5 {far - tip}h-10z" fill="{colour}" stroke="{INK}" stroke-width="0.5"/>',
        f'<text x="{x:.1f}" y="{y + far + (11 if mark.opens else -4):.1f}" text-anchor="middle" fill="{colour}">{text}</text>',
    ]
