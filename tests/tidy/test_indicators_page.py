"""docs/INDICATORS.md says what the indicators' own pages say."""

from __future__ import annotations

from tests.tidy.source import ROOT
from tradepool.core.indicators.page import pages
from tradepool.presentation.indicator_pages import manual


def test_the_manual_of_the_indicators_is_current() -> None:
    written = (ROOT / "docs" / "INDICATORS.md").read_text(encoding="utf-8")
    assert written == manual(pages()), "run python scripts/write_indicators.py"
