"""Hostile strategy texts: each is refused by name and place, quickly, and the process hardly grows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.graph.samples import examples
from tests.core.strategies.hostile import Hostile, corpus, doubling
from tradepool.core.graph.expr import walk
from tradepool.core.graph.step import market_step
from tradepool.core.strategies.cost import operations_a_bar
from tradepool.core.strategies.text import strategy_of
from tradepool.core.strategies.text_errors import TextRefused
from tradepool.core.strategies.text_words import RESERVED, WORDS

ROOT = Path(__file__).resolve().parents[3]
GROWTH_BYTES_MAX = 50_000_000
MESSAGE_CHARACTERS_MAX = 400


@pytest.mark.parametrize("hostile", corpus(), ids=lambda hostile: hostile.name)
def test_a_hostile_text_is_refused_by_name(hostile: Hostile) -> None:
    with pytest.raises(hostile.error) as refused:
        strategy_of(hostile.text)
    message = str(refused.value)
    assert type(refused.value) is hostile.error
    assert hostile.says in message
    assert len(message) <= MESSAGE_CHARACTERS_MAX
    assert all(character.isprintable() for character in message)


def test_refusing_all_of_them_takes_little_memory() -> None:
    assert len(corpus()) >= 40
    command = [sys.executable, "-m", "tests.core.strategies.hostile"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < GROWTH_BYTES_MAX


def test_terms_used_twice_are_one_term_however_deep() -> None:
    """Written out it would be 2 to the power of 200 terms."""
    strategy = strategy_of(doubling(200))
    assert len(walk(*strategy.graph.roots)) < 210
    assert operations_a_bar(strategy.graph.roots, {}) < 250
    assert len(market_step(strategy.graph).text) < 20_000


_PIECES = ("close", "a", "n", "1", "0", "2.5", "1e9", '"x"', "=", ",", ".", "\n", "\n  ", "upper", "source", "length")
_SIGNS = (
    "(",
    ")",
    "()",
    "(3)",
    "+",
    "-",
    "*",
    "/",
    "<",
    ">=",
    ":",
    "crosses above",
    "\nstop:",
    "\ntrail:",
    "\nlet a =",
)
soup = st.lists(st.sampled_from([*WORDS, *RESERVED, *_PIECES, *_SIGNS]), max_size=25).map(" ".join)


@examples(400)
@given(st.one_of(soup, st.text(max_size=60)))
def test_whatever_is_written_is_a_strategy_or_refused_by_name(soup: str) -> None:
    text = f"name: x\nexit: close < 1\nparameter n: 5 from 2 to 9 step 1\nlet m = ema(close, n)\nenter: close > m and {soup}"
    try:
        strategy = strategy_of(text.replace("\n stop", "\nstop"))
    except TextRefused:
        return
    assert strategy.graph.roots
