"""Several venues of one world: their prices follow the same market and differ from each other, and return.

Each venue's price is the common path times exp(d), its own deviation d: normal, reverting to zero with a half-life
(an Ornstein-Uhlenbeck process, sampled at every inner step, so that candles have no jump between them). `OneClock` lets
the venues' time pass together. The same arguments give the same bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from tradepool.domain.errors import InvalidInput
from tradepool.simexchange.liquidity import Depth
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.market_model import (
    EVEN,
    INNER_STEPS,
    Floats,
    Temper,
    make_path,
    make_weather,
    model_market,
    path_bars,
)
from tradepool.simexchange.venue import Venue


class BadVenues(InvalidInput):
    """The venues can't be made: {why}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueModel:
    """How one venue differs. `deviation` is the standard deviation of its log price from the common one.

    Without `depth` its book has no end and costs `slippage_bp`; with it the book has a spread and an end.
    """

    name: str
    deviation: float = 0.000_5
    half_life_ms: int = 600_000
    slippage_bp: int = 1
    depth: Depth | None = None


def several_venues(
    models: Sequence[VenueModel], symbols: Sequence[str], timeframe_ms: int, start_ms: int, count: int, seed: int,
    temper: Temper = EVEN,
) -> dict[str, Venue]:  # fmt: skip
    """A venue of each model by its name, all with the same symbols and times; BadVenues, BadModel."""
    names = [model.name for model in models]
    if len(set(names)) < len(names) or not names:
        raise BadVenues(why=f"names {names}; give each of one or more venues a name of its own")
    listings = {name: list[Listing]() for name in names}
    weather = make_weather(timeframe_ms, count, seed, 0.0, temper)
    for symbol in symbols:
        rng = np.random.Generator(np.random.PCG64([seed, 1, zlib.crc32(symbol.encode())]))
        common = make_path(symbol, weather, seed, 0.0, temper, rng)
        for model in models:
            own = np.random.Generator(
                np.random.PCG64([seed, 4, *(zlib.crc32(x.encode()) for x in (model.name, symbol))])
            )
            path = replace(common, log_price=common.log_price + _deviations(model, timeframe_ms, count, own))
            bars = path_bars(symbol, path, weather, start_ms, own)
            listings[model.name].append(Listing(replace(model_market(symbol), venue=model.name), bars))
    return {model.name: Venue(listings[model.name], model.slippage_bp, depth=model.depth) for model in models}


def _deviations(model: VenueModel, timeframe_ms: int, count: int, rng: np.random.Generator) -> Floats:
    """Log deviations at each inner step, shape (bars, INNER_STEPS + 1); a bar begins where the one before it ended."""
    if model.deviation < 0 or model.half_life_ms <= 0:
        raise BadVenues(why=f"{model}; give a deviation of 0 or more and a half-life above 0")
    keep = 0.5 ** (timeframe_ms / INNER_STEPS / model.half_life_ms)
    dice = model.deviation * rng.standard_normal(count * INNER_STEPS + 1)
    dice[1:] *= np.sqrt(1 - keep**2)
    line = np.fromiter(accumulate(dice.tolist(), lambda before, new: keep * before + new), np.float64, len(dice))
    return np.concatenate([line[:-1].reshape(count, INNER_STEPS), line[INNER_STEPS::INNER_STEPS, None]], axis=1)


class OneClock:
    """Lets several venues' time pass together: whichever has the next thing to do goes on, in the given order."""

    def __init__(self, venues: Mapping[str, Venue]) -> None:
        """All venues are at the earliest of their beginnings."""
        self.venues = venues

    @property
    def now_ms(self) -> int:
        """Virtual time: no venue is further, none has left anything before it undone."""
        return max(venue.now_ms for venue in self.venues.values())

    def next_time_ms(self) -> int | None:
        """When the next thing happens at any venue; None at the end of all candles."""
        times = (venue.next_time_ms() for venue in self.venues.values())
        return min((time for time in times if time is not None), default=None)

    def step(self) -> bool:
        """On to the next moment at which anybody can see something at any venue; False at the end of all candles.

        Everything due at that moment is done at every venue, and every frame is with its connection.
        """
        seen = self._published()
        while (time_ms := self.next_time_ms()) is not None:
            for venue in self.venues.values():
                venue.run_until(time_ms)
            if self._published() > seen:
                return True
        return False

    def _published(self) -> int:
        return sum(venue.published for venue in self.venues.values())
