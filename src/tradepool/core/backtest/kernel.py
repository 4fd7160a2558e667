"""The backtest's own part of the fused loop: the clock of a bar for one position, in the step vocabulary.

Bar i: what was decided at the close before is done at this open, then resting stops and targets meet the bar, worst
case first (long: open, low, high; short: open, high, low), then the market part sees bar i, then the account part
decides at its close. A bar after which none follows decides nothing: there is no open to act on.

The usual bar, flat without an edge or held with nothing reached, is a few comparisons; all else is behind them.
"""

from __future__ import annotations

from tradepool.core.account.account_step import (
    ALL_PPM,
    BELOW_MINIMUM,
    BUY,
    CASH,
    DAILY_LOSS_PPM,
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
    FEE_IN_QUOTE,
    HOLDING,
    INSUFFICIENT_CASH,
    LONG,
    MAKER_PPM,
    NEXT_TARGET,
    NOTHING,
    NOTIONAL_MIN,
    REFUSAL,
    REFUSALS_MAX,
    RELEVEL,
    RESTING,
    SELL,
    SHORT,
    SHORTS,
    SIDE,
    SIGNAL_EXIT,
    SLIPPAGE_BP,
    SMALLEST_SELL,
    STOP,
    STOP_HIT,
    TAKER_PPM,
    TARGET,
    TARGET_HIT,
    TARGET_PPM,
    TARGETS,
    TRADES_MAX,
    TRAILED,
    TRAILING_HIT,
    TURN,
    UNITS_PER_STEP,
    UNITS_PER_TICK_STEP,
    UNSELLABLE,
    WISH,
    WISH_SIDE,
    WISH_STEPS,
    WISH_TIME,
    book_entry,
    book_exit,
    cash_is_there,
    decide_entry,
    decide_held,
    decide_targets,
    first_distance,
    profit,
    relevel,
    sellable_steps,
    side_of,
    size_entry,
    start_of_day,
    stop_rests,
    target_steps,
    worth,
)
from tradepool.core.graph.vocabulary import Ints, divide, floor_div, maximum, round_to_int, to_float
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
    steps = sellable_steps(slot, terms)
    ticks = taker_price(-side_of(slot), price, terms)
    fee = fee_units(steps * ticks * terms[UNITS_PER_TICK_STEP], terms[TAKER_PPM])
    if book_exit(wallet, slot, terms, ticks, steps, fee, time_ms, reason):
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
    if sellable_steps(slot, terms) * price * terms[UNITS_PER_TICK_STEP] < terms[NOTIONAL_MIN]:
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
    """Rest the stop; one the price has already passed is refused by the venue and closed at market instead."""
    slot[RESTING] = 0
    if sellable_steps(slot, terms) * slot[STOP] * terms[UNITS_PER_TICK_STEP] < terms[NOTIONAL_MIN]:
        slot[UNSELLABLE] = 1
        refuse(terms, refusals, counts, time_ms, BELOW_MINIMUM)
    elif side_of(slot) * (slot[STOP] - price) >= 0:
        close_all(wallet, slot, terms, trades, refusals, counts, price, time_ms, reason)
    else:
        stop_rests(slot)


def enter(
    wallet: Ints, slot: Ints, terms: Ints, trades: Ints, refusals: Ints, counts: Ints, price: int, time_ms: int
) -> None:
    """A market order for the wished steps, then its stop."""
    steps = slot[WISH_STEPS]
    ticks = taker_price(slot[WISH_SIDE] if SHORTS == 1 else LONG, price, terms)
    cost = steps * ticks * terms[UNITS_PER_TICK_STEP]
    fee = fee_units(cost if terms[FEE_IN_QUOTE] == 1 else steps * terms[UNITS_PER_STEP], terms[TAKER_PPM])
    if steps * price * terms[UNITS_PER_TICK_STEP] < terms[NOTIONAL_MIN]:
        refuse(terms, refusals, counts, time_ms, BELOW_MINIMUM)
    elif cost + fee * terms[FEE_IN_QUOTE] > wallet[CASH]:
        refuse(terms, refusals, counts, time_ms, INSUFFICIENT_CASH)
    else:
        book_entry(wallet, slot, terms, ticks, steps, fee, time_ms)
        if slot[STOP] > 0:
            place_stop(wallet, slot, terms, trades, refusals, counts, price, time_ms, STOP_HIT)


