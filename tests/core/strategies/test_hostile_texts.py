"""Hostile strategy texts: each is refused by name and place, quickly, and the process hardly grows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.graph.samples import examples
from tests.core.strategies.hostile import Hostile, corpus, doubling
from tests.core.strategies.test_text import MANY_WORDS, TEXTS
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
    assert len(market_step(strategy.graph, timeframe_ms=60_000).text) < 20_000


@pytest.mark.parametrize("name", WORDS)
def test_whatever_a_function_is_given_it_computes_or_is_refused_by_name(name: str) -> None:
    word = WORDS[name]
    given = ("whole", "part", "2.5", "7", "-1", "1e9", "close", "close > 1", "whole + 1", '"1h"')
    for argument, value in ((argument, value) for argument in word.arguments for value in given):
        others = "".join(f"{other} = close, " for other in word.required if other != argument)
        read(
            f"name: x\nparameter whole: 3 from 2 to 9 step 1\nparameter part: 0.5 from 0.2 to 0.9 step 0.1\n"
            f"exit: close < whole * part\nenter: {name}({others}{argument} = {value}) > 1"
        )


_SIGNS = (
    "(",
    ")",
    "(3)",
    ",",
    ".",
    "+",
    "-",
    "*",
    "/",
    "<",
    ">=",
    "=",
    ":",
    "#",
    "\n",
    "\n  ",
    "\nstop:",
    "\nlet a =",
    '"x"',
)
_PIECES = ("", "close", "fast", "band", "1", "0", "14", "2.5", "1e9", "upper", "source", "crosses above", "percent")
_TOKEN = re.compile(r"[a-z_0-9.]+|\s|[^a-z\s]")
edits = st.tuples(
    st.floats(0, 1, exclude_max=True), st.sampled_from([*WORDS, *RESERVED, *_PIECES, *_SIGNS]), st.booleans()
)


@examples(400)
@given(st.sampled_from([*TEXTS.values(), MANY_WORDS]), st.lists(edits, min_size=1, max_size=4))
def test_a_text_with_slips_is_a_strategy_or_refused_by_name(text: str, slips: list[tuple[float, str, bool]]) -> None:
    tokens = _TOKEN.findall(text)
    for place, piece, replaces in slips:
        at = int(place * len(tokens))
        tokens[at : at + replaces] = [piece]
    read("".join(tokens))


@examples(200)
@given(st.text(max_size=60))
def test_whatever_is_written_is_a_strategy_or_refused_by_name(text: str) -> None:
    read(f"name: x\nexit: close < 1\nenter: close > 1 and {text}")


def read(text: str) -> None:
    """Whatever happens, it is no other error than ours."""
    try:
        strategy = strategy_of(text)
    except TextRefused:
        return
    assert market_step(strategy.graph, timeframe_ms=60_000).program.digest
