"""The market that a candle file stands for: its grid follows from the prices, a TOML file may say otherwise."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tradepool.adapters.candle_files.errors import BadMarketFile, PriceBelowTick, PriceTooLarge, UnknownMarketKey
from tradepool.adapters.candle_files.name import SeriesName
from tradepool.core.market.bars import PRICE_COLUMNS, Bars
from tradepool.domain.errors import MoneyTooLarge, OffGrid
from tradepool.domain.market import EXACT_MAX, UNIT, FeeSchedule, Market, unit_for
from tradepool.runtime.config import nearest

STEP_WORTH_MAX = Decimal("0.10")
# So that a tick of the cheapest coin still has fewer digits than a price on the wire may have.
STEP_MAX = Decimal(10**9)
NOTIONAL_MIN = Decimal(5)
FEE_RATE = Decimal("0.001")
MILLION = 1_000_000
# Products of two such numbers are exact, and their counts of units finite.
DIGITS_MAX, EXPONENTS = 14, range(-20, 10)
KEYS = ("price_tick", "quantity_step", "quantity_min", "notional_min", "maker_rate", "taker_rate")
# Sums and products of floats miss the decimal that was meant by a few last places; those are not decimals of a price.
NOISE_ULPS = 4.0


def read_market_file(file: Path) -> dict[str, Decimal]:
    """The keys of a market file (`--market FILE.toml`) as exact decimals.

    Errors: BadMarketFile when it cannot be read or a value is no number in range, UnknownMarketKey.
    """
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise BadMarketFile(file=file, why=error.strerror) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadMarketFile(file=file, why=str(error)) from error
    return {key: _market_value(file, key, value) for key, value in given.items()}


def _market_value(file: Path, key: str, value: object) -> Decimal:
    if key not in KEYS:
        raise UnknownMarketKey(file=file, key=key, hint=nearest(key, KEYS))
    try:
        number = Decimal(str(value))
    except ArithmeticError as error:
        raise BadMarketFile(file=file, why=f"{key} = {value!r} is not a number") from error
    digits = "".join(map(str, number.as_tuple().digits)).rstrip("0")
    if number and (number.adjusted() not in EXPONENTS or len(digits) > DIGITS_MAX):
        why = f"{key} = {value} must have at most {DIGITS_MAX} digits and lie between 1e-20 and 1e10"
        raise BadMarketFile(file=file, why=why)
    least_is_zero = key in ("notional_min", "maker_rate", "taker_rate")
    if not number.is_finite() or number < 0 or (number == 0 and not least_is_zero):
        raise BadMarketFile(
            file=file, why=f"{key} = {value} must be {'zero or more' if least_is_zero else 'above zero'}"
        )
    if key.endswith("_rate") and (number >= 1 or number * MILLION % 1):
        why = f"{key} = {value} is a share of the amount and must be below 1, in whole millionths"
        raise BadMarketFile(file=file, why=why)
    return number


def market_of(name: SeriesName, bars: Bars, chosen: Mapping[str, Decimal] | None = None) -> Market:
    """The market of bars with unrounded prices; `chosen` (a market file) goes before what follows from them.

    quantity_step is the power of ten worth at most 0.10 quote at the first close; price_tick is 10^-(most decimals
    in the series), but never so fine that price_tick x quantity_step falls below one unit of the quote (1e-8).
    Errors: those of Market, when a chosen grid is finer than the units of money.
    """
    chosen = chosen or {}
    step = chosen.get("quantity_step") or step_worth_at_most(STEP_WORTH_MAX, float(bars.close[0]))
    return Market(
        venue=name.venue,
        base=name.base,
        quote=name.quote,
        price_tick=chosen.get("price_tick") or _tick(bars, step),
        quantity_step=step,
        quantity_min=chosen.get("quantity_min", step),
        notional_min=chosen.get("notional_min", NOTIONAL_MIN),
        fees=FeeSchedule(maker_rate=chosen.get("maker_rate", FEE_RATE), taker_rate=chosen.get("taker_rate", FEE_RATE)),
        base_unit=unit_for(step),
    )


def check_market(market: Market, bars: Bars, file: Path, market_file: Path | None) -> None:
    """Refuse a market that no venue could list: backtest and replay take the same ones.

    Errors: BadMarketFile for minima off the grid or beyond 2^53 units, PriceTooLarge for prices beyond them.
    """
    for key, counted in (
        ("quantity_min", market.steps),
        ("quantity_min", market.base_units),
        ("notional_min", market.quote_units),
    ):
        try:
            counted(getattr(market, key))
        except (OffGrid, MoneyTooLarge) as error:
            raise BadMarketFile(file=market_file, why=f"{key}: {str(error).rpartition(';')[0]}") from error
    price = float(bars.high.max())
    if Decimal(repr(price)) / market.price_tick * market.units_per_tick_step >= EXACT_MAX:
        raise PriceTooLarge(
            file=file, price=price, step=market.quantity_step, base=market.base, unit=market.quote_unit, quote=market.quote
        )  # fmt: skip


def step_worth_at_most(worth: Decimal, price: float) -> Decimal:
    """The greatest power of ten of the base that costs at most `worth` at `price`, but no less than one unit (1e-8).

    Of coins that cost next to nothing a step is no more than 1e9.

    >>> step_worth_at_most(Decimal("0.10"), 60_000.0), step_worth_at_most(Decimal("0.10"), 0.1)
    (Decimal('0.000001'), Decimal('1'))
    """
    return min(STEP_MAX, max(UNIT, power_of_ten((worth / Decimal(repr(price))).adjusted())))


def power_of_ten(exponent: int) -> Decimal:
    """10^exponent, exactly.

    >>> power_of_ten(-2), power_of_ten(3)
    (Decimal('0.01'), Decimal('1000'))
    """
    return Decimal(10) ** exponent


def _tick(bars: Bars, step: Decimal) -> Decimal:
    """10^-(most decimals), ended where tick x step would be finer than one unit of the quote."""
    limit = _decimals(UNIT) - _decimals(step)
    most = most_decimals([getattr(bars, name) for name in PRICE_COLUMNS], limit)
    return power_of_ten(-min(most, limit))


def _decimals(number: Decimal) -> int:
    """Digits after the point; negative for a multiple of ten: 0.050 -> 2, 1000 -> -3."""
    exponent = number.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent


def most_decimals(columns: list[NDArray[np.float64]], limit: int) -> int:
    """Most digits after the point that any price has when written shortest; the search ends at `limit`.

    A price has at most n decimals when it is the float nearest to a whole number of 10^-n, give or take the last
    places that arithmetic may have cost. A hundred prices settle most columns before all are looked at.

    >>> most_decimals([np.array([1.5, 0.1 + 0.2, 2.0])], 8), most_decimals([np.array([1.23456])], 3)
    (1, 3)
    """
    decimals = 0
    for column in columns:
        left = column
        while decimals < limit:
            left = left[_has_more_decimals(left, decimals)]
            if not len(left):
                break
            decimals += 1
    return decimals


def _has_more_decimals(prices: NDArray[np.float64], decimals: int) -> NDArray[np.bool_]:
    scale = 10.0**decimals
    missed: NDArray[np.bool_] = np.abs(np.rint(prices * scale) / scale - prices) > NOISE_ULPS * np.spacing(prices)
    return missed


def rounded_to_tick(bars: Bars, tick: Decimal, file: Path) -> Bars:
    """The bars with every price on the nearest tick, as the float nearest to that decimal; volume as it was.

    Errors: PriceBelowTick when a price would round to zero.
    """
    # tick = whole / scale with both exact in a float, so one division gives the correctly rounded decimal.
    decimals = max(0, _decimals(tick))
    scale, whole = 10.0**decimals, float(tick.scaleb(decimals))
    prices = [np.rint(getattr(bars, name) * scale / whole) * whole / scale for name in PRICE_COLUMNS]
    if min(float(column.min()) for column in prices) <= 0:
        raise PriceBelowTick(file=file, tick=tick)
    return Bars(bars.timeframe_ms, bars.open_time, *[*prices, bars.volume])
