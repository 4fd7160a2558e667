"""What a backtest's venue does with an order, and what is recorded of it: fills, trades, refusals, sums, in the step vocabulary."""

from __future__ import annotations

from tradepool.core.account.account_step import (
    BELOW_MINIMUM,
    CASH,
    ENTRY_COST,
    ENTRY_FEE,
    ENTRY_STEPS,
    ENTRY_TIME,
    EXIT_FEE,
    EXIT_PROCEEDS,
    EXIT_REASON,
    EXIT_STEPS,
    EXIT_TIME,
    FEE_IN_QUOTE,
    INSUFFICIENT_CASH,
    LONG,
    MAKER_PPM,
    NEXT_TARGET,
    NOTIONAL_MIN,
    PART,
    PRICE_RAN,
    REFUSALS_MAX,
    RESTING,
    SHORTS,
    SLIPPAGE_BP,
    SMALLEST_SELL,
    STEPS,
    STOP,
    STOP_HIT,
    TAKER_PPM,
    TARGET,
    TARGET_HIT,
    TARGETS,
    TRADES_MAX,
    UNITS_PER_STEP,
    UNITS_PER_TICK_STEP,
    UNSELLABLE,
    WISH_COST,
    WISH_SIDE,
    WISH_STEPS,
    entry_limit,
    side_of,
    stop_rests,
)
from tradepool.core.account.booking import book_entry, book_exit, next_target, profit
from tradepool.core.compiler.vocabulary import Ints, divide, floor_div, maximum, minimum, round_to_int, to_float
from tradepool.core.matching.bar_fill import fee_units, market_buy_price, market_sell_price

# counts: rows each record would have without its limit, and sums over the closed trades (quote units, but for base fees).
# CASH_PEAK starts as the cash at the start; the deepest fall from it is seen at the closes of trades.
TRADES = 0
REFUSALS = 1
WINS = 2
GROSS_PROFIT = 3
GROSS_LOSS = 4
FEES_QUOTE = 5
FEES_BASE = 6
CASH_PEAK = 7
DRAWDOWN_PPM = 8
COUNTS_SIZE = 9

# a row of the trades record: the slot's round trip
TRADE_SIZE = 10

# a row of the refusals record
REFUSAL_TIME = 0
REFUSAL_CODE = 1
REFUSAL_SIZE = 2


def refuse(terms: Ints, refusals: Ints, counts: Ints, time_ms: int, code: int) -> None:
    """Count a wish that was refused, and record it if there is room."""
    if counts[REFUSALS] < terms[REFUSALS_MAX]:
        row = counts[REFUSALS] * REFUSAL_SIZE
        refusals[row + REFUSAL_TIME] = time_ms
        refusals[row + REFUSAL_CODE] = code
    counts[REFUSALS] += 1


def record_trade(slot: Ints, terms: Ints, trades: Ints, row: int) -> None:
    """Record the round trip that has just closed, in the order of `RoundTrip`."""
    trades[row] = slot[ENTRY_TIME]
    trades[row + 1] = slot[ENTRY_STEPS]
    trades[row + 2] = slot[ENTRY_COST]
    trades[row + 3] = slot[ENTRY_FEE]
    trades[row + 4] = slot[EXIT_TIME]
    trades[row + 5] = slot[EXIT_STEPS]
    trades[row + 6] = slot[EXIT_PROCEEDS]
    trades[row + 7] = slot[EXIT_FEE]
    trades[row + 8] = slot[EXIT_REASON]
    trades[row + 9] = side_of(slot)


