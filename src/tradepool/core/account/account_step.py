"""The account part of the one step: sizing, protections, targets, fees, minimum sells and limits, in whole numbers.

Written in the step vocabulary: plain Python runs it, the compiler makes it native, the backtest kernel and the live
account call the same functions. Rows are int64 arrays. `wallet` is a mandate's money, `slot` one position of it,
`terms` what its market and mandate fix. Prices are ticks, quantities steps, money units of its asset, rates parts per
million, times milliseconds UTC. A float enters only as a candle price or a distance of the market part.

A short is a negative holding. `side` is 1 or -1: a price times it grows in the position's favour, so one comparison
serves both sides. Only where fees are paid in quote (terms[FEE_IN_QUOTE] = 1) is a short held, and nothing is dust there.
"""

from __future__ import annotations

from tradepool.core.account.limit_step import narrowest, refused_by_limit, room
from tradepool.core.compiler.vocabulary import (
    Ints,
    ceil_to_int,
    floor_div,
    floor_to_int,
    maximum,
    minimum,
    multiply_divide,
    to_float,
)
from tradepool.core.matching.bar_fill import fee_units, share_units

# What a strategy may use. A backtest's program has 0 here for what its strategy never does: then it is compiled away.
SHORTS = 1
TARGETS = 1
BREAK_EVEN = 1
TIMED = 1

# wallet: the mandate's money
CASH = 0
RESERVED = 1
# 2, 3 and from 8 on: what limits remember (limit_step).
WALLET_SIZE = 21

# slot: one position; the ENTRY_* and EXIT_* fields are its round trip and stay readable until the next entry.
# STEPS are the whole steps of HOLDING that can be closed. TARGET is the next level to take profit at (0 = none), PART
# the steps that are closed there (0 = all of them): they are protected apart from the rest. BREAK_AT is the price from
# which on the stop is at the entry price, LEAVE_TIME the T at which the position has been held long enough (0 = none).
HOLDING = 0
DUST = 1
STOP = 2
RESTING = 3
TRAILED = 4
STOP_DISTANCE = 5
UNSELLABLE = 6
WISH = 7
WISH_STEPS = 8
NEXT_STOP = 9
REFUSAL = 10
ENTRY_TIME = 11
ENTRY_STEPS = 12
ENTRY_COST = 13
ENTRY_FEE = 14
EXIT_TIME = 15
EXIT_STEPS = 16
EXIT_PROCEEDS = 17
EXIT_FEE = 18
EXIT_REASON = 19
WISH_TIME = 20
SIDE = 21
WISH_SIDE = 22
WISH_COST = 23
TARGET = 24
NEXT_TARGET = 25
PART = 26
FIRST_DISTANCE = 27
SECOND_DISTANCE = 28
SHARE_PPM = 29
STEPS = 30
BREAK_DISTANCE = 31
BREAK_AT = 32
LEAVE_TIME = 33
WISH_LEAVE = 34
SLOT_SIZE = 35

# terms: what the market and the mandate fix
UNITS_PER_STEP = 0
UNITS_PER_TICK_STEP = 1
TAKER_PPM = 2
STEPS_MIN = 3
NOTIONAL_MIN = 4
SMALLEST_SELL = 5
WEIGHT_PPM = 6
SLIPPAGE_BP = 9
STEPS_MAX = 10
MONEY_MAX = 11
MAKER_PPM = 12
FEE_IN_QUOTE = 13
TRADES_MAX = 14
REFUSALS_MAX = 15
# 7, 8 and from 24 to 32: limits (limit_step).
ENTRY_LIMITED = 33
ENTRY_SLIPPAGE_PPM = 34
TERMS_SIZE = 35

# wishes
NOTHING = 0
BUY = 1
SELL = 2
RELEVEL = 3
TURN = 4
TIME_UP = 5

# refusals
NOT_REFUSED = 0
BELOW_MINIMUM = 1
INSUFFICIENT_CASH = 2
TOO_LARGE = 4
PRICE_RAN = 5
# 3 and from 16 on: limits (limit_step).

# exit reasons
SIGNAL_EXIT = 1
STOP_HIT = 2
TRAILING_HIT = 3
TARGET_HIT = 4
FLATTENED = 5
TIME_HIT = 6

LONG = 1
SHORT = -1
ALL_PPM = 1_000_000
# A level farther away than so many closes is never reached; nearer ones stay within 64 bits, times any position's steps.
FARTHEST = 1_000


