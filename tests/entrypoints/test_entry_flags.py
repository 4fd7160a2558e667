"""`--entry` of `backtest` and `replay`: what they print of it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.entrypoints.console import Console
from tests.entrypoints.test_commands import CROSS, RUN_KEYS


def test_how_entries_are_ordered_is_said_where_it_is_not_at_market(candles: Path, console: Console) -> None:
    """The same in both, and a resting one in a replay only."""
    near = [CROSS, "--candles", candles, "--entry", "ioc", "--entry-slippage-max", "0.0005"]
    ran = console("backtest", *near, "--json")
    assert ran.out == console("replay", *near, "--json").out
    found = json.loads(ran.out)
    assert list(found) == [*RUN_KEYS, "entry", "entry_slippage_max"]
    assert (found["entry"], found["entry_slippage_max"]) == ("ioc", "0.0005")
    assert "of the equity, entry ioc up to 0.05 % beyond the close, no limits" in console("backtest", *near).out
    far = console("backtest", *near[:-1], "0.2")
    assert (far.code, "from 0 to 0.1, with entry ioc or fok" in far.err) == (1, True)
    rests = [CROSS, "--candles", candles, "--entry", "post_only"]
    none = console("backtest", *rests)
    assert (none.code, "has no backtest" in none.err) == (1, True)
    assert json.loads(console("replay", *rests, "--json").out)["entry"] == "post_only"
