"""`signals`: what a trading deployment entered on says why it came, as its journal has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.entrypoints.test_start import Place, exchange, until

__all__ = ["exchange"]
WORDED = """\
# Buys after a candle that rose above the middle of three, sells after one that fell.
name: worded
version: 1
let middle = sma(close, 3)
enter: close > middle and close > open
exit: close < open
stop: 2 percent
"""


def test_a_live_entry_has_its_sentence(exchange: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = Place(tmp_path_factory.mktemp("s"), exchange)
    assert "No entry yet." in place("signals").stdout
    (place.folder / "churn.strategy").write_text(WORDED)

    def told() -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(place("signals", "--json", "--last", 3).stdout)["signals"]
        return found

    with place.trading():
        until(told)
    rows = told()
    assert all(row["strategy"] == "worded" and row["confidence"] == 1.0 for row in rows)
    assert all("close above middle" in str(row["reason"]) for row in rows)
    assert all("close above open" in str(row["reason"]) for row in rows)
    assert "close above middle" in " ".join(place("signals").stdout.split())
