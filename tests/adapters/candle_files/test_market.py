"""The grid of a candle file's market follows from its prices; a market file goes before it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adapters.candle_files.candles import NAME, Columns, columns, save
from tradepool.adapters.candle_files.errors import (
    BadMarketFile,
    PriceBelowTick,
    PriceTooLarge,
    UnknownMarketKey,
)
from tradepool.adapters.candle_files.market import KEYS, most_decimals, read_market_file, step_worth_at_most
from tradepool.adapters.candle_files.read import open_candles
from tradepool.domain.errors import InvalidInput, OffGrid
from tradepool.simexchange.listing import Listing, list_markets


def at(price: float) -> Columns:
    """Bars that stand still at one price."""
    content = columns(3)
    for name in ("open", "high", "low", "close"):
        content[name] = [price] * 3
    return content


@pytest.mark.parametrize(
    ("price", "tick", "step", "base_unit"),
    [
        (60_000.01, "0.01", "0.000001", "1e-8"),
        (966.61234567, "0.0001", "0.0001", "1e-8"),  # eight decimals, but a tick and a step are worth a unit
        (0.1, "0.1", "1", "1e-8"),
        (0.0001, "0.0001", "1000", "1e-5"),
        (0.00000123, "1e-8", "10000", "1e-4"),
        (0.1 + 0.2, "0.1", "0.1", "1e-8"),  # 0.30000000000000004 has one decimal
        (5_000.0, "1", "0.00001", "1e-8"),
        (3e9, "1", "1e-8", "1e-8"),  # no step is finer than a unit
    ],
)
def test_the_grid_follows_from_the_prices(tmp_path: Path, price: float, tick: str, step: str, base_unit: str) -> None:
    market, bars = open_candles(save(tmp_path, at(price)))
    assert market.price_tick == Decimal(tick)
    assert market.quantity_step == market.quantity_min == Decimal(step)
    assert market.base_unit == Decimal(base_unit)
    assert bars.close[0] == float(round(price / float(tick)) * Decimal(tick))
    assert market.notional_min == 5
    assert market.fees.maker_rate == market.fees.taker_rate == Decimal("0.001")


@given(st.decimals(min_value="0.00000001", max_value="1000000", places=8))
def test_a_step_is_worth_at_most_a_tenth_and_ten_steps_more(price: Decimal) -> None:
    step = step_worth_at_most(Decimal("0.1"), float(price))
    assert step * price <= Decimal("0.1") < step * price * 10


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=30), st.integers(0, 10))
def test_decimals_are_those_of_the_shortest_writing(mantissas: list[int], places: int) -> None:
    prices = [float(Decimal(m).scaleb(-places)) for m in mantissas]
    written = [Decimal(repr(price)).normalize().as_tuple().exponent for price in prices]
    most = max(0, *(-exponent for exponent in written if isinstance(exponent, int)))
    assert most_decimals([np.array(prices)], 20) == most


def market_file(folder: Path, text: str) -> Path:
    file = folder / "market.toml"
    file.write_text(text)
    return file


def test_a_market_file_goes_before(tmp_path: Path) -> None:
    chosen = market_file(
        tmp_path,
        'price_tick = 0.25\nquantity_step = "0.01"\nquantity_min = 0.1\nnotional_min = 0\n'
        "maker_rate = 0\ntaker_rate = 0.00075\n",
    )
    market, bars = open_candles(save(tmp_path, at(100.15)), chosen)
    assert (market.price_tick, market.quantity_step) == (Decimal("0.25"), Decimal("0.01"))
    assert (market.quantity_min, market.notional_min) == (Decimal("0.1"), Decimal(0))
    assert (market.fees.maker_rate, market.fees.taker_rate) == (Decimal(0), Decimal("0.00075"))
    assert bars.close.tolist() == [100.25] * 3


def test_the_tick_follows_from_a_chosen_step(tmp_path: Path) -> None:
    market, _ = open_candles(save(tmp_path, at(100.12345678)), market_file(tmp_path, "quantity_step = 0.00005"))
    assert market.price_tick == Decimal("0.001")


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("price_tik = 1", UnknownMarketKey, r"unknown key price_tik \(did you mean price_tick\?\)"),
        ("price_tick = 0", BadMarketFile, "price_tick = 0 must be above zero"),
        ("price_tick = nan", BadMarketFile, "price_tick = NaN must be above zero"),
        ("quantity_step = 'much'", BadMarketFile, "'much' is not a number"),
        ("notional_min = -1", BadMarketFile, "must be zero or more"),
        ("taker_rate = 1", BadMarketFile, "must be below 1"),
        ("[fees]\nmaker_rate = 1", UnknownMarketKey, "unknown key fees"),
        ("price_tick = true", BadMarketFile, "True is not a number"),
        ("taker_rate = 0.0000005", BadMarketFile, "whole millionths"),
        ("maker_rate = -0.0001", BadMarketFile, "must be zero or more"),
        ("price_tick = 1e400", BadMarketFile, "between 1e-20 and 1e10"),
        ("quantity_step = 0.10000000000000000000000000000000001", BadMarketFile, "at most 14 digits"),
        ("price_tick = = 1", BadMarketFile, "line 1"),
    ],
)
def test_a_bad_market_file_is_refused_in_one_line(
    tmp_path: Path, text: str, error: type[BadMarketFile], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        read_market_file(market_file(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_market_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadMarketFile, match="No such file"):
        read_market_file(tmp_path / "market.toml")


def test_a_grid_finer_than_the_units_of_money_is_refused(tmp_path: Path) -> None:
    file = save(tmp_path, columns(), NAME)
    with pytest.raises(OffGrid, match="price_tick x quantity_step"):
        open_candles(file, market_file(tmp_path, "price_tick = 0.0001\nquantity_step = 0.00001"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("quantity_step = 0.01\nquantity_min = 0.015", "quantity_min: quantity 0.015 is not a whole multiple of 0.01"),
        ("quantity_min = 0.0000001", "quantity_min: "),
        ("quantity_min = 1e9", r"quantity_min: .* more than 2\^53 units"),
        ("notional_min = 5.000000001", "notional_min: USDT 5.000000001 is not a whole multiple"),
        ("notional_min = 1e9", r"notional_min: .* more than 2\^53 units"),
    ],
)
def test_minima_that_no_venue_could_list_are_refused(tmp_path: Path, text: str, says: str) -> None:
    file = save(tmp_path, columns(), NAME)
    with pytest.raises(BadMarketFile, match=says) as caught:
        open_candles(file, market_file(tmp_path, text))
    assert ".;" not in str(caught.value)


@pytest.mark.parametrize(
    ("price", "text"),
    [(1e300, ""), (1.7e308, ""), (1e16, ""), (1e6, "quantity_step = 1000"), (9.1e15, "price_tick = 1")],
)
def test_prices_beyond_what_is_counted_exactly_are_refused(tmp_path: Path, price: float, text: str) -> None:
    file = save(tmp_path, at(price))
    with pytest.raises(PriceTooLarge, match=r"2\^53 units of 1E-8 USDT") as caught:
        open_candles(file, market_file(tmp_path, text) if text else None)
    assert str(file) in str(caught.value)


def test_prices_next_to_nothing_are_refused_by_name(tmp_path: Path) -> None:
    assert open_candles(save(tmp_path, at(1e-12)))[0].quantity_step == 10**9
    with pytest.raises(PriceBelowTick):
        open_candles(save(tmp_path, at(1e-320)))


NUMBERS = st.decimals(min_value="1e-9", max_value="1e9", allow_nan=False) | st.integers(-9, 9).map(
    lambda exponent: Decimal(1).scaleb(exponent)
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(KEYS), NUMBERS), st.floats(1e-12, 1e12))
def test_the_simulated_exchange_lists_what_is_accepted(
    tmp_path: Path, chosen: dict[str, Decimal], price: float
) -> None:
    text = "".join(f'{key} = "{value}"\n' for key, value in chosen.items())
    try:
        market, bars = open_candles(save(tmp_path, at(price)), market_file(tmp_path, text))
    except InvalidInput:
        return
    assert list_markets([Listing(market, bars)])[0].market is market


def test_prices_that_would_round_to_zero_are_refused(tmp_path: Path) -> None:
    file = save(tmp_path, at(0.4))
    with pytest.raises(PriceBelowTick, match="finer price_tick"):
        open_candles(file, market_file(tmp_path, "price_tick = 1"))
