"""The guide to strategies: its examples run, and it names every word and every limit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tradepool.core.strategies import text, text_limits, text_parser, text_tokens
from tradepool.core.strategies.text_words import INPUTS, WORDS
from tradepool.entrypoints.strategy_check import check

GUIDE = (ROOT / "docs" / "guides" / "strategies.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```strategy\n(.*?)```", GUIDE, re.DOTALL)


def test_there_are_six_examples() -> None:
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: re.findall("name: (.*)", example)[0])
def test_an_example_runs_and_trades(example: str, tmp_path: Path) -> None:
    file = tmp_path / "example.strategy"
    file.write_text(example, encoding="utf-8")
    found = check(file)
    assert [item for item in found.checks if not item.ok] == []
    assert found.entries > 0
    assert found.page.summary


def test_every_word_is_in_the_guide() -> None:
    indicators = (ROOT / "docs" / "INDICATORS.md").read_text(encoding="utf-8")
    missing = [name for name in WORDS if f"`{name}(" not in GUIDE and f"### {name}\n" not in indicators]
    assert missing == []
    assert all(f"`{name}`" in GUIDE for name in INPUTS)


def test_every_limit_is_in_the_guide() -> None:
    section = GUIDE.split("## Limits")[1].split("## Examples")[0]
    told = {int(value.replace(",", "")) for value in re.findall(r"\| ([0-9,]+) \|", section)}
    limits = {
        text_tokens.TEXT_CHARACTERS_MAX,
        text_tokens.TOKENS_MAX,
        text_tokens.NAME_CHARACTERS_MAX,
        text_parser.NESTING_LEVELS_MAX,
        text_limits.NODES_MAX,
        text_limits.LOOKBACK_BARS_MAX,
        text_limits.STATE_FLOATS_MAX,
        text_limits.OPERATIONS_A_BAR_MAX,
        text_limits.LOOKBACK_TERMS_MAX,
        text.PARAMETERS_MAX,
    }
    assert told == limits
