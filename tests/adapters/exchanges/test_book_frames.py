"""Frames into nouns: exact numbers, and nonsense refused word by word."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nouns import BTC
from tradepool.adapters.exchanges import outcome
from tradepool.adapters.exchanges.book_frames import BookReader, GridReader
from tradepool.domain.order import Side

READER = BookReader(BTC)
DIFF: dict[str, Any] = {"U": 5, "u": 7, "b": [["99.5", "0.00000001"]], "a": [["101.00", "0.00000000"]]}
TRADE: dict[str, Any] = {"t": 9, "p": "99.50", "q": "0.10", "T": 3, "m": True}
QUOTE: dict[str, Any] = {"u": 9, "b": "99.50", "B": "0.10", "a": "99.51", "A": "2"}


@given(
    st.decimals("0.00000001", "1000000", places=8), st.sampled_from(["0.01", "0.05", "0.00000001", "1", "25", "1e-5"])
)
def test_counts_are_decimal_division_or_refused(value: Decimal, step: str) -> None:
    grid, size = GridReader(Decimal(step)), Decimal(step)
    whole, rest = divmod(value, size)
    for text in (f"{value:f}", f"{value:f}000", f"{whole * size:f}"):
        if rest and text != f"{whole * size:f}":
            with pytest.raises(ValueError, match="not a whole multiple"):
                grid.count(text)
        else:
            assert grid.count(text) == whole


@pytest.mark.parametrize(
    "text", ["", "-1", "1e5", "NaN", "Infinity", "1.2.3", " 1", "0x10", "1_000", "\u0661", ".", "+1"]
)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a plain decimal"):
        GridReader(Decimal("0.01")).count(text)


def test_a_diff_counts_ticks_and_units_of_base() -> None:
    diff = READER.diff(DIFF)
    assert (diff.first_id, diff.last_id, diff.bids, diff.asks) == (5, 7, ((9950, 1),), ((10100, 0),))
    assert READER.diff({**DIFF, "pu": 3}).first_id == 4, "where a venue links its updates, the link is what follows on"


def test_prints_and_quotes_are_exact() -> None:
    trade = READER.trade(TRADE)
    assert (trade.trade_id, trade.price, trade.quantity, trade.taker) == (9, Decimal("99.5"), Decimal("0.1"), Side.SELL)
    assert READER.trade({**TRADE, "m": False}).taker is Side.BUY
    quote = READER.quote(QUOTE, 77)
    assert quote is not None
    assert (quote.time_ms, quote.bid_price, quote.ask_quantity) == (77, Decimal("99.5"), Decimal(2))
    assert READER.quote({**QUOTE, "B": "0.0"}, 77) is None, "nobody bids"


@pytest.mark.parametrize(
    "change",
    [
        *({"U": bad} for bad in (None, "5", True, 5.0)),
        *(
            {"b": bad}
            for bad in (None, [["1"]], [["99.501", "1"]], [["99.5", "-1"]], [["0", "1"]], [[99.5, 1]], [None])
        ),
        {"u": 4},
        {"a": [["101", "0.000000001"]]},
    ],
)
def test_a_diff_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(outcome.NONSENSE):
        READER.diff({**DIFF, **change})


@pytest.mark.parametrize("missing", ["U", "u", "b", "a"])
def test_a_diff_without_a_field_is_refused(missing: str) -> None:
    with pytest.raises(outcome.NONSENSE):
        READER.diff({name: value for name, value in DIFF.items() if name != missing})


@pytest.mark.parametrize("change", [{"p": "0"}, {"q": "-1"}, {"q": "NaN"}, {"m": "true"}, {"t": "9"}, {"T": None}])
def test_a_print_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(outcome.NONSENSE):
        READER.trade({**TRADE, **change})


@pytest.mark.parametrize("change", [{"b": "99.51"}, {"b": "99.6"}, {"a": "0"}, {"B": "x"}, {"A": None}])
def test_a_quote_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(outcome.NONSENSE):
        READER.quote({**QUOTE, **change}, 1)


def test_a_snapshot_is_all_its_levels() -> None:
    snapshot = READER.snapshot({"lastUpdateId": 9, "bids": [["99.5", "1"], ["99", "2"]], "asks": []})
    assert (snapshot.last_id, snapshot.bids, snapshot.asks) == (9, ((9950, 10**8), (9900, 2 * 10**8)), ())
    with pytest.raises(outcome.NONSENSE):
        READER.snapshot({"code": -1121, "msg": "Invalid symbol."})
