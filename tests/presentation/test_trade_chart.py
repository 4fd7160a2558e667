"""Pictures of trades: what is in them, and that the pages of the strategies are those of today's strategies."""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from tests.conftest import ROOT
from tradepool.core.strategies.catalog import names
from tradepool.presentation.trade_chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Mark, trade_chart
from tradepool.simexchange.market_model import model_bars

BARS = model_bars(["BTC/USDT"], 60_000, 0, 50, seed=1)["BTC/USDT"]


def test_a_picture_has_all_that_it_was_given() -> None:
    line = np.where(np.arange(50) < 10, np.nan, BARS.close)
    marks = [Mark(3, float(BARS.close[3]), True, "buy"), Mark(9, float(BARS.close[9]), False, "stop & more")]
    drawn = trade_chart("a < b", BARS, marks, {"average": line, "far away": BARS.close * 9.0})
    assert drawn == trade_chart("a < b", BARS, marks, {"average": line, "far away": BARS.close * 9.0})
    texts = [item.text for item in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert {"a < b", "buy", "stop & more", "average"} <= set(texts)
    (path,) = re.findall(r'<path d="([^"]*)" fill="none" stroke="#5b7db1"', drawn)
    places = [tuple(map(float, pair.split())) for pair in re.split("[ML]", path) if pair]
    assert len(places) == 40
    assert path.count("M") == 1
    assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in places)
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    highest = min(places, key=lambda place: place[1])
    assert places.index(highest) == int(np.nanargmax(line)) - 10
    assert '<path d="" fill="none"' in drawn


def test_every_strategy_has_a_page_and_a_picture_of_today() -> None:
    """If this fails, run docs/images/draw_strategies.py."""
    file = ROOT / "docs" / "images" / "draw_strategies.py"
    spec = spec_from_file_location("draw_strategies", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    written: dict[Path, str] = module.written()
    stale = [path.name for path, text in written.items() if not path.is_file() or path.read_text("utf-8") != text]
    assert stale == []
    assert len(written) == 2 * len(names())
    for path, text in written.items():
        if path.suffix == ".svg":
            assert text.count(">buy<") >= 3, path
