"""A strategy's graph as an SVG picture: inputs on the left, operations in layers, what comes of them on the right.

Layers follow from the longest way to an input; a connection that skips layers gets a place in each of them, so that it
passes between boxes; within a layer, places are ordered by where their neighbours stand. Numbers, parameters and
windows are written inside the box that uses them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from tradepool.core.graph.described import describe
from tradepool.core.graph.expr import Expr, walk

LABEL_CHARACTERS_MAX = 40
_INSIDE = ("constant", "length", "parameter")
_SIGNS = {"add": "+", "subtract": "-", "multiply": "×", "divide": "÷", "and": "and", "or": "or"} | {
    "less": "<",
    "less_equal": "≤",
    "greater": ">",
    "greater_equal": "≥",
}
_PREFIXES = {"not": "not ", "negate": "-"}
_LETTERS = "abcdefgh"
_SWEEPS = 6
_CHARACTER, _ROW, _GAP, _BOX, _MARGIN, _FONT = 7.3, 44.0, 64.0, 28.0, 24.0, 12
# Plain colours first, for viewers that know neither variables nor a dark mode.
_STYLE = """<style>
text { font: 12px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #1c2530 } .port { font-size: 9px }
.paper { fill: #ffffff } .edge { fill: none; stroke: #7c8a99 }
.box { fill: #f2f5f8; stroke: #7c8a99 } .input { fill: #e3f0e6 } .root { fill: #fde9cf }
@media (prefers-color-scheme: dark) {
text { fill: #e6ebf0 } .paper { fill: #12171d } .box { fill: #212a34 } .input { fill: #1d3a2a } .root { fill: #4a3413 }
}
</style>"""


@dataclass(eq=False)
class _Place:
    """A box, or (without a label) the bend of a connection; `before` are the places its connections come from."""

    label: str
    kind: str
    layer: int = 0
    before: list[_Place] = field(default_factory=list)
    after: list[_Place] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        """Of the box, in pixels."""
        return len(self.label) * _CHARACTER + 2 * 12 if self.label else 0.0


def graph_drawing(title: str, roots: Mapping[str, Expr]) -> str:
    """The SVG text; `roots` are the expressions by what they are for.

    >>> from tradepool.core.graph.expr import close, open_
    >>> picture = graph_drawing("up", {"enter": close > open_})
    >>> picture.startswith("<svg "), picture.count("<rect"), "a &gt; b" in picture
    (True, 5, True)
    """
    layers = _layers(_boxes(roots))
    _order(layers)
    width, height = _set(layers)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img">',
        f"<title>{_clean(title)}</title>",
        _STYLE,
        f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>',
    ]
    places = [place for layer in layers for place in layer]
    for place in places:
        lines += _edges(place)
    for place in places:
        lines += _box(place)
    return "\n".join([*lines, "</svg>\n"])


def _clean(text: str) -> str:
    return escape("".join(character if character.isprintable() else "?" for character in text))


def _inside(expr: Expr) -> bool:
    """Whether a term is written inside the box that uses it: a window, and what no bar changes."""
    return expr.op in (*_INSIDE, "window") or (bool(expr.args) and all(arg.op in _INSIDE for arg in expr.args))


def _operands(expr: Expr) -> list[Expr]:
    """The operands, a window replaced by what it is a window of and its length."""
    return [part for arg in expr.args for part in (arg.args if arg.op == "window" else (arg,))]


def _label(expr: Expr) -> str:
    """What a box says: operands that are boxes themselves as a, b, ...; others as they are."""
    seen: list[Expr] = []
    texts = []
    for operand in _operands(expr):
        if _inside(operand):
            texts.append(f"({describe(operand)})" if operand.args and expr.op in _SIGNS else describe(operand))
        else:
            seen.append(operand)
            texts.append(_LETTERS[min(len(seen), len(_LETTERS)) - 1])
    if not texts:
        return str(expr.value)
    if expr.op in _SIGNS:
        label = f" {_SIGNS[expr.op]} ".join(texts)
    elif expr.op in _PREFIXES:
        label = _PREFIXES[expr.op] + texts[0]
    else:
        label = f"{expr.op}({', '.join([*([] if expr.value is None else [str(expr.value)]), *texts])})"
    return label if len(label) <= LABEL_CHARACTERS_MAX else f"{label[: LABEL_CHARACTERS_MAX - 3]}..."


def _boxes(roots: Mapping[str, Expr]) -> list[_Place]:
    """A place for each term and each root, connected, in layers."""
    places: dict[int, _Place] = {}
    for expr in walk(*roots.values()):
        if _inside(expr) and expr not in roots.values():
            continue
        place = _Place(describe(expr) if _inside(expr) else _label(expr), "box" if expr.args else "input")
        place.before = [places[id(operand)] for operand in _operands(expr) if not _inside(operand)]
        place.layer = 1 + max((before.layer for before in place.before), default=-1)
        places[id(expr)] = place
    last = 1 + max(place.layer for place in places.values())
    ends = [_Place(name, "root", last, [places[id(expr)]]) for name, expr in roots.items()]
    return [*places.values(), *ends]


def _layers(boxes: Sequence[_Place]) -> list[list[_Place]]:
    """The boxes by layer, with a bend in each layer that a connection passes."""
    layers: list[list[_Place]] = [[] for _ in range(1 + max(box.layer for box in boxes))]
    bends: dict[tuple[int, int], _Place] = {}
    for box in boxes:
        layers[box.layer].append(box)
        for port, source in enumerate(box.before):
            last = source
            for layer in range(source.layer + 1, box.layer):
                # All connections from one box share their bends, as wires of one signal do.
                if (id(source), layer) not in bends:
                    bends[id(source), layer] = bend = _Place("", "bend", layer, [last])
                    layers[layer].append(bend)
                    last.after.append(bend)
                last = bends[id(source), layer]
            box.before[port] = last
            last.after.append(box)
    return layers


def _order(layers: list[list[_Place]]) -> None:
    """Sort each layer by the mean position of its neighbours, forth and back: fewer connections cross."""
    _number(layers)
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        for layer in layers if forth else reversed(layers):
            where = {id(place): _mean(place.before if forth else place.after, place.y) for place in layer}
            layer.sort(key=lambda place: where[id(place)])
            _number([layer])


def _number(layers: list[list[_Place]]) -> None:
    for layer in layers:
        for index, place in enumerate(layer):
            place.y = index - (len(layer) - 1) / 2


def _mean(places: Sequence[_Place], otherwise: float) -> float:
    return sum(place.y for place in places) / len(places) if places else otherwise


def _set(layers: list[list[_Place]]) -> tuple[float, float]:
    """Give every place its coordinates; the size of the picture."""
    x, rows = _MARGIN, max(len(layer) for layer in layers)
    height = rows * _ROW + 2 * _MARGIN
    for layer in layers:
        for place in layer:
            place.x, place.y = x, height / 2 + place.y * _ROW
        x += max(place.width for place in layer) + _GAP
    return x - _GAP + _MARGIN, height


def _edges(place: _Place) -> list[str]:
    """The connections that end at a place, each at a port of its own."""
    lines = []
    count = len(place.before)
    for port, source in enumerate(place.before):
        y = place.y + (_BOX * ((port + 1) / (count + 1) - 0.5) if place.label else 0.0)
        x0 = source.x + source.width
        half = (place.x - x0) / 2
        curve = f"M {x0:.1f} {source.y:.1f} C {x0 + half:.1f} {source.y:.1f} {place.x - half:.1f} {y:.1f} {place.x:.1f} {y:.1f}"
        lines.append(f'<path class="edge" d="{curve}"/>')
        if count > 1:
            letter = _LETTERS[min(port, len(_LETTERS) - 1)]
            lines.append(f'<text class="port" x="{place.x - 8:.1f}" y="{y - 2:.1f}">{letter}</text>')
    return lines


def _box(place: _Place) -> list[str]:
    if not place.label:
        return []
    kind = "box" if place.kind == "box" else f"box {place.kind}"
    top = place.y - _BOX / 2
    return [
        f'<rect class="{kind}" x="{place.x:.1f}" y="{top:.1f}" width="{place.width:.1f}" height="{_BOX:.0f}" rx="5"/>',
        f'<text x="{place.x + 12:.1f}" y="{place.y + _FONT / 3:.1f}">{_clean(place.label)}</text>',
    ]
