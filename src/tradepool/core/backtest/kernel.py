"""The backtest's own part of the fused loop: the clock of a bar for one position, in the step vocabulary.

Bar i: what was decided at the close before is done at this open, then resting stops meet the bar (open, then low),
then the market part sees bar i, then the account part decides at its close. A bar after which none follows decides
nothing: there is no open to act on.
"""

from __future__ import annotations

from tradepool.core.account.account_step import (
    BELOW_MINIMUM,
    BUY,
    CASH,
    DAY,
    DAY_MS,
    ENTRY_COST,
    ENTRY_FEE,
    ENTRY_STEPS,
    ENTRY_TIME,
    EXIT_FEE,
    EXIT_PROCEEDS,
    EXIT_REASON,
    EXIT_STEPS,
    EXIT_TIME,
    HOLDING,
    INSUFFICIENT_CASH,
    NOTHING,
    NOTIONAL_MIN,
    REFUSAL,
    RELEVEL,
    RESTING,
    SELL,
    SIGNAL_EXIT,
    SLIPPAGE_BP,
    STOP,
    STOP_HIT,
    TAKER_PPM,
    TRAILED,
    TRAILING_HIT,
    UNITS_PER_STEP,
    UNITS_PER_TICK_STEP,
    UNSELLABLE,
    WISH,
    WISH_STEPS,
    WISH_TIME,
    book_buy,
    book_sell,
    decide_entry,
    decide_held,
    first_distance,
    relevel,
    sellable_steps,
    start_of_day,
    stop_rests,
    worth,
)
from tradepool.core.graph.vocabulary import Ints, floor_div, round_to_int
from tradepool.core.matching.bar_fill import fee_units, market_buy_price, market_sell_price

# counts: how many rows of each record are written
TRADES = 0
REFUSALS = 1
COUNTS_SIZE = 2

# a row of the trades record
TRADE_ENTRY_TIME = 0
TRADE_ENTRY_STEPS = 1
TRADE_ENTRY_COST = 2
TRADE_ENTRY_FEE = 3
TRADE_EXIT_TIME = 4
TRADE_EXIT_STEPS = 5
TRADE_EXIT_PROCEEDS = 6
TRADE_EXIT_FEE = 7
TRADE_EXIT_REASON = 8
TRADE_SIZE = 9

# a row of the refusals record
REFUSAL_TIME = 0
REFUSAL_CODE = 1
REFUSAL_SIZE = 2


def refuse(refusals: Ints, counts: Ints, time_ms: int, code: int) -> None:
    """Record that a wish was refused."""
    row = counts[REFUSALS] * REFUSAL_SIZE
    refusals[row + REFUSAL_TIME] = time_ms
    refusals[row + REFUSAL_CODE] = code
    counts[REFUSALS] += 1


def record_trade(slot: Ints, trades: Ints, counts: Ints) -> None:
    """Record the round trip that has just closed."""
    row = counts[TRADES] * TRADE_SIZE
    trades[row + TRADE_ENTRY_TIME] = slot[ENTRY_TIME]
    trades[row + TRADE_ENTRY_STEPS] = slot[ENTRY_STEPS]
    trades[row + TRADE_ENTRY_COST] = slot[ENTRY_COST]
    trades[row + TRADE_ENTRY_FEE] = slot[ENTRY_FEE]
    trades[row + TRADE_EXIT_TIME] = slot[EXIT_TIME]
    trades[row + TRADE_EXIT_STEPS] = slot[EXIT_STEPS]
    trades[row + TRADE_EXIT_PROCEEDS] = slot[EXIT_PROCEEDS]
    trades[row + TRADE_EXIT_FEE] = slot[EXIT_FEE]
    trades[row + TRADE_EXIT_REASON] = slot[EXIT_REASON]
    counts[TRADES] += 1


def fill_sell(
    wallet: Ints, slot: Ints, terms: Ints, trades: Ints, counts: Ints, price: int, time_ms: int, reason: int
) -> None:
    """The whole holding is sold at a price, less slippage."""
    steps = sellable_steps(slot, terms)
    ticks = market_sell_price(price, terms[SLIPPAGE_BP])
    fee = fee_units(steps * ticks * terms[UNITS_PER_TICK_STEP], terms[TAKER_PPM])
    if book_sell(wallet, slot, terms, ticks, steps, fee, time_ms, reason):
        record_trade(slot, trades, counts)


