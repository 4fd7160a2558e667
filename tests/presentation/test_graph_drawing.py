"""The drawing of a graph: every term once, layers from left to right, nothing that breaks the picture."""

from __future__ import annotations

from xml.etree import ElementTree

from tradepool.core.graph.expr import Expr, close, constant, high, low, open_, parameter
from tradepool.core.graph.primitives import ema, lag
from tradepool.core.strategies.catalog import named
from tradepool.presentation.graph_drawing import graph_drawing

SVG = "{http://www.w3.org/2000/svg}"


def drawn(title: str = "x", **roots: Expr) -> tuple[dict[str, tuple[float, float]], ElementTree.Element]:
    """Where each box is by its text, and the whole picture."""
    picture = ElementTree.fromstring(graph_drawing(title, roots))
    boxes = {item.text or "": item for item in picture.iter(f"{SVG}text") if item.get("class") != "port"}
    return {text: (float(item.get("x", "0")), float(item.get("y", "0"))) for text, item in boxes.items()}, picture


def test_layers_go_from_inputs_to_what_they_are_for() -> None:
    boxes, _ = drawn(enter=ema(close, parameter("fast", 12, 2, 200, 1)) > high, exit=close < low)
    assert list(boxes) == ["close", "high", "low", "ema(a, fast)", "a < b", "a > b", "enter", "exit"]
    across = [boxes[text][0] for text in ("close", "ema(a, fast)", "a > b", "enter")]
    assert across == sorted(across)
    assert len({boxes[text][0] for text in ("close", "high", "low")}) == 1
    assert boxes["enter"][0] == boxes["exit"][0]


def test_numbers_are_written_inside_and_a_shared_term_is_one_box() -> None:
    mean = lag(ema(close, 20), 3)
    boxes, picture = drawn(enter=(mean * 2 > open_) & (mean < 5), stop=close * (constant(2.0) * 0.01))
    assert {"lag(a, 3)", "a × 2.0", "a < 5.0", "a × (2.0 * 0.01)"} <= set(boxes)
    assert sum(item.text == "lag(a, 3)" for item in picture.iter(f"{SVG}text")) == 1


def test_boxes_do_not_overlap_and_stay_inside() -> None:
    for name in ("moving_average_cross", "bollinger_breakout"):
        graph = named(name).graph
        _, picture = drawn(enter=graph.enter, exit=graph.exit, stop=graph.stop_distance, trail=graph.trail_distance)
        whole, *boxes = [
            tuple(float(item.get(key, "0")) for key in ("x", "y", "width", "height"))
            for item in picture.iter(f"{SVG}rect")
        ]
        assert len(boxes) > 10
        for x, y, width, height in boxes:
            assert min(x, y) >= 0
            assert x + width <= whole[2]
            assert y + height <= whole[3]
        for index, (x, y, width, height) in enumerate(boxes):
            for x2, y2, width2, height2 in boxes[index + 1 :]:
                assert x + width < x2 or x2 + width2 < x or y + height < y2 or y2 + height2 < y


def test_what_a_title_says_is_text() -> None:
    _, picture = drawn("</title><script>alert(1)</script>\x00\u202e", enter=close > open_)
    title = picture.find(f"{SVG}title")
    assert title is not None
    assert title.text == "</title><script>alert(1)</script>??"
    assert list(picture.iter(f"{SVG}script")) == []


def test_a_root_that_is_an_input_or_a_number_is_drawn() -> None:
    boxes, _ = drawn(stop=close, trail=constant(3.0))
    assert set(boxes) == {"close", "3.0", "stop", "trail"}