def worth(holding: int, ticks: int, terms: Ints) -> int:
    """Worth of a holding (base units, negative for a short) at a price, in quote units, rounded down."""
    return multiply_divide(holding, ticks * terms[UNITS_PER_TICK_STEP], terms[UNITS_PER_STEP])


def side_of(slot: Ints) -> int:
    """1 for a long, -1 for a short."""
    return slot[SIDE] if SHORTS == 1 else LONG


def decide_held(
    slot: Ints,
    terms: Ints,
    scale: float,
    exposure: float,
    best: int,
    close_ticks: int,
    trail: float,
    trail_step: float,
    time_ms: int,
) -> int:
    """Decide about an open position at a close: NOTHING, SELL or TIME_UP (a short: buy back), or RELEVEL to slot[NEXT_STOP].

    `scale` is ticks per unit of price, `best` the bar's high for a long and its low for a short. The level sold at is
    known only to the venue; here only whether a sell of the holding at this close is large enough. A trailing level
    moves only in the position's favour, and by at least `trail_step`; to the entry price it moves once.
    """
    side = side_of(slot)
    wish = NOTHING
    if TIMED == 1 and slot[LEAVE_TIME] > 0 and time_ms >= slot[LEAVE_TIME]:
        wish = TIME_UP
    if exposure * to_float(side) <= 0.0:
        wish = SELL
    if wish != NOTHING:
        amount = slot[STEPS] * close_ticks * terms[UNITS_PER_TICK_STEP]
        slot[UNSELLABLE] = 1 if amount < terms[SMALLEST_SELL] else 0
        return NOTHING if slot[UNSELLABLE] == 1 else wish
    level = slot[STOP]
    if trail > 0.0:
        trailed = best - side * minimum(floor_to_int(trail * scale), FARTHEST * close_ticks)
        gain = side * (trailed - level) if level > 0 else trailed
        # The least gain is asked for only where there is one.
        if gain > 0 and gain >= ceil_to_int(trail_step * scale):
            level = trailed
    if BREAK_EVEN == 1 and slot[BREAK_AT] > 0 and side * (best - slot[BREAK_AT]) >= 0:
        even = slot[BREAK_AT] - side * slot[BREAK_DISTANCE]
        level = even if level == 0 or side * (even - level) > 0 else level
    if level != slot[STOP] or (slot[RESTING] == 0 and level > 0):
        fits = slot[STEPS] * level * terms[UNITS_PER_TICK_STEP] >= terms[SMALLEST_SELL]
        slot[UNSELLABLE] = 0 if fits or slot[RESTING] == 1 else 1
        slot[NEXT_STOP] = level
        return RELEVEL if fits else NOTHING
    return NOTHING


def relevel(slot: Ints) -> int:
    """Make slot[NEXT_STOP] the stop; the reason a sell at it will carry."""
    if slot[NEXT_STOP] != slot[STOP]:
        slot[TRAILED] = 1
    slot[STOP] = slot[NEXT_STOP]
    return TRAILING_HIT if slot[TRAILED] == 1 else STOP_HIT


def stop_rests(slot: Ints) -> None:
    """The venue has the stop."""
    slot[RESTING] = 1
    slot[UNSELLABLE] = 0


def smallest_entry(slot: Ints, terms: Ints, steps: int, close_ticks: int, distance_ticks: int, side: int) -> bool:
    """Whether an entry of so many steps could still be closed, after fees: with 5 % to spare, and of enough steps.

    A long at its stop, without one 20 % below; a short always 20 % below: buying it back is worth less as it wins.
    """
    stopped = distance_ticks > 0 and side == LONG
    at = maximum(close_ticks - distance_ticks if stopped else floor_div(close_ticks * 8, 10), 1)
    step_worth = at * terms[UNITS_PER_TICK_STEP]
    # Nearly always enough, and seen without a division: of ten steps and more, where no more than one is owed, fees of at
    # most a tenth each way leave over 0.65, and 0.65 x (2 x smallest + 4) - 1 is over 1.05 x smallest; of the
    # steps they leave 0.9 less one, rounded down, which is never less than STEPS_MIN may be here.
    enough = steps >= 10 and steps * 8 >= terms[STEPS_MIN] * 10 and slot[DUST] + terms[UNITS_PER_STEP] >= 0
    if enough and terms[TAKER_PPM] <= 100_000 and steps * step_worth >= 2 * terms[SMALLEST_SELL] + 4:
        return True
    bought = steps * terms[UNITS_PER_STEP]
    fee = 0 if terms[FEE_IN_QUOTE] == 1 else fee_units(bought, terms[TAKER_PPM])
    left = floor_div(bought - fee + slot[DUST], terms[UNITS_PER_STEP])
    amount = left * step_worth
    amount = amount - fee_units(amount, terms[TAKER_PPM])
    return left >= terms[STEPS_MIN] and amount * 100 >= terms[SMALLEST_SELL] * 105