def close_trade(wallet: Ints, slot: Ints, terms: Ints, trades: Ints, counts: Ints) -> None:
    """Count the round trip that has just closed, and record it if there is room."""
    if counts[TRADES] < terms[TRADES_MAX]:
        record_trade(slot, terms, trades, counts[TRADES] * TRADE_SIZE)
    counts[TRADES] += 1
    gained = profit(slot, terms)
    if gained > 0:
        counts[WINS] += 1
        counts[GROSS_PROFIT] += gained
    else:
        counts[GROSS_LOSS] -= gained
    counts[FEES_QUOTE] += slot[EXIT_FEE] + slot[ENTRY_FEE] * terms[FEE_IN_QUOTE]
    counts[FEES_BASE] += slot[ENTRY_FEE] - slot[ENTRY_FEE] * terms[FEE_IN_QUOTE]
    fall = counts[CASH_PEAK] - wallet[CASH]
    if fall <= 0:
        counts[CASH_PEAK] = wallet[CASH]
    else:
        share = divide(to_float(fall), to_float(counts[CASH_PEAK])) * 1_000_000.0
        counts[DRAWDOWN_PPM] = maximum(counts[DRAWDOWN_PPM], round_to_int(share))


def fill_exit(
    wallet: Ints, slot: Ints, terms: Ints, trades: Ints, counts: Ints, price: int, time_ms: int, reason: int
) -> None:
    """The whole position is closed at a price, at the cost of slippage."""
    steps = slot[STEPS]
    ticks = taker_price(-side_of(slot), price, terms)
    fee = fee_units(steps * ticks * terms[UNITS_PER_TICK_STEP], terms[TAKER_PPM])
    if book_exit(wallet, slot, terms, ticks, steps, fee, time_ms, reason):
        close_trade(wallet, slot, terms, trades, counts)


def fill_part(wallet: Ints, slot: Ints, terms: Ints, price: int, time_ms: int, reason: int) -> None:
    """The part that has a target of its own is closed at a price, at the cost of slippage; the rest waits for the next."""
    steps = slot[PART]
    ticks = taker_price(-side_of(slot), price, terms)
    fee = fee_units(steps * ticks * terms[UNITS_PER_TICK_STEP], terms[TAKER_PPM])
    book_exit(wallet, slot, terms, ticks, steps, fee, time_ms, reason)
    next_target(slot)


def fill_stop(
    wallet: Ints, slot: Ints, terms: Ints, trades: Ints, counts: Ints, price: int, time_ms: int, reason: int
) -> None:
    """The stop was hit: a part with a target of its own is protected by an order of its own, with a fee of its own."""
    if TARGETS == 1 and slot[PART] > 0:
        fill_part(wallet, slot, terms, price, time_ms, reason)
    fill_exit(wallet, slot, terms, trades, counts, price, time_ms, reason)


def fill_target(
    wallet: Ints, slot: Ints, terms: Ints, trades: Ints, refusals: Ints, counts: Ints, time_ms: int
) -> None:
    """The next target is met: a resting limit, so at its level, at the maker's fee and without slippage."""
    ticks = slot[TARGET]
    steps = slot[PART] if slot[PART] > 0 else slot[STEPS]
    amount = steps * ticks * terms[UNITS_PER_TICK_STEP]
    next_target(slot)
    if amount < terms[SMALLEST_SELL]:
        slot[UNSELLABLE] = 1
        refuse(terms, refusals, counts, time_ms, BELOW_MINIMUM)
    elif book_exit(wallet, slot, terms, ticks, steps, fee_units(amount, terms[MAKER_PPM]), time_ms, TARGET_HIT):
        close_trade(wallet, slot, terms, trades, counts)


def taker_price(side: int, price: int, terms: Ints) -> int:
    """What an order that takes pays (side 1) or gets (side -1) at a price."""
    if side == LONG:
        return market_buy_price(price, terms[SLIPPAGE_BP])
    return market_sell_price(price, terms[SLIPPAGE_BP])


def close_all(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    price: int,
    time_ms: int,
    reason: int,
) -> None:
    """A market order that closes the position at a price: the venue takes it, or refuses it as too small."""
    if slot[STEPS] * price * terms[UNITS_PER_TICK_STEP] < terms[NOTIONAL_MIN]:
        slot[UNSELLABLE] = 1
        refuse(terms, refusals, counts, time_ms, BELOW_MINIMUM)
    else:
        fill_exit(wallet, slot, terms, trades, counts, price, time_ms, reason)


