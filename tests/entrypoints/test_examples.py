"""Every file in examples/ can be used, is sound, and trades; the guide for people from elsewhere runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tradepool.entrypoints.strategy_check import check

FILES = sorted(path for path in (ROOT / "examples").iterdir() if path.suffix in (".py", ".strategy"))
GUIDE = (ROOT / "docs" / "guides" / "coming_from_elsewhere.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(strategy|python)\n(.*?)```", GUIDE, re.DOTALL)


def runs(file: Path) -> None:
    """It is sound and enters on modelled candles."""
    found = check(file)
    assert [item for item in found.checks if not item.ok] == []
    assert found.entries > 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_runs_and_trades(file: Path) -> None:
    runs(file)


@pytest.mark.parametrize(("kind", "text"), BLOCKS, ids=[f"{kind}-{at}" for at, (kind, _) in enumerate(BLOCKS)])
def test_what_the_guide_shows_runs(kind: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / f"shown.{'py' if kind == 'python' else 'strategy'}"
    file.write_text(text, encoding="utf-8")
    runs(file)


def test_the_guide_names_the_five_and_what_it_maps() -> None:
    assert len(FILES) >= 7
    assert [file.name for file in FILES if file.suffix == ".strategy" and file.name not in GUIDE] == []
    wanted = (
        "populate_indicators populate_entry_trend populate_exit_trend minimal_roi stoploss trailing_stop @informative"
    )
    jesse = "should_long go_long update_position"
    assert [word for word in f"{wanted} {jesse} startup_candle_count".split() if word not in GUIDE] == []
