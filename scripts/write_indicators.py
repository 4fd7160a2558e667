"""Writes docs/INDICATORS.md anew. Usage: `python scripts/write_indicators.py`, from the repository root."""

from __future__ import annotations

from pathlib import Path

from tradepool.core.indicators.page import pages
from tradepool.presentation.indicator_pages import manual

PAGE = Path(__file__).resolve().parent.parent / "docs" / "INDICATORS.md"

if __name__ == "__main__":
    PAGE.write_text(manual(pages()), encoding="utf-8")