def act_at_open(wallet: Ints, slot: Ints, terms: Ints, trades: Ints, refusals: Ints, counts: Ints, price: int) -> None:
    """Do what was decided at the close before, at its T; its orders fill at this open. A turn is an exit, then an entry."""
    wish = slot[WISH]
    time_ms = slot[WISH_TIME]
    slot[WISH] = NOTHING
    if wish == RELEVEL:
        reason = relevel(slot)
        place_stop(wallet, slot, terms, trades, refusals, counts, price, time_ms, reason)
    if wish == SELL or wish == TURN:
        slot[RESTING] = 0
        close_all(wallet, slot, terms, trades, refusals, counts, price, time_ms, SIGNAL_EXIT)
    if wish == BUY:
        enter(wallet, slot, terms, trades, refusals, counts, price, time_ms)
    if SHORTS == 1 and wish == TURN and slot[HOLDING] == 0:
        if cash_is_there(wallet, slot, terms):
            enter(wallet, slot, terms, trades, refusals, counts, price, time_ms)
        else:
            refuse(terms, refusals, counts, time_ms, INSUFFICIENT_CASH)


def meet_stop(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    trades: Ints,
    counts: Ints,
    open_: int,
    worst: int,
    open_time: int,
    later: int,
) -> None:
    """A resting stop meets the bar: already passed at the open it fills there, else at its own level on the way."""
    side = side_of(slot)
    if slot[RESTING] == 1 and side * (worst - slot[STOP]) <= 0:
        reason = TRAILING_HIT if slot[TRAILED] == 1 else STOP_HIT
        passed = side * (open_ - slot[STOP]) <= 0
        price = open_ if passed else slot[STOP]
        fill_exit(wallet, slot, terms, trades, counts, price, open_time if passed else later, reason)


def meet_target(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    reached: int,
    time_ms: int,
) -> None:
    """A target that was reached fills at its level: a resting limit, so at the maker's fee and without slippage.

    A first target whose part or rest is too small is left to what comes next.
    """
    level = slot[TARGET]
    if level > 0 and side_of(slot) * (reached - level) >= 0:
        steps = target_steps(slot, terms)
        whole = slot[TARGET_PPM] == ALL_PPM
        slot[TARGET] = slot[NEXT_TARGET]
        slot[NEXT_TARGET] = 0
        slot[TARGET_PPM] = ALL_PPM
        amount = steps * level * terms[UNITS_PER_TICK_STEP]
        if whole and amount < terms[SMALLEST_SELL]:
            slot[UNSELLABLE] = 1
            refuse(terms, refusals, counts, time_ms, BELOW_MINIMUM)
        elif steps > 0:
            fee = fee_units(amount, terms[MAKER_PPM])
            if book_exit(wallet, slot, terms, level, steps, fee, time_ms, TARGET_HIT):
                close_trade(wallet, slot, terms, trades, counts)


def meet_bar(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    open_: int,
    worst: int,
    best: int,
    open_time: int,
    timeframe_ms: int,
) -> None:
    """The stop and the targets of a position meet a bar: at its open, on its way to the worst price, then to the best."""
    if TARGETS == 1:
        meet_target(wallet, slot, terms, trades, refusals, counts, open_, open_time)
        meet_target(wallet, slot, terms, trades, refusals, counts, open_, open_time)
    meet_stop(wallet, slot, terms, trades, counts, open_, worst, open_time, open_time + floor_div(timeframe_ms, 4))
    if TARGETS == 1:
        later = open_time + floor_div(timeframe_ms, 2)
        meet_target(wallet, slot, terms, trades, refusals, counts, best, later)
        meet_target(wallet, slot, terms, trades, refusals, counts, best, later)


