"""The market model: the same bytes for the same seed, and prices that look like prices."""

from __future__ import annotations

import numpy as np
import pytest

from tests.simexchange.exchange_kit import MINUTE, START
from tradepool.core.market.bars import COLUMNS
from tradepool.simexchange.market_model import BadModel, model_bars, model_listings
from tradepool.simexchange.venue import Venue

SYMBOLS = ("BTC/USDT", "ETH/USDT", "XRP/USDT", "PEPE/USDT")


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two = (model_bars(SYMBOLS, MINUTE, START, 2_000, seed=7, gap_share=0.05) for _ in range(2))
    other = model_bars(SYMBOLS, MINUTE, START, 2_000, seed=8, gap_share=0.05)
    for symbol in SYMBOLS:
        for name in ("open_time", *COLUMNS):
            assert getattr(one[symbol], name).tobytes() == getattr(two[symbol], name).tobytes()
        assert one[symbol].close.tobytes() != other[symbol].close.tobytes()


def test_a_symbol_does_not_depend_on_its_company() -> None:
    alone = model_bars(["ETH/USDT"], MINUTE, START, 500, seed=7)
    together = model_bars(SYMBOLS, MINUTE, START, 500, seed=7)
    assert alone["ETH/USDT"].close.tobytes() == together["ETH/USDT"].close.tobytes()


def test_prices_move_together_and_in_two_regimes() -> None:
    bars = model_bars(SYMBOLS, 5 * MINUTE, START, 20_000, seed=3)
    returns = np.array([np.diff(np.log(each.close)) for each in bars.values()])
    links = np.corrcoef(returns)[np.triu_indices(len(SYMBOLS), 1)]
    assert 0.3 < links.min() < links.max() < 0.8
    spread = np.abs(returns[0]).reshape(-1, 1)[:19_900].reshape(-1, 100).mean(axis=1)
    assert np.quantile(spread, 0.95) > 2 * np.quantile(spread, 0.25)
    volume = bars["BTC/USDT"].volume[1:]
    assert np.corrcoef(volume, np.abs(returns[0]))[0, 1] > 0.3


@pytest.mark.parametrize("gap_share", [0.0, 0.1])
def test_holes_are_jumped_over(gap_share: float) -> None:
    bars = model_bars(["BTC/USDT"], MINUTE, START, 20_000, seed=5, gap_share=gap_share)["BTC/USDT"]
    holes = np.flatnonzero(np.diff(bars.open_time) > MINUTE)
    jumps = np.abs(bars.open[1:] / bars.close[:-1] - 1)
    assert abs(1 - len(bars) / 20_000 - gap_share) < 0.03
    assert jumps[holes].size == 0 or np.median(jumps[holes]) > 0.02
    assert np.delete(jumps, holes).max() < 1e-6


def test_listings_fit_a_venue() -> None:
    listings = model_listings(SYMBOLS, MINUTE, START, 300, seed=1, gap_share=0.1)
    venue = Venue(listings)
    for listing, listed in zip(listings, venue.markets, strict=True):
        assert listing.bars is not None
        first = float(listing.bars.close[0])
        assert float(listing.market.quantity_step) * first <= 0.10 * 1.2
        assert np.allclose(listed.close * float(listing.market.price_tick), listing.bars.close, rtol=1e-12)
    assert venue.step_bars(200)


@pytest.mark.parametrize(
    ("symbol", "count", "gap_share"), [("BTC/USDT", 1, 0.0), ("BTC/USDT", 9, 1.0), ("BTC", 9, 0.0)]
)
def test_a_model_that_makes_no_sense_is_refused(symbol: str, count: int, gap_share: float) -> None:
    with pytest.raises(BadModel):
        model_listings([symbol], MINUTE, START, count, seed=1, gap_share=gap_share)
