"""What a simulated venue charges and fills: prices in ticks, quantities in steps, money in units of its asset.

Written in the step vocabulary, so the backtest kernel, the live account and the simulated venue compute the same
integers. Rates are parts per million, slippage is in basis points; entries that would carry an amount past 2^53 are refused.
"""

from __future__ import annotations

from tradepool.core.compiler.vocabulary import floor_div

MILLION = 1_000_000
BASIS = 10_000
# An amount below it times a rate of at most a million parts, and a half more, stays inside 64 bits.
AT_ONCE_MAX = 9_000_000_000_000


def market_buy_price(ticks: int, slippage_bp: int) -> int:
    """Price a market buy pays at a price of `ticks`: slippage up, rounded outward to a tick.

    >>> market_buy_price(10_000, 1), market_buy_price(10_001, 1)
    (10001, 10003)
    """
    return floor_div(ticks * (BASIS + slippage_bp) + BASIS - 1, BASIS)


def market_sell_price(ticks: int, slippage_bp: int) -> int:
    """Price a market sell gets at a price of `ticks`: slippage down, rounded outward to a tick, at least one tick.

    >>> market_sell_price(10_000, 1), market_sell_price(10_001, 1), market_sell_price(1, 1)
    (9999, 9999, 1)
    """
    price = floor_div(ticks * (BASIS - slippage_bp), BASIS)
    return price if price > 1 else 1


def per_million(amount: int, parts: int, extra: int) -> int:
    """floor((amount * parts + extra) / 1,000,000) of amounts below 2^53 and at most a million parts, exactly.

    >>> per_million(3_000_000, 500_000, 0), per_million(9_007_199_254_740_991, 1_000_000, 0)
    (1500000, 9007199254740991)
    """
    if amount < AT_ONCE_MAX:
        return floor_div(amount * parts + extra, MILLION)
    whole = floor_div(amount, MILLION)
    return whole * parts + floor_div((amount - whole * MILLION) * parts + extra, MILLION)


def fee_units(amount: int, rate_ppm: int) -> int:
    """Fee on an amount of units at a rate, rounded half up to the unit.

    >>> fee_units(1_500, 1_000), fee_units(1_499, 1_000)
    (2, 1)
    """
    return per_million(amount, rate_ppm, 500_000)


def share_units(amount: int, share_ppm: int) -> int:
    """A share of an amount, rounded down.

    >>> share_units(2_000_001, 500_000)
    1000000
    """
    return per_million(amount, share_ppm, 0)