def open_bar(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    scale: float,
    open_: float,
    high: float,
    low: float,
    open_time: int,
    timeframe_ms: int,
) -> None:
    """Everything that happens to the position from this bar's open on, before the market part sees the bar."""
    if slot[WISH] != NOTHING:
        act_at_open(wallet, slot, terms, trades, refusals, counts, round_to_int(open_ * scale))
    if slot[RESTING] == 1 or (TARGETS == 1 and slot[TARGET] > 0):
        short = SHORTS == 1 and slot[SIDE] == SHORT
        worst = round_to_int((high if short else low) * scale)
        best = round_to_int((low if short else high) * scale)
        side = side_of(slot)
        stopped = slot[RESTING] == 1 and side * (worst - slot[STOP]) <= 0
        if stopped or (TARGETS == 1 and slot[TARGET] > 0 and side * (best - slot[TARGET]) >= 0):
            first = round_to_int(open_ * scale)
            meet_bar(wallet, slot, terms, trades, refusals, counts, first, worst, best, open_time, timeframe_ms)


def equity_at(wallet: Ints, slot: Ints, terms: Ints, close_ticks: int) -> int:
    """Cash and the position's worth at a close, in quote units."""
    return wallet[CASH] + worth(slot[HOLDING], close_ticks, terms) if slot[HOLDING] != 0 else wallet[CASH]


def wish_entry(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    refusals: Ints,
    counts: Ints,
    scale: float,
    exposure: float,
    stop: float,
    first_target: float,
    second_target: float,
    target_share: float,
    close: float,
    time_ms: int,
) -> None:
    """Size an entry, on a flat slot or on one that is closed at the same T: then its cash is asked for after that."""
    equity = equity_at(wallet, slot, terms, round_to_int(close * scale))
    side = SHORT if SHORTS == 1 and exposure < 0.0 else LONG
    turns = SHORTS == 1 and slot[HOLDING] != 0
    if turns:
        steps = size_entry(wallet, slot, terms, scale, equity, close, stop, side)
    else:
        steps = decide_entry(wallet, slot, terms, scale, equity, close, stop, side)
    if steps > 0:
        slot[WISH] = TURN if turns else BUY
        slot[WISH_TIME] = time_ms
        slot[WISH_STEPS] = steps
        if TARGETS == 1:
            decide_targets(slot, scale, first_target, second_target, target_share)
    else:
        refuse(terms, refusals, counts, time_ms, slot[REFUSAL])


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
    first_target: float,
    second_target: float,
    target_share: float,
    high: float,
    low: float,
    close: float,
    time_ms: int,
) -> None:
    """The account part at the close of a bar: what to do at the next open."""
    if terms[DAILY_LOSS_PPM] > 0 and floor_div(time_ms, DAY_MS) != wallet[DAY]:
        start_of_day(wallet, equity_at(wallet, slot, terms, round_to_int(close * scale)), time_ms)
    if slot[HOLDING] != 0:
        best = low if SHORTS == 1 and slot[SIDE] == SHORT else high
        wish = decide_held(slot, terms, scale, exposure, best, close, trail_distance, trail_step)
        if wish != NOTHING:
            slot[WISH] = wish
            slot[WISH_TIME] = time_ms
    if exposure != previous_exposure and exposure != 0.0:
        if slot[HOLDING] == 0 or (SHORTS == 1 and slot[WISH] == SELL):
            distance = first_distance(stop_distance, trail_distance)
            wish_entry(
                wallet,
                slot,
                terms,
                refusals,
                counts,
                scale,
                exposure,
                distance,
                first_target,
                second_target,
                target_share,
                close,
                time_ms,
            )
