"""Venues of one world: the same market, prices of their own that return to it, and one clock."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.simexchange.exchange_kit import MINUTE, START, Recorder
from tradepool.core.market.bars import COLUMNS
from tradepool.simexchange.events import TRADES, KlineClosed, Printed
from tradepool.simexchange.liquidity import Depth
from tradepool.simexchange.market_model import BadModel, Temper, model_bars
from tradepool.simexchange.model_venues import BadVenues, OneClock, VenueModel, several_venues
from tradepool.simexchange.venue import Venue

SYMBOLS = ("BTC/USDT", "ETH/USDT")
CLOSE = VenueModel(name="close", deviation=0.000_5, half_life_ms=10 * MINUTE)
FAR = VenueModel(name="far", deviation=0.004, half_life_ms=60 * MINUTE, depth=Depth(10, Decimal(5_000)))
SAME = VenueModel(name="same", deviation=0.0)


def closes(venue: Venue) -> NDArray[np.float64]:
    """Log closes of the first market."""
    return np.log(venue.markets[0].close)


def test_a_venue_without_deviation_is_the_common_market() -> None:
    venue = several_venues([SAME, FAR], SYMBOLS, MINUTE, START, 500, seed=3)["same"]
    bars = model_bars(SYMBOLS, MINUTE, START, 500, seed=3)["BTC/USDT"]
    tick = float(venue.markets[0].market.price_tick)
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(getattr(venue.markets[0], name), np.rint(getattr(bars, name) / tick))


@pytest.mark.parametrize("model", [CLOSE, FAR], ids=lambda model: model.name)
def test_deviations_are_as_wide_as_told_bounded_and_return(model: VenueModel) -> None:
    venues = several_venues([SAME, model], SYMBOLS, MINUTE, START, 20_000, seed=5)
    deviation = closes(venues[model.name]) - closes(venues["same"])
    assert abs(deviation.std() / model.deviation - 1) < 0.15
    assert np.abs(deviation).max() < 6 * model.deviation
    half_life = model.half_life_ms // MINUTE
    shown = np.corrcoef(deviation[:-half_life], deviation[half_life:])[0, 1]
    assert abs(shown - 0.5) < 0.12
    far = np.flatnonzero(np.abs(deviation[: -8 * half_life]) > 2 * model.deviation)
    assert np.abs(deviation[far + 8 * half_life]).mean() < model.deviation


def test_venues_of_one_world_move_together_and_symbols_do_not_share_deviations() -> None:
    venues = several_venues([CLOSE, FAR], SYMBOLS, 5 * MINUTE, START, 5_000, seed=5)
    one, two = (np.diff(closes(venue)) for venue in venues.values())
    assert np.corrcoef(one, two)[0, 1] > 0.4
    btc, eth = (np.log(venues["far"].markets[at].close) - np.log(venues["close"].markets[at].close) for at in (0, 1))
    assert abs(np.corrcoef(btc - btc.mean(), eth - eth.mean())[0, 1]) < 0.25


def test_bars_of_a_venue_have_no_jump_between_them() -> None:
    market = several_venues([FAR], SYMBOLS, MINUTE, START, 2_000, seed=6)["far"].markets[0]
    assert np.abs(market.open[1:] - market.close[:-1]).max() <= 1


def test_one_clock_does_everything_at_its_time_and_two_runs_are_the_same() -> None:
    def run() -> tuple[list[str], OneClock]:
        clock = OneClock(several_venues([CLOSE, FAR], SYMBOLS, MINUTE, START, 30, seed=9))
        told: list[str] = []
        outlets = {name: Recorder(wants=frozenset((TRADES,))) for name in clock.venues}
        for name, venue in clock.venues.items():
            venue.listen(outlets[name])
        more = True
        while more:
            more = clock.step()
            for name, outlet in outlets.items():
                for event in outlet.events:
                    assert isinstance(event, KlineClosed | Printed)
                    assert event.time_ms == clock.now_ms or not more
                    fact = event.print if isinstance(event, Printed) else event.bar
                    told.append(f"{name} {event.market.symbol} {event.time_ms} {fact}")
                outlet.events.clear()
            assert len({venue.now_ms for venue in clock.venues.values()}) == 1
        return told, clock

    one, clock = run()
    assert one == run()[0] != []
    assert clock.next_time_ms() is None
    assert {line.split()[0] for line in one} == {"close", "far"}


def test_jumps_and_volatilities_are_told_apart() -> None:
    def returns(temper: Temper, symbol: str = "BTC/USDT") -> NDArray[np.float64]:
        made = model_bars(SYMBOLS, MINUTE, START, 20_000, seed=2, temper=temper)
        return np.asarray(np.diff(np.log(made[symbol].close)))

    calm = returns(Temper())
    wild = returns(Temper(volatility={"BTC/USDT": 3.0}))
    assert abs(wild.std() / calm.std() - 3) < 0.01
    assert np.array_equal(returns(Temper(volatility={"BTC/USDT": 3.0}), "ETH/USDT"), returns(Temper(), "ETH/USDT"))
    jumpy = returns(Temper(jumps_daily=10, jump_size=0.05))
    other = returns(Temper(jumps_daily=10, jump_size=0.05), "ETH/USDT")
    jumped, other_jumped = (set(np.flatnonzero(np.abs(each) > 0.02)) for each in (jumpy, other))
    # 69 % of jumps are larger than 0.4 standard deviations.
    assert 0.5 < len(jumped) / (10 * 20_000 / 1440) < 0.9
    assert np.abs(calm).max() < 0.02
    assert len(jumped & other_jumped) < len(jumped) / 4
    shocked = (returns(Temper(shocks_daily=10, jump_size=0.05), symbol) for symbol in SYMBOLS)
    first, second = (set(np.flatnonzero(np.abs(each) > 0.02)) for each in shocked)
    assert len(first & second) > 0.8 * len(first) > 0


def test_the_even_temper_changes_no_byte() -> None:
    plain = model_bars(SYMBOLS, MINUTE, START, 500, seed=7, gap_share=0.1)
    told = model_bars(SYMBOLS, MINUTE, START, 500, seed=7, gap_share=0.1, temper=Temper(volatility={"BTC/USDT": 1.0}))
    for symbol in SYMBOLS:
        for name in ("open_time", *COLUMNS):
            assert getattr(plain[symbol], name).tobytes() == getattr(told[symbol], name).tobytes()


@pytest.mark.parametrize(
    ("error", "make"),
    [
        (BadVenues, lambda: several_venues([], SYMBOLS, MINUTE, START, 9, seed=1)),
        (BadVenues, lambda: several_venues([FAR, FAR], SYMBOLS, MINUTE, START, 9, seed=1)),
        (BadVenues, lambda: several_venues([VenueModel(name="x", deviation=-1)], SYMBOLS, MINUTE, START, 9, seed=1)),
        (BadVenues, lambda: several_venues([VenueModel(name="x", half_life_ms=0)], SYMBOLS, MINUTE, START, 9, seed=1)),
        (BadModel, lambda: several_venues([FAR], SYMBOLS, MINUTE, START, 1, seed=1)),
        (BadModel, lambda: model_bars(SYMBOLS, MINUTE, START, 9, seed=1, temper=Temper(jumps_daily=-1))),
        (BadModel, lambda: model_bars(SYMBOLS, MINUTE, START, 9, seed=1, temper=Temper(volatility={"x": 0}))),
    ],
)
def test_what_makes_no_sense_is_refused(error: type[Exception], make: Callable[[], object]) -> None:
    with pytest.raises(error):
        make()