def sell_all(
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
    """A market sell of the whole holding at a price: the venue takes it, or refuses it as too small."""
    if sellable_steps(slot, terms) * price * terms[UNITS_PER_TICK_STEP] < terms[NOTIONAL_MIN]:
        slot[UNSELLABLE] = 1
        refuse(refusals, counts, time_ms, BELOW_MINIMUM)
    else:
        fill_sell(wallet, slot, terms, trades, counts, price, time_ms, reason)


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
    """Rest the stop; one the price has already passed is refused by the venue and sold at market instead."""
    slot[RESTING] = 0
    if sellable_steps(slot, terms) * slot[STOP] * terms[UNITS_PER_TICK_STEP] < terms[NOTIONAL_MIN]:
        slot[UNSELLABLE] = 1
        refuse(refusals, counts, time_ms, BELOW_MINIMUM)
    elif slot[STOP] >= price:
        sell_all(wallet, slot, terms, trades, refusals, counts, price, time_ms, reason)
    else:
        stop_rests(slot)


def buy(
    wallet: Ints, slot: Ints, terms: Ints, trades: Ints, refusals: Ints, counts: Ints, price: int, time_ms: int
) -> None:
    """A market buy of the wished steps, then its stop."""
    steps = slot[WISH_STEPS]
    ticks = market_buy_price(price, terms[SLIPPAGE_BP])
    if steps * price * terms[UNITS_PER_TICK_STEP] < terms[NOTIONAL_MIN]:
        refuse(refusals, counts, time_ms, BELOW_MINIMUM)
    elif steps * ticks * terms[UNITS_PER_TICK_STEP] > wallet[CASH]:
        refuse(refusals, counts, time_ms, INSUFFICIENT_CASH)
    else:
        fee = fee_units(steps * terms[UNITS_PER_STEP], terms[TAKER_PPM])
        book_buy(wallet, slot, terms, ticks, steps, fee, time_ms)
        if slot[STOP] > 0:
            place_stop(wallet, slot, terms, trades, refusals, counts, price, time_ms, STOP_HIT)


def act_at_open(wallet: Ints, slot: Ints, terms: Ints, trades: Ints, refusals: Ints, counts: Ints, price: int) -> None:
    """Do what was decided at the close before, at its T; its orders fill at this open."""
    wish = slot[WISH]
    time_ms = slot[WISH_TIME]
    slot[WISH] = NOTHING
    if wish == BUY:
        buy(wallet, slot, terms, trades, refusals, counts, price, time_ms)
    elif wish == SELL:
        slot[RESTING] = 0
        sell_all(wallet, slot, terms, trades, refusals, counts, price, time_ms, SIGNAL_EXIT)
    elif wish == RELEVEL:
        reason = relevel(slot)
        place_stop(wallet, slot, terms, trades, refusals, counts, price, time_ms, reason)


def meet_stop(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    trades: Ints,
    counts: Ints,
    open_: int,
    low: int,
    open_time: int,
    timeframe_ms: int,
) -> None:
    """A resting stop meets the bar: already passed at the open it fills there, else at its own level on the way down."""
    if slot[RESTING] == 1 and low <= slot[STOP]:
        reason = TRAILING_HIT if slot[TRAILED] == 1 else STOP_HIT
        if open_ <= slot[STOP]:
            fill_sell(wallet, slot, terms, trades, counts, open_, open_time, reason)
        else:
            fill_sell(wallet, slot, terms, trades, counts, slot[STOP], open_time + floor_div(timeframe_ms, 4), reason)


def open_bar(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    scale: float,
    open_: float,
    low: float,
    open_time: int,
    timeframe_ms: int,
) -> None:
    """Everything that happens to the position from this bar's open on, before the market part sees the bar."""
    if slot[WISH] != NOTHING:
        act_at_open(wallet, slot, terms, trades, refusals, counts, round_to_int(open_ * scale))
    if slot[RESTING] == 1:
        open_ticks = round_to_int(open_ * scale)
        low_ticks = round_to_int(low * scale)
        meet_stop(wallet, slot, terms, trades, counts, open_ticks, low_ticks, open_time, timeframe_ms)


def equity_at(wallet: Ints, slot: Ints, terms: Ints, close_ticks: int) -> int:
    """Cash and the position's worth at a close, in quote units."""
    return wallet[CASH] + worth(slot[HOLDING], close_ticks, terms) if slot[HOLDING] > 0 else wallet[CASH]


def decide(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    refusals: Ints,
    counts: Ints,
    scale: float,
    exposure: float,
    previous_exposure: float,
    stop_distance: float,
    trail_distance: float,
    trail_step: float,
    high: float,
    close: float,
    time_ms: int,
) -> None:
    """The account part at the close of a bar: what to do at the next open."""
    slot[WISH_TIME] = time_ms
    enters = exposure > 0.0 and previous_exposure == 0.0
    held = slot[HOLDING] > 0
    if enters or floor_div(time_ms, DAY_MS) != wallet[DAY]:
        equity = equity_at(wallet, slot, terms, round_to_int(close * scale))
        start_of_day(wallet, equity, time_ms)
        if enters and not held:
            distance = first_distance(stop_distance, trail_distance)
            steps = decide_entry(wallet, slot, terms, scale, equity, close, distance)
            if steps > 0:
                slot[WISH] = BUY
                slot[WISH_STEPS] = steps
            else:
                refuse(refusals, counts, time_ms, slot[REFUSAL])
    if held:
        slot[WISH] = decide_held(slot, terms, scale, exposure, high, close, trail_distance, trail_step)
