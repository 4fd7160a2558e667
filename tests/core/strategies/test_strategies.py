"""Strategies: identity, parameters, exits, and the catalog."""

from __future__ import annotations

import pytest

from tradepool.core.graph.expr import WrongOperand, close, crosses_above, parameter
from tradepool.core.graph.parameter import WrongParameter
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.simple_moving_average import sma
from tradepool.core.strategies import exits
from tradepool.core.strategies.catalog import UnknownStrategy, named, names
from tradepool.core.strategies.strategy import HalfAShort, Strategy, UnknownParameter

CROSS = named("moving_average_cross")
HOUR_MS = 3_600_000


def test_the_identity_follows_everything_that_matters() -> None:
    same = named("moving_average_cross").with_parameters({"fast": 12})
    assert CROSS.strategy_id(HOUR_MS) == same.strategy_id(HOUR_MS) == "437e4a5fc7e98990"
    others = {
        CROSS.strategy_id(2 * HOUR_MS),
        CROSS.with_parameters({"fast": 13}).strategy_id(HOUR_MS),
        Strategy(CROSS.name, 2, CROSS.enter, CROSS.exit, CROSS.exits).strategy_id(HOUR_MS),
        Strategy("other", 1, CROSS.enter, CROSS.exit, CROSS.exits).strategy_id(HOUR_MS),
        Strategy(CROSS.name, 1, CROSS.exit, CROSS.enter, CROSS.exits).strategy_id(HOUR_MS),
    }
    assert len(others | {CROSS.strategy_id(HOUR_MS)}) == 6


def test_overrides_add_up() -> None:
    strategy = CROSS.with_parameters({"fast": 10}).with_parameters({"stop_atrs": 2.5})
    assert strategy.values == {"fast": 10, "slow": 26, "stop_atrs": 2.5, "atr_length": 14, "trail_atrs": 4.0}
    assert CROSS.values["fast"] == 12


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"fast": 1}, "fast cannot be 1; give a whole number from 2 to 200"),
        ({"fast": 12.0}, "give a whole number"),
        ({"fast": "12"}, "give a whole number"),
        ({"fast": True}, "give a whole number"),
        ({"stop_atrs": 0.0}, "from 0.5 to 20.0"),
        ({"stop_atrs": float("nan")}, "from 0.5 to 20.0"),
        ({"stop_atrs": 2.55}, "steps of 0.1 from 0.5"),
    ],
)
def test_a_bad_value_is_named(values: dict[str, float], words: str) -> None:
    with pytest.raises(WrongParameter, match=words):
        CROSS.with_parameters(values)


def test_an_unknown_parameter_is_named() -> None:
    with pytest.raises(UnknownParameter, match="'speed'; it has fast, slow"):
        CROSS.with_parameters({"speed": 3})


def test_a_strategy_refuses_what_is_no_condition() -> None:
    with pytest.raises(WrongOperand, match="enter of bad"):
        Strategy("bad", 1, close, close > 1)  # type: ignore[arg-type]
    two = sma(length=parameter("n", 5, 1, 9, 1)) > sma(length=parameter("n", 6, 1, 9, 1))
    with pytest.raises(WrongParameter, match="declare it once"):
        Strategy("bad", 1, two, close > 1)


def test_exits_are_distances() -> None:
    both = exits.stop_percent(2.0) + exits.trail_atrs(4.0)
    assert both.stop_distance is exits.stop_percent(2.0).stop_distance
    assert both.trail_distance is 4.0 * atr(length=14)
    assert both.trail_step is atr(length=14) * 0.25
    assert exits.trail_percent(3.0).trail_step is exits.trail_percent(3.0).trail_distance * 0.25
    assert exits.trail_percent(3.0, step=atr()).trail_step is atr()
    assert (exits.stop_atrs(3.0) + exits.stop_percent(1.0)).stop_distance is exits.stop_percent(1.0).stop_distance


def test_targets_join_the_other_exits() -> None:
    two = exits.targets_percent(2.0, 5.0)
    joined = exits.stop_percent(1.0) + two + exits.trail_atrs(4.0)
    assert (joined.first_target, joined.second_target) == (two.first_target, two.second_target)
    assert joined.target_share is exits.HALF
    assert joined.stop_distance is exits.stop_percent(1.0).stop_distance
    assert exits.targets_atrs(3.0).target_share is exits.ALL
    assert exits.targets_atrs(3.0).first_target is 3.0 * atr(length=14)
    assert (two + exits.targets_atrs(3.0)).second_target is exits.NONE
    share = parameter("share", 0.3, 0.1, 1.0, 0.1)
    assert exits.targets_percent(2.0, share=share).target_share is share


def test_a_short_needs_both_its_conditions() -> None:
    below = close < sma(length=5)
    with pytest.raises(HalfAShort, match="both has enter_short but not exit_short"):
        Strategy("both", 1, ~below, below, enter_short=below)
    with pytest.raises(HalfAShort, match="both has exit_short but not enter_short"):
        Strategy("both", 1, ~below, below, exit_short=below)
    with pytest.raises(WrongOperand, match="enter_short of both"):
        Strategy("both", 1, ~below, below, enter_short=close, exit_short=below)  # type: ignore[arg-type]
    assert Strategy("both", 1, ~below, below, enter_short=below, exit_short=~below).shorts
    assert not CROSS.shorts


def test_a_new_strategy_is_a_few_lines() -> None:
    average = sma(length=parameter("length", 50, 5, 200, 5))
    dip = Strategy("dip", 1, crosses_above(close, average), close < average, exits.stop_percent(5.0))
    assert dip.with_parameters({"length": 100}).values == {"length": 100}


def test_the_catalog_knows_its_files() -> None:
    known = "bollinger_breakout donchian_turtle macd_trend moving_average_cross rsi_divergence supertrend"
    assert names() == (*known.split(), "support_resistance", "trend_pullback", "volume_breakout")
    assert all(named(name).name == name for name in names())
    with pytest.raises(UnknownStrategy, match="did you mean bollinger_breakout"):
        named("bolinger")
    with pytest.raises(UnknownStrategy, match="known: bollinger_breakout, donchian_turtle, macd_trend, "):
        named("strategy")
