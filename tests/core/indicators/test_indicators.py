"""What each indicator says: of constant bars what its page states, of others what a plain form of its source says."""

from __future__ import annotations

import numpy as np
import pytest

from tests.core.graph.samples import bars_of, changed_after, examples
from tests.core.indicators.found import PAGES, USUAL, USUAL_LINES, usual
from tests.core.indicators.naive_others import NAIVE as OTHERS
from tests.core.indicators.naive_prices import NAIVE as PRICES
from tradepool.core.graph.expr import WrongOperand, close, high, low, parameter
from tradepool.core.indicators.arnaud_legoux_moving_average import alma
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.bollinger_bands import bollinger
from tradepool.core.indicators.moving_average_convergence_divergence import macd
from tradepool.core.indicators.page import NOTHING, SAME, BeyondLimits, NotFixed
from tradepool.core.indicators.parabolic_stop_and_reverse import parabolic_sar
from tradepool.core.indicators.relative_strength_index import rsi
from tradepool.core.indicators.simple_moving_average import sma
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import series
from tradepool.entrypoints.bench_indicators_twins import TWINS

NAIVE = PRICES | OTHERS
SEEDS = range(examples(2).max_examples)
every_page = pytest.mark.parametrize("name", PAGES)


@every_page
@pytest.mark.parametrize("value", [1e-6, 1.0, 12_345.678, 1e9])
def test_constant_in_gives_the_stated_constant_out(name: str, value: float) -> None:
    count = 4_000 if name == "pivot_levels" else 500
    flat = Bars(60_000, np.arange(count) * 60_000, *np.full((5, count), value))
    lines = usual(PAGES[name])
    stated = PAGES[name].flat * (1 if len(PAGES[name].flat) > 1 else len(lines))
    found = series(list(lines.values()), flat, "native")
    for line, got, said in zip(lines.values(), found.T, stated, strict=True):
        expected = {SAME: value, NOTHING: np.nan}[said] if isinstance(said, str) else said
        np.testing.assert_allclose(got[line.lookback :], expected, rtol=1e-9, atol=1e-9)


def test_whatever_has_no_twin_has_a_plain_form() -> None:
    lines = {name for name, page in PAGES.items() for line in usual(page) if line not in TWINS}
    assert lines - NAIVE.keys() == set()


@pytest.mark.parametrize("name", NAIVE)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_plain_form_says_the_same(name: str, seed: int) -> None:
    agree_with_the_plain_form(
        name, bars_of(seed, 4_500 if name == "pivot_levels" else 1_800 if "vwap" in name else 700)
    )


@pytest.mark.parametrize(("seed", "temper"), [(12, "walk"), (399, "jumps")])
def test_a_level_is_of_the_first_pivot_too_and_of_none_that_has_not_been(seed: int, temper: str) -> None:
    """The very first bar that may confirm a pivot does; ranges are wider than the price before there are eight."""
    agree_with_the_plain_form("support_resistance", bars_of(seed, 250, temper))


def agree_with_the_plain_form(name: str, bars: Bars) -> None:
    """Every line of an indicator, from its first value on."""
    lines = usual(PAGES[name])
    with np.errstate(all="ignore"):
        expected = NAIVE[name](bars)
    found = series(list(lines.values()), bars, "native")
    for line, got, said in zip(lines.values(), found.T, expected, strict=True):
        begin = max(line.lookback, int(np.flatnonzero(~np.isnan(said))[0]))
        size = float(np.nanmedian(np.abs(said[begin:])))
        np.testing.assert_allclose(got[begin:], said[begin:], rtol=1e-9, atol=1e-9 * size + 1e-12)


@pytest.mark.parametrize("name", ["swings", "divergence", "pivots", "fractals", "ichimoku", "support_resistance"])
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_that_was_published_ever_changes(name: str, seed: int) -> None:
    bars, lines = bars_of(seed, 400, "walk"), list(usual(PAGES[name]).values())
    whole = series(lines, bars, "native")
    for index in range(0, 399, 29):
        cut, other = bars.slice(0, index + 1), changed_after(bars, index)
        np.testing.assert_array_equal(series(lines, cut, "native"), whole[: index + 1])
        np.testing.assert_array_equal(series(lines, other, "native")[: index + 1], whole[: index + 1])


@every_page
def test_a_page_says_everything(name: str) -> None:
    page, lines = PAGES[name], usual(PAGES[name])
    assert page.title
    assert page.source
    assert all(page.span)
    assert {len(page.span), len(page.flat)} <= {1, len(lines)}
    for item in page.arguments:
        assert (item.limits is not None) == (item.kind.startswith(("int", "float")))


@pytest.mark.parametrize("length", [0, -1, 100_001, parameter("n", 5, 0, 9, 1)])
def test_a_length_beyond_its_limits_is_refused_by_name(length: int) -> None:
    with pytest.raises(BeyondLimits, match=r"rsi\(length=.*length cannot be .*; give one from 1 to 100000"):
        rsi(length=length)


@pytest.mark.parametrize("length", [parameter("n", 5, 2, 9, 1), 2.5, close, "9"])
def test_what_is_fixed_takes_a_plain_number_only(length: int) -> None:
    with pytest.raises(NotFixed, match=r"alma\(length=.*: length is fixed and .*; write a whole number from 1 to 200"):
        alma(length=length)
    with pytest.raises(NotFixed, match=r"alma\(sigma=n\): .*; write a number from 0\.1 to 100"):
        alma(sigma=parameter("n", 5, 2, 9, 1))  # type: ignore[arg-type]  # that is the point
    assert alma(length=5, sigma=6).lookback == 4


def test_what_is_no_number_is_refused_by_name() -> None:
    with pytest.raises(WrongOperand, match=r"rsi\(source=\.\.\.\)"):
        rsi("close", length=14)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(WrongOperand):
        bollinger(close > low)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(BeyondLimits, match="cannot be 2"):
        parabolic_sar(limit=2.0)
    with pytest.raises(WrongOperand):
        bollinger(width="2")  # type: ignore[arg-type]  # that is the point


def test_indicators_share_what_is_equal() -> None:
    assert bollinger(length=20).middle is sma(length=20)
    assert atr(length=14) is atr()
    assert parabolic_sar() is parabolic_sar(limit=0.2)
    assert parabolic_sar() is not parabolic_sar(limit=0.3)
    assert rsi(high - low).lookback == USUAL
    assert macd().line.lookback == USUAL_LINES["macd signal"].lookback - 8