def place_stop(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    price: int,
    time_ms: int,
    reason: int,
) -> None:
    """Rest the stop and the targets; what the price has already passed is refused by the venue and closed at market."""
    slot[RESTING] = 0
    if slot[STEPS] * slot[STOP] * terms[UNITS_PER_TICK_STEP] < terms[NOTIONAL_MIN]:
        slot[UNSELLABLE] = 1
        refuse(terms, refusals, counts, time_ms, BELOW_MINIMUM)
    elif side_of(slot) * (slot[STOP] - price) >= 0:
        close_all(wallet, slot, terms, trades, refusals, counts, price, time_ms, reason)
    else:
        stop_rests(slot)
        if TARGETS == 1 and slot[TARGET] > 0 and side_of(slot) * (price - slot[TARGET]) >= 0:
            pass_target(wallet, slot, terms, trades, refusals, counts, price, time_ms)


def pass_target(
    wallet: Ints, slot: Ints, terms: Ints, trades: Ints, refusals: Ints, counts: Ints, price: int, time_ms: int
) -> None:
    """Close at market what has a target that the price has already passed: a part, or all of it in one order."""
    after = slot[NEXT_TARGET]
    if slot[PART] == 0 or (after > 0 and side_of(slot) * (price - after) >= 0):
        slot[RESTING] = 0
        close_all(wallet, slot, terms, trades, refusals, counts, price, time_ms, TARGET_HIT)
    else:
        fill_part(wallet, slot, terms, price, time_ms, TARGET_HIT)


def fill_entry(wallet: Ints, slot: Ints, terms: Ints, refusals: Ints, counts: Ints, price: int, time_ms: int) -> None:
    """An order for the wished steps: the venue takes it, or refuses it as too small or not paid for; one with a limit that
    the price has left behind buys nothing. What it takes costs slippage, but never more than its limit."""
    steps = slot[WISH_STEPS]
    side = slot[WISH_SIDE] if SHORTS == 1 else LONG
    ticks = taker_price(side, price, terms)
    # What it was sized at is in what it was to cost.
    limit = entry_limit(terms, floor_div(slot[WISH_COST], steps * terms[UNITS_PER_TICK_STEP]), side)
    if limit > 0:
        ticks = side * minimum(side * ticks, side * limit)
    asked = limit if limit > 0 else price
    cost = steps * ticks * terms[UNITS_PER_TICK_STEP]
    fee = fee_units(cost if terms[FEE_IN_QUOTE] == 1 else steps * terms[UNITS_PER_STEP], terms[TAKER_PPM])
    if steps * asked * terms[UNITS_PER_TICK_STEP] < terms[NOTIONAL_MIN]:
        refuse(terms, refusals, counts, time_ms, BELOW_MINIMUM)
    elif limit > 0 and side * (price - limit) > 0:
        refuse(terms, refusals, counts, time_ms, PRICE_RAN)
    elif cost + fee * terms[FEE_IN_QUOTE] > wallet[CASH]:
        refuse(terms, refusals, counts, time_ms, INSUFFICIENT_CASH)
    else:
        book_entry(wallet, slot, terms, ticks, steps, fee, time_ms)


def place_first_stop(
    wallet: Ints, slot: Ints, terms: Ints, trades: Ints, refusals: Ints, counts: Ints, price: int, time_ms: int
) -> None:
    """The stop of an entry that was filled at this price's open; what is flat has none."""
    if slot[STOP] > 0:
        place_stop(wallet, slot, terms, trades, refusals, counts, price, time_ms, STOP_HIT)


def enter(
    wallet: Ints, slot: Ints, terms: Ints, trades: Ints, refusals: Ints, counts: Ints, price: int, time_ms: int
) -> None:
    """The order for the wished steps, then its stop."""
    fill_entry(wallet, slot, terms, refusals, counts, price, time_ms)
    place_first_stop(wallet, slot, terms, trades, refusals, counts, price, time_ms)
