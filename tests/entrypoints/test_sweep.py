"""`sweep`: the best sets first, each with what its own backtest says, and every mistake by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.entrypoints.console import Console

OVER = ("--over", "fast=5:9:2", "slow=20,40", "stop_atrs=2.5")


def test_the_best_set_is_what_its_backtest_says(console: Console, candles: Path) -> None:
    command = ("sweep", "moving_average_cross", "--candles", candles, *OVER, "--best", 3, "--threads", 2, "--json")
    found = json.loads(console(*command).out)
    assert found["sets"] == 6
    assert len(found["best"]) == 3
    equities = [float(row["final_equity"]) for row in found["best"]]
    assert equities == sorted(equities, reverse=True)
    for row in found["best"]:
        given = [f"{name}={value}" for name, value in row["parameters"].items()]
        alone = json.loads(
            console("backtest", "moving_average_cross", "--candles", candles, "--param", *given, "--json").out
        )
        assert row["final_equity"] == alone["final_equity"]
        assert row["trades"] == len(alone["trades"])
        assert row["refusals"] == len(alone["refusals"])


def test_the_page_warns_of_luck(console: Console, candles: Path) -> None:
    said = console("sweep", "moving_average_cross", "--candles", candles, *OVER)
    assert said.code == 0
    assert "6 parameter sets" in said.out
    assert "partly luck" in said.out


@pytest.mark.parametrize(
    ("over", "says"),
    [
        (["fast"], "is no range; write name=low:high:step"),
        (["fast=5:50"], "is no range"),
        (["fast=50:5:1"], "is no range"),
        (["fast=5:50:0"], "is no range"),
        (["fast=nan:50:1"], "is no range"),
        (["fast=a,b"], "is no range"),
        (["fast=5:9:2", "fast=5"], "given twice"),
        (["fats=5:9:2"], "has no parameter 'fats'"),
        (["fast=5:900:1"], "cannot be 201"),
        (["fast=2:200:1", "slow=3:400:1", "atr_length=2:100:1"], "parameter sets are too many"),
    ],
)
def test_a_mistake_is_one_line(console: Console, candles: Path, over: list[str], says: str) -> None:
    said = console("sweep", "moving_average_cross", "--candles", candles, "--over", *over)
    assert said.code == 1
    assert says in said.err
    assert said.out == ""
