"""Backtest trades of the pool: nobody's, the same ones whenever they are found, with the features of their entries."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tests.nouns import BTC
from tradepool.core.strategies import catalog
from tradepool.learning.backtests import NOBODY, backtests
from tradepool.learning.features import features_at
from tradepool.learning.public_names import Public, public_name
from tradepool.simexchange.market_model import model_bars

MINUTE_MS = 60_000
BARS = model_bars(["BTC/USDT"], MINUTE_MS, 1_640_995_200_000, 6_000, seed=5)["BTC/USDT"]
CROSS = Public("moving_average_cross", MINUTE_MS)


def test_a_strategys_backtest_is_pooled_once_whenever_it_is_found() -> None:
    """A longer series finds the earlier trades again, under the same ids and with the same numbers."""
    short, long = (backtests(CROSS, BTC, BARS.slice(0, end)) for end in (4_500, 6_000))
    known = {row.id: row for row in long}
    assert len(short) > 5
    assert Counter(row.id for row in long).most_common(1)[0][1] == 1
    assert all(known[row.id] == row for row in short)
    assert {(row.pseudonym, row.origin, row.strategy) for row in long} == {(NOBODY, "backtest", CROSS.name)}
    told = features_at(BARS, [row.entry_time_ms for row in long])
    assert np.array_equal(np.array([row.features for row in long]), told)


def test_what_shorts_or_has_too_few_bars_has_no_backtest() -> None:
    """Of a dozen bars nothing is said."""
    assert backtests(CROSS, BTC, BARS.slice(0, 12)) == []


def test_only_what_everybody_has_is_called_by_name() -> None:
    """Another parameter is another strategy, and somebody's."""
    strategy = catalog.named(CROSS.name)
    assert public_name(strategy.strategy_id(MINUTE_MS)) == CROSS
    assert public_name(strategy.strategy_id(3_600_000)) == Public(CROSS.name, 3_600_000)
    other = next(iter(strategy.parameters))
    changed = strategy.with_parameters({other.name: other.low if other.low != other.default else other.high})
    assert public_name(changed.strategy_id(MINUTE_MS)) is None
