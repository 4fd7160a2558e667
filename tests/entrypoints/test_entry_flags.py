"""`--entry` of `backtest` and `replay`: what they print of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from tests.entrypoints.console import Console
from tests.entrypoints.test_commands import CROSS, RUN_KEYS
from tradepool.domain.mandate import EntryKind
from tradepool.entrypoints.deployment_settings import MandateSettings
from tradepool.entrypoints.inputs import Asked
from tradepool.entrypoints.mandate_commands import Terms


def test_how_entries_are_ordered_is_said_where_it_is_not_at_market(candles: Path, console: Console) -> None:
    """The same in both."""
    near = [CROSS, "--candles", candles, "--entry", "ioc", "--entry-slippage-max", "0.0005"]
    ran = console("backtest", *near, "--json")
    assert ran.out == console("replay", *near, "--json").out
    found = json.loads(ran.out)
    assert list(found) == [*RUN_KEYS, "entry", "entry_slippage_max"]
    assert (found["entry"], found["entry_slippage_max"]) == ("ioc", "0.0005")
    assert "of the equity, entry ioc up to 0.05 % beyond the close, no limits" in console("backtest", *near).out
    far = console("backtest", *near[:-1], "0.2")
    assert (far.code, "from 0 to 0.1, with entry ioc, fok or limit" in far.err) == (1, True)


@pytest.mark.parametrize("kind", ["post_only", "limit"])
def test_one_that_rests_is_for_a_replay_only(candles: Path, console: Console, kind: str) -> None:
    rests = [CROSS, "--candles", candles, "--entry", kind]
    none = console("backtest", *rests)
    assert (none.code, "has no backtest" in none.err) == (1, True)
    assert json.loads(console("replay", *rests, "--json").out)["entry"] == kind


@pytest.mark.parametrize("taker", [MandateSettings, Asked, Terms])
def test_each_kind_has_its_word_in_the_file_and_for_each_command(taker: type) -> None:
    said = get_type_hints(taker)["entry"]
    words = [word for each in (said, *get_args(said)) for word in get_args(each) if get_origin(each) is Literal]
    assert set(words) == set(EntryKind)
