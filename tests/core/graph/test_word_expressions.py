"""Expressions of the words that compute logarithms and powers: what they give beside NumPy, at every bar."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from tests.core.graph.samples import bars_of, bits, examples, seeds, tempers
from tradepool.core.graph.expr import close, exp, log, open_, power, tanh
from tradepool.core.market.market_step import series


@examples(20)
@given(seed=seeds, temper=tempers)
def test_the_words_are_what_numpy_says(seed: int, temper: str) -> None:
    bars, ratio = bars_of(seed, 200, temper), close / open_
    expressions = [log(ratio), exp(ratio), power(ratio, 0.3), power(2, ratio), tanh(ratio - 1.0)]
    got = series(expressions, bars)
    assert (bits(got) == bits(series(expressions, bars, "reference"))).all()
    x = bars.close / bars.open
    expected = np.array([np.log(x), np.exp(x), x**0.3, 2.0**x, np.tanh(x - 1.0)])
    np.testing.assert_allclose(got.T, expected, rtol=1e-12, atol=1e-15)
