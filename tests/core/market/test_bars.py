"""Bars keep their columns equal, typed and contiguous."""

from __future__ import annotations

import numpy as np
import pytest

from tradepool.core.market.bars import COLUMNS, Bars, BrokenBars


def some_bars(count: int) -> Bars:
    price = np.arange(1.0, count + 1)
    return Bars(60_000, np.arange(count) * 60_000, price, price, price, price, price)


def test_columns_are_brought_to_their_type_and_layout() -> None:
    strided = np.arange(20.0)[::2]
    bars = Bars(60_000, np.arange(10, dtype=np.int32), strided, strided, strided, strided, strided)
    assert bars.open_time.dtype == np.int64
    for name in COLUMNS:
        column = getattr(bars, name)
        assert column.dtype == np.float64
        assert column.flags.c_contiguous


def test_a_slice_is_a_view() -> None:
    bars = some_bars(10)
    part = bars.slice(2, 5)
    assert len(part) == 3
    assert part.close.tolist() == [3.0, 4.0, 5.0]
    assert np.shares_memory(part.close, bars.close)


@pytest.mark.parametrize("wrong", [np.ones(3), np.ones((2, 1))])
def test_columns_of_other_shapes_are_refused(wrong: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    price = np.ones(2)
    with pytest.raises(BrokenBars, match="volume has shape"):
        Bars(60_000, np.arange(2), price, price, price, price, wrong)