def first_distance(stop_distance: float, trail_distance: float) -> float:
    """How far from its price a new position is protected: a strategy that only trails begins with that distance."""
    return stop_distance if stop_distance > 0.0 else trail_distance


def size_entry(
    wallet: Ints, slot: Ints, terms: Ints, scale: float, equity: int, close_ticks: int, stop_distance: float, side: int
) -> int:
    """Size an entry at a close, from the mandate's equity there: steps, or 0 with the why in slot[REFUSAL].

    Limits first, then the smallest sell (a limit that cut the size below it is the why), then what is still counted
    exactly. Whether the cash is there is asked by
    `cash_is_there`, with slot[WISH_COST].
    """
    slot[REFUSAL] = refused_by_limit(wallet, terms, equity)
    if slot[REFUSAL] != NOT_REFUSED:
        return 0
    # A short that went far against an account can leave it owing money: then there is nothing to size from.
    target = share_units(maximum(equity, 0), terms[WEIGHT_PPM])
    step_cost = close_ticks * terms[UNITS_PER_TICK_STEP]
    distance_ticks = minimum(floor_to_int(stop_distance * scale), FARTHEST * close_ticks)
    limit = narrowest(wallet, terms, equity, close_ticks, distance_ticks, target)
    if limit > 0:
        target = room(wallet, terms, equity, close_ticks, distance_ticks, limit)
    steps = floor_div(target, step_cost)
    if steps < terms[STEPS_MIN] or not smallest_entry(slot, terms, steps, close_ticks, distance_ticks, side):
        slot[REFUSAL] = limit if limit > 0 else BELOW_MINIMUM
        return 0
    if steps > terms[STEPS_MAX] or equity >= terms[MONEY_MAX]:
        slot[REFUSAL] = TOO_LARGE
        return 0
    slot[STOP_DISTANCE] = distance_ticks
    slot[WISH_SIDE] = side
    slot[WISH_COST] = steps * step_cost
    return steps


def decide_entry(
    wallet: Ints, slot: Ints, terms: Ints, scale: float, equity: int, close_ticks: int, stop_distance: float, side: int
) -> int:
    """Size an entry of a flat slot whose cash must be free now: steps, or 0 with the why in slot[REFUSAL]."""
    steps = size_entry(wallet, slot, terms, scale, equity, close_ticks, stop_distance, side)
    if steps > 0 and not cash_is_there(wallet, slot, terms):
        slot[REFUSAL] = INSUFFICIENT_CASH
        return 0
    return steps


def entry_limit(terms: Ints, close_ticks: int, side: int) -> int:
    """The most that an entry sized at a close may cost (a short: the least it may bring), in ticks; 0 is any price."""
    if terms[ENTRY_LIMITED] == 0:
        return 0
    return close_ticks + side * share_units(close_ticks, terms[ENTRY_SLIPPAGE_PPM])


def cash_is_there(wallet: Ints, slot: Ints, terms: Ints) -> bool:
    """Whether the cash that an entry of slot[WISH_COST] at close needs is free; the same for a short: no leverage."""
    free = wallet[CASH] - wallet[RESERVED]
    cost = slot[WISH_COST]
    # Nearly always so, and seen without a division: 66/65 is more than 1.005 and a fee of at most 1 %.
    if terms[TAKER_PPM] <= 10_000 and terms[ENTRY_SLIPPAGE_PPM] <= 5_000 and cost * 66 + 200 <= free * 65:
        return True
    return free >= entry_cash(cost, terms)


def entry_cash(cost: int, terms: Ints) -> int:
    """Cash an entry needs to be free: its cost at close x 1.005, rounded up, and the fee; its cost at its limit, if that is
    more: so much a venue sets aside."""
    beyond = maximum(floor_div(cost * 5 + 999, 1_000), share_units(cost, terms[ENTRY_SLIPPAGE_PPM]))
    return cost + beyond + fee_units(cost, terms[TAKER_PPM])
